// Softmax(x)[i] = exp(x[i] - max) / sum_j exp(x[j] - max);  LogSoftmax is its logarithm.
// Hardmax is 1 at the first largest element, 0 elsewhere.
// Until opset 12 the axes from `axis` on are one; from 13 on it is the axis alone.
#include "ops/softmax.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "ops/dtype_switch.h"
#include "ops/elementwise_rows.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

struct Extent {
  int64_t outer, count, inner;  // x is [outer, count, inner], normalised along count
};

constexpr int kPerAxisSince = 13;
// exp(x) is 0 in float32 below, and takes long to find out; masks are there.
constexpr float kVanishes = -104.0f;

OpState plan_softmax(PlanContext& context) {
  const Shape& shape = context.inputs[0].shape;
  const bool per_axis = context.opset >= kPerAxisSince || context.opset <= 0;
  const int64_t axis_attribute = context.node.int_attribute("axis", per_axis ? -1 : 1);
  const size_t rank = shape.size();
  // Coercion to a matrix allows axis == rank: every row is one element.
  const bool past_end = !per_axis && axis_attribute == static_cast<int64_t>(rank);
  if (rank == 0) return std::make_shared<const Extent>(Extent{1, 1, 1});
  const size_t axis = past_end ? rank : checked_axis(context, axis_attribute, rank);
  const int64_t outer = product(shape, 0, axis);
  if (!per_axis)
    return std::make_shared<const Extent>(Extent{outer, product(shape, axis, rank), 1});
  return std::make_shared<const Extent>(Extent{outer, shape[axis], product(shape, axis + 1, rank)});
}

// One vector with elements `step` apart.
template <bool kLog>
void normalize(const float* x, float* y, int64_t count, int64_t step) {
  float largest = x[0];
  for (int64_t i = 1; i < count; ++i) largest = std::max(largest, x[i * step]);
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float shifted = x[i * step] - largest;
    const float power = shifted < kVanishes ? 0.0f : std::exp(shifted);
    sum += power;
    y[i * step] = kLog ? shifted : power;
  }
  if (kLog) {
    const float log_sum = std::log(sum);
    for (int64_t i = 0; i < count; ++i) y[i * step] -= log_sum;
  } else {
    for (int64_t i = 0; i < count; ++i) y[i * step] /= sum;
  }
}

template <bool kLog>
void run_softmax(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const Extent& extent = context.plan_as<Extent>();
  if (extent.count == 0) return;
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  for (int64_t o = 0; o < extent.outer; ++o) {
    for (int64_t i = 0; i < extent.inner; ++i) {
      const int64_t at = o * extent.count * extent.inner + i;
      normalize<kLog>(x + at, y + at, extent.count, extent.inner);
    }
  }
}

void run_hardmax(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const Extent& extent = context.plan_as<Extent>();
  for (int64_t i = 0; extent.count > 0 && i < extent.outer * extent.inner; ++i) {
    const int64_t at = i / extent.inner * extent.count * extent.inner + i % extent.inner;
    const float* x = context.inputs[0].as<float>() + at;
    float* y = context.outputs[0].as<float>() + at;
    int64_t largest = 0;
    for (int64_t k = 1; k < extent.count; ++k) {
      if (x[k * extent.inner] > x[largest * extent.inner]) largest = k;
    }
    for (int64_t k = 0; k < extent.count; ++k) y[k * extent.inner] = k == largest ? 1.0f : 0.0f;
  }
}

OpDef softmax_row(std::string_view op_type, void (*run)(RunContext&), Observation observation) {
  OpDef row;
  row.op_type = op_type;
  row.aliasing = Aliasing::kInPlace;
  row.infer = infer_same;
  row.plan = plan_softmax;
  row.run = run;
  row.observation = observation;
  return row;
}

}  // namespace

void add_softmax_rows(std::vector<OpDef>& rows) {
  rows.push_back(
      softmax_row("Softmax", run_softmax<false>, {Observation::kFixed, 1.0f / 256.0f, 0}));
  rows.push_back(softmax_row("LogSoftmax", run_softmax<true>, {}));
  rows.push_back(softmax_row("Hardmax", run_hardmax, {Observation::kFixed, 1.0f / 255.0f, 0}));
}

}  // namespace eightfold
