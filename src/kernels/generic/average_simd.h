// Body of AverageRowsInt8, 16 elements at a time: rows are summed as integers, and the one product
// with x_scale / (divisor * y_scale) rounds to the byte that the float sums of the definition give,
// unless it lies so close to a tie that their rounding errors could matter:
//
//   |product - definition| <= (count + 5) * 2^-24 * T,   T = count * 255 * x_scale / divisor /
//   y_scale
//
// 16 elements of which one is that close are summed in floats. Signed bytes are read and written
// with their top bit flipped, which makes them unsigned ones with another zero point.
#pragma once

#include <algorithm>

#include "kernels/generic/average_scalar.h"
#include "kernels/generic/simd_requantize.h"

namespace eightfold::generic {

class AverageSimd {
 public:
  explicit AverageSimd(const AverageRunInt8& call)
      : call_(call),
        flip_(splat_byte(call.is_signed ? -128 : 0)),
        zero_(call.x_zero + shift()),
        round_(call.out.zero_point + shift(), call.out.lo + shift()),
        high_(splat_byte(call.out.hi + shift())) {
    const double factor =
        static_cast<double>(call.x_scale) / call.divisor / static_cast<double>(call.y_scale);
    const auto count = static_cast<double>(call.count);
    const double error = (count + 8) * 0x1p-24 * count * 255 * factor;
    // Products of small scales are denormal: their relative error is larger.
    constexpr float kSmallest = 0x1p-80f;
    exact_ = call.count <= kMostRows && error < 0.25 && call.x_scale > kSmallest &&
             call.y_scale > kSmallest && factor > static_cast<double>(kSmallest);
    factor_ = wasm_f32x4_splat(static_cast<float>(factor));
    safe_ = wasm_f32x4_splat(static_cast<float>(0.5 - error));
  }

  // `load` reads 16 bytes of a row.
  template <class Load>
  v128_t average(const uint8_t* const* rows, Load load) const {
    v128_t bytes;
    if (!exact_ || !from_integers(rows, load, bytes)) bytes = from_floats(rows, load);
    return wasm_v128_xor(wasm_u8x16_min(bytes, high_), flip_);
  }

 private:
  static constexpr int64_t kMostRows = 257;  // 257 * 255 = 65535

  int32_t shift() const { return call_.is_signed ? 128 : 0; }

  template <class Load>
  bool from_integers(const uint8_t* const* rows, Load load, v128_t& bytes) const {
    v128_t low = wasm_i16x8_splat(0), high = low;
    for (int64_t r = 0; r < call_.count; ++r) {
      const v128_t row = wasm_v128_xor(load(rows[r]), flip_);
      low = wasm_i16x8_add(low, widen_low<false>(row));
      high = wasm_i16x8_add(high, widen_high<false>(row));
    }
    v128_t value[4] = {wasm_u32x4_extend_low_u16x8(low), wasm_u32x4_extend_high_u16x8(low),
                       wasm_u32x4_extend_low_u16x8(high), wasm_u32x4_extend_high_u16x8(high)};
    const v128_t zero = wasm_i32x4_splat(static_cast<int32_t>(call_.count) * zero_);
    v128_t close = wasm_i32x4_splat(0);
    for (v128_t& v : value) {
      v = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_sub(v, zero)), factor_);
      const v128_t nearest = wasm_f32x4_sub(wasm_f32x4_add(v, round_.magic), round_.magic);
      const v128_t distance = wasm_f32x4_abs(wasm_f32x4_sub(v, nearest));
      close = wasm_v128_or(close, wasm_f32x4_ge(distance, safe_));
      v = round_vector(v, round_);
    }
    bytes = narrow_bytes<false>(value[0], value[1], value[2], value[3]);
    return !wasm_v128_any_true(close);
  }

  template <class Load>
  v128_t from_floats(const uint8_t* const* rows, Load load) const {
    v128_t sum[4], value[4];
    for (v128_t& s : sum) s = wasm_f32x4_splat(0.0f);
    const v128_t zero = wasm_i16x8_splat(static_cast<int16_t>(zero_));
    const v128_t scale = wasm_f32x4_splat(call_.x_scale);
    for (int64_t r = 0; r < call_.count; ++r) {
      widen_to_float<false>(wasm_v128_xor(load(rows[r]), flip_), zero, value);
      for (int j = 0; j < 4; ++j) {
        sum[j] = wasm_f32x4_add(sum[j], wasm_f32x4_mul(value[j], scale));
      }
    }
    const Int8Output& out = call_.out;
    const v128_t floor = wasm_f32x4_splat(static_cast<float>(out.lo - out.zero_point));
    const v128_t divisor = wasm_f32x4_splat(call_.divisor);
    const v128_t y_scale = wasm_f32x4_splat(call_.y_scale);
    for (v128_t& s : sum) {
      s = wasm_f32x4_div(wasm_f32x4_div(s, divisor), y_scale);
      s = round_vector(wasm_f32x4_pmax(floor, s), round_);  // NaN becomes the floor
    }
    return narrow_bytes<false>(sum[0], sum[1], sum[2], sum[3]);
  }

  const AverageRunInt8& call_;
  v128_t flip_, factor_, safe_;
  int32_t zero_;
  RoundVectors round_;
  v128_t high_;
  bool exact_;
};

inline void average_simd(const AverageRunInt8& call) {
  const int64_t n = call.n;
  if (n < 8) return average_scalar(call);
  const AverageSimd body(call);
  auto* y = static_cast<uint8_t*>(call.out.data);
  const uint8_t* const* rows = call.rows;
  for (int64_t p = 0; p < call.pixels; ++p, rows += call.count, y += n) {
    if (n < 16) {  // the first eight and the last eight
      const v128_t bytes = body.average(rows, [n](const uint8_t* row) {
        return wasm_v128_load64_lane(row + n - 8, wasm_v128_load64_zero(row), 1);
      });
      wasm_v128_store64_lane(y, bytes, 0);
      wasm_v128_store64_lane(y + n - 8, bytes, 1);
      continue;
    }
    for (int64_t i = 0; i < n; i += 16) {
      const int64_t at = std::min(i, n - 16);
      const v128_t bytes =
          body.average(rows, [at](const uint8_t* row) { return wasm_v128_load(row + at); });
      wasm_v128_store(y + at, bytes);
    }
  }
}

}  // namespace eightfold::generic
