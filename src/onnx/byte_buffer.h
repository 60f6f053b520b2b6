// Lets protozero write into a std::vector<uint8_t>.
#pragma once

#include <cstddef>
#include <cstdint>
#include <protozero/buffer_tmpl.hpp>
#include <vector>

namespace protozero {

template <>
struct buffer_customization<std::vector<uint8_t>> {
  using Bytes = std::vector<uint8_t>;

  static std::size_t size(const Bytes* buffer) noexcept { return buffer->size(); }
  static void append(Bytes* buffer, const char* data, std::size_t count) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(data);
    buffer->insert(buffer->end(), bytes, bytes + count);
  }
  static void append_zeros(Bytes* buffer, std::size_t count) {
    buffer->insert(buffer->end(), count, uint8_t{0});
  }
  static void resize(Bytes* buffer, std::size_t size) { buffer->resize(size); }
  static void reserve_additional(Bytes* buffer, std::size_t size) {
    buffer->reserve(buffer->size() + size);
  }
  static void erase_range(Bytes* buffer, std::size_t from, std::size_t to) {
    const auto begin = buffer->begin();
    buffer->erase(begin + static_cast<std::ptrdiff_t>(from),
                  begin + static_cast<std::ptrdiff_t>(to));
  }
  static char* at_pos(Bytes* buffer, std::size_t pos) {
    return reinterpret_cast<char*>(buffer->data()) + pos;
  }
  static void push_back(Bytes* buffer, char byte) { buffer->push_back(static_cast<uint8_t>(byte)); }
};

}  // namespace protozero
