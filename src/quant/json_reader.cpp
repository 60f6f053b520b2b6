// See json_reader.h: places and their paths, fields by tables.
#include "quant/json_reader.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace eightfold {
namespace {

// An error whose message begins with a path, so that no place further out adds its own.
class LocatedError final : public Error {
 public:
  using Error::Error;
};

bool is_identifier(std::string_view key) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
  };
  const auto is_part = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !key.empty() && is_letter(key[0]) && std::all_of(key.begin(), key.end(), is_part);
}

const char* type_text(const ConfigJson& json) {
  if (json.is_null()) return "null";
  if (json.is_string()) return "a string";
  if (json.is_boolean()) return "a boolean";
  if (json.is_number()) return "a number";
  return json.is_array() ? "a list" : "an object";
}

void append_name(std::string& list, std::string_view name) {
  if (!list.empty()) list += ", ";
  list += name;
}

// For those who write quant_min, quantmin or QuantMin.
bool same_but_for_spelling(std::string_view a, std::string_view b) {
  const auto folded = [](std::string_view key) {
    std::string text;
    for (char c : key) {
      if (c != '_') text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return text;
  };
  return folded(a) == folded(b);
}

const JsonField* field_of(JsonFields fields, std::string_view key) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const JsonField& field) { return field.key == key; });
  return found == fields.end() ? nullptr : &*found;
}

[[noreturn]] void refuse_key(JsonFields fields, std::string_view key, const JsonPlace& place) {
  std::string hint;
  for (const JsonField& field : fields) {
    if (same_but_for_spelling(field.key, key))
      hint = "do you mean '" + std::string(field.key) + "'?";
  }
  place.refuse("unknown key; known are " + known_keys(fields), hint);
}

}  // namespace

// ---------------------------------------------------------------- places
std::string JsonPlace::path() const {
  if (outer_ == nullptr) return std::string(key_);
  std::string path = outer_->outer_ == nullptr ? std::string() : outer_->path();
  if (index_ != kNoIndex) return path + "[" + std::to_string(index_) + "]";
  if (!is_identifier(key_)) return path + "[\"" + std::string(key_) + "\"]";
  if (!path.empty()) path += '.';
  return path += key_;
}

void JsonPlace::refuse(std::string_view what, std::string_view hint) const {
  throw LocatedError(ErrorCode::kInvalidConfig, (path() += ": ") += what, std::string(hint));
}

void JsonPlace::refuse_type(std::string_view wanted) const {
  refuse("must be " + std::string(wanted) + ", not " + type_text(*json_));
}

void JsonPlace::refuse_name(std::string_view what, std::span<const std::string_view> known) const {
  std::string names;
  for (std::string_view name : known) append_name(names, name);
  refuse("unknown " + std::string(what) + " '" + string() + "'", "known are " + names);
}

bool JsonPlace::is_null() const { return json_->is_null(); }
bool JsonPlace::is_string() const { return json_->is_string(); }
bool JsonPlace::is_number() const { return json_->is_number_float(); }
bool JsonPlace::is_boolean() const { return json_->is_boolean(); }
bool JsonPlace::is_list() const { return json_->is_array(); }
bool JsonPlace::is_object() const { return json_->is_object(); }

const std::string& JsonPlace::string() const {
  if (!is_string()) refuse_type("a string");
  return json_->get_ref<const std::string&>();
}

bool JsonPlace::boolean() const {
  if (!is_boolean()) refuse_type("true or false");
  return *json_->get_ptr<const ConfigJson::boolean_t*>();
}

double JsonPlace::number() const {
  if (!is_number()) refuse_type("a number");
  return *json_->get_ptr<const ConfigJson::number_float_t*>();  // the only kind that is read
}

int64_t JsonPlace::whole(int64_t min, int64_t max) const {
  const double value = is_number() ? number() : std::nan("");
  if (value == std::floor(value) && value >= static_cast<double>(min) &&
      value <= static_cast<double>(max)) {
    return static_cast<int64_t>(value);
  }
  refuse("must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
}

size_t JsonPlace::list_size(size_t most) const {
  if (!is_list()) refuse_type("a list");
  if (json_->size() > most) refuse("has more than " + std::to_string(most) + " items");
  return json_->size();
}

size_t JsonPlace::object_size(size_t most) const {
  if (!is_object()) refuse_type("an object");
  if (json_->size() > most) refuse("has more than " + std::to_string(most) + " keys");
  return json_->size();
}

JsonPlace JsonPlace::item(size_t index) const {
  return JsonPlace((*json_->get_ptr<const ConfigJson::array_t*>())[index], *this, {}, index);
}

JsonPlace JsonPlace::member(size_t index) const {
  const auto& [key, value] =
      *(json_->get_ptr<const ConfigJson::object_t*>()->begin() + static_cast<ptrdiff_t>(index));
  return JsonPlace(value, *this, key, kNoIndex);
}

std::optional<JsonPlace> JsonPlace::find(std::string_view key) const {
  for (size_t i = 0; i < object_size(); ++i) {
    const JsonPlace found = member(i);
    if (found.key() == key && !found.is_null()) return found;
  }
  return std::nullopt;
}

// ---------------------------------------------------------------- codecs and fields
void read_at(void (*read)(void* value, const JsonPlace& place), void* value,
             const JsonPlace& place) {
  try {
    read(value, place);
  } catch (const LocatedError&) {
    throw;
  } catch (const Error& error) {
    place.refuse(error.message(), error.hint());
  }
}

void read_fields(JsonFields fields, void* object, const JsonPlace& place) {
  const size_t size = place.object_size();
  for (size_t i = 0; i < size; ++i) {
    const JsonPlace value = place.member(i);
    if (field_of(fields, value.key()) == nullptr) refuse_key(fields, value.key(), value);
  }
  // In the order of the table: a field may depend on those before it.
  for (const JsonField& field : fields) {
    for (size_t i = 0; i < size; ++i) {
      const JsonPlace value = place.member(i);
      if (value.key() != field.key) continue;
      if (value.is_null() && field.rule != FieldRule::kTakesNull) continue;
      read_at(*field.codec, field.at(object), value);
    }
  }
}

ConfigJson write_fields(JsonFields fields, const void* object, const void* standard) {
  ConfigJson out = ConfigJson::object();
  for (const JsonField& field : fields) {
    // A table serves reading too, so its pointers are to what may change; nothing is changed here.
    const auto value_in = [&](const void* from) -> const void* {
      return field.at(const_cast<void*>(from));
    };
    ConfigJson value;
    const bool always = field.rule == FieldRule::kAlways;
    if (!field.codec->write(value_in(object), always ? nullptr : value_in(standard), value)) {
      continue;
    }
    append(out, field.key) = std::move(value);
  }
  return out;
}

ConfigJson& append(ConfigJson& list) {
  return list.get_ptr<ConfigJson::array_t*>()->emplace_back(nullptr);
}
ConfigJson& append(ConfigJson& object, std::string_view key) {
  return object.get_ptr<ConfigJson::object_t*>()->emplace_back(std::string(key), nullptr).second;
}

std::string known_keys(JsonFields fields) {
  std::string keys;
  for (const JsonField& field : fields) append_name(keys, field.key);
  return keys;
}

}  // namespace eightfold
