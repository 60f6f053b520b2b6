// Scan: a body over the slices of its inputs.
//
//   (state..., slices...) -> (state..., scanned...)     slices and scanned along an axis
// Source: ONNX Scan 8 (rows of a batch, each to its own length) and 9 to 25.
#include "ops/control.h"

#include <algorithm>
#include <utility>

namespace eightfold {
namespace {

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

// Between two slices; `values` holds the states as they came, and then whole scan inputs.
struct Scanning {
  ScanForm form;
  std::vector<Tensor> values;
  std::vector<Tensor> given;  // to the body: the states as they are, and slices
  std::vector<size_t> axes;
  int64_t length = 0, count = 0, turn = 0;
  std::vector<Stacked> scanned;
};

Scanning begin_slices(RunContext& context, const ScanForm& form, std::vector<Tensor> values,
                      std::optional<int64_t> steps) {
  const Graph& body =
      body_of(context, kBody, form.states + form.slices, form.states + form.scanned);
  Scanning scan;
  scan.form = form;
  scan.values = std::move(values);
  std::optional<int64_t> length;
  for (size_t i = 0; i < form.slices; ++i) {
    const Shape& whole = scan.values[form.states + i].shape();
    scan.axes.push_back(axis_in(context, form.input_axes[i], whole.size()));
    const int64_t here = whole[scan.axes[i]];
    if (length.value_or(here) != here) {
      context.fail(ErrorCode::kInvalidShape, "scan inputs of " + std::to_string(*length) + " and " +
                                                 std::to_string(here) + " slices");
    }
    length = here;
  }
  scan.length = *length;
  scan.count = std::clamp(steps.value_or(*length), int64_t{0}, *length);
  for (size_t i = 0; i < form.scanned; ++i) {
    scan.scanned.emplace_back(body.value(body.outputs[form.states + i]).type);
  }
  scan.given = scan.values;
  return scan;
}

bool turn_slice(RunContext& context, Scanning& scan) {
  if (scan.turn >= scan.count) return false;
  const ScanForm& form = scan.form;
  for (size_t i = 0; i < form.slices; ++i) {
    const int64_t at = form.input_directions[i] != 0 ? scan.count - 1 - scan.turn : scan.turn;
    scan.given[form.states + i] = slice_of(context, scan.values[form.states + i], scan.axes[i], at);
  }
  std::vector<Tensor> results = context.host.run_subgraph(kBody, scan.given);
  for (size_t i = 0; i < form.states; ++i) scan.given[i] = std::move(results[i]);
  for (size_t i = 0; i < form.scanned; ++i) {
    scan.scanned[i].push(context, std::move(results[form.states + i]));
  }
  ++scan.turn;
  return true;
}

// The last states and the scanned outputs.
std::vector<Tensor> end_slices(RunContext& context, Scanning& scan) {
  const ScanForm& form = scan.form;
  std::vector<Tensor> results = std::move(scan.given);
  results.resize(form.states);
  for (size_t i = 0; i < form.scanned; ++i) {
    Stacked& stack = scan.scanned[i];
    const size_t axis = axis_in(context, form.output_axes[i], stack.rank() + 1);
    for (int64_t t = scan.count; t < scan.length; ++t) stack.push_zeros(context);
    results.push_back(stack.join(context, axis, form.output_directions[i] != 0));
  }
  return results;
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
    Scanning scan = begin_slices(context, form, std::move(row), steps);
    while (turn_slice(context, scan)) {
    }
    std::vector<Tensor> results = end_slices(context, scan);
    for (size_t i = 0; i < results.size(); ++i) stacks[i].push(context, std::move(results[i]));
  }
  std::vector<Tensor> joined;
  for (Stacked& stack : stacks) joined.push_back(stack.join(context, 0, false));
  return joined;
}

std::vector<Tensor> inputs_of(RunContext& context, const ScanForm& form) {
  std::vector<Tensor> values;
  for (size_t i = 0; i < form.states + form.slices; ++i) {
    values.push_back(context.host.input(form.first + i));
    if (values.back().defined() && is_tensor(values.back().dtype())) continue;
    context.fail(ErrorCode::kInvalidType, "input " + std::to_string(i) + " is not a tensor");
  }
  return values;
}

Scanning begin_scan(RunContext& context) {
  const ScanForm form = scan_form(context);
  return begin_slices(context, form, inputs_of(context, form), {});
}

void run_scan(RunContext& context) {
  std::vector<Tensor> results;
  if (const ScanForm form = scan_form(context); form.batched) {
    results = scan_batch(context, form, inputs_of(context, form));
  } else {
    const auto scan = take_turns(context, begin_scan, turn_slice);
    if (!scan) return;
    results = end_slices(context, *scan);
  }
  for (size_t i = 0; i < results.size(); ++i) hand_over(context, i, std::move(results[i]));
}

}  // namespace

void add_scan_body_rows(std::vector<OpDef>& rows) {
  rows.push_back(control_row("Scan", 8, {Role::kParameter}, infer_scan, run_scan));
}

}  // namespace eightfold
