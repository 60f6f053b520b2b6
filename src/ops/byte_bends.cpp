// Finds lines and proves them, byte by byte. See byte_bends.h.
#include "ops/byte_bends.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/qparams.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace eightfold {
namespace {

constexpr int64_t kVector = 16;
constexpr float kMostSteps = 0x1p20f;

// Where the values of bytes lie: index of the byte q.
size_t index_of(int32_t q) { return static_cast<uint8_t>(q); }

// Whether the line gives all bytes of the table.
bool gives(const BendTable& table, const Int8Input& x, const Int8Output& out, float rise,
           float bend, float offset) {
  for (int32_t i = 0; i < 256; ++i) {
    const int32_t q = x.is_signed ? i - 128 : i;
    const auto v = static_cast<float>(q - x.zero_point);
    const float value = rise * v + bend * std::fabs(v) + offset;
    if (!(std::fabs(value) < kMostSteps)) return false;
    const int32_t byte =
        std::clamp(static_cast<int32_t>(round_half_even(value)) + out.zero_point, out.lo, out.hi);
    if (static_cast<uint8_t>(byte) != table.bytes[index_of(q)]) return false;
  }
  return true;
}

}  // namespace

ByteBends::ByteBends(int64_t channels, const Int8Input& x, const Int8Output& out)
    : channels_(channels),
      period_(channels * ((kVector + channels - 1) / channels)),
      lines_(static_cast<size_t>(3 * (period_ + kBendPadding))) {
  call_.x = x;
  call_.out = out;
  call_.period = period_;
}

bool ByteBends::add(const BendTable& table) {
  const Int8Input& x = call_.x;
  const int32_t least = x.is_signed ? -128 : 0, most = least + 255, zero = x.zero_point;
  if (zero < least || zero > most) return false;
  const float at_zero = table.steps[index_of(zero)];
  // The slope between the zero point and one end of the bytes.
  const auto slope = [&](int32_t end) {
    return (table.steps[index_of(end)] - at_zero) / static_cast<float>(end - zero);
  };
  float above = zero < most ? slope(most) : 0, below = zero > least ? slope(least) : 0;
  if (zero == most) above = below;
  if (zero == least) below = above;
  // Slopes as small as the rounding errors of the two ends are none. Neither are denormal products,
  // which are slow.
  const auto or_none = [](float value, float least) {
    return std::fabs(value) < least ? 0 : value;
  };
  const float rise = or_none((above + below) / 2, 1e-9f);
  const float bend = or_none((above - below) / 2, 1e-6f * (1 + std::fabs(rise)));
  for (float nudge : {0.0f, 2e-6f, -2e-6f, 1e-5f, -1e-5f, 4e-5f, -4e-5f}) {
    if (!gives(table, x, call_.out, rise, bend, at_zero + nudge)) continue;
    const float parts[] = {rise, bend, at_zero + nudge};
    const int64_t step = period_ + kBendPadding;
    for (int64_t part = 0; part < 3; ++part) {
      for (int64_t c = added_; c < step; c += channels_) {
        lines_[static_cast<size_t>(part * step + c)] = parts[part];
      }
    }
    call_.bends |= bend != 0;
    ++added_;
    return true;
  }
  return false;
}

void ByteBends::run(const void* x, int64_t pixels, void* y) const {
  const auto kernel = select<BendInt8>()->run;
  parallel_for({pixels, channels_ * 3}, [&](const LoopPart& part) {
    BendRunInt8 call = call_;
    call.lines = lines_.data();
    call.x.data = static_cast<const uint8_t*>(x) + part.begin * channels_;
    call.out.data = static_cast<uint8_t*>(y) + part.begin * channels_;
    call.n = part.count() * channels_;
    kernel(call);
  });
}

}  // namespace eightfold
