// Reading plain JavaScript objects with care: a value of the wrong kind, and an unknown key, is
// refused by name with kInvalidConfig.
#pragma once

#include <emscripten/val.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace eightfold::bindings {

[[noreturn]] void refuse_config(const std::string& message, std::string hint = {});

// T: std::string, bool, double. `key` is for the message.
template <typename T>
T read_js(const emscripten::val& value, std::string_view key);
template <>
std::string read_js(const emscripten::val& value, std::string_view key);
template <>
bool read_js(const emscripten::val& value, std::string_view key);
template <>
double read_js(const emscripten::val& value, std::string_view key);

// A whole number that fits T.
int read_whole(const emscripten::val& value, std::string_view key);

// The items of an array; none when the value is undefined.
std::vector<emscripten::val> items_of(const emscripten::val& value, std::string_view key);

using KnownKey = std::function<bool(std::string_view key)>;
void check_keys(const emscripten::val& object, const std::string& what, const KnownKey& known);

}  // namespace eightfold::bindings
