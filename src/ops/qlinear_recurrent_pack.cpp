// Weights, tables and factors of eightfold:QLinearLSTM. See qlinear_recurrent.h.
#include <algorithm>
#include <cmath>
#include <memory>

#include "ops/dtype_switch.h"
#include "ops/qlinear_recurrent.h"
#include "ops/quantized_operands.h"
#include "ops/recurrent_weights.h"

namespace eightfold::qlinear_recurrent {
namespace {

struct Place {
  float scale = 1;
  DType dtype = DType::kUndefined;
  CellPlace range;
};

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

const Tensor& weight(const PackContext& context, size_t input) {
  const Tensor* tensor = context.constant(input);
  if (!tensor || tensor->dtype() != DType::kInt8 || tensor->rank() != 3) {
    context.fail(ErrorCode::kUnsupportedModel,
                 "input " + std::to_string(input) + " is not a constant int8 tensor of rank 3");
  }
  return *tensor;
}

// One half of B per direction: Wb at 0, Rb at 4H.
std::vector<PackedDense> pack_side(const Tensor& tensor, const Tensor* bias, int64_t first,
                                   const ActivationRange& activations) {
  const int64_t directions = tensor.shape()[0], n = tensor.shape()[1], k = tensor.shape()[2];
  std::vector<PackedDense> side;
  for (int64_t d = 0; d < directions; ++d) {
    DenseWeights weights;
    weights.data = tensor.data<int8_t>().data() + d * n * k;
    weights.inner = k;
    weights.n = n;
    weights.inner_stride = 1;
    weights.n_stride = k;
    weights.activations = activations;
    if (bias) {
      weights.bias = bias->data<int32_t>().subspan(static_cast<size_t>(2 * d * n + first),
                                                   static_cast<size_t>(n));
    }
    side.push_back(pack_dense(weights));
  }
  return side;
}

void check_shapes(const PackContext& context, const Tensor& w, const Tensor& r, const Tensor* b) {
  const int64_t d = recurrent_attributes(context.node, CellKind::kLstm).directions;
  const int64_t hidden = r.shape()[2];
  const Shape bias{d, 8 * hidden};
  if (w.shape() != Shape{d, 4 * hidden, w.shape()[2]} ||
      r.shape() != Shape{d, 4 * hidden, hidden} ||
      (b && (b->dtype() != DType::kInt32 || b->shape() != bias))) {
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

// q(f(dequantize(v))) for every value of the linear output.
template <typename F>
std::vector<uint16_t> gate_table(const Place& linear, const Place& gate, F f) {
  std::vector<uint16_t> table;
  for (int32_t v = linear.range.lo; v <= linear.range.hi; ++v) {
    const double y = f((v - linear.range.zero) * static_cast<double>(linear.scale));
    const double q = std::nearbyint(y / gate.scale) + gate.range.zero;
    table.push_back(static_cast<uint16_t>(std::clamp<double>(q, gate.range.lo, gate.range.hi)));
  }
  return table;
}

}  // namespace

OpState pack(const PackContext& context) {
  const Tensor &w = weight(context, kW), &r = weight(context, kR);
  const Tensor* b = context.constant(kB);
  if (!b && context.node.input(kB) != kNone) {
    context.fail(ErrorCode::kUnsupportedModel, "B is not a constant");
  }
  check_shapes(context, w, r, b);
  auto packed = std::make_shared<Packed>();
  packed->attributes = recurrent_attributes(context.node, CellKind::kLstm);
  packed->input = w.shape()[2];
  packed->hidden = r.shape()[2];

  const OperandQParams x = read_tensor_qparams(context.node, context.constants, kXScale, kXZero);
  const Place h = read_place(context, kHScale), c = read_place(context, kCScale);
  const Place linear = read_place(context, kLinear);
  const Place sigmoid = read_place(context, kSigmoid), tanh = read_place(context, kTanh);
  const Place fc = context.node.input(kFc) != kNone ? read_place(context, kFc) : c;
  const Place ig = context.node.input(kIg) != kNone ? read_place(context, kIg) : c;
  // The tables hold 16 bits without a sign.
  if (!is_quantized_int8(h.dtype) || sigmoid.range.lo < 0 || tanh.range.lo < 0) {
    context.fail(ErrorCode::kInvalidType,
                 "the hidden state must be of 8 bits, the gates of an unsigned type");
  }
  ActivationRange of_x = activations_of(context, kX, x);
  of_x.one_row = is_one_row(context, kX);
  // A step multiplies with as many rows as there are items, which mostly is one.
  const ActivationRange of_h{true, h.dtype == DType::kInt8, h.range.zero, h.range.lo, h.range.hi,
                             true};
  packed->w = pack_side(w, b, 0, of_x);
  packed->r = pack_side(r, b, 4 * packed->hidden, of_h);
  packed->x_zero = x.tensor_zero();
  packed->x_dtype = x.dtype == DType::kUndefined ? DType::kUint8 : x.dtype;
  packed->h_dtype = h.dtype;
  packed->c_dtype = c.dtype;
  const int64_t directions = w.shape()[0], columns = 4 * packed->hidden;
  packed->x_scale =
      sum_scale(context, x.tensor_scale(), kWScale, directions, columns, linear.scale);
  packed->h_scale = sum_scale(context, h.scale, kRScale, directions, columns, linear.scale);
  packed->sigmoid =
      gate_table(linear, sigmoid, [](double v) { return 1.0 / (1.0 + std::exp(-v)); });
  packed->tanh = gate_table(linear, tanh, [](double v) { return std::tanh(v); });
  for (int32_t v = c.range.lo; v <= c.range.hi; ++v) {
    const double state = (v - c.range.zero) * static_cast<double>(c.scale);
    packed->cell_tanh.push_back(static_cast<float>(std::tanh(state)));
  }
  LstmCellParams& cell = packed->cell;
  cell.hidden = packed->hidden;
  cell.linear = linear.range;
  cell.fc = fc.range;
  cell.ig = ig.range;
  cell.cell = c.range;
  cell.hidden_state = h.range;
  cell.sigmoid_zero = sigmoid.range.zero;
  cell.tanh_zero = tanh.range.zero;
  cell.sigmoid = packed->sigmoid.data();
  cell.tanh = packed->tanh.data();
  cell.cell_tanh = packed->cell_tanh.data();
  cell.fc_factor = sigmoid.scale * c.scale / fc.scale;
  cell.ig_factor = sigmoid.scale * tanh.scale / ig.scale;
  cell.from_fc = fc.scale / c.scale;
  cell.from_ig = ig.scale / c.scale;
  cell.h_factor = sigmoid.scale / h.scale;
  return packed;
}

}  // namespace eightfold::qlinear_recurrent
