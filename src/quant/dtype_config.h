// DTypeConfig: dtypes that a pattern of a backend takes, with the constraints on their quantization
// parameters (spec-facts 1.2, 1.3).
#pragma once

#include <optional>

#include "core/qparams.h"

namespace eightfold {

// The sums of a kernel that adds products in 16 bits cannot overflow if, in every group of weights
// that share a lane, the positive ones add up to at most `limit` and the negative ones to at least
// -limit. Lanes as in kernels: (k, k+1) for group 2, (k, k+1, k+4, k+5) of an aligned 8 for
// group 4.
struct BoundedSum {
  int group = 2;  // 2 or 4
  int limit = 128;
  bool operator==(const BoundedSum&) const = default;
};

// A pair of bounds acts only when both are set (quant_min with quant_max, scale with zero point).
struct DTypeWithConstraints {
  std::optional<DType> dtype;
  std::optional<int64_t> quant_min_lower_bound, quant_max_upper_bound;
  std::optional<float> scale_min_lower_bound;
  std::optional<float> scale_max_upper_bound;  // carried, as in PyTorch; no observer can promise it
  std::optional<float> scale_exact_match;
  std::optional<int32_t> zero_point_exact_match;
  std::optional<BoundedSum> bounded_sum;  // ours: of weights
  DTypeWithConstraints() = default;
  DTypeWithConstraints(DType bare)
      : dtype(bare) {}  // NOLINT: a bare dtype is one without constraints
  bool operator==(const DTypeWithConstraints&) const = default;
};

struct DTypeConfig {
  DTypeWithConstraints input, output, weight;
  std::optional<DType> bias;
  std::optional<bool> is_dynamic;
  bool operator==(const DTypeConfig&) const = default;
};

}  // namespace eightfold
