// What control.cpp shares with scan.cpp and sequence.cpp: bodies, values cut into parts and parts
// put together.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/shape_rows.h"

namespace eightfold {

void add_string_rows(std::vector<OpDef>& rows);     // strings.cpp
void add_scan_body_rows(std::vector<OpDef>& rows);  // scan.cpp
void add_sequence_rows(std::vector<OpDef>& rows);   // SequenceAt, SplitToSequence, Optional ...

// ---------------------------------------------------------------- bodies
using Types = std::vector<ValueType>;

inline constexpr std::string_view kBody = "body";

OpDef control_row(std::string_view op_type, int since, Roles roles, void (*infer)(InferContext&),
                  void (*run)(RunContext&));

template <typename Context>
const Graph& body_of(const Context& context, std::string_view attribute, size_t inputs,
                     size_t outputs) {
  const Attribute* found = context.node.find_attribute(attribute);
  const auto* body = found ? std::get_if<Attribute::GraphPtr>(&found->value) : nullptr;
  const std::string name = "the body '" + std::string(attribute) + "'";
  if (!body) context.fail(ErrorCode::kInvalidAttribute, name + " is missing");
  if ((*body)->inputs.size() != inputs || (*body)->outputs.size() != outputs) {
    context.fail(ErrorCode::kInvalidGraph,
                 name + " has " + std::to_string((*body)->inputs.size()) + " inputs and " +
                     std::to_string((*body)->outputs.size()) + " outputs, not " +
                     std::to_string(inputs) + " and " + std::to_string(outputs));
  }
  return **body;
}

std::optional<Types> infer_body(const InferContext& context, std::string_view attribute,
                                const Types& inputs);
inline void set_output(InferContext& context, size_t i, const ValueType& type) {
  context.set_output(i, type.dtype, type.dims);
}
// Types that hold before every run of the body: the first run's, if the body gives them back.
bool stays(std::span<const ValueType> before, std::span<const ValueType> after);

// Turns of a body until `turn` says that there was none left. Where the host lets a node go on
// later, a call takes one turn, so that the caller of a long Loop can stop it: null then.
template <typename State>
std::shared_ptr<State> take_turns(RunContext& context, State (*begin)(RunContext&),
                                  bool (*turn)(RunContext&, State&)) {
  std::shared_ptr<void>* place = context.host.unfinished();
  auto kept = place ? std::static_pointer_cast<State>(std::exchange(*place, nullptr)) : nullptr;
  const std::shared_ptr<State> state = kept ? kept : std::make_shared<State>(begin(context));
  while (turn(context, *state)) {
    if (!place) continue;
    *place = state;
    return nullptr;
  }
  return state;
}

// ---------------------------------------------------------------- values

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
