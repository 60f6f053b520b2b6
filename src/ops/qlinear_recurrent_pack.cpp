// Weights and factors of the integer recurrent ops. See qlinear_recurrent.h.
#include <algorithm>
#include <cmath>
#include <memory>

#include "ops/dtype_switch.h"
#include "ops/qlinear_recurrent.h"
#include "ops/quantized_operands.h"
#include "ops/recurrent_walk.h"
#include "ops/recurrent_weights.h"

namespace eightfold::qlinear_recurrent {
namespace {

const Tensor& weight(const PackContext& context, size_t input) {
  const Tensor* tensor = context.constant(input);
  if (!tensor || tensor->dtype() != DType::kInt8 || tensor->rank() != 3) {
    context.fail(ErrorCode::kUnsupportedModel,
                 "input " + std::to_string(input) + " is not a constant int8 tensor of rank 3");
  }
  return *tensor;
}

// Rows of a weight, and where in B [D, all] their bias stands.
struct Rows {
  int64_t first, count, bias_first;
};
std::vector<PackedDense> pack_side(const Tensor& tensor, const Tensor* bias, Rows rows,
                                   const ActivationRange& activations) {
  const int64_t directions = tensor.shape()[0], all = tensor.shape()[1], k = tensor.shape()[2];
  std::vector<PackedDense> side;
  for (int64_t d = 0; d < directions; ++d) {
    DenseWeights weights;
    weights.data = tensor.data<int8_t>().data() + (d * all + rows.first) * k;
    weights.inner = k;
    weights.n = rows.count;
    weights.inner_stride = 1;
    weights.n_stride = k;
    weights.activations = activations;
    if (bias) {
      weights.bias = bias->data<int32_t>().subspan(
          static_cast<size_t>(2 * d * all + rows.bias_first), static_cast<size_t>(rows.count));
    }
    side.push_back(pack_dense(weights));
  }
  return side;
}

void check_shapes(const PackContext& context, int64_t directions, int64_t gate_count,
                  const Tensor& w, const Tensor& r, const Tensor* b) {
  const int64_t hidden = r.shape()[2], gates = gate_count * hidden;
  if (w.shape() != Shape{directions, gates, w.shape()[2]} ||
      r.shape() != Shape{directions, gates, hidden} ||
      (b && (b->dtype() != DType::kInt32 || b->shape() != Shape{directions, 2 * gates}))) {
    context.fail(ErrorCode::kInvalidShape, "W " + shape_text(w.shape()) + ", R " +
                                               shape_text(r.shape()) +
                                               " and B do not fit together");
  }
}

// Factors of the sums, in steps of the linear output.
std::vector<float> sum_scale(const PackContext& context, float activation, size_t scale,
                             int64_t directions, int64_t columns, float linear) {
  const OperandQParams given = read_qparams(context.node, context.constants, scale, 99);
  std::vector<float> factors = spread_columns(given.scale, directions, columns);
  for (float& factor : factors) factor = activation * factor / linear;
  return factors;
}

}  // namespace

Place read_place(const PackContext& context, size_t scale) {
  const OperandQParams given =
      read_tensor_qparams(context.node, context.constants, scale, scale + 1);
  if (!is_quantized_int8(given.dtype) && given.dtype != DType::kInt16 &&
      given.dtype != DType::kUint16) {
    context.fail(ErrorCode::kInvalidType,
                 "input " + std::to_string(scale + 1) + " is no zero point of 8 or 16 bits");
  }
  const QRange range = full_range(given.dtype);
  return {given.tensor_scale(),
          given.dtype,
          {given.tensor_zero(), static_cast<int32_t>(range.quant_min),
           static_cast<int32_t>(range.quant_max)}};
}

OpState pack(const PackContext& context, CellKind kind) {
  const Tensor &w = weight(context, kW), &r = weight(context, kR);
  const Tensor* b = context.constant(kB);
  if (!b && context.node.input(kB) != kNone) {
    context.fail(ErrorCode::kUnsupportedModel, "B is not a constant");
  }
  auto packed = std::make_shared<Packed>();
  packed->attributes = recurrent_attributes(context.node, kind);
  const int64_t directions = packed->attributes.directions;
  check_shapes(context, directions, gate_count(kind), w, r, b);
  const int64_t hidden = r.shape()[2], gates = gate_count(kind) * hidden;
  packed->input = w.shape()[2];
  packed->hidden = hidden;
  packed->gates = gates;
  const OperandQParams x = read_tensor_qparams(context.node, context.constants, kXScale, kXZero);
  packed->x_zero = x.tensor_zero();
  packed->x_dtype = x.dtype == DType::kUndefined ? DType::kUint8 : x.dtype;
  const auto set = kind == CellKind::kLstm ? set_lstm : kind == CellKind::kGru ? set_gru : set_rnn;
  const CellPlaces places = set(context, *packed);
  packed->y_dtype = places.h.dtype;

  ActivationRange of_x = activations_of(context, kX, x);
  of_x.one_row = is_one_row(context, kX);
  // A step has a row for each item, which mostly is one.
  const auto& [zero, lo, hi] = places.h.range;
  const ActivationRange of_h{true, places.h.dtype == DType::kInt8, zero, lo, hi, true};
  const bool two_parts = resets_first(packed->attributes);
  const int64_t first = two_parts ? 2 * hidden : gates;
  packed->w = pack_side(w, b, {0, gates, 0}, of_x);
  packed->r = pack_side(r, b, {0, first, gates}, of_h);
  if (two_parts) packed->last = pack_side(r, b, {first, gates - first, gates + first}, of_h);

  const float linear = places.linear.scale;
  packed->x_scale = sum_scale(context, x.tensor_scale(), kWScale, directions, gates, linear);
  packed->h_scale = sum_scale(context, places.h.scale, kRScale, directions, gates, linear);
  return packed;
}

}  // namespace eightfold::qlinear_recurrent
