// Strides of broadcast operands, merged axes. See broadcast.h.
#include "ops/broadcast.h"

#include <algorithm>
#include <memory>

#include "ops/strides.h"

namespace eightfold {
namespace {

// Strides of an operand per axis of the output's rank; 0 where it repeats.
Shape aligned_strides(const TensorInfo& operand, size_t rank) {
  const size_t lead = rank - operand.shape.size();
  const Shape own = physical_strides(operand.shape, operand.layout);
  Shape strides(rank, 0);
  for (size_t d = 0; d < own.size(); ++d) {
    if (operand.shape[d] != 1) strides[lead + d] = own[d];
  }
  return strides;
}

bool mergeable(const std::vector<Shape>& strides, size_t last, const Shape& inner,
               int64_t inner_dim) {
  for (size_t k = 0; k < strides.size(); ++k) {
    if (strides[k][last] != inner[k] * inner_dim) return false;
  }
  return true;
}

}  // namespace

Broadcast make_broadcast(const TensorInfo& output, std::span<const TensorInfo> operands) {
  const size_t rank = output.shape.size();
  if (rank > Broadcast::kMaxRank || operands.size() > Broadcast::kMaxOperands) {
    throw Error(ErrorCode::kLimitExceeded, "too many axes or operands to broadcast");
  }
  std::vector<Shape> strides;
  for (const TensorInfo& operand : operands) strides.push_back(aligned_strides(operand, rank));

  Broadcast merged;
  merged.strides.resize(operands.size());
  for (size_t axis : physical_order(rank, output.layout)) {
    const int64_t dim = output.shape[axis];
    if (dim == 1) continue;
    Shape steps;
    for (const Shape& own : strides) steps.push_back(own[axis]);
    if (!merged.dims.empty() && mergeable(merged.strides, merged.dims.size() - 1, steps, dim)) {
      merged.dims.back() *= dim;
      for (size_t k = 0; k < steps.size(); ++k) merged.strides[k].back() = steps[k];
    } else {
      merged.dims.push_back(dim);
      for (size_t k = 0; k < steps.size(); ++k) merged.strides[k].push_back(steps[k]);
    }
  }
  return merged;
}

OpState plan_broadcast(PlanContext& context) {
  std::vector<TensorInfo> operands(context.inputs.begin(), context.inputs.end());
  if (operands.size() == 2) {
    operands[1].shape =
        legacy_operand_shape(context.node, context.opset, operands[0].shape, operands[1].shape);
  }
  return std::make_shared<const Broadcast>(make_broadcast(context.outputs[0], operands));
}

std::optional<Dims> broadcast_dims(const InferContext& context, size_t first) {
  Dims result;
  for (size_t i = first; i < context.input_count(); ++i) {
    if (!context.has_input(i)) continue;
    if (!context.dims(i)) return std::nullopt;
    Dims dims = *context.dims(i);
    if (dims.size() > result.size()) std::swap(dims, result);
    const size_t lead = result.size() - dims.size();
    for (size_t d = 0; d < dims.size(); ++d) {
      Dim& ours = result[lead + d];
      const Dim& theirs = dims[d];
      if (ours == theirs && (ours.known() || !ours.name.empty())) continue;
      if (ours.value == 1) {
        ours = theirs;
      } else if (theirs.value == 1) {
        continue;
      } else if (ours.known() && theirs.known()) {
        context.fail(ErrorCode::kInvalidShape, "operands cannot be broadcast: dim " +
                                                   std::to_string(ours.value) + " against " +
                                                   std::to_string(theirs.value));
      } else if (theirs.known()) {
        ours = theirs;  // the unknown one must be 1 or equal
      } else if (!ours.known()) {
        ours = {};
      }
    }
  }
  return result;
}

Shape legacy_operand_shape(const Node& node, int64_t opset, const Shape& a, const Shape& b) {
  if (opset >= 7 || opset <= 0 || !node.has_attribute("axis")) return b;
  int64_t axis = node.int_attribute("axis", 0);
  const auto rank = static_cast<int64_t>(a.size());
  if (axis < 0) axis += rank;
  Shape placed = b;
  while (axis + static_cast<int64_t>(placed.size()) < rank) placed.push_back(1);
  return placed;
}

}  // namespace eightfold
