// QGemm. Source: ONNX Runtime com.microsoft QGemm.
//
//   acc[m][n] = C[n] + sum_k (A'[m][k] - za) * (B'[k][n] - zb[n])      C has scale alpha * sa * sb
//   y = clamp(round_half_even(acc * (alpha * sa * sb[n] / sy)) + zy)   or acc * alpha * sa * sb[n]
// eightfold:QGemm may carry an activation (activation_attribute.h):
//   y = quantize(activation(float(acc) * (alpha * sa * sb[n])))        or without quantize
#include <memory>

#include "core/aligned.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/activation_attribute.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"

namespace eightfold {
namespace {

enum Input : size_t { kA, kAScale, kAZero, kB, kBScale, kBZero, kC, kYScale, kYZero };

bool trans_a(const Node& node) { return node.int_attribute("transA", 0) != 0; }
bool trans_b(const Node& node) { return node.int_attribute("transB", 0) != 0; }

struct PackedGemm {
  PackedDense weights;
  int32_t a_zero = 0;
  Int8Output out;
  FusedActivation activation;
  float y_scale = 1;
  bool acts() const { return activation.kind != FusedActivation::Kind::kNone; }
  // The activation needs the sums as floats before they are quantized.
  bool quantizes_after() const { return acts() && out.dtype != DType::kFloat32; }
};

// C as one entry per column.
std::vector<int32_t> column_bias(const PackContext& context, int64_t n) {
  if (context.node.input(kC) == kNone) return {};
  const Tensor* c = context.constant(kC);
  if (!c || c->dtype() != DType::kInt32 || (c->size() != 1 && c->size() != n) ||
      (c->rank() > 0 && c->size() > 1 && c->shape().back() != n)) {
    context.fail(ErrorCode::kUnsupportedModel,
                 "C of QGemm is not a constant int32 scalar or row" +
                     (c ? ": " + shape_text(c->shape()) : std::string()));
  }
  return spread(integers_of(*c), n, "C");
}

// sa, sb and the output's parameters folded into one factor per column.
std::vector<float> column_scale(const PackContext& context, int64_t n, PackedGemm& packed) {
  const Node& node = context.node;
  const OperandQParams a = read_tensor_qparams(node, context.constants, kAScale, kAZero);
  const OperandQParams b = read_qparams(node, context.constants, kBScale, kBZero);
  const float alpha = node.float_attribute("alpha", 1.0f);
  packed.a_zero = a.tensor_zero();
  packed.out.dtype = DType::kFloat32;
  packed.activation = read_activation(node);
  std::vector<float> scale = spread(b.scale, n, "the scale of B");
  for (float& s : scale) s = alpha * a.tensor_scale() * s;
  if (node.input(kYScale) == kNone) return scale;
  const OperandQParams y = read_tensor_qparams(node, context.constants, kYScale, kYZero);
  // QGemm without an output zero point writes float whatever the scale says; so does its twin.
  if (y.dtype == DType::kUndefined) return scale;
  packed.out = output_of(node, y.dtype, y.tensor_zero());
  packed.y_scale = y.tensor_scale();
  if (packed.acts()) return scale;
  for (float& s : scale) s /= y.tensor_scale();
  return scale;
}

OpState pack_gemm(const PackContext& context) {
  const Tensor* b = context.constant(kB);
  if (!b) {
    context.fail(ErrorCode::kUnsupportedModel, "B of QGemm is not a constant",
                 "use QLinearMatMul for products of two activations");
  }
  if (b->rank() != 2 || !is_quantized_int8(b->dtype())) {
    context.fail(ErrorCode::kInvalidShape,
                 "B is " + std::string(dtype_name(b->dtype())) + " " + shape_text(b->shape()));
  }
  const bool transposed = trans_b(context.node);
  const int64_t rows = b->shape()[0], columns = b->shape()[1];
  auto packed = std::make_shared<PackedGemm>();
  DenseWeights weights;
  weights.data = b->raw();
  weights.is_signed = b->dtype() == DType::kInt8;
  weights.inner = transposed ? columns : rows;
  weights.n = transposed ? rows : columns;
  weights.inner_stride = transposed ? 1 : columns;
  weights.n_stride = transposed ? columns : 1;
  const std::vector<float> scale = column_scale(context, weights.n, *packed);
  const std::vector<int32_t> bias = column_bias(context, weights.n);
  const std::vector<int32_t> zero =
      spread(read_qparams(context.node, context.constants, kBScale, kBZero).zero_point, weights.n,
             "the zero point of B");
  weights.scale = scale;
  weights.bias = bias;
  weights.zero_point = zero;
  weights.activations =
      activations_of(context, kA, read_qparams(context.node, context.constants, kAScale, kAZero));
  weights.activations.one_row = !trans_a(context.node) && is_one_row(context, kA);
  packed->weights = pack_dense(weights);
  return packed;
}

struct GemmPlan {
  int64_t m;
  bool a_signed;
  size_t sums_at = 0;  // bytes of the scratch before the float sums
};

OpState plan_gemm(PlanContext& context) {
  if (!context.packed) context.fail(ErrorCode::kInternal, "QGemm was not packed");
  const auto& packed = *static_cast<const PackedGemm*>(context.packed);
  const Shape& a = context.inputs[kA].shape;
  const bool transposed = trans_a(context.node);
  if (a.size() != 2 || a[transposed ? 0 : 1] != packed.weights.k) {
    context.fail(ErrorCode::kInvalidShape, "A " + shape_text(a) + " and B " +
                                               shape_text(context.inputs[kB].shape) +
                                               " do not multiply");
  }
  context.scratch_bytes = dense_scratch_bytes(packed.weights);
  // A transposed A is turned round in front of the scratch of the kernel.
  if (transposed) context.scratch_bytes += static_cast<size_t>(element_count(a));
  auto plan = std::make_shared<GemmPlan>();
  plan->m = a[transposed ? 1 : 0];
  plan->a_signed = is_signed_input(context, kA);
  if (packed.quantizes_after()) {
    plan->sums_at = aligned(context.scratch_bytes);
    context.scratch_bytes =
        plan->sums_at + static_cast<size_t>(plan->m * packed.weights.n) * sizeof(float);
  }
  return plan;
}

void run_gemm(RunContext& context) {
  const auto& packed = context.packed_as<PackedGemm>();
  const auto& plan = context.plan_as<GemmPlan>();
  const int64_t k = packed.weights.k;
  const uint8_t* a = context.inputs[kA].as<uint8_t>();
  uint8_t* turned = context.scratch + dense_scratch_bytes(packed.weights);
  if (trans_a(context.node)) {
    for (int64_t m = 0; m < plan.m; ++m) {
      for (int64_t i = 0; i < k; ++i) turned[m * k + i] = a[i * plan.m + m];
    }
    a = turned;
  }
  Int8Output out = packed.out;
  out.data = context.outputs[0].data;
  Int8Output sums = out;
  if (packed.quantizes_after()) sums = {context.scratch + plan.sums_at, DType::kFloat32};
  dense_rows(packed.weights, {a, plan.a_signed, packed.a_zero}, sums, {plan.m, k, packed.weights.n},
             context.scratch);
  if (!packed.acts()) return;
  const int64_t count = plan.m * packed.weights.n;
  auto* values = static_cast<float*>(sums.data);
  apply_activation(packed.activation, values, count);
  if (packed.quantizes_after()) select<QuantizeInt8>()->run(values, count, packed.y_scale, out);
}

void infer_gemm(InferContext& context) {
  const Node& node = context.node;
  const bool quantized = context.has_input(kYScale) && context.has_input(kYZero);
  const auto& a = context.dims(kA);
  const auto& b = context.dims(kB);
  std::optional<Dims> dims;
  if (a && b && a->size() == 2 && b->size() == 2) {
    dims = Dims{(*a)[trans_a(node) ? 1 : 0], (*b)[trans_b(node) ? 0 : 1]};
  }
  DType dtype = DType::kFloat32;
  if (quantized) {
    dtype = context.dtype(kYZero) != DType::kUndefined ? context.dtype(kYZero) : context.dtype(kA);
  }
  context.set_output(0, dtype, std::move(dims));
}

int weight_axis(const Node& node) { return trans_b(node) ? 0 : 1; }

int64_t gemm_macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  return element_count(outputs[0]) * inputs[kA][trans_a(node) ? 0 : 1];
}

}  // namespace

std::vector<OpDef> qlinear_gemm_rows() {
  return with_twin({.domain = kMicrosoftDomain,
                    .op_type = "QGemm",
                    .inputs = {Role::kActivation, Role::kParameter, Role::kParameter, Role::kWeight,
                               Role::kParameter, Role::kParameter, Role::kBias, Role::kParameter},
                    .infer = infer_gemm,
                    .pack = pack_gemm,
                    .plan = plan_gemm,
                    .run = run_gemm,
                    .needs_constant = [](size_t i) { return i != kA; },
                    .packs_weights = true,
                    .weight_axis = weight_axis,
                    .macs = gemm_macs});
}

}  // namespace eightfold
