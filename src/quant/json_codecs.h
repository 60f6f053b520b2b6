// Codecs of the plain types that configs are made of, and of optional values and lists of others.
#pragma once

#include <optional>
#include <vector>

#include "quant/json_reader.h"

namespace eightfold {

extern const JsonCodec kBoolCodec;
extern const JsonCodec kIntCodec;
extern const JsonCodec kIndexCodec;   // int, from 0
extern const JsonCodec kInt64Codec;   // that a double can hold
extern const JsonCodec kFloatCodec;   // written in as few digits as tell it apart
extern const JsonCodec kDoubleCodec;  // written as a whole number where it is one
extern const JsonCodec kStringCodec;
extern const JsonCodec kIdentityCodec;  // std::string: an op in its one spelling
extern const JsonCodec kDTypeCodec;

// The index of a name among those that are known; refuses any other.
size_t read_name(const JsonPlace& place, std::string_view what,
                 std::span<const std::string_view> known);

template <typename T, const JsonCodec& inner>
inline constexpr JsonCodec kOptionalCodec{
    [](void* value, const JsonPlace& place) {
      read_at(inner, &static_cast<std::optional<T>*>(value)->emplace(), place);
    },
    [](const void* value, const void*, ConfigJson& out) {
      const auto& optional = *static_cast<const std::optional<T>*>(value);
      return optional && inner.write(&*optional, nullptr, out);
    }};

template <typename T, const JsonCodec& inner>
void read_list(std::vector<T>& list, const JsonPlace& place) {
  list.clear();
  const size_t size = place.list_size();
  for (size_t i = 0; i < size; ++i) read_at(inner, &list.emplace_back(), place.item(i));
}
template <typename T, const JsonCodec& inner>
bool write_list(const std::vector<T>& list, const std::vector<T>* standard, ConfigJson& out) {
  if (standard != nullptr && list.empty()) return false;  // a standard list is empty
  out = ConfigJson::array();
  for (const T& item : list) inner.write(&item, nullptr, append(out));
  return true;
}
template <typename T, const JsonCodec& inner>
inline constexpr JsonCodec kListCodec =
    kCodec<std::vector<T>, read_list<T, inner>, write_list<T, inner>>;

inline constexpr JsonCodec kStringsCodec = kListCodec<std::string, kStringCodec>;

}  // namespace eightfold
