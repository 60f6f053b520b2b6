// Attributes and extents of recurrent ops, and the shapes that follow from them.
#include <algorithm>
#include <string>

#include "ops/dtype_switch.h"
#include "ops/recurrent.h"

namespace eightfold {
namespace {

constexpr size_t kX = 0, kW = 1, kR = 2, kB = 3, kLengths = 4, kInitialH = 5, kInitialC = 6, kP = 7;

struct KindRow {
  int64_t gates;
  std::array<const char*, 3> activations;
  size_t activation_count;
  std::array<uint8_t, 4> torch_order;
};
constexpr KindRow kKinds[] = {
    {4, {"Sigmoid", "Tanh", "Tanh"}, 3, {kLstmInput, kLstmForget, kLstmCell, kLstmOutput}},
    {3, {"Sigmoid", "Tanh", ""}, 2, {kGruReset, kGruUpdate, kGruHidden}},
    {1, {"Tanh", "", ""}, 1, {0}},
};
const KindRow& row_of(CellKind kind) { return kKinds[static_cast<size_t>(kind)]; }

int64_t directions_of(const Node& node) {
  const std::string direction = node.string_attribute("direction", "forward");
  if (direction == "bidirectional") return 2;
  if (direction == "forward" || direction == "reverse") return 1;
  throw Error(ErrorCode::kInvalidAttribute, "unknown direction '" + direction + "'");
}

}  // namespace

void expect_input(const PlanContext& context, size_t input, DType dtype, const Shape& shape) {
  if (!context.has_input(input)) return;
  const TensorInfo& info = context.inputs[input];
  if (info.dtype != dtype) refuse_dtype(context, info.dtype);
  if (info.shape != shape) {
    context.fail(ErrorCode::kInvalidShape, "input " + std::to_string(input) + " has shape " +
                                               shape_text(info.shape) + ", expected " +
                                               shape_text(shape));
  }
}

int64_t gate_count(CellKind kind) { return row_of(kind).gates; }

std::span<const uint8_t> torch_gate_order(CellKind kind) {
  return std::span(row_of(kind).torch_order).first(static_cast<size_t>(gate_count(kind)));
}

RecurrentAttributes recurrent_attributes(const Node& node, CellKind kind) {
  RecurrentAttributes attributes;
  attributes.kind = kind;
  attributes.directions = directions_of(node);
  attributes.backwards = node.string_attribute("direction", "forward") == "reverse";
  attributes.batch_major = node.int_attribute("layout", 0) != 0;
  attributes.input_forget = node.int_attribute("input_forget", 0) != 0;
  attributes.linear_before_reset = node.int_attribute("linear_before_reset", 0) != 0;
  attributes.clip = node.float_attribute("clip", 0.0f);
  if (!(attributes.clip >= 0)) {
    throw Error(ErrorCode::kInvalidAttribute, "clip must be 0 or more");
  }
  const KindRow& row = row_of(kind);
  const size_t functions = row.activation_count;
  const auto all = cell_activations(node, std::span(row.activations).first(functions),
                                    functions * static_cast<size_t>(attributes.directions));
  for (size_t i = 0; i < all.size(); ++i) {
    attributes.activations[i / functions][i % functions] = all[i];
  }
  return attributes;
}

void infer_recurrent(InferContext& context) {
  const DType x = context.dtype(kX);
  set_recurrent_outputs(context, kR, {x, x, x});
}

void set_recurrent_outputs(InferContext& context, size_t r, std::initializer_list<DType> dtypes) {
  const Node& node = context.node;
  const int64_t directions = directions_of(node);
  Dim hidden{node.int_attribute("hidden_size", -1), {}};
  const auto& recurrent = context.dims(r);
  if (recurrent && recurrent->size() == 3) {
    const Dim& rows = (*recurrent)[1];
    const Dim& columns = (*recurrent)[2];
    // [D, gates, H], or [D, H, gates]: H is the smaller one.
    if (!hidden.known() && rows.known() && columns.known()) {
      hidden = rows.value < columns.value ? rows : columns;
    }
  }
  const auto& x = context.dims(kX);
  if (x && x->size() != 3) {
    context.fail(ErrorCode::kInvalidShape,
                 "X has rank " + std::to_string(x->size()) + ", expected 3");
  }
  const bool batch_major = node.int_attribute("layout", 0) != 0;
  const Dim steps = x ? (*x)[batch_major ? 1 : 0] : Dim{};
  const Dim batch = x ? (*x)[batch_major ? 0 : 1] : Dim{};
  const Dim count{directions, {}};
  const Dims y =
      batch_major ? Dims{batch, steps, count, hidden} : Dims{steps, count, batch, hidden};
  const Dims state = batch_major ? Dims{batch, count, hidden} : Dims{count, batch, hidden};
  for (size_t i = 0; i < dtypes.size(); ++i) {
    context.set_output(i, std::data(dtypes)[i], i == 0 ? y : state);
  }
}

RecurrentShape recurrent_shape(const PlanContext& context, const RecurrentAttributes& attributes,
                               WeightOrder order) {
  const Shape& x = context.inputs[kX].shape;
  const Shape& r = context.inputs[kR].shape;
  if (r.size() != 3) {
    context.fail(ErrorCode::kInvalidShape, "R has shape " + shape_text(r) + ", expected rank 3");
  }
  const bool rows = order != WeightOrder::kColumns, plain = order == WeightOrder::kRows;
  RecurrentShape shape;
  shape.directions = attributes.directions;
  shape.hidden = context.node.int_attribute("hidden_size", r[rows ? 2 : 1]);
  shape.gates = gate_count(attributes.kind) * shape.hidden;
  shape.steps = x[attributes.batch_major ? 1 : 0];
  shape.batch = x[attributes.batch_major ? 0 : 1];
  shape.input = x[2];
  const int64_t d = shape.directions, h = shape.hidden, n = shape.batch, g = shape.gates;
  const DType dtype = context.inputs[kX].dtype;
  if (dtype != DType::kFloat32) refuse_dtype(context, dtype);
  const DType weights = plain ? dtype : context.inputs[kW].dtype;
  expect_input(context, kW, weights, rows ? Shape{d, g, shape.input} : Shape{d, shape.input, g});
  expect_input(context, kR, plain ? dtype : context.inputs[kR].dtype,
               rows ? Shape{d, g, h} : Shape{d, h, g});
  expect_input(context, kB, dtype, {d, 2 * g});
  expect_input(context, kLengths, DType::kInt32, {n});
  const Shape state = shape.state(attributes.batch_major);
  expect_input(context, kInitialH, dtype, state);
  if (attributes.kind == CellKind::kLstm) {
    expect_input(context, kInitialC, dtype, state);
    expect_input(context, kP, dtype, {d, 3 * h});
  }
  shape.set_strides(attributes.batch_major);
  return shape;
}

void RecurrentShape::set_strides(bool batch_major) {
  const int64_t all = directions * hidden;
  x_step = batch_major ? input : batch * input;
  x_item = batch_major ? steps * input : input;
  y_step = batch_major ? all : batch * all;
  y_item = batch_major ? steps * all : hidden;
  state_item = batch_major ? all : hidden;
  y_direction = state_direction = batch_major ? hidden : batch * hidden;
}

const int32_t* sequence_lengths(const RunContext& context, const RecurrentShape& shape,
                                size_t input) {
  if (!context.has_input(input)) return nullptr;
  const int32_t* lengths = context.inputs[input].as<int32_t>();
  for (int64_t n = 0; n < shape.batch; ++n) {
    if (lengths[n] >= 0 && lengths[n] <= shape.steps) continue;
    context.fail(ErrorCode::kInvalidData, "sequence length " + std::to_string(lengths[n]) +
                                              " of item " + std::to_string(n) + " is not in 0.." +
                                              std::to_string(shape.steps));
  }
  return lengths;
}

int64_t recurrent_macs(const Node&, std::span<const Shape> inputs, std::span<const Shape>) {
  return inputs[kX][0] * inputs[kX][1] * (element_count(inputs[kW]) + element_count(inputs[kR]));
}

}  // namespace eightfold
