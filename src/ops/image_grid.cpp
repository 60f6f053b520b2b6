// GridSample and AffineGrid over two or three spatial axes.
// Source: ONNX GridSample (16, 20, 22), AffineGrid (20).
//
//   position along an axis of n elements, from a grid value g in -1..1:
//     align_corners: (g + 1) / 2 * (n - 1)     else: ((g + 1) * n - 1) / 2
//   y = sum over the taps of every axis of the product of their weights * x; a tap outside is 0
//   ("zeros"), the nearest element ("border") or mirrored ("reflection")
#include <array>
#include <cmath>

#include "ops/image_rows.h"
#include "ops/resize_spec.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

constexpr size_t kMaxAxes = 3;

// ---------------------------------------------------------------- GridSample
struct Sampling {
  enum Mode : uint8_t { kNearest = 1, kLinear = 2, kCubic = 4 };  // taps per axis
  Mode mode = kLinear;
  bool border = false, reflection = false, align = false;
};

OpState plan_sample(PlanContext& context) {
  check_floats(context, 2);
  const Shape &x = context.inputs[0].shape, &grid = context.inputs[1].shape;
  const size_t rank = x.size();
  check_shapes(context, (rank == 4 || rank == 5) && grid.size() == rank && grid[0] == x[0] &&
                            grid[rank - 1] == static_cast<int64_t>(rank - 2));
  const std::string mode = context.node.string_attribute("mode", "linear");
  const std::string padding = context.node.string_attribute("padding_mode", "zeros");
  Sampling sampling;
  if (mode == "nearest") {
    sampling.mode = Sampling::kNearest;
  } else if (mode == "cubic" || mode == "bicubic") {
    sampling.mode = Sampling::kCubic;
  } else if (mode != "linear" && mode != "bilinear") {
    context.fail(ErrorCode::kInvalidAttribute, "mode '" + mode + "'");
  }
  sampling.border = padding == "border";
  sampling.reflection = padding == "reflection";
  if (!sampling.border && !sampling.reflection && padding != "zeros") {
    context.fail(ErrorCode::kInvalidAttribute, "padding_mode '" + padding + "'");
  }
  sampling.align = context.node.int_attribute("align_corners", 0) != 0;
  return std::make_shared<Sampling>(sampling);
}

void infer_sample(InferContext& context) {
  const auto& x = context.dims(0);
  if (!x) return context.set_output(0, context.dtype(0), std::nullopt);
  Dims dims = *x;
  for (size_t i = 2; i < dims.size(); ++i) dims[i] = dim_of(context, 1, i - 1);
  context.set_output(0, context.dtype(0), std::move(dims));
}

// Mirrored about the first and last element, or about the outer edges of both.
int64_t reflect(int64_t at, int64_t extent, bool align) {
  const int64_t period = align ? 2 * (extent - 1) : 2 * extent;
  if (period == 0) return 0;
  const int64_t folded = (at % period + period) % period;
  return folded < extent ? folded : period - folded - (align ? 0 : 1);
}

struct AxisTaps {
  std::array<int64_t, 4> offset;  // in elements; -1 outside
  std::array<float, 4> weight;
};

AxisTaps taps_at(const Sampling& sampling, float g, int64_t extent, int64_t stride) {
  const auto n = static_cast<float>(extent);
  float at = sampling.align ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2;
  constexpr float kFar = 1e9f;  // also stands for what is no number
  if (!(std::fabs(at) < kFar)) at = at > 0 ? kFar : -kFar;
  const bool nearest = sampling.mode == Sampling::kNearest;
  const float below = nearest ? std::nearbyint(at) : std::floor(at);
  const float part = at - below;
  const int64_t first = static_cast<int64_t>(below) - (sampling.mode == Sampling::kCubic ? 1 : 0);
  AxisTaps taps{};
  for (int64_t t = 0; t < sampling.mode; ++t) {
    const auto tap = static_cast<size_t>(t);
    int64_t index = first + t;
    if (sampling.border) index = std::clamp<int64_t>(index, 0, extent - 1);
    if (sampling.reflection) index = reflect(index, extent, sampling.align);
    taps.offset[tap] = index < 0 || index >= extent ? -1 : index * stride;
    if (nearest) {
      taps.weight[tap] = 1;
    } else if (sampling.mode == Sampling::kLinear) {
      taps.weight[tap] = t == 0 ? 1 - part : part;
    } else {
      taps.weight[tap] = cubic_weight(-0.75f, part + 1 - static_cast<float>(t));
    }
  }
  return taps;
}

