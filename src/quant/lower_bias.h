// The bias of a Conv or Gemm group as int32 with the scale of the sums, s_x * s_w.
#pragma once

#include <optional>
#include <string>

#include "quant/lower_group.h"

namespace eightfold {

// kNone inside the optional: the node has no bias. nullopt, with a sentence in `why`: it cannot be
// had as integers. An int32 bias of (nearly) that scale is taken as it is, others are requantized,
// a constant float bias is quantized, as onnxruntime does.
std::optional<ValueId> integer_bias(Graph& graph, const Group& group, std::string* why);

}  // namespace eightfold
