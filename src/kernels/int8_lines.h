// Convolutions whose window rows are read where they lie: the dense kernel walks over a padded copy
// of the input's lines instead of over gathered windows.
//
// Along the height a window is one piece of kernel-width * channels activations per tap; pieces of
// one output pixel are `dilation` lines apart, and neighbouring pixels overlap. So each activation
// is prepared once (twice where bands of lines meet) and not once per tap.
#pragma once

#include "kernels/int8.h"

namespace eightfold {

// Whether lines beat gathered windows: with few output channels the gathering would weigh most.
bool suits_lines(int64_t out_channels);

size_t lines_scratch_bytes(const PackedDense& weights, const ConvShape& shape);
void conv_lines(const PackedDense& weights, const Int8Input& input, const Int8Output& output,
                const ConvShape& shape, uint8_t* scratch);

// `out` from element `offset` on.
inline Int8Output at_element(Int8Output out, int64_t offset) {
  const bool is_wide = out.dtype == DType::kInt32 || out.dtype == DType::kFloat32;
  out.data = static_cast<uint8_t*>(out.data) + static_cast<size_t>(offset) * (is_wide ? 4 : 1);
  return out;
}
// `out` from a channel of its pixels on.
inline Int8Output at_channel(Int8Output out, int64_t channel) {
  if (out.slopes) out.slopes += channel;
  return at_element(out, channel);
}

}  // namespace eightfold
