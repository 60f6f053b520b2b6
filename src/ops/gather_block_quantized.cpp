// GatherBlockQuantized: rows of a table of few bits, as floats. Source: com.microsoft
// GatherBlockQuantized.
//
//   y[a..., i..., b...] = (q - z) * s      q = data[a..., indices[i...], b...]
// q, z and s of one block share the position along quantize_axis / block_size. data is int4, uint4,
// or uint8 that packs `bits` bits along its last axis; then the zero points are packed alike.
#include <memory>

#include "core/nibble.h"
#include "ops/block_weights.h"
#include "ops/qlinear_rows.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

enum Input : size_t { kData, kIndices, kScales, kZeros };

// Elements of the table, not bytes.
template <typename List>
List unpacked(const Node& node, DType dtype, List dims) {
  const int64_t bits = node.int_attribute("bits", 4);
  if (dtype != DType::kUint8 || bits >= 8 || dims.empty()) return dims;
  if constexpr (std::is_same_v<List, Dims>) {
    if (dims.back().known()) dims.back().value *= 8 / bits;
  } else {
    dims.back() *= 8 / bits;
  }
  return dims;
}

void infer_gather(InferContext& context) {
  std::optional<Dims> result;
  if (context.dims(kData) && context.dims(kIndices)) {
    const Dims data = unpacked(context.node, context.dtype(kData), *context.dims(kData));
    const Dims& indices = *context.dims(kIndices);
    const size_t axis =
        checked_axis(context, context.node.int_attribute("gather_axis", 0), data.size());
    const auto at = static_cast<std::ptrdiff_t>(axis);
    result = Dims(data.begin(), data.begin() + at);
    result->insert(result->end(), indices.begin(), indices.end());
    result->insert(result->end(), data.begin() + at + 1, data.end());
  }
  context.set_output(0, context.dtype(kScales), std::move(result));
}

struct TablePlan {
  int64_t outer = 1, rows = 1, inner = 1;    // around the gathered axis
  int64_t length = 1, below = 1, block = 1;  // of the quantized axis
  int64_t blocks = 1;
  int bits = 4;
  Shape scales;  // their shape
};

// Zero points lie as the data do: nibbles, or packed along rows of the scales' last axis.
void check_zeros(const PlanContext& context, const TablePlan& plan) {
  if (!context.has_input(kZeros)) return;
  const TensorInfo& zeros = context.inputs[kZeros];
  const int64_t count = element_count(plan.scales), last = plan.scales.back();
  const int64_t wanted =
      is_four_bit(zeros.dtype) || last == 0 ? count : count / last * packed_bytes(last, plan.bits);
  if (zeros.dtype == context.inputs[kData].dtype && element_count(zeros.shape) == wanted) return;
  context.fail(ErrorCode::kInvalidShape, "zero points " + shape_text(zeros.shape) +
                                             " beside scales " + shape_text(plan.scales));
}

OpState plan_gather(PlanContext& context) {
  const Node& node = context.node;
  const DType dtype = context.inputs[kData].dtype;
  const Shape data = unpacked(node, dtype, context.inputs[kData].shape);
  const size_t gathered = checked_axis(context, node.int_attribute("gather_axis", 0), data.size());
  const size_t axis = checked_axis(context, node.int_attribute("quantize_axis", 1), data.size());
  auto plan = std::make_shared<TablePlan>();
  plan->bits = read_bits(context);
  plan->outer = product(data, 0, gathered);
  plan->rows = data[gathered];
  plan->inner = product(data, gathered + 1, data.size());
  plan->length = data[axis];
  plan->below = product(data, axis + 1, data.size());
  plan->block = node.int_attribute("block_size", 128);
  if (plan->block < 1) context.fail(ErrorCode::kInvalidAttribute, "a block_size below 1");
  plan->blocks = (plan->length + plan->block - 1) / plan->block;
  plan->scales = data;
  plan->scales[axis] = plan->blocks;
  const DType wanted = context.inputs[kScales].dtype;
  if (context.inputs[kScales].shape != plan->scales || wanted != DType::kFloat32 ||
      (dtype != DType::kUint8 && !is_four_bit(dtype))) {
    context.fail(ErrorCode::kInvalidShape, "data of type " + std::string(dtype_name(dtype)) +
                                               " and scales of " + std::string(dtype_name(wanted)) +
                                               " " + shape_text(context.inputs[kScales].shape));
  }
  check_zeros(context, *plan);
  return plan;
}

// Element i of a tensor of nibbles, or of bytes packed along rows of `last` elements.
int32_t element(const TensorView& view, int64_t i, int64_t last, int bits) {
  if (is_four_bit(view.dtype)) return nibble_at(view.data, i, view.dtype == DType::kInt4);
  const int64_t row = i / last;
  return packed_element(view.as<uint8_t>() + row * packed_bytes(last, bits), i % last, bits);
}

int32_t zero_of(const RunContext& context, const TablePlan& plan, int64_t scale) {
  if (context.has_input(kZeros)) {
    return element(context.inputs[kZeros], scale, plan.scales.back(), plan.bits);
  }
  return context.inputs[kData].dtype == DType::kUint8 ? 1 << (plan.bits - 1) : 0;
}

int64_t row_of(const RunContext& context, const TablePlan& plan, int64_t i) {
  const TensorView& indices = context.inputs[kIndices];
  int64_t row =
      indices.dtype == DType::kInt64 ? indices.as<int64_t>()[i] : indices.as<int32_t>()[i];
  if (row < 0) row += plan.rows;
  if (row >= 0 && row < plan.rows) return row;
  context.fail(ErrorCode::kInvalidData, "index " + std::to_string(row) + " is out of range for " +
                                            std::to_string(plan.rows) + " elements");
}

void run_gather(RunContext& context) {
  const auto& plan = context.plan_as<TablePlan>();
  const TensorView& data = context.inputs[kData];
  const auto* scales = context.inputs[kScales].as<float>();
  const int64_t count = context.inputs[kIndices].size();
  const int64_t last = unpacked(context.node, data.dtype, data.shape).back();
  auto* y = context.outputs[0].as<float>();
  for (int64_t o = 0; o < plan.outer; ++o) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t first = (o * plan.rows + row_of(context, plan, i)) * plan.inner;
      for (int64_t at = first; at < first + plan.inner; ++at) {
        const int64_t block = at / plan.below % plan.length / plan.block;
        const int64_t line = at / plan.below / plan.length;
        const int64_t scale = (line * plan.blocks + block) * plan.below + at % plan.below;
        const int32_t steps = element(data, at, last, plan.bits) - zero_of(context, plan, scale);
        *y++ = static_cast<float>(steps) * scales[scale];
      }
    }
  }
}

}  // namespace

OpDef gather_block_quantized_row() {
  return {.domain = kMicrosoftDomain,
          .op_type = "GatherBlockQuantized",
          .inputs = {Role::kParameter, Role::kShape, Role::kParameter},
          .infer = infer_gather,
          .plan = plan_gather,
          .run = run_gather};
}

}  // namespace eightfold
