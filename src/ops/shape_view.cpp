// Identity, Dropout, Reshape, Flatten, Squeeze, Unsqueeze: the same bytes under another shape.
#include <algorithm>

#include "ops/shape_rows.h"

namespace eightfold {
namespace {

void run_same_bytes(RunContext& context) {
  copy_bytes(context.outputs[0].data, context.inputs[0].data, view_bytes(context.inputs[0]));
}

void infer_identity(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

// ---- Dropout is the identity when not training; the mask keeps everything.
void infer_dropout(InferContext& context) {
  infer_identity(context);
  const DType mask = context.opset >= 10 || context.opset <= 0 ? DType::kBool : context.dtype(0);
  context.set_output(1, mask, context.dims(0));
}

void run_dropout(RunContext& context) {
  run_same_bytes(context);
  if (!context.has_output(1)) return;
  const TensorView& mask = context.outputs[1];
  if (mask.dtype == DType::kFloat32) {
    std::fill_n(mask.as<float>(), mask.size(), 1.0f);
  } else {
    std::fill_n(mask.as<uint8_t>(), mask.size(), uint8_t{1});
  }
}

// ---- Reshape
// The dim that -1 stands for: what is left of the input when the other dims are taken out. Dims
// that are unknown on both sides must be the same one to cancel.
Dim left_over(const InferContext& context, const Dims& input, const Dims& target, size_t skip) {
  int64_t have = 1, taken = 1;
  std::vector<Dim> unknown;
  for (const Dim& dim : input) {
    if (dim.known())
      have *= dim.value;
    else
      unknown.push_back(dim);
  }
  for (size_t i = 0; i < target.size(); ++i) {
    if (i == skip) continue;
    if (target[i].known()) {
      taken *= target[i].value;
      continue;
    }
    const auto same = std::ranges::find(unknown, target[i]);
    if (target[i].name.empty() || same == unknown.end()) return {};
    unknown.erase(same);
  }
  if (unknown.size() == 1 && have == taken) return unknown[0];
  if (!unknown.empty() || taken == 0) return {};
  if (have % taken != 0) {
    context.fail(ErrorCode::kInvalidShape,
                 std::to_string(have) + " elements cannot be divided by " + std::to_string(taken));
  }
  return {have / taken, {}};
}

void check_count(const InferContext& context, const Dims& input, const Dims& target) {
  int64_t have = 1, want = 1;
  for (const Dim& dim : input) {
    if (!dim.known()) return;
    have *= dim.value;
  }
  for (const Dim& dim : target) {
    if (!dim.known()) return;
    want *= dim.value;
  }
  if (have == want) return;
  context.fail(ErrorCode::kInvalidShape,
               std::to_string(have) + " elements do not fit a shape of " + std::to_string(want));
}

// 0 copies a dim; the copy keeps a name even where the input's dim is nameless and unknown.
Dims reshaped(const InferContext& context, const std::vector<int64_t>& shape) {
  const bool zero_copies = context.node.int_attribute("allowzero", 0) == 0;
  const std::optional<Dims>& known = context.dims(0);
  Dims input = known.value_or(Dims{});
  for (size_t i = 0; i < input.size(); ++i) {
    if (!input[i].known() && input[i].name.empty()) input[i].name = "?" + std::to_string(i);
  }
  Dims target;
  std::optional<size_t> open;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && zero_copies) {
      if (known && i >= input.size()) {
        context.fail(ErrorCode::kInvalidShape, "dim " + std::to_string(i) +
                                                   " of the shape is 0, "
                                                   "but the input has only " +
                                                   std::to_string(input.size()));
      }
      target.push_back(known ? input[i] : Dim{});
    } else if (shape[i] == -1) {
      if (open) context.fail(ErrorCode::kInvalidShape, "more than one dim is -1");
      open = i;
      target.push_back({});
    } else if (shape[i] < 0) {
      context.fail(ErrorCode::kInvalidShape, "dim " + std::to_string(shape[i]));
    } else {
      target.push_back({shape[i], {}});
    }
  }
  if (open && known) target[*open] = left_over(context, input, target, *open);
  if (known) check_count(context, input, target);
  for (Dim& dim : target) {
    if (dim.name.starts_with("?")) dim.name.clear();
  }
  return target;
}

void infer_reshape(InferContext& context) {
  const auto shape = infer_integers(context, 1, "shape");
  std::optional<Dims> dims;
  if (shape) {
    dims = reshaped(context, *shape);
  } else if (context.dims(1) && context.dims(1)->size() == 1 && (*context.dims(1))[0].known()) {
    dims = Dims(static_cast<size_t>((*context.dims(1))[0].value));  // the rank at least
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

// ---- Flatten
Dim merged(const Dims& dims, size_t begin, size_t end) {
  if (end == begin + 1) return dims[begin];
  Dim product{1, {}};
  for (size_t i = begin; i < end; ++i) {
    if (!dims[i].known()) return {};
    product.value *= dims[i].value;
  }
  return product;
}

void infer_flatten(InferContext& context) {
  std::optional<Dims> result;
  if (const std::optional<Dims>& dims = context.dims(0)) {
    const size_t rank = dims->size();
    const int64_t attribute = context.node.int_attribute("axis", 1);
    const bool at_end = attribute == static_cast<int64_t>(rank);
    const size_t axis = at_end ? rank : checked_axis(context, attribute, rank);
    result = Dims{merged(*dims, 0, axis), merged(*dims, axis, rank)};
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// ---- Squeeze, Unsqueeze
std::vector<bool> marked(const InferContext& context, const std::vector<int64_t>& axes,
                         size_t rank) {
  std::vector<bool> marks(rank);
  for (int64_t axis : axes) {
    const size_t at = checked_axis(context, axis, rank);
    if (marks[at]) context.fail(ErrorCode::kInvalidAttribute, "an axis is given twice");
    marks[at] = true;
  }
  return marks;
}

std::optional<Dims> squeezed(const InferContext& context, const Dims& dims) {
  const auto axes = infer_integers(context, 1, "axes");
  if (!axes) return std::nullopt;
  const bool all_ones = axes->empty();
  const std::vector<bool> marks = marked(context, *axes, dims.size());
  Dims result;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (all_ones && !dims[i].known()) return std::nullopt;
    if (marks[i] && dims[i].known() && dims[i].value != 1) {
      context.fail(ErrorCode::kInvalidShape, "axis " + std::to_string(i) + " has " +
                                                 std::to_string(dims[i].value) + " elements");
    }
    const bool drop = all_ones ? dims[i].value == 1 : bool{marks[i]};
    if (!drop) result.push_back(dims[i]);
  }
  return result;
}

void infer_squeeze(InferContext& context) {
  std::optional<Dims> result;
  if (context.dims(0)) result = squeezed(context, *context.dims(0));
  context.set_output(0, context.dtype(0), std::move(result));
}

void infer_unsqueeze(InferContext& context) {
  std::optional<Dims> result;
  const auto axes = infer_integers(context, 1, "axes");
  if (axes && context.dims(0)) {
    const Dims& dims = *context.dims(0);
    const std::vector<bool> marks = marked(context, *axes, dims.size() + axes->size());
    result.emplace();
    size_t next = 0;
    for (bool inserted : marks) result->push_back(inserted ? Dim{1, {}} : dims[next++]);
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

OpDef view_row(std::string_view op_type, void (*infer)(InferContext&)) {
  OpDef row = moving_row(op_type, 1, kLatestOpset, infer, nullptr, run_same_bytes);
  row.aliasing = Aliasing::kView;
  return row;
}

}  // namespace

void add_view_rows(std::vector<OpDef>& rows) {
  rows.push_back(view_row("Identity", infer_identity));
  rows.back().layout = LayoutRule::kFollow;
  rows.back().takes_lists = true;
  rows.push_back(view_row("Dropout", infer_dropout));
  rows.back().layout = LayoutRule::kFollow;
  rows.back().run = run_dropout;
  rows.back().floats = FloatTypes::kSingle;
  rows.push_back(view_row("Reshape", infer_reshape));
  rows.push_back(view_row("Flatten", infer_flatten));
  rows.push_back(view_row("Squeeze", infer_squeeze));
  rows.push_back(view_row("Unsqueeze", infer_unsqueeze));
}

}  // namespace eightfold
