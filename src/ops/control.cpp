// If, Loop and Scan: what to run is in their bodies, which the runtime runs
// (RunHost::run_subgraph).
//
//   If     one of two bodies without inputs
//   Loop   (i, condition, carried...) -> (condition, carried..., scanned...)
//   Scan   (state..., slices...) -> (state..., scanned...)     slices and scanned along an axis
// Source: ONNX If 1 to 25, Loop 1 to 25, Scan 8 and 9 to 25.
#include "ops/control.h"

#include <algorithm>
#include <utility>

namespace eightfold {
namespace {

using Types = std::vector<ValueType>;

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
                                const Types& inputs) {
  return context.bodies ? context.bodies->infer(attribute, inputs) : std::nullopt;
}

void set_output(InferContext& context, size_t i, const ValueType& type) {
  context.set_output(i, type.dtype, type.dims);
}

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
constexpr std::string_view kBody = "body";

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

// Types that hold before every run of the body: the first run's, if the body gives them back.
bool stays(std::span<const ValueType> before, std::span<const ValueType> after) {
  return std::ranges::equal(before, after, [](const ValueType& a, const ValueType& b) {
    return a.dtype == b.dtype && a.dims && a.dims == b.dims &&
           std::ranges::all_of(*a.dims, [](const Dim& d) { return d.known() || !d.name.empty(); });
  });
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

void run_loop(RunContext& context) {
  const Graph& body = loop_body(context);
  const size_t carried = body.inputs.size() - 2;
  std::optional<int64_t> trips;
  if (context.has_input(0)) {
    const std::vector<int64_t> given = integers(context.inputs[0]);
    if (given.size() != 1)
      context.fail(ErrorCode::kInvalidType, "the trip count must be one int64");
    trips = given[0];
  }
  bool going = true;
  if (context.has_input(1)) {
    const TensorView& condition = context.inputs[1];
    if (condition.dtype != DType::kBool || condition.size() != 1) {
      context.fail(ErrorCode::kInvalidType, "the condition must be one bool");
    }
    going = flag(condition);
  }
  std::vector<Tensor> values(2);
  for (size_t i = 0; i < carried; ++i) values.push_back(context.host.input(2 + i));
  std::vector<Stacked> scanned;
  for (size_t i = 1 + carried; i < body.outputs.size(); ++i) {
    scanned.emplace_back(body.value(body.outputs[i]).type);
  }
  const Shape count_shape = scalar_shape(body, 0), condition_shape = scalar_shape(body, 1);
  for (int64_t i = 0; going && (!trips || i < *trips); ++i) {
    values[0] = Tensor::of<int64_t>(count_shape, std::span(&i, 1));
    values[1] = Tensor::of<bool>(condition_shape, std::span(&going, 1));
    std::vector<Tensor> results = context.host.run_subgraph(kBody, values);
    if (results[0].dtype() != DType::kBool || results[0].size() != 1) {
      context.fail(ErrorCode::kInvalidType, "the body's condition must be one bool");
    }
    going = results[0].data<bool>()[0];
    for (size_t j = 0; j < carried; ++j) values[2 + j] = std::move(results[1 + j]);
    for (size_t j = 0; j < scanned.size(); ++j) {
      scanned[j].push(context, std::move(results[1 + carried + j]));
    }
  }
  for (size_t i = 0; i < carried; ++i) hand_over(context, i, std::move(values[2 + i]));
  for (size_t i = 0; i < scanned.size(); ++i) {
    if (context.node.output(carried + i) == kNone) continue;
    hand_over(context, carried + i, scanned[i].join(context, 0, false));
  }
}

// ---- Scan
struct ScanForm {
  size_t states = 0, slices = 0, scanned = 0;
  size_t first = 0;      // input where the states begin
  bool batched = false;  // opset 8: a batch axis before the sequence axis, no other axes
  std::vector<int64_t> input_axes, input_directions, output_axes, output_directions;
};

template <typename Context>
ScanForm scan_form(const Context& context) {
  const Node& node = context.node;
  ScanForm form;
  form.batched = context.opset == 8;
  form.first = form.batched ? 1 : 0;
  const size_t given = node.inputs().size() - std::min(node.inputs().size(), form.first);
  const int64_t slices = node.int_attribute("num_scan_inputs", 0);
  if (slices < 1 || slices > static_cast<int64_t>(given)) {
    context.fail(ErrorCode::kInvalidAttribute, "num_scan_inputs is " + std::to_string(slices) +
                                                   " of " + std::to_string(given) + " inputs");
  }
  form.slices = static_cast<size_t>(slices);
  form.states = given - form.slices;
  if (node.outputs().size() < form.states) {
    context.fail(ErrorCode::kInvalidGraph, "fewer outputs than states");
  }
  form.scanned = node.outputs().size() - form.states;
  const auto list = [&](std::string_view name, size_t size) {
    std::vector<int64_t> values = node.ints_attribute(name);
    if (values.empty()) values.resize(size);
    if (values.size() != size) {
      context.fail(ErrorCode::kInvalidAttribute, std::string(name) + " has " +
                                                     std::to_string(values.size()) +
                                                     " values, not " + std::to_string(size));
    }
    return values;
  };
  form.input_axes = list(form.batched ? "" : "scan_input_axes", form.slices);
  form.input_directions = list(form.batched ? "directions" : "scan_input_directions", form.slices);
  form.output_axes = list(form.batched ? "" : "scan_output_axes", form.scanned);
  form.output_directions = list(form.batched ? "" : "scan_output_directions", form.scanned);
  return form;
}

void infer_scan(InferContext& context) {
  const ScanForm form = scan_form(context);
  body_of(context, kBody, form.states + form.slices, form.states + form.scanned);
  if (form.batched) {
    for (size_t i = 0; i < form.states; ++i) {
      context.set_output(i, context.dtype(form.first + i), std::nullopt);
    }
    return;
  }
  Types inputs;
  Dim length;
  for (size_t i = 0; i < form.states + form.slices; ++i) {
    inputs.push_back(context.input(i));
    if (i < form.states || !inputs[i].dims) continue;
    Dims& dims = *inputs[i].dims;
    const size_t axis = axis_in(context, form.input_axes[i - form.states], dims.size());
    if (dims[axis].known() || !length.known()) length = dims[axis];
    dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  const auto found = infer_body(context, kBody, inputs);
  const bool same =
      found && stays(std::span(inputs).first(form.states), std::span(*found).first(form.states));
  if (found && !same) context.bodies->discard(kBody);
  for (size_t i = 0; i < form.states; ++i) {
    context.set_output(i, inputs[i].dtype, same ? inputs[i].dims : std::nullopt);
  }
  for (size_t i = 0; i < form.scanned && found; ++i) {
    ValueType type = (*found)[form.states + i];
    if (!same) type.dims.reset();
    if (type.dims) {
      const size_t axis = axis_in(context, form.output_axes[i], type.dims->size() + 1);
      type.dims->insert(type.dims->begin() + static_cast<std::ptrdiff_t>(axis), length);
    }
    set_output(context, form.states + i, type);
  }
}

// Runs the body over the slices; `values` holds the states, and then whole scan inputs.
// Returns the last states and the scanned outputs.
std::vector<Tensor> scan(RunContext& context, const ScanForm& form, std::vector<Tensor> values,
                         std::optional<int64_t> steps) {
  const Graph& body =
      body_of(context, kBody, form.states + form.slices, form.states + form.scanned);
  std::optional<int64_t> length;
  std::vector<size_t> axes;
  for (size_t i = 0; i < form.slices; ++i) {
    const Tensor& whole = values[form.states + i];
    axes.push_back(axis_in(context, form.input_axes[i], whole.shape().size()));
    const int64_t here = whole.shape()[axes[i]];
    if (length.value_or(here) != here) {
      context.fail(ErrorCode::kInvalidShape, "scan inputs of " + std::to_string(*length) + " and " +
                                                 std::to_string(here) + " slices");
    }
    length = here;
  }
  const int64_t count = std::clamp(steps.value_or(*length), int64_t{0}, *length);
  std::vector<Stacked> scanned;
  for (size_t i = 0; i < form.scanned; ++i) {
    scanned.emplace_back(body.value(body.outputs[form.states + i]).type);
  }
  std::vector<Tensor> given = values;
  for (int64_t t = 0; t < count; ++t) {
    for (size_t i = 0; i < form.slices; ++i) {
      const int64_t at = form.input_directions[i] != 0 ? count - 1 - t : t;
      given[form.states + i] = slice_of(context, values[form.states + i], axes[i], at);
    }
    std::vector<Tensor> results = context.host.run_subgraph(kBody, given);
    for (size_t i = 0; i < form.states; ++i) given[i] = std::move(results[i]);
    for (size_t i = 0; i < form.scanned; ++i) {
      scanned[i].push(context, std::move(results[form.states + i]));
    }
  }
  given.resize(form.states);
  for (size_t i = 0; i < form.scanned; ++i) {
    const size_t axis = axis_in(context, form.output_axes[i], scanned[i].rank() + 1);
    for (int64_t t = count; t < *length; ++t) scanned[i].push_zeros(context);
    given.push_back(scanned[i].join(context, axis, form.output_directions[i] != 0));
  }
  return given;
}

// Opset 8: each row of the batch by itself, to its own length.
std::vector<Tensor> scan_batch(RunContext& context, const ScanForm& form,
                               const std::vector<Tensor>& values) {
  std::vector<int64_t> lengths;
  if (context.has_input(0)) lengths = integers(context.inputs[0]);
  const int64_t batch = values[form.states].rank() > 0 ? values[form.states].shape()[0] : 0;
  if (batch == 0 || (!lengths.empty() && lengths.size() != static_cast<size_t>(batch))) {
    context.fail(ErrorCode::kInvalidShape, "the batch is empty, or has other lengths");
  }
  std::vector<Stacked> stacks(form.states + form.scanned, Stacked(ValueType{}));
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<Tensor> row;
    for (const Tensor& value : values) {
      if (value.rank() < 1 || value.shape()[0] != batch) {
        context.fail(ErrorCode::kInvalidShape, "an input of another batch");
      }
      row.push_back(slice_of(context, value, 0, b));
    }
    std::optional<int64_t> steps;
    if (!lengths.empty()) steps = lengths[static_cast<size_t>(b)];
    std::vector<Tensor> results = scan(context, form, std::move(row), steps);
    for (size_t i = 0; i < results.size(); ++i) stacks[i].push(context, std::move(results[i]));
  }
  std::vector<Tensor> joined;
  for (Stacked& stack : stacks) joined.push_back(stack.join(context, 0, false));
  return joined;
}

void run_scan(RunContext& context) {
  const ScanForm form = scan_form(context);
  std::vector<Tensor> values;
  for (size_t i = 0; i < form.states + form.slices; ++i) {
    values.push_back(context.host.input(form.first + i));
    if (values.back().defined() && is_tensor(values.back().dtype())) continue;
    context.fail(ErrorCode::kInvalidType, "input " + std::to_string(i) + " is not a tensor");
  }
  std::vector<Tensor> results =
      form.batched ? scan_batch(context, form, values) : scan(context, form, std::move(values), {});
  for (size_t i = 0; i < results.size(); ++i) hand_over(context, i, std::move(results[i]));
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

}  // namespace

std::vector<OpDef> control_ops() {
  std::vector<OpDef> rows = {
      control_row("If", 1, {Role::kShape}, infer_if, run_if),
      control_row("Loop", 1, {Role::kShape, Role::kShape, Role::kParameter}, infer_loop, run_loop),
      control_row("Scan", 8, {Role::kParameter}, infer_scan, run_scan),
  };
  add_sequence_rows(rows);
  return rows;
}

}  // namespace eightfold
