// Concat and Split, in either layout.
//   a tensor is [outer, axis, inner] in memory order; a part has runs of axis * inner elements
#include <memory>
#include <utility>

#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// ---- Concat
void infer_concat(InferContext& context) {
  std::optional<Dims> result;
  size_t axis = 0;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.dims(i)) {
      result.reset();
      break;
    }
    const Dims& dims = *context.dims(i);
    if (i == 0) {
      axis = checked_axis(context, context.node.int_attribute("axis", 1), dims.size());
      result = dims;
      continue;
    }
    if (dims.size() != result->size()) {
      context.fail(ErrorCode::kInvalidShape, "inputs of rank " + std::to_string(result->size()) +
                                                 " and " + std::to_string(dims.size()));
    }
    for (size_t d = 0; d < dims.size(); ++d) {
      Dim& ours = (*result)[d];
      if (d == axis) {
        ours = ours.known() && dims[d].known() ? Dim{ours.value + dims[d].value, {}} : Dim{};
      } else if (!ours.known()) {
        if (dims[d].known() || ours.name.empty()) ours = dims[d];
      } else if (dims[d].known() && dims[d].value != ours.value) {
        context.fail(ErrorCode::kInvalidShape, "axis " + std::to_string(d) + " has " +
                                                   std::to_string(ours.value) + " and " +
                                                   std::to_string(dims[d].value) + " elements");
      }
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// Each part is `outer` runs of elements; in the whole they lie one after another.
struct Parts {
  int64_t outer = 1;
  int64_t whole_run = 0;
  std::vector<int64_t> runs;  // elements of one run of each part
};

template <typename Context>
Parts make_parts(const Context& context, std::span<const TensorInfo> parts) {
  const TensorInfo& first = parts[0];
  const size_t rank = first.shape.size();
  const bool split = context.node.op_type == "Split";
  const size_t axis =
      physical_axis(checked_axis(context, context.node.int_attribute("axis", split ? 0 : 1), rank),
                    rank, first.layout);
  Parts result;
  result.outer = product(physical_shape(first.shape, first.layout), 0, axis);
  for (const TensorInfo& part : parts) {
    if (!part.present()) context.fail(ErrorCode::kUnsupportedModel, "a part is left out");
    result.runs.push_back(product(physical_shape(part.shape, part.layout), axis, rank));
    result.whole_run += result.runs.back();
  }
  return result;
}

enum class Direction : uint8_t { kJoin, kPart };

OpState plan_parts(const Parts& parts, Direction direction) {
  auto copies = std::make_shared<std::vector<StridedCopy>>();
  int64_t at = 0;
  for (int64_t run : parts.runs) {
    StridedCopy copy{{parts.outer, run}, {run, 1}, {parts.whole_run, 1}, 0, at};
    if (direction == Direction::kPart) {
      std::swap(copy.from, copy.to);
      std::swap(copy.from_offset, copy.to_offset);
    }
    copies->push_back(simplified(copy));
    at += run;
  }
  return copies;
}

OpState plan_concat(PlanContext& context) {
  return plan_parts(make_parts(context, context.inputs), Direction::kJoin);
}

void run_concat(RunContext& context) {
  const auto& copies = context.plan_as<std::vector<StridedCopy>>();
  const size_t bytes = element_bytes(context, context.outputs[0].dtype);
  for (size_t i = 0; i < copies.size(); ++i) {
    run_copy(copies[i], bytes, context.inputs[i].data, context.outputs[0].data);
  }
}

// ---- Split
// Extents along the axis, one per output; empty when they are not known.
std::vector<int64_t> split_sizes(const InferContext& context, const Dim& dim) {
  const auto given = infer_integers(context, 1, "split");
  if (!given) return {};
  if (!given->empty()) return *given;
  if (!dim.known()) return {};
  const auto count = static_cast<int64_t>(context.output_count());
  const int64_t each = (dim.value + count - 1) / count;  // the last one may be smaller
  std::vector<int64_t> sizes(context.output_count(), each);
  sizes.back() = dim.value - each * (count - 1);
  return sizes;
}

void infer_split(InferContext& context) {
  std::vector<int64_t> sizes;
  size_t axis = 0;
  if (context.dims(0)) {
    const Dims& dims = *context.dims(0);
    axis = checked_axis(context, context.node.int_attribute("axis", 0), dims.size());
    sizes = split_sizes(context, dims[axis]);
    int64_t sum = 0;
    for (int64_t size : sizes) sum += size;
    const bool wrong_sum = dims[axis].known() && sum != dims[axis].value;
    if (!sizes.empty() && (sizes.size() != context.output_count() || wrong_sum)) {
      context.fail(ErrorCode::kInvalidShape, "parts of " + shape_text(sizes) +
                                                 " do not make up axis " + std::to_string(axis));
    }
  }
  for (size_t i = 0; i < context.output_count(); ++i) {
    std::optional<Dims> result = context.dims(0);
    if (result) (*result)[axis] = sizes.empty() ? Dim{} : Dim{sizes[i], {}};
    context.set_output(i, context.dtype(0), std::move(result));
  }
}

OpState plan_split(PlanContext& context) {
  return plan_parts(make_parts(context, context.outputs), Direction::kPart);
}

void run_split(RunContext& context) {
  const auto& copies = context.plan_as<std::vector<StridedCopy>>();
  const size_t bytes = element_bytes(context, context.inputs[0].dtype);
  for (size_t i = 0; i < copies.size(); ++i) {
    run_copy(copies[i], bytes, context.inputs[0].data, context.outputs[i].data);
  }
}

}  // namespace

void add_join_rows(std::vector<OpDef>& rows) {
  rows.push_back(moving_row("Concat", 1, kLatestOpset, infer_concat, plan_concat, run_concat));
  rows.back().inputs = {Role::kActivation};
  rows.back().layout = LayoutRule::kFollow;
  rows.back().quantized = {QuantizedOperands::kVariadic, kMicrosoftDomain, "QLinearConcat"};
  rows.push_back(moving_row("Split", 1, kLatestOpset, infer_split, plan_split, run_split));
  rows.back().layout = LayoutRule::kFollow;
}

}  // namespace eightfold
