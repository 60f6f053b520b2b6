// Softmax(x)[i] = exp(x[i] - max) / sum_j exp(x[j] - max);  LogSoftmax is its logarithm.
// Hardmax is 1 at the first largest element, 0 elsewhere.
// Until opset 12 the axes from `axis` on are one; from 13 on it is the axis alone.
#include "ops/softmax.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/lanes.h"
#include "kernels/float.h"
#include "kernels/kernels.h"
#include "kernels/layout.h"
#include "kernels/parallel.h"
#include "ops/dtype_switch.h"
#include "ops/elementwise_rows.h"
#include "ops/pieces.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

struct Extent {
  int64_t outer, count, inner;  // x is [outer, count, inner], normalised along count
};

constexpr int kPerAxisSince = 13;

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

// A vector that lies in one piece.
void normalize_row(const ExpFloat32& kernel, const float* x, float* y, int64_t count, bool log) {
  const float largest = kernel.largest(x, count);
  float sum = 0;
  if (!log) {
    sum = kernel.run(x, count, largest, y);
    return map_lanes(y, 1, &sum, 0, y, count, [](Lanes a, Lanes b) { return a / b; });
  }
  float powers[kPiece];
  for (int64_t at = 0; at < count; at += kPiece) {
    sum += kernel.run(x + at, std::min(kPiece, count - at), largest, powers);
  }
  sum = std::log(sum);
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] - largest - sum;
}

// Up to kPiece vectors side by side, their elements `step` apart.
void normalize_columns(const ExpFloat32& kernel, const float* x, float* y, int64_t count,
                       int64_t step, int64_t width, bool log) {
  float largest[kPiece], sums[kPiece] = {}, powers[kPiece];
  const auto map = [width](const float* a, const float* b, float* to, auto f) {
    map_lanes(a, 1, b, 1, to, width, f);
  };
  const auto difference = [](Lanes a, Lanes b) { return a - b; };
  std::copy_n(x, width, largest);
  for (int64_t k = 1; k < count; ++k) {
    map(largest, x + k * step, largest, [](Lanes a, Lanes b) { return a < b ? b : a; });
  }
  for (int64_t k = 0; k < count; ++k) {
    float* to = y + k * step;
    float* power = log ? powers : to;
    map(x + k * step, largest, to, difference);
    kernel.run(to, width, 0, power);
    map(sums, power, sums, [](Lanes a, Lanes b) { return a + b; });
  }
  for (int64_t i = 0; log && i < width; ++i) sums[i] = std::log(sums[i]);
  for (int64_t k = 0; k < count; ++k, y += step) {
    log ? map(y, sums, y, difference) : map(y, sums, y, [](Lanes a, Lanes b) { return a / b; });
  }
}

// Vectors shorter than the machine's registers are few, side by side they are many: kColumns of
// them at a time.
constexpr int64_t kShort = 16, kColumns = 64;
constexpr int64_t kCost = 15;  // of an element, as in ParallelLoop

void normalize_short(const ExpFloat32& kernel, const float* x, float* y, const Extent& extent,
                     bool log) {
  parallel_for({extent.outer, extent.count * kCost, kColumns}, [&](const LoopPart& part) {
    float columns[kShort * kColumns];
    for (int64_t o = part.begin; o < part.end; o += kColumns) {
      const int64_t width = std::min(kColumns, part.end - o), at = o * extent.count;
      transpose_images(x + at, columns, 1, width, extent.count, sizeof(float));
      normalize_columns(kernel, columns, columns, extent.count, width, width, log);
      transpose_images(columns, y + at, 1, extent.count, width, sizeof(float));
    }
  });
}

void run_softmax(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const Extent& extent = context.plan_as<Extent>();
  if (extent.count == 0) return;
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  const ExpFloat32& kernel = *select<ExpFloat32>().kernel;
  const bool log = context.node.op_type == "LogSoftmax";
  if (extent.inner == 1 && extent.count <= kShort && extent.outer > 1) {
    return normalize_short(kernel, x, y, extent, log);
  }
  const int64_t pieces = (extent.inner + kPiece - 1) / kPiece;
  const int64_t cost = extent.count * std::min(kPiece, extent.inner) * kCost;
  parallel_for({extent.outer * pieces, cost}, [&](const LoopPart& part) {
    for (int64_t p = part.begin; p < part.end; ++p) {
      const int64_t i = p % pieces * kPiece;
      const int64_t first = p / pieces * extent.count * extent.inner + i;
      if (extent.inner == 1) {
        normalize_row(kernel, x + first, y + first, extent.count, log);
      } else {
        normalize_columns(kernel, x + first, y + first, extent.count, extent.inner,
                          std::min(kPiece, extent.inner - i), log);
      }
    }
  });
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
  rows.push_back(softmax_row("Softmax", run_softmax, {Observation::kFixed, 1.0f / 256.0f, 0}));
  rows.push_back(softmax_row("LogSoftmax", run_softmax, {}));
  rows.push_back(softmax_row("Hardmax", run_hardmax, {Observation::kFixed, 1.0f / 255.0f, 0}));
}

}  // namespace eightfold
