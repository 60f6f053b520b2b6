// QLinearMatMul and MatMulInteger by numpy's rules. Source: ONNX QLinearMatMul, MatMulInteger.
//
//   acc[m][n] = sum_k (a[m][k] - za) * (b[k][n] - zb[n])
//   QLinearMatMul: y = clamp(round_half_even(acc * (sa * sb[n] / sy)) + zy)   MatMulInteger: y =
//   acc
// and the operators of qlinear_matmul_float.cpp, which make floats of acc.
// A constant B is packed once; one that comes at run time is packed when its turn comes.
#include <memory>

#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/matmul.h"
#include "ops/qlinear_matmul.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"

namespace eightfold {
namespace {

using Form = MatMulForm;
constexpr Form kQLinear{3, 2, 5, true};
constexpr Form kInteger{1, 2, 3};
constexpr Form kToFloat{1, 4, 5, false, 2, 3, 6};
constexpr Form kDynamic{1, Form::kAbsent, 3, false, Form::kAbsent, 2, 4};

struct PackedMatMul {
  std::vector<PackedDense> matrices;  // of B, in order; empty when B is not constant
  std::vector<float> scale;           // 1 or n entries
  std::vector<int32_t> b_zero;
  int32_t a_zero = 0;
  ActivationRange activations;
  Int8Output out;
};

// Parameters of one matrix of a batch: one for all, one per column, or [batch..., 1, n] of them.
template <typename T>
std::vector<T> part_of_matrix(const std::vector<T>& values, int64_t index, int64_t matrices,
                              int64_t n) {
  if (matrices < 2 || static_cast<int64_t>(values.size()) != matrices * n) return values;
  const auto first = values.begin() + index * n;
  return {first, first + n};
}

int64_t matrices_in(std::span<const int64_t> shape) {
  return shape.size() < 3 ? 1 : element_count(shape.first(shape.size() - 2));
}

// One [k, n] matrix of B.
PackedDense pack_matrix(const void* b, bool is_signed, int64_t k, int64_t n,
                        const std::vector<int32_t>& zero, const std::vector<float>& scale,
                        const ActivationRange& activations) {
  const std::vector<int32_t> zeros = spread(zero, n, "the zero point of B");
  const std::vector<float> scales = spread(scale, n, "the scale of B");
  DenseWeights weights;
  weights.data = b;
  weights.is_signed = is_signed;
  weights.inner = k;
  weights.n = n;
  weights.inner_stride = n;
  weights.n_stride = 1;
  weights.zero_point = zeros;
  weights.scale = scales;
  weights.activations = activations;
  return pack_dense(weights);
}

void pack_constant(const Tensor& b, PackedMatMul& packed) {
  const Shape& shape = b.shape();
  if (shape.empty() || !is_quantized_int8(b.dtype())) {
    throw Error(ErrorCode::kInvalidType,
                "B is " + std::string(dtype_name(b.dtype())) + " " + shape_text(shape));
  }
  const int64_t n = shape.size() == 1 ? 1 : shape.back();
  const int64_t k = shape.size() == 1 ? shape[0] : shape[shape.size() - 2];
  const int64_t matrices = matrices_in(shape);
  for (int64_t i = 0; i < matrices; ++i) {
    packed.matrices.push_back(
        pack_matrix(static_cast<const uint8_t*>(b.raw()) + i * k * n, b.dtype() == DType::kInt8, k,
                    n, part_of_matrix(packed.b_zero, i, matrices, n),
                    part_of_matrix(packed.scale, i, matrices, n), packed.activations));
  }
}

OpState pack_qlinear(const PackContext& context) {
  const Node& node = context.node;
  const OperandQParams a = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams b = read_qparams(node, context.constants, 4, 5);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 6, 7);
  auto packed = std::make_shared<PackedMatMul>();
  for (float scale : b.scale) packed->scale.push_back(a.tensor_scale() * scale / y.tensor_scale());
  packed->b_zero = b.zero_point;
  packed->a_zero = a.tensor_zero();
  packed->activations = activations_of(context, 0, a);
  packed->activations.one_row = is_one_row(context, 0);
  packed->out = output_of(node, y.dtype, y.tensor_zero());
  if (const Tensor* weight = context.constant(3)) pack_constant(*weight, *packed);
  return packed;
}

OpState pack_integer(const PackContext& context) {
  auto packed = std::make_shared<PackedMatMul>();
  packed->scale = {1.0f};
  packed->b_zero = {0};
  packed->out.dtype = DType::kInt32;
  const size_t zero = matmul_form(context.node).b_zero;
  const bool has_zero = context.node.input(zero) != kNone;
  if (has_zero && !context.constant(zero)) return packed;  // B waits for its zero point
  if (has_zero) packed->b_zero = integers_of(*context.constant(zero));
  if (const Tensor* weight = context.constant(1)) pack_constant(*weight, *packed);
  return packed;
}

struct MatMulPlan {
  MatMulShape shape;
  bool a_signed, b_signed;
  size_t scratch = 0;  // bytes before that of the kernel
};

OpState plan_matmul(PlanContext& context) {
  const Form& form = matmul_form(context.node);
  if (!context.packed) context.fail(ErrorCode::kInternal, "an int8 product was not packed");
  auto plan = std::make_shared<MatMulPlan>();
  plan->shape = make_matmul_shape(context.inputs[0].shape, context.inputs[form.b].shape);
  plan->a_signed = !form.is_dynamic() && is_signed_input(context, 0);
  plan->b_signed = is_signed_input(context, form.b);
  if (form.writes_floats()) check_float_operands(context);
  if (form.is_dynamic()) plan->scratch = dynamic_scratch_bytes(context);
  context.scratch_bytes = plan->scratch + dense_scratch_bytes(plan->shape.k, plan->shape.n);
  return plan;
}

std::vector<int32_t> zeros_of(const TensorView& view) {
  std::vector<int32_t> zeros;
  for (int64_t i = 0; i < view.size(); ++i) {
    zeros.push_back(view.dtype == DType::kInt8 ? view.as<int8_t>()[i] : view.as<uint8_t>()[i]);
  }
  return zeros;
}

// Zero points of A: one, or one per row. Those of QLinearMatMul are known since pack.
MatMulActivations activations_of(const RunContext& context, const MatMulPlan& plan) {
  const Form& form = matmul_form(context.node);
  if (form.is_dynamic()) return quantize_activations(context);
  MatMulActivations a{context.inputs[0].as<uint8_t>(), plan.a_signed, {}, 1};
  a.zero = {context.packed_as<PackedMatMul>().a_zero};
  if (form.writes_floats()) a.scale = *context.inputs[form.a_scale].as<float>();
  if (form.requantizes || !context.has_input(form.a_zero)) return a;
  a.zero = zeros_of(context.inputs[form.a_zero]);
  if (a.zero.size() != 1) a.zero = spread(a.zero, plan.shape.m, "the zero point of A");
  return a;
}

PackedDense matrix_of(const RunContext& context, const MatMulPlan& plan, int64_t index) {
  const Form& form = matmul_form(context.node);
  const auto& packed = context.packed_as<PackedMatMul>();
  if (!packed.matrices.empty()) return packed.matrices[static_cast<size_t>(index)];
  const bool late_zero = !form.requantizes && context.has_input(form.b_zero);
  const int64_t size = plan.shape.k * plan.shape.n;
  const int64_t matrices = matrices_in(context.inputs[form.b].shape);
  const std::vector<int32_t> zeros =
      late_zero ? zeros_of(context.inputs[form.b_zero]) : packed.b_zero;
  return pack_matrix(context.inputs[form.b].as<uint8_t>() + index * size, plan.b_signed,
                     plan.shape.k, plan.shape.n,
                     part_of_matrix(zeros, index, matrices, plan.shape.n),
                     part_of_matrix(packed.scale, index, matrices, plan.shape.n), {});
}

void run_matmul(RunContext& context) {
  const auto& plan = context.plan_as<MatMulPlan>();
  const int64_t m = plan.shape.m, n = plan.shape.n, k = plan.shape.k;
  const MatMulActivations input = activations_of(context, plan);
  const bool by_row = input.zero.size() > 1;
  Int8Output out = context.packed_as<PackedMatMul>().out;
  const size_t element = out.dtype == DType::kInt32 ? 4 : 1;
  PackedDense matrix;
  int64_t held = -1;
  for (int64_t i = 0; i < plan.shape.batches(); ++i) {
    if (plan.shape.b_index(i) != held) {
      held = plan.shape.b_index(i);
      matrix = matrix_of(context, plan, held);
    }
    const uint8_t* a = input.data + plan.shape.a_index(i) * m * k;
    for (int64_t row = 0; row < m; row += by_row ? 1 : m) {
      const int32_t zero = input.zero[by_row ? static_cast<size_t>(row) : 0];
      out.data =
          context.outputs[0].as<uint8_t>() + static_cast<size_t>((i * m + row) * n) * element;
      dense_rows(matrix, {a + row * k, input.is_signed, zero}, out, {by_row ? 1 : m, k, n},
                 context.scratch + plan.scratch);
    }
  }
  if (matmul_form(context.node).writes_floats()) scale_sums(context, input.scale, n);
}

void infer_matmul(InferContext& context) {
  const Form& form = matmul_form(context.node);
  DType dtype = form.writes_floats() ? context.dtype(form.b_scale) : DType::kInt32;
  if (form.requantizes) {
    dtype = context.dtype(7) != DType::kUndefined ? context.dtype(7) : context.dtype(0);
  }
  context.set_output(0, dtype, matmul_dims(context, 0, form.b));
}

int64_t matmul_macs(const Node&, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  return inputs[0].empty() ? 0 : element_count(outputs[0]) * inputs[0].back();
}

}  // namespace

