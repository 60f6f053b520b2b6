// Max pooling of int8 pixels, table look-ups, factors in place of divisors, and the scalar
// requantization for operators.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/generic/requantize.h"
#include "kernels/int8.h"
#include "kernels/int8_taps.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace eightfold {

int32_t requantize_int8(int32_t acc, float scale, const Int8Output& out) {
  return generic::requantize(acc, scale, out);
}

namespace {

// Eight bytes by tables that lie `table_step` apart: one load and one store.
void lookup_eight(const uint8_t* tables, int64_t table_step, const uint8_t* from, uint8_t* to) {
  uint64_t bytes, found = 0;
  std::memcpy(&bytes, from, sizeof bytes);
  for (int i = 0; i < 8; ++i, tables += table_step) {
    found |= static_cast<uint64_t>(tables[bytes >> 8 * i & 255]) << 8 * i;
  }
  std::memcpy(to, &found, sizeof found);
}

}  // namespace

float find_factor(void (*run)(const BinaryInt8& call), BinaryInt8 call) {
  uint8_t all[256], divided[256], multiplied[256];
  std::iota(all, all + 256, uint8_t{0});
  call.a = all;
  call.a_stride = 1;
  call.b_stride = 0;
  call.n = 256;
  const auto row = [&](int b, float factor, uint8_t* y) {
    call.b = all + b;
    call.y = y;
    call.y_factor = factor;
    run(call);
  };
  const auto same = [&](float factor) {
    for (int b = 0; b < 256; ++b) {
      row(b, 0, divided);
      row(b, factor, multiplied);
      if (!std::ranges::equal(divided, multiplied)) return false;
    }
    return true;
  };
  const float middle = 1.0f / call.y_scale;
  for (float factor : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 2 * middle)}) {
    if (factor != 0 && same(factor)) return factor;
  }
  return 0;
}

void lookup_int8(const uint8_t table[256], const void* x, int64_t n, void* y) {
  const auto* from = static_cast<const uint8_t*>(x);
  auto* to = static_cast<uint8_t*>(y);
  parallel_for({n, 3, 8}, [&](const LoopPart& part) {
    int64_t i = part.begin;
    for (; i + 8 <= part.end; i += 8) lookup_eight(table, 0, from + i, to + i);
    for (; i < part.end; ++i) to[i] = table[from[i]];
  });
}

void lookup_channels_int8(const uint8_t* tables, int64_t channels, const void* x, int64_t pixels,
                          void* y) {
  parallel_for({pixels, channels * 3}, [&](const LoopPart& part) {
    const auto* from = static_cast<const uint8_t*>(x) + part.begin * channels;
    auto* to = static_cast<uint8_t*>(y) + part.begin * channels;
    for (int64_t i = part.begin; i < part.end; ++i, from += channels, to += channels) {
      int64_t c = 0;
      for (; c + 8 <= channels; c += 8) lookup_eight(tables + c * 256, 256, from + c, to + c);
      for (; c < channels; ++c) to[c] = tables[c * 256 + from[c]];
    }
  });
}

void max_pool_int8(const void* x, bool is_signed, const PoolShape& shape, void* y) {
  const auto max_rows = select<MaxRowsInt8>()->run;
  auto* out = static_cast<uint8_t*>(y);
  for_each_window(static_cast<const uint8_t*>(x), shape, [&](const WindowRun& run) {
    for (int64_t p = 0; p < run.pixels; ++p) {
      max_rows(run.taps + p * run.count, run.count, shape.channels, is_signed,
               out + (run.pixel + p) * shape.channels);
    }
  });
}

}  // namespace eightfold
