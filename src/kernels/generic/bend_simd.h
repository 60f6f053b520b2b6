// Body of BendInt8, 16 elements at a time, the last 16 some once more. Signed bytes are read and
// written as unsigned ones, with their top bit flipped and zero points that are 128 more.
#pragma once

#include <algorithm>

#include "kernels/generic/bend_scalar.h"
#include "kernels/generic/simd_requantize.h"

namespace eightfold::generic {

template <bool bends>
void bend_simd_as(const BendRunInt8& call) {
  const int32_t shift = call.x.is_signed ? 128 : 0;
  const auto* x = static_cast<const uint8_t*>(call.x.data);
  auto* y = static_cast<uint8_t*>(call.out.data);
  const v128_t flip = splat_byte(-shift),
               zero = wasm_i16x8_splat(static_cast<int16_t>(call.x.zero_point + shift));
  const v128_t magic = wasm_f32x4_splat(kMagic);
  const v128_t back = wasm_i32x4_splat(kMagicBits - call.out.zero_point - shift);
  const v128_t low = splat_byte(call.out.lo + shift), high = splat_byte(call.out.hi + shift);
  const int64_t step = call.period + kBendPadding;
  int64_t phase = call.phase % call.period;
  for (int64_t i = 0; i < call.n; i += 16) {
    int64_t at = i;
    if (i + 16 > call.n) {
      at = call.n - 16;
      phase = (call.phase + at) % call.period;
    }
    v128_t v[4];
    widen_to_float<false>(wasm_v128_xor(wasm_v128_load(x + at), flip), zero, v);
    const float* line = call.lines + phase;
    for (int j = 0; j < 4; ++j, line += 4) {
      v128_t value = wasm_f32x4_mul(wasm_v128_load(line), v[j]);
      if (bends) {
        value = wasm_f32x4_add(value,
                               wasm_f32x4_mul(wasm_v128_load(line + step), wasm_f32x4_abs(v[j])));
      }
      value = wasm_f32x4_add(value, wasm_v128_load(line + 2 * step));
      v[j] = wasm_i32x4_sub(wasm_f32x4_add(value, magic), back);
    }
    const v128_t bytes = narrow_bytes<false>(v[0], v[1], v[2], v[3]);
    wasm_v128_store(y + at, wasm_v128_xor(wasm_u8x16_min(wasm_u8x16_max(bytes, low), high), flip));
    phase += 16;
    if (phase >= call.period) phase -= call.period;
  }
}

inline void bend_simd(const BendRunInt8& call) {
  if (call.n < 16) return bend_scalar(call);
  call.bends ? bend_simd_as<true>(call) : bend_simd_as<false>(call);
}

}  // namespace eightfold::generic
