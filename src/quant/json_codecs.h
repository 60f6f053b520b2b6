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

// Not written where the standard one is empty, as it is, too.
template <typename T, const JsonCodec& inner>
inline constexpr JsonCodec kListCodec{[](void* value, const JsonPlace& place) {
                                        auto& list = *static_cast<std::vector<T>*>(value);
                                        list.clear();
                                        const size_t size = place.list_size();
                                        for (size_t i = 0; i < size; ++i)
                                          read_at(inner, &list.emplace_back(), place.item(i));
                                      },
                                      [](const void* value, const void* standard, ConfigJson& out) {
                                        const auto& list =
                                            *static_cast<const std::vector<T>*>(value);
                                        if (standard != nullptr && list.empty()) return false;
                                        out = ConfigJson::array();
                                        for (const T& item : list)
                                          inner.write(&item, nullptr, append(out));
                                        return true;
                                      }};

inline constexpr JsonCodec kStringsCodec = kListCodec<std::string, kStringCodec>;

}  // namespace eightfold
