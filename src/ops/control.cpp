// If and Loop: what to run is in their bodies, which the runtime runs (RunHost::run_subgraph).
//
//   If     one of two bodies without inputs
//   Loop   (i, condition, carried...) -> (condition, carried..., scanned...)
// Source: ONNX If 1 to 25, Loop 1 to 25.
#include "ops/control.h"

#include <algorithm>
#include <utility>

namespace eightfold {
namespace {

bool flag(const TensorView& view) { return view.data && *view.as<uint8_t>() != 0; }

// ---- If
constexpr std::string_view kThen = "then_branch", kElse = "else_branch";

// What holds of both.
ValueType joined(const ValueType& a, const ValueType& b) {
  if (a.dtype != b.dtype) return {};
  ValueType type{a.dtype, {}, {}};
  if (!a.dims || !b.dims || a.dims->size() != b.dims->size()) return type;
  type.dims = a.dims;
  for (size_t i = 0; i < b.dims->size(); ++i) {
    if ((*a.dims)[i] != (*b.dims)[i]) (*type.dims)[i] = {};
  }
  return type;
}

void infer_if(InferContext& context) {
  const size_t outputs = context.output_count();
  if (!context.has_input(0)) context.fail(ErrorCode::kInvalidGraph, "the condition is missing");
  for (std::string_view branch : {kThen, kElse}) body_of(context, branch, 0, outputs);
  const Tensor* condition = context.constant(0);
  if (condition && condition->dtype() == DType::kBool && condition->size() == 1) {
    const auto taken = infer_body(context, condition->data<bool>()[0] ? kThen : kElse, {});
    for (size_t i = 0; taken && i < outputs; ++i) set_output(context, i, (*taken)[i]);
    return;
  }
  const auto a = infer_body(context, kThen, {}), b = infer_body(context, kElse, {});
  for (size_t i = 0; a && b && i < outputs; ++i) {
    set_output(context, i, joined((*a)[i], (*b)[i]));
  }
}

void run_if(RunContext& context) {
  const TensorView& condition = context.inputs[0];
  if (condition.dtype != DType::kBool || condition.size() != 1) {
    context.fail(ErrorCode::kInvalidType, "the condition must be one bool, not " +
                                              std::string(dtype_name(condition.dtype)) + " " +
                                              shape_text(condition.shape));
  }
  std::vector<Tensor> results = context.host.run_subgraph(flag(condition) ? kThen : kElse, {});
  for (size_t i = 0; i < results.size(); ++i) hand_over(context, i, std::move(results[i]));
}

// ---- Loop
// Inputs M and cond, then the carried values; the body has as many and may scan more outputs.
template <typename Context>
const Graph& loop_body(const Context& context) {
  const size_t inputs = std::max<size_t>(context.node.inputs().size(), 2);
  const size_t outputs = context.node.outputs().size();
  if (outputs + 2 < inputs) {
    context.fail(ErrorCode::kInvalidGraph, "fewer outputs than carried values");
  }
  return body_of(context, kBody, inputs, outputs + 1);
}

// Where a body declares a vector of one element the scalar is given as that.
Shape scalar_shape(const Graph& body, size_t input) {
  const std::optional<Dims>& dims = body.value(body.inputs[input]).type.dims;
  return dims && dims->size() == 1 ? Shape{1} : Shape{};
}

void infer_loop(InferContext& context) {
  const Graph& body = loop_body(context);
  const size_t carried = body.inputs.size() - 2;
  Types inputs = {{DType::kInt64, to_dims(scalar_shape(body, 0)), {}},
                  {DType::kBool, to_dims(scalar_shape(body, 1)), {}}};
  for (size_t i = 0; i < carried; ++i) inputs.push_back(context.input(2 + i));
  const auto found = infer_body(context, kBody, inputs);
  const std::span before = std::span(inputs).subspan(2);
  const bool same = found && stays(before, std::span(*found).subspan(1, carried));
  if (found && !same) context.bodies->discard(kBody);
  for (size_t i = 0; i < carried; ++i) {
    context.set_output(i, before[i].dtype, same ? before[i].dims : std::nullopt);
  }
  for (size_t i = carried; i < context.output_count() && found; ++i) {
    ValueType scanned = (*found)[1 + i];
    if (scanned.dims) scanned.dims->insert(scanned.dims->begin(), Dim{});
    if (!same) scanned.dims.reset();
    set_output(context, i, scanned);
  }
}

// Between two turns of the body.
struct Looping {
  size_t carried = 0;
  std::optional<int64_t> trips;
  int64_t turn = 0;
  bool going = true;
  Shape count_shape, condition_shape;
  std::vector<Tensor> values;  // count, condition, what is carried
  std::vector<Stacked> scanned;
};

Looping begin_loop(RunContext& context) {
  const Graph& body = loop_body(context);
  Looping loop;
  loop.carried = body.inputs.size() - 2;
  if (context.has_input(0)) {
    const std::vector<int64_t> given = integers(context.inputs[0]);
    if (given.size() != 1)
      context.fail(ErrorCode::kInvalidType, "the trip count must be one int64");
    loop.trips = given[0];
  }
  if (context.has_input(1)) {
    const TensorView& condition = context.inputs[1];
    if (condition.dtype != DType::kBool || condition.size() != 1) {
      context.fail(ErrorCode::kInvalidType, "the condition must be one bool");
    }
    loop.going = flag(condition);
  }
  loop.values.resize(2);
  for (size_t i = 0; i < loop.carried; ++i) loop.values.push_back(context.host.input(2 + i));
  for (size_t i = 1 + loop.carried; i < body.outputs.size(); ++i) {
    loop.scanned.emplace_back(body.value(body.outputs[i]).type);
  }
  loop.count_shape = scalar_shape(body, 0);
  loop.condition_shape = scalar_shape(body, 1);
  return loop;
}

bool turn_loop(RunContext& context, Looping& loop) {
  if (!loop.going || (loop.trips && loop.turn >= *loop.trips)) return false;
  loop.values[0] = Tensor::of<int64_t>(loop.count_shape, std::span(&loop.turn, 1));
  loop.values[1] = Tensor::of<bool>(loop.condition_shape, std::span(&loop.going, 1));
  std::vector<Tensor> results = context.host.run_subgraph(kBody, loop.values);
  if (results[0].dtype() != DType::kBool || results[0].size() != 1) {
    context.fail(ErrorCode::kInvalidType, "the body's condition must be one bool");
  }
  loop.going = results[0].data<bool>()[0];
  for (size_t i = 0; i < loop.carried; ++i) loop.values[2 + i] = std::move(results[1 + i]);
  for (size_t i = 0; i < loop.scanned.size(); ++i) {
    loop.scanned[i].push(context, std::move(results[1 + loop.carried + i]));
  }
  ++loop.turn;
  return true;
}

void run_loop(RunContext& context) {
  const auto loop = take_turns(context, begin_loop, turn_loop);
  if (!loop) return;
  for (size_t i = 0; i < loop->carried; ++i) {
    hand_over(context, i, std::move(loop->values[2 + i]));
  }
  for (size_t i = 0; i < loop->scanned.size(); ++i) {
    if (context.node.output(loop->carried + i) == kNone) continue;
    hand_over(context, loop->carried + i, loop->scanned[i].join(context, 0, false));
  }
}

}  // namespace

std::optional<Types> infer_body(const InferContext& context, std::string_view attribute,
                                const Types& inputs) {
  return context.bodies ? context.bodies->infer(attribute, inputs) : std::nullopt;
}

bool stays(std::span<const ValueType> before, std::span<const ValueType> after) {
  return std::ranges::equal(before, after, [](const ValueType& a, const ValueType& b) {
    return a.dtype == b.dtype && a.dims && a.dims == b.dims &&
           std::ranges::all_of(*a.dims, [](const Dim& d) { return d.known() || !d.name.empty(); });
  });
}

OpDef control_row(std::string_view op_type, int since, Roles roles, void (*infer)(InferContext&),
                  void (*run)(RunContext&)) {
  OpDef row{.domain = "",
            .op_type = op_type,
            .since = since,
            .inputs = roles,
            .infer = infer,
            .run = run,
            .observation = kNoObservation};
  row.allocates = row.takes_lists = true;
  row.floats = FloatTypes::kAny;
  return row;
}

std::vector<OpDef> control_ops() {
  std::vector<OpDef> rows = {
      control_row("If", 1, {Role::kShape}, infer_if, run_if),
      control_row("Loop", 1, {Role::kShape, Role::kShape, Role::kParameter}, infer_loop, run_loop),
  };
  add_scan_body_rows(rows);
  add_sequence_rows(rows);
  add_string_rows(rows);
  return rows;
}

}  // namespace eightfold
