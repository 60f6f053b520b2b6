// See decimal.h. The text is digits * 10^exponent. Most such numbers are one exact operation of
// doubles; the others go through long integers, digits * 10^e or (digits << shift) / 10^-e, with
// what is left over kept as one bit, so that the only rounding is that of 64 leading bits to a
// double.
#include "quant/decimal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace eightfold {
namespace {

constexpr int kStep = 9;  // powers of ten at a time: 10^9 fits a word
constexpr uint32_t kPowers[kStep + 1] = {1,      10,      100,      1000,      10000,
                                         100000, 1000000, 10000000, 100000000, 1000000000};

// Little-endian; the two lowest words stay empty, for leading_bits to look at.
using Words = std::array<uint32_t, 64>;

void multiply(Words& words, uint32_t factor) {
  uint64_t carry = 0;
  for (uint32_t& word : words) {
    carry += uint64_t{word} * factor;
    word = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
}

// Returns whether anything is left over.
bool divide(Words& words, uint32_t divisor) {
  uint64_t rest = 0;
  for (size_t i = words.size(); i-- > 2;) {
    rest = (rest << 32) | words[i];
    words[i] = static_cast<uint32_t>(rest / divisor);
    rest %= divisor;
  }
  return rest != 0;
}

// The number is (64 leading bits, the last one set if any below is) * 2^exponent.
uint64_t leading_bits(const Words& words, bool rest, int* exponent) {
  size_t top = words.size() - 1;
  while (words[top] == 0) --top;
  const uint64_t high = (uint64_t{words[top]} << 32) | words[top - 1];
  const int zeros = std::countl_zero(high);
  const uint64_t bits = (high << zeros) | ((uint64_t{words[top - 2]} << zeros) >> 32);
  rest = rest || static_cast<uint32_t>(uint64_t{words[top - 2]} << zeros) != 0;
  for (size_t i = 0; i + 2 < top; ++i) rest = rest || words[i] != 0;
  *exponent = 32 * (static_cast<int>(top) - 1) - zeros;
  return bits | (rest ? 1 : 0);
}

struct Decimal {
  uint64_t digits = 0;
  int exponent = 0;

  // `behind_point`: 1 for a digit of the fraction, else 0.
  void add(int digit, int behind_point) {
    constexpr uint64_t kFull = (UINT64_MAX - 9) / 10;
    if (digits <= kFull) {
      digits = digits * 10 + static_cast<uint64_t>(digit);
      exponent -= behind_point;
    } else if (behind_point == 0) {
      ++exponent;
    }
  }
  double value() const;
};

double Decimal::value() const {
  if (digits == 0 || exponent < -370) return 0;
  if (exponent > 310) return HUGE_VAL;
  int steps = std::abs(exponent);
  constexpr uint64_t kExact = uint64_t{1} << 53;
  if (digits <= kExact && steps <= 22) {  // both sides are exact, so the result is rounded once
    double power = 1;
    for (; steps > 0; --steps) power *= 10;
    const double whole = static_cast<double>(digits);
    return exponent < 0 ? whole / power : whole * power;
  }
  const bool down = exponent < 0;
  // Up to 2^64 * 10^310 needs 35 words; a quotient keeps 64 bits and more with 4 bits per ten.
  const size_t shift = 2 + (down ? static_cast<size_t>(steps) / 8 + 3 : 0);
  Words words{};
  words[shift] = static_cast<uint32_t>(digits);
  words[shift + 1] = static_cast<uint32_t>(digits >> 32);
  bool rest = false;
  while (steps > 0) {
    const int step = std::min(steps, kStep);
    if (down) {
      rest = divide(words, kPowers[step]) || rest;
    } else {
      multiply(words, kPowers[step]);
    }
    steps -= step;
  }
  int power = 0;
  const uint64_t bits = leading_bits(words, rest, &power);
  // Below 2^-1022 this rounds once more.
  return std::ldexp(static_cast<double>(bits), power - 32 * static_cast<int>(shift));
}

}  // namespace

double nearest_double(std::string_view text) {
  Decimal decimal;
  const bool negative = text.starts_with('-');
  int behind_point = 0;
  size_t i = negative ? 1 : 0;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      behind_point = 1;
    } else {
      decimal.add(text[i] - '0', behind_point);
    }
  }
  int exponent = 0;
  bool down = false;
  for (++i; i < text.size(); ++i) {
    if (text[i] == '-') down = true;
    if (text[i] >= '0') exponent = std::min(exponent * 10 + (text[i] - '0'), 1 << 24);
  }
  decimal.exponent += down ? -exponent : exponent;
  const double value = decimal.value();
  return negative ? -value : value;
}

}  // namespace eightfold