const MatMulForm& matmul_form(const Node& node) {
  if (node.op_type == "MatMulInteger") return kInteger;
  if (node.op_type == "MatMulIntegerToFloat") return kToFloat;
  return node.op_type == "DynamicQuantizeMatMul" ? kDynamic : kQLinear;
}

std::vector<OpDef> qlinear_matmul_rows() {
  const OpDef integer{
      .domain = "",
      .op_type = "MatMulInteger",
      .since = 10,
      .inputs = {Role::kActivation, Role::kWeight, Role::kParameter, Role::kParameter},
      .infer = infer_matmul,
      .pack = pack_integer,
      .plan = plan_matmul,
      .run = run_matmul,
      // Without its zero point a constant B would be kept as it is beside the packed form.
      .needs_constant = [](size_t i) { return i == kInteger.b_zero; },
      .macs = matmul_macs};
  OpDef qlinear = integer;
  qlinear.op_type = "QLinearMatMul";
  qlinear.inputs = {Role::kActivation, Role::kParameter, Role::kParameter, Role::kActivation,
                    Role::kParameter};
  qlinear.pack = pack_qlinear;
  qlinear.needs_constant = [](size_t i) { return i != 0 && i != kQLinear.b; };
  std::vector<OpDef> rows = with_twin(qlinear);
  rows.push_back(integer);
  OpDef to_float = integer;
  to_float.domain = kMicrosoftDomain;
  to_float.op_type = "MatMulIntegerToFloat";
  to_float.since = 1;
  to_float.needs_constant = [](size_t i) { return i == kToFloat.b_zero; };
  rows.push_back(to_float);
  to_float.op_type = "DynamicQuantizeMatMul";
  to_float.needs_constant = [](size_t i) { return i == kDynamic.b_zero; };
  rows.push_back(to_float);
  return rows;
}

}  // namespace eightfold
