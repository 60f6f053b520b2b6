// gunzip for test data: the deflate format of RFC 1951 inside the gzip frame of RFC 1952.
//
// Codes are canonical Huffman codes, decoded bit by bit with the count and
// symbol tables of their lengths. Slow and simple; test data is small.
#include <array>
#include <stdexcept>

#include "support/data_files.h"

namespace eightfold::test {
namespace {

constexpr size_t kMaxBits = 15;

class Bits {
 public:
  Bits(const std::vector<uint8_t>& bytes, size_t at) : bytes_(bytes), at_(at) {}

  uint32_t take(uint32_t count) {
    while (held_ < count) {
      buffer_ |= static_cast<uint64_t>(next_byte()) << held_;
      held_ += 8;
    }
    const auto value = static_cast<uint32_t>(buffer_ & ((uint64_t{1} << count) - 1));
    buffer_ >>= count;
    held_ -= count;
    return value;
  }
  // Whole bytes that were read ahead go back.
  void align() {
    take(held_ % 8);
    at_ -= held_ / 8;
    buffer_ = held_ = 0;
  }
  uint8_t next_byte() {
    if (at_ >= bytes_.size()) throw std::runtime_error("gzip data is cut off");
    return bytes_[at_++];
  }

 private:
  const std::vector<uint8_t>& bytes_;
  size_t at_;
  uint64_t buffer_ = 0;
  uint32_t held_ = 0;
};

class Code {
 public:
  explicit Code(const std::vector<uint8_t>& lengths) : symbols_(lengths.size()) {
    for (const uint8_t length : lengths) ++counts_[length];
    counts_[0] = 0;
    std::array<size_t, kMaxBits + 2> offsets{};
    for (size_t i = 1; i <= kMaxBits; ++i) offsets[i + 1] = offsets[i] + counts_[i];
    for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
      if (lengths[symbol]) symbols_[offsets[lengths[symbol]]++] = symbol;
    }
  }

  size_t read(Bits& bits) const {
    size_t code = 0, first = 0, index = 0;
    for (size_t length = 1; length <= kMaxBits; ++length) {
      code |= bits.take(1);
      const size_t count = counts_[length];
      if (code < first + count) return symbols_[index + (code - first)];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw std::runtime_error("gzip data is damaged");
  }

 private:
  std::array<size_t, kMaxBits + 1> counts_{};
  std::vector<size_t> symbols_;
};

struct Codes {
  Code literals, distances;
};

Codes fixed_codes() {
  std::vector<uint8_t> literals(288, 8);
  for (size_t i = 144; i < 256; ++i) literals[i] = 9;
  for (size_t i = 256; i < 280; ++i) literals[i] = 7;
  return {Code(literals), Code(std::vector<uint8_t>(30, 5))};
}

Codes dynamic_codes(Bits& bits) {
  constexpr uint8_t kOrder[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  const size_t literals = bits.take(5) + 257, distances = bits.take(5) + 1;
  const size_t given = bits.take(4) + 4;
  std::vector<uint8_t> order(19, 0);
  for (size_t i = 0; i < given; ++i) order[kOrder[i]] = static_cast<uint8_t>(bits.take(3));
  const Code lengths_code(order);
  std::vector<uint8_t> lengths;
  while (lengths.size() < literals + distances) {
    const size_t symbol = lengths_code.read(bits);
    if (symbol < 16) {
      lengths.push_back(static_cast<uint8_t>(symbol));
      continue;
    }
    const uint8_t value = symbol == 16 && !lengths.empty() ? lengths.back() : uint8_t{0};
    const size_t repeat = symbol == 16   ? 3 + bits.take(2)
                          : symbol == 17 ? 3 + bits.take(3)
                                         : 11 + bits.take(7);
    lengths.insert(lengths.end(), repeat, value);
  }
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(literals);
  const auto end = middle + static_cast<std::ptrdiff_t>(distances);
  return {Code({lengths.begin(), middle}), Code({middle, end})};
}

// Lengths and distances grow by steps that double every four (two) symbols.
size_t read_length(Bits& bits, size_t symbol) {
  if (symbol == 285) return 258;
  if (symbol < 265) return symbol - 254;
  const size_t extra = (symbol - 261) / 4;
  return ((4 + (symbol - 265) % 4) << extra) + 3 + bits.take(static_cast<uint32_t>(extra));
}
size_t read_distance(Bits& bits, size_t symbol) {
  if (symbol < 4) return symbol + 1;
  const size_t extra = symbol / 2 - 1;
  return ((2 + symbol % 2) << extra) + 1 + bits.take(static_cast<uint32_t>(extra));
}

void read_compressed(Bits& bits, const Codes& codes, std::vector<uint8_t>* out) {
  constexpr size_t kEndOfBlock = 256;
  for (;;) {
    const size_t symbol = codes.literals.read(bits);
    if (symbol == kEndOfBlock) return;
    if (symbol < kEndOfBlock) {
      out->push_back(static_cast<uint8_t>(symbol));
      continue;
    }
    const size_t length = read_length(bits, symbol);
    const size_t distance = read_distance(bits, codes.distances.read(bits));
    if (distance > out->size()) throw std::runtime_error("gzip data is damaged");
    for (size_t i = 0; i < length; ++i) out->push_back((*out)[out->size() - distance]);
  }
}

void read_stored(Bits& bits, std::vector<uint8_t>* out) {
  bits.align();
  const uint32_t length = bits.take(16);
  bits.take(16);  // its complement
  bits.align();
  for (uint32_t i = 0; i < length; ++i) out->push_back(bits.next_byte());
}

size_t gzip_header_bytes(const std::vector<uint8_t>& bytes) {
  constexpr uint8_t kHasExtra = 4, kHasName = 8;
  if (bytes.size() < 18 || bytes[0] != 0x1f || bytes[1] != 0x8b) {
    throw std::runtime_error("not gzip data");
  }
  size_t at = 10;
  if (bytes[3] & kHasExtra) at += 2u + bytes[10] + (static_cast<size_t>(bytes[11]) << 8);
  if (bytes[3] & kHasName) {
    while (bytes.at(at++) != 0) {
    }
  }
  return at;
}

}  // namespace

std::vector<uint8_t> gunzip(const std::vector<uint8_t>& bytes) {
  Bits bits(bytes, gzip_header_bytes(bytes));
  std::vector<uint8_t> out;
  for (bool last = false; !last;) {
    last = bits.take(1) != 0;
    switch (bits.take(2)) {
      case 0: read_stored(bits, &out); break;
      case 1: read_compressed(bits, fixed_codes(), &out); break;
      case 2: read_compressed(bits, dynamic_codes(bits), &out); break;
      default: throw std::runtime_error("gzip data is damaged");
    }
  }
  return out;
}

}  // namespace eightfold::test
