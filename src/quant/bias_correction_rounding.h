// Rounding that keeps the mean: of two neighbours on the grid a weight may take the farther one.
//
// The error of an output channel is sum_i d_i x_i with d_i = W'_i - W_i. Its expected square is
//   (sum_i d_i m_i)^2 + sum_i d_i^2 v_i      m, v: mean, variance of the input (taken as
//   independent)
// Nearest rounding makes the second term alone small. Where activations are positive the first one
// dominates: it is an error of the layer's gain, which a bias cannot undo for inputs darker or
// brighter than the calibration data. A few weights rounded the other way remove it.
// The idea of SQuant (Guo et al. 2022), with measured means in place of ones.
#pragma once

#include "core/qparams.h"
#include "core/tensor.h"
#include "quant/bias_correction_means.h"

namespace eightfold {

// `weight` with every element on the grid of `qparams`.
Tensor round_keeping_mean(const Tensor& weight, const QParams& qparams, const LayerMeans& means);

}  // namespace eightfold
