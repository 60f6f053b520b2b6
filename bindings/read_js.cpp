// Kinds are asked for before values are taken: val::as() converts silently.
#include "bindings/read_js.h"

#include <cmath>
#include <limits>

namespace eightfold::bindings {
namespace {

using emscripten::val;

[[noreturn]] void wrong_kind(std::string_view key, const char* wanted) {
  refuse_config("'" + std::string(key) + "' must be " + wanted);
}

}  // namespace

void refuse_config(const std::string& message, std::string hint) {
  throw Error(ErrorCode::kInvalidConfig, message, std::move(hint));
}

template <>
std::string read_js(const val& value, std::string_view key) {
  if (!value.isString()) wrong_kind(key, "a text");
  return value.as<std::string>();
}

template <>
bool read_js(const val& value, std::string_view key) {
  if (!value.isTrue() && !value.isFalse()) wrong_kind(key, "true or false");
  return value.isTrue();
}

template <>
double read_js(const val& value, std::string_view key) {
  const double number = value.isNumber() ? value.as<double>() : std::nan("");
  if (!std::isfinite(number)) wrong_kind(key, "a number");
  return number;
}

int read_whole(const val& value, std::string_view key) {
  const double number = read_js<double>(value, key);
  if (number != std::floor(number) || std::abs(number) > std::numeric_limits<int>::max()) {
    wrong_kind(key, "a whole number");
  }
  return static_cast<int>(number);
}

std::vector<val> items_of(const val& value, std::string_view key) {
  if (value.isUndefined()) return {};
  if (!value.isArray()) wrong_kind(key, "a list");
  return emscripten::vecFromJSArray<val>(value);
}

void check_keys(const val& object, const std::string& what, const KnownKey& known) {
  if (object.typeOf().as<std::string>() != "object" || object.isNull()) {
    refuse_config(what + " must be an object");
  }
  const val keys = val::global("Object").call<val>("keys", object);
  for (const std::string& key : emscripten::vecFromJSArray<std::string>(keys)) {
    if (!known(key)) refuse_config(what + " has the unknown key '" + key + "'");
  }
}

}  // namespace eightfold::bindings