float sample(const Sampling& sampling, const std::array<AxisTaps, kMaxAxes>& axes,
             const float* plane) {
  float sum = 0;
  const auto taps = static_cast<size_t>(sampling.mode);
  for (size_t d = 0; d < taps; ++d) {
    if (axes[0].weight[d] == 0) continue;  // all but one, where there is no third axis
    for (size_t h = 0; h < taps; ++h) {
      for (size_t w = 0; w < taps; ++w) {
        const int64_t z = axes[0].offset[d], y = axes[1].offset[h], x = axes[2].offset[w];
        if (z < 0 || y < 0 || x < 0) continue;
        sum += axes[0].weight[d] * axes[1].weight[h] * axes[2].weight[w] * plane[z + y + x];
      }
    }
  }
  return sum;
}

void run_sample(RunContext& context) {
  const auto& sampling = context.plan_as<Sampling>();
  const Shape &x = context.inputs[0].shape, &y = context.outputs[0].shape;
  const size_t spatial = x.size() - 2;
  const int64_t in_size = product(x, 2, x.size()), out_size = product(y, 2, y.size());
  const float* grid = context.inputs[1].as<float>();
  if (context.outputs[0].size() == 0) return;
  if (in_size == 0) {
    std::fill_n(context.outputs[0].as<float>(), context.outputs[0].size(), 0.0f);
    return;
  }
  for (int64_t n = 0; n < x[0]; ++n) {
    const float* image = context.inputs[0].as<float>() + n * x[1] * in_size;
    float* out = context.outputs[0].as<float>() + n * x[1] * out_size;
    for (int64_t i = 0; i < out_size; ++i, grid += spatial) {
      std::array<AxisTaps, kMaxAxes> axes{AxisTaps{{0}, {1}}, AxisTaps{}, AxisTaps{}};
      int64_t stride = 1;
      for (size_t k = 0; k < spatial; ++k) {  // the grid names the last axis first
        const int64_t extent = x[x.size() - 1 - k];
        axes[kMaxAxes - 1 - k] = taps_at(sampling, grid[k], extent, stride);
        stride *= extent;
      }
      for (int64_t c = 0; c < x[1]; ++c) {
        out[c * out_size + i] = sample(sampling, axes, image + c * in_size);
      }
    }
  }
}

// ---------------------------------------------------------------- AffineGrid
// theta [N, r, r + 1], size [N, C, spatial...] -> [N, spatial..., r]
void infer_affine(InferContext& context) {
  const auto size = context.constant_ints(1);
  if (!size || size->size() < 4) return context.set_output(0, context.dtype(0), std::nullopt);
  Shape shape{(*size)[0]};
  shape.insert(shape.end(), size->begin() + 2, size->end());
  shape.push_back(static_cast<int64_t>(size->size()) - 2);
  for (int64_t dim : shape) {
    if (dim < 0)
      context.fail(ErrorCode::kInvalidShape, "size has the entry " + std::to_string(dim));
  }
  context.set_output(0, context.dtype(0), shape);
}

OpState plan_affine(PlanContext& context) {
  check_floats(context, 1);
  const Shape &theta = context.inputs[0].shape, &y = context.outputs[0].shape;
  const int64_t rank = y.back();
  check_shapes(context, (rank == 2 || rank == 3) && theta == Shape{y[0], rank, rank + 1});
  return nullptr;
}

void run_affine(RunContext& context) {
  const Shape& shape = context.outputs[0].shape;
  const auto rank = static_cast<size_t>(shape.back());
  const bool align = context.node.int_attribute("align_corners", 0) != 0;
  const float* theta = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  const int64_t points = product(shape, 1, rank + 1);
  for (int64_t n = 0; n < shape[0]; ++n, theta += rank * (rank + 1)) {
    for (int64_t i = 0; i < points; ++i, y += rank) {
      std::array<float, kMaxAxes> at{};
      int64_t rest = i;
      for (size_t k = 0; k < rank; ++k) {  // x first: the last axis
        const int64_t extent = shape[rank - k];
        const auto place = static_cast<float>(rest % extent), count = static_cast<float>(extent);
        rest /= extent;
        if (align)
          at[k] = extent == 1 ? 0 : 2 * place / (count - 1) - 1;
        else
          at[k] = (2 * place + 1) / count - 1;
      }
      for (size_t r = 0; r < rank; ++r) {
        const float* row = theta + r * (rank + 1);
        y[r] = row[rank];
        for (size_t k = 0; k < rank; ++k) y[r] += row[k] * at[k];
      }
    }
  }
}

}  // namespace

void add_grid_rows(std::vector<OpDef>& rows) {
  rows.push_back({.domain = "",
                  .op_type = "GridSample",
                  .since = 16,
                  .inputs = {Role::kActivation, Role::kParameter},
                  .infer = infer_sample,
                  .plan = plan_sample,
                  .run = run_sample});
  rows.push_back({.domain = "",
                  .op_type = "AffineGrid",
                  .since = 20,
                  .inputs = {Role::kParameter, Role::kShape},
                  .infer = infer_affine,
                  .plan = plan_affine,
                  .run = run_affine});
}

}  // namespace eightfold
