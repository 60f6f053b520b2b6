// RotaryEmbedding (rotary.h).
//   ai.onnx 23:     X, cos_cache, sin_cache, [position_ids]
//   com.microsoft:  input, position_ids, cos_cache, sin_cache
// X is [batch, heads, length, size] or [batch, length, heads * size]. Caches hold a row per
// position, or without position_ids a row per batch and position; a single position_id is the first
// position of every batch (com.microsoft).
#include "ops/rotary.h"

#include <memory>
#include <string>

#include "ops/attention.h"
#include "ops/elementwise_rows.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

struct Operands {
  size_t positions, cos, sin;
};
Operands operands_of(const Node& node) {
  return node.domain.empty() ? Operands{3, 1, 2} : Operands{1, 2, 3};
}

struct RotaryPlan {
  HeadsShape heads;
  int64_t half, rows;  // rows of the caches
  bool positions;      // told by position_ids
};

OpState plan_rotary(PlanContext& context) {
  const auto [positions, cos, sin] = operands_of(context.node);
  for (const size_t i : {size_t{0}, cos, sin}) {
    if (context.inputs[i].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[i].dtype);
  }
  const Shape& x = context.inputs[0].shape;
  const Shape& cache = context.inputs[cos].shape;
  RotaryPlan plan{};
  plan.half = cache.empty() ? 0 : cache.back();
  plan.rows = plan.half ? element_count(cache) / plan.half : 0;
  plan.positions = context.has_input(positions);
  int64_t heads = context.node.int_attribute("num_heads", 0);
  // Without a number of heads (com.microsoft) a head is as long as its rotation.
  if (heads == 0 && x.size() == 3 && plan.half > 0) heads = x[2] / (2 * plan.half);
  const auto shape = heads_shape(x, heads);
  const int64_t told = context.node.int_attribute("rotary_embedding_dim", 0);
  const bool fits = shape && 2 * plan.half <= shape->size && (told == 0 || told == 2 * plan.half) &&
                    context.inputs[sin].shape == cache;
  const int64_t ids = plan.positions ? element_count(context.inputs[positions].shape) : plan.rows;
  if (!fits || (ids != shape->batch * shape->length && !(plan.positions && ids == 1))) {
    context.fail(ErrorCode::kInvalidShape, "an input of shape " + shape_text(x) +
                                               " with caches of shape " + shape_text(cache));
  }
  plan.heads = *shape;
  return std::make_shared<const RotaryPlan>(plan);
}

void run_rotary(RunContext& context) {
  const auto& plan = context.plan_as<RotaryPlan>();
  const auto [positions, cos, sin] = operands_of(context.node);
  std::vector<int64_t> ids;
  if (plan.positions) ids = integers(context.inputs[positions]);
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  const Heads from = heads_of(x.as<const float>(), x.shape, plan.heads);
  const HeadsOf<float> to = heads_of(y.as<float>(), y.shape, plan.heads);
  Rotation rotation{nullptr, nullptr, plan.half, context.node.int_attribute("interleaved", 0) != 0};
  for (int64_t b = 0; b < plan.heads.batch; ++b) {
    for (int64_t i = 0; i < plan.heads.length; ++i) {
      const int64_t token = b * plan.heads.length + i;
      const int64_t row = ids.empty()       ? token
                          : ids.size() == 1 ? ids[0] + i
                                            : ids[static_cast<size_t>(token)];
      if (row < 0 || row >= plan.rows) {
        context.fail(ErrorCode::kInvalidData, "position " + std::to_string(row) +
                                                  " is beyond the caches of " +
                                                  std::to_string(plan.rows) + " rows");
      }
      rotation.cos = context.inputs[cos].as<float>() + row * plan.half;
      rotation.sin = context.inputs[sin].as<float>() + row * plan.half;
      for (int64_t h = 0; h < plan.heads.heads; ++h) {
        rotate(rotation, from.at(b, h, i), plan.heads.size, to.at(b, h, i));
      }
    }
  }
}

}  // namespace

void add_rotary_rows(std::vector<OpDef>& rows) {
  OpDef row;
  row.op_type = "RotaryEmbedding";
  row.inputs = {Role::kActivation, Role::kParameter, Role::kParameter, Role::kShape};
  row.infer = infer_same;
  row.plan = plan_rotary;
  row.run = run_rotary;
  rows.push_back(row);
  row.domain = kMicrosoftDomain;
  row.inputs = {Role::kActivation, Role::kShape, Role::kParameter};
  rows.push_back(row);
}

}  // namespace eightfold
