// Gemm and the fused eightfold:Gemm; the rows of MatMul (matmul.h).
//
//   Y[m][n] = activation(alpha * sum_k A'[m][k] * B'[k][n] + beta * C[m][n])
//
// A' and B' are transposed by transA, transB; C broadcasts. A constant B is packed once, with
// alpha, and with beta * C as its bias where C is a constant row; any other C is added afterwards.
// Source: ONNX Gemm. float32 runs on kernels/float.h, other types on a plain loop.
#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/float.h"
#include "kernels/layout.h"
#include "ops/activation_attribute.h"
#include "ops/dtype_switch.h"
#include "ops/einsum.h"
#include "ops/families.h"
#include "ops/matmul.h"

namespace eightfold {
namespace {

struct GemmAttributes {
  bool trans_a, trans_b;
  float alpha, beta;
};
GemmAttributes attributes_of(const Node& node) {
  return {node.int_attribute("transA", 0) != 0, node.int_attribute("transB", 0) != 0,
          node.float_attribute("alpha", 1.0f), node.float_attribute("beta", 1.0f)};
}

// ---------------------------------------------------------------- infer
Dim matrix_dim(const InferContext& context, size_t input, bool second) {
  const auto& dims = context.dims(input);
  if (!dims) return {};
  if (dims->size() != 2) {
    context.fail(ErrorCode::kInvalidShape, "input " + std::to_string(input) + " has rank " +
                                               std::to_string(dims->size()) + ", expected 2");
  }
  return (*dims)[second ? 1 : 0];
}

void infer_gemm(InferContext& context) {
  const GemmAttributes attributes = attributes_of(context.node);
  const Dim k_a = matrix_dim(context, 0, !attributes.trans_a);
  const Dim k_b = matrix_dim(context, 1, attributes.trans_b);
  if (k_a.known() && k_b.known() && k_a.value != k_b.value) {
    context.fail(ErrorCode::kInvalidShape, "A has " + std::to_string(k_a.value) +
                                               " columns and B " + std::to_string(k_b.value) +
                                               " rows");
  }
  context.set_output(0, context.dtype(0),
                     Dims{matrix_dim(context, 0, attributes.trans_a),
                          matrix_dim(context, 1, !attributes.trans_b)});
}

// ---------------------------------------------------------------- C
// How C is read: element strides over m and n (0 repeats), or nothing.
struct Addend {
  bool present = false;
  int64_t m_stride = 0, n_stride = 0;
  bool is_row() const { return present && m_stride == 0; }
};

// False when `shape` does not broadcast to [m, n]; m < 0: not known, any but 1 counts as [m, ...].
bool make_addend(std::span<const int64_t> shape, int64_t m, int64_t n, Addend* addend) {
  if (shape.size() > 2) return false;
  const int64_t cols = shape.empty() ? 1 : shape.back();
  const int64_t rows = shape.size() == 2 ? shape[0] : 1;
  if ((cols != 1 && cols != n) || (rows != 1 && m >= 0 && rows != m)) return false;
  *addend = {true, rows == 1 ? 0 : cols, cols == 1 ? 0 : 1};
  return true;
}

void scale_row(const float* c, const Addend& addend, float beta, int64_t n, float* bias) {
  for (int64_t i = 0; i < n; ++i) bias[i] = beta * c[i * addend.n_stride];
}

// ---------------------------------------------------------------- pack
struct PackedGemm {
  std::shared_ptr<Buffer> panels;
  bool has_bias = false;  // beta * C is inside
};

DenseWeightsF32 gemm_weights(const float* b, const GemmAttributes& attributes,
                             std::span<const int64_t> shape) {
  const int64_t rows = shape[0], cols = shape[1];
  DenseWeightsF32 weights{.data = b, .alpha = attributes.alpha};
  weights.inner = attributes.trans_b ? cols : rows;
  weights.n = attributes.trans_b ? rows : cols;
  weights.inner_stride = attributes.trans_b ? 1 : cols;
  weights.n_stride = attributes.trans_b ? cols : 1;
  return weights;
}

OpState pack_gemm(const PackContext& context) {
  const Tensor* b = context.constant(1);
  if (!b || b->dtype() != DType::kFloat32 || b->rank() != 2) return nullptr;
  const GemmAttributes attributes = attributes_of(context.node);
  DenseWeightsF32 weights = gemm_weights(b->data<float>().data(), attributes, b->shape());
  auto packed = std::make_shared<PackedGemm>();
  const Tensor* c = context.constant(2);
  std::vector<float> bias;
  Addend addend;
  if (c && c->dtype() == DType::kFloat32 && make_addend(c->shape(), -1, weights.n, &addend) &&
      addend.is_row()) {
    bias.resize(static_cast<size_t>(weights.n));
    scale_row(c->data<float>().data(), addend, attributes.beta, weights.n, bias.data());
    weights.bias = bias.data();
    packed->has_bias = true;
  }
  packed->panels = Buffer::allocate(packed_dense_f32(weights.k(), weights.n) * sizeof(float));
  pack_dense_f32(weights, reinterpret_cast<float*>(packed->panels->data()));
  return packed;
}

// ---------------------------------------------------------------- plan
struct GemmPlan {
  GemmAttributes attributes;
  int64_t m, n, k;
  Addend addend;
  FusedActivation activation;
  bool bias_in_panels = false;
  // Parts of the scratch, in floats.
  size_t transposed_a = 0, panels = 0, bias = 0;
};

void check_types(const PlanContext& context) {
  const DType dtype = context.inputs[0].dtype;
  for (const TensorInfo& input : context.inputs) {
    if (input.present() && input.dtype != dtype) {
      context.fail(ErrorCode::kInvalidType, "inputs of types " + std::string(dtype_name(dtype)) +
                                                " and " + std::string(dtype_name(input.dtype)));
    }
  }
  if (!matmul_supports(dtype)) refuse_dtype(context, dtype);
  const GemmAttributes attributes = attributes_of(context.node);
  const bool small = std::abs(attributes.alpha) < 1e9f && std::abs(attributes.beta) < 1e9f;
  if (!is_float(dtype) && !small) {
    context.fail(ErrorCode::kInvalidAttribute, "alpha or beta is out of range for integers");
  }
}

OpState plan_gemm(PlanContext& context) {
  check_types(context);
  const GemmAttributes attributes = attributes_of(context.node);
  const Shape& a = context.inputs[0].shape;
  const Shape& y = context.outputs[0].shape;
  auto plan = std::make_shared<GemmPlan>();
  plan->attributes = attributes;
  plan->activation = read_activation(context.node);
  plan->m = y[0];
  plan->n = y[1];
  plan->k = attributes.trans_a ? a[0] : a[1];
  if (context.has_input(2) &&
      !make_addend(context.inputs[2].shape, plan->m, plan->n, &plan->addend)) {
    context.fail(ErrorCode::kInvalidShape, "C of shape " + shape_text(context.inputs[2].shape) +
                                               " does not broadcast to " + shape_text(y));
  }
  if (context.inputs[0].dtype != DType::kFloat32) return plan;
  const auto* packed = static_cast<const PackedGemm*>(context.packed);
  if (attributes.trans_a) plan->transposed_a = static_cast<size_t>(plan->m * plan->k);
  if (!packed) {
    plan->panels = packed_dense_f32(plan->k, plan->n);
    if (plan->addend.is_row()) plan->bias = static_cast<size_t>(plan->n);
  }
  plan->bias_in_panels = packed ? packed->has_bias : plan->addend.is_row();
  context.scratch_bytes = (plan->transposed_a + plan->panels + plan->bias) * sizeof(float);
  return plan;
}

// ---------------------------------------------------------------- run
const float* panels_of(const RunContext& context, const GemmPlan& plan, float* panels,
                       float* bias) {
  if (context.packed) {
    return reinterpret_cast<const float*>(context.packed_as<PackedGemm>().panels->data());
  }
  const TensorView& b = context.inputs[1];
  DenseWeightsF32 weights = gemm_weights(b.as<float>(), plan.attributes, b.shape);
  if (plan.bias_in_panels) {
    scale_row(context.inputs[2].as<float>(), plan.addend, plan.attributes.beta, plan.n, bias);
    weights.bias = bias;
  }
  pack_dense_f32(weights, panels);
  return panels;
}

// alpha and beta of integer products count in whole numbers; plan checked that they are small.
template <typename Sum>
Sum factor(float value) {
  if constexpr (std::is_integral_v<Sum>) return static_cast<Sum>(static_cast<int64_t>(value));
  return static_cast<Sum>(value);
}

template <typename T>
void add_addend(const T* c, const GemmPlan& plan, T* y) {
  using Sum = typename Wrapping<T>::Type;
  const auto beta = factor<Sum>(plan.attributes.beta);
  for (int64_t m = 0; m < plan.m; ++m, y += plan.n) {
    const T* row = c + m * plan.addend.m_stride;
    for (int64_t n = 0; n < plan.n; ++n) {
      const Sum scaled = beta * static_cast<Sum>(row[n * plan.addend.n_stride]);
      y[n] = static_cast<T>(static_cast<Sum>(y[n]) + scaled);
    }
  }
}

void run_float(RunContext& context, const GemmPlan& plan) {
  auto* transposed = reinterpret_cast<float*>(context.scratch);
  float* panels = transposed + plan.transposed_a;
  const float* a = context.inputs[0].as<float>();
  if (plan.attributes.trans_a) {
    transpose_images(a, transposed, 1, plan.k, plan.m, sizeof(float));
    a = transposed;
  }
  float* y = context.outputs[0].as<float>();
  const bool adds = plan.addend.present && !plan.bias_in_panels;
  const bool clamps = !adds && plan.activation.is_clamp();
  const ClampF32 clamp = clamps ? ClampF32{plan.activation.min, plan.activation.max} : ClampF32{};
  gemm_f32({panels_of(context, plan, panels, panels + plan.panels), a, plan.m, plan.k, plan.n,
            plan.k, y, plan.n, clamp});
  if (adds) add_addend(context.inputs[2].as<float>(), plan, y);
  if (!clamps) apply_activation(plan.activation, y, plan.m * plan.n);
}

template <typename T>
void run_plain(RunContext& context, const GemmPlan& plan) {
  const GemmAttributes& attributes = plan.attributes;
  T* y = context.outputs[0].as<T>();
  multiply_plain<T>(
      {context.inputs[0].as<T>(), attributes.trans_a ? 1 : plan.k, attributes.trans_a ? plan.m : 1},
      {context.inputs[1].as<T>(), attributes.trans_b ? 1 : plan.n, attributes.trans_b ? plan.k : 1},
      {plan.m, plan.n, plan.k}, y);
  using Sum = typename Wrapping<T>::Type;
  const auto alpha = factor<Sum>(attributes.alpha);
  for (int64_t i = 0; i < plan.m * plan.n; ++i) {
    y[i] = static_cast<T>(alpha * static_cast<Sum>(y[i]));
  }
  if (plan.addend.present) add_addend(context.inputs[2].as<T>(), plan, y);
}

void run_gemm(RunContext& context) {
  const auto& plan = context.plan_as<GemmPlan>();
  const DType dtype = context.inputs[0].dtype;
  if (dtype == DType::kFloat32) return run_float(context, plan);
  dtype_switch<double, int32_t, uint32_t, int64_t, uint64_t>(
      dtype, [&](auto tag) { run_plain<decltype(tag)>(context, plan); });
}

// ---------------------------------------------------------------- rows
int64_t gemm_macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  const int64_t k = inputs[0][node.int_attribute("transA", 0) != 0 ? 0 : 1];
  return outputs[0][0] * outputs[0][1] * k;
}
int gemm_weight_axis(const Node& node) { return node.int_attribute("transB", 0) != 0 ? 0 : 1; }

OpDef gemm_row(std::string_view domain, std::string_view quantized_domain) {
  return {.domain = domain,
          .op_type = "Gemm",
          .inputs = {Role::kActivation, Role::kWeight, Role::kBias},
          .infer = infer_gemm,
          .pack = pack_gemm,
          .plan = plan_gemm,
          .run = run_gemm,
          .floats = FloatTypes::kDouble,
          .quantized = {QuantizedOperands::kGemm, quantized_domain, "QGemm"},
          .packs_weights = true,
          .weight_axis = gemm_weight_axis,
          .macs = gemm_macs};
}

}  // namespace

std::vector<OpDef> linear_ops() {
  return {gemm_row("", kMicrosoftDomain), gemm_row(kEightfoldDomain, kEightfoldDomain),
          matmul_row(), einsum_row()};
}

}  // namespace eightfold
