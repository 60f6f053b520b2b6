// Max pooling of int8 pixels, table look-ups, and the scalar requantization for operators.
#include <cstring>
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

void lookup_int8(const uint8_t table[256], const void* x, int64_t n, void* y) {
  const auto* from = static_cast<const uint8_t*>(x);
  auto* to = static_cast<uint8_t*>(y);
  parallel_for({n, 3, 8}, [&](const LoopPart& part) {
    int64_t i = part.begin;
    for (; i + 8 <= part.end; i += 8) {  // one load and one store for eight
      uint64_t bytes, found = 0;
      std::memcpy(&bytes, from + i, sizeof bytes);
      for (int shift = 0; shift < 64; shift += 8) {
        found |= static_cast<uint64_t>(table[bytes >> shift & 255]) << shift;
      }
      std::memcpy(to + i, &found, sizeof found);
    }
    for (; i < part.end; ++i) to[i] = table[from[i]];
  });
}

void max_pool_int8(const void* x, bool is_signed, const PoolShape& shape, void* y) {
  const auto max_rows = select<MaxRowsInt8>()->run;
  auto* out = static_cast<uint8_t*>(y);
  for_each_window(static_cast<const uint8_t*>(x), shape, nullptr, 0,
                  [&](int64_t pixel, const std::vector<const uint8_t*>& taps, uint8_t*) {
                    max_rows(taps.data(), static_cast<int64_t>(taps.size()), shape.channels,
                             is_signed, out + pixel * shape.channels);
                  });
}

}  // namespace eightfold
