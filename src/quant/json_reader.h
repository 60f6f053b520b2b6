// Reading and writing configs as JSON: one reader for all of them, which knows where it is.
//
//   text --read_json--> JsonPlace (a value and its path) --codec, by tables of fields--> config
// Every fault is a kInvalidConfig that begins with the path: "configs[2].name: must be a string".
// Text from outside cannot hurt: its length, its nesting and the size of its lists are limited.
// A config is a table of JsonField rows, each key written once: it serves reading, writing and the
// check for unknown keys. Codecs work on untyped pointers, so that there is one reader, not one
// per type; Codec<...> below puts the types back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace eightfold {

using ConfigJson = nlohmann::ordered_json;  // keys stay in the order of the text

// ---------------------------------------------------------------- where the reader is
// Holds pointers to the value and to the place around it; lives as long as they do.
class JsonPlace {
 public:
  // The outermost value; `what` stands for the empty path.
  JsonPlace(const ConfigJson& json, std::string_view what) : json_(&json), key_(what) {}

  // "configs[2].dtypeConfigs", as JavaScript would write it.
  std::string path() const;
  [[noreturn]] void refuse(std::string_view what, std::string_view hint = {}) const;
  // "must be `wanted`, not a list".
  [[noreturn]] void refuse_type(std::string_view wanted) const;
  // "unknown `what` 'abc'", with what is known.
  [[noreturn]] void refuse_name(std::string_view what,
                                std::span<const std::string_view> known) const;

  bool is_null() const;
  bool is_string() const;
  bool is_number() const;
  bool is_boolean() const;
  bool is_list() const;
  bool is_object() const;

  // Each refuses a value of another type.
  const std::string& string() const;
  bool boolean() const;
  double number() const;
  int64_t whole(int64_t min, int64_t max) const;
  size_t list_size(size_t most = kMostItems) const;
  size_t object_size(size_t most = kMostItems) const;

  JsonPlace item(size_t index) const;            // of a list
  JsonPlace member(size_t index) const;          // of an object, in the order of the text
  std::string_view key() const { return key_; }  // of a member
  std::optional<JsonPlace> find(std::string_view key) const;  // null counts as missing

  static constexpr size_t kMostItems = size_t{1} << 16;

 private:
  JsonPlace(const ConfigJson& json, const JsonPlace& outer, std::string_view key, size_t index)
      : json_(&json), outer_(&outer), key_(key), index_(index) {}

  static constexpr size_t kNoIndex = ~size_t{0};
  const ConfigJson* json_;
  const JsonPlace* outer_ = nullptr;
  std::string_view key_;
  size_t index_ = kNoIndex;
};

// ---------------------------------------------------------------- codecs
struct JsonCodec {
  void (*read)(void* value, const JsonPlace& place);
  // False: there is nothing to write, as the value is unset, or equals the `standard` one.
  // `standard` is null where a value is written in any case.
  bool (*write)(const void* value, const void* standard, ConfigJson& out);
};

// A codec from typed functions.
template <typename T, void (*read)(T&, const JsonPlace&),
          bool (*write)(const T&, const T* standard, ConfigJson&)>
inline constexpr JsonCodec kCodec{
    [](void* value, const JsonPlace& place) { read(*static_cast<T*>(value), place); },
    [](const void* value, const void* standard, ConfigJson& out) {
      return write(*static_cast<const T*>(value), static_cast<const T*>(standard), out);
    }};

// Reads; an error that names no place yet gets this one.
void read_at(void (*read)(void* value, const JsonPlace& place), void* value,
             const JsonPlace& place);
inline void read_at(const JsonCodec& codec, void* value, const JsonPlace& place) {
  read_at(codec.read, value, place);
}

// ---------------------------------------------------------------- tables of fields
enum class FieldRule : uint8_t {
  kUsual,      // null is as good as missing; not written while it has its standard value
  kAlways,     // written in any case
  kTakesNull,  // null is a value of it
};

struct JsonField {
  std::string_view key;
  void* (*at)(void* object);  // where the value is in the object
  const JsonCodec* codec;
  FieldRule rule = FieldRule::kUsual;
};

// `at` of a data member, and of the object itself for fields that set themselves.
template <auto member>
struct MemberOf;
template <typename T, typename M, M T::* member>
struct MemberOf<member> {
  static void* at(void* object) { return &(static_cast<T*>(object)->*member); }
};
template <auto member>
constexpr JsonField field(std::string_view key, const JsonCodec& codec,
                          FieldRule rule = FieldRule::kUsual) {
  return {key, MemberOf<member>::at, &codec, rule};
}
inline void* itself(void* object) { return object; }

using JsonFields = std::span<const JsonField>;
// Refuses unknown keys; a field that is missing stays as it is.
void read_fields(JsonFields fields, void* object, const JsonPlace& place);
ConfigJson write_fields(JsonFields fields, const void* object, const void* standard);
// New values, at the end.
ConfigJson& append(ConfigJson& list);
ConfigJson& append(ConfigJson& object, std::string_view key);
// "observer, dtype, qscheme"
std::string known_keys(JsonFields fields);

// An object by its table.
template <typename T, const auto& fields>
inline constexpr JsonCodec kObjectCodec{
    [](void* value, const JsonPlace& place) { read_fields(fields, value, place); },
    [](const void* value, const void*, ConfigJson& out) {
      const T fresh{};
      out = write_fields(fields, value, &fresh);
      return true;
    }};

// ---------------------------------------------------------------- texts
// Throws kInvalidConfig; `what` names the thing in messages about the whole.
void read_json(std::string_view text, std::string_view what, const JsonCodec& codec, void* value);
std::string write_json(const JsonCodec& codec, const void* value, int indent);

template <typename T>
T from_json(std::string_view text, std::string_view what, const JsonCodec& codec) {
  T value{};
  read_json(text, what, codec, &value);
  return value;
}

}  // namespace eightfold
