// Bounded-sum weights: scales large enough that the 16-bit sums of a kernel cannot overflow.
//
//   in every group of integer weights that share a lane:  sum of the positive ones <= limit,
//   sum of the negative ones >= -limit          groups: see BoundedSum in dtype_config.h
// k runs over a channel's weights in the kernels' order: (tap, input channel) for convolutions.
// Shrinking the scale of a channel is better than clipping its outliers (performance.md 5.3).
#pragma once

#include "core/qparams.h"
#include "quant/dtype_config.h"

namespace eightfold {

// Depthwise weights ([C, 1, taps...] with one input channel per group) have no such sums: they
// keep every bound. `axis` is that of the output channels.
bool keeps_bounded_sum(const Tensor& weight, const QParams& qparams, int axis, BoundedSum bound);

// Enlarges scales, channel by channel, until the bound holds; returns how many scales changed.
int enlarge_scales_for_sums(const Tensor& weight, QParams& qparams, int axis, BoundedSum bound);

}  // namespace eightfold
