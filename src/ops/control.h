// What control.cpp shares with sequence.cpp: values cut into parts and parts put together.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "ops/shape_rows.h"

namespace eightfold {

void add_sequence_rows(std::vector<OpDef>& rows);  // SequenceAt, SplitToSequence, Optional ...

// Output i of the node; copied where the plan has a place for it.
void hand_over(RunContext& context, size_t i, Tensor tensor);

// Elements begin .. begin + length of an axis.
Tensor part_of(const RunContext& context, const Tensor& whole, size_t axis, int64_t begin,
               int64_t length);
// One element of an axis, without that axis.
Tensor slice_of(const RunContext& context, const Tensor& whole, size_t axis, int64_t index);
// One after the other along an axis; at least one, all of one dtype and of equal other dims.
Tensor concatenated(const RunContext& context, std::span<const Tensor> parts, size_t axis);

template <typename Context>
size_t axis_in(const Context& context, int64_t axis, size_t rank) {
  const auto size = static_cast<int64_t>(rank);
  if (axis < -size || axis >= size) {
    context.fail(ErrorCode::kInvalidAttribute, "axis " + std::to_string(axis) + " of a value of " +
                                                   std::to_string(rank) + " dims");
  }
  return static_cast<size_t>(axis < 0 ? axis + size : axis);
}

// Tensors of one dtype and shape on their way into one tensor along a new axis.
class Stacked {
 public:
  // The type of a slice as far as it is declared: what tells the shape when there is no slice.
  explicit Stacked(ValueType declared) : declared_(std::move(declared)) {}

  void push(RunContext& context, Tensor slice);
  void push_zeros(RunContext& context);
  size_t rank() const { return shape().size(); }
  Tensor join(RunContext& context, size_t axis, bool reversed);  // once

 private:
  Shape shape() const;
  DType dtype() const { return slices_.empty() ? declared_.dtype : slices_[0].dtype(); }

  ValueType declared_;
  std::vector<Tensor> slices_;
};

}  // namespace eightfold
