// com.microsoft DynamicQuantizeLSTM: an LSTM whose weights are 8-bit and whose X and H are
// quantized to uint8 as they come, X once for the whole sequence, H at every step.
//
//   s, z of a block of values: as DynamicQuantizeLinear
//   product = float(sum_k (q[k] - z) * (w[k][n] - zw[n])) * (s * sw[n])
//   gates = (product of X + product of H) + (Wb + Rb)
//
// All else is the float LSTM. Weights lie as [D, K, 4H] and are constants. Source: ONNX Runtime,
// whose sums, order of sums and rational activations are kept, so that the results are its own bits
// as long as it runs the batch undivided (one thread).
#include <algorithm>
#include <memory>

#include "core/qparams.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/dtype_switch.h"
#include "ops/quantized_operands.h"
#include "ops/recurrent.h"
#include "ops/recurrent_walk.h"
#include "ops/recurrent_weights.h"

namespace eightfold {
namespace {

constexpr size_t kX = 0, kW = 1, kR = 2, kB = 3;
constexpr size_t kWScale = 8, kRScale = 10;  // the zero point follows

struct PackedSide {
  std::vector<PackedDense> weights;  // per direction
  std::vector<float> scale;          // [directions * columns]
};
struct PackedDynamic {
  PackedSide w, r;
};

PackedSide pack_side(const PackContext& context, size_t input, size_t scale) {
  const Tensor* tensor = context.constant(input);
  if (!tensor || !is_quantized_int8(tensor->dtype()) || tensor->rank() != 3) {
    context.fail(ErrorCode::kUnsupportedModel, "weights that are not constants of int8 or uint8");
  }
  const int64_t directions = tensor->shape()[0], k = tensor->shape()[1], n = tensor->shape()[2];
  const OperandQParams given = read_qparams(context.node, context.constants, scale, scale + 1);
  PackedSide side;
  side.scale = spread_columns(given.scale, directions, n);
  const std::vector<int32_t> zero = spread_columns(given.zero_point, directions, n);
  for (int64_t d = 0; d < directions; ++d) {
    DenseWeights weights;
    weights.data = static_cast<const uint8_t*>(tensor->raw()) + d * k * n;
    weights.is_signed = tensor->dtype() == DType::kInt8;
    weights.inner = k;
    weights.n = n;
    weights.inner_stride = n;
    weights.n_stride = 1;
    weights.zero_point =
        std::span(zero).subspan(static_cast<size_t>(d * n), static_cast<size_t>(n));
    side.weights.push_back(pack_dense(weights));
  }
  return side;
}

OpState pack_dynamic(const PackContext& context) {
  auto packed = std::make_shared<PackedDynamic>();
  packed->w = pack_side(context, kW, kWScale);
  packed->r = pack_side(context, kR, kRScale);
  return packed;
}

struct DynamicPlan {
  OpState own;  // of a node whose inputs are all constant: it is computed without a pack before
  const PackedDynamic* packed = nullptr;
  RecurrentAttributes attributes;
  RecurrentShape shape;
  // Parts of the scratch, in bytes.
  size_t bias_at = 0, quantized_at = 0, dense_at = 0;
};

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

OpState plan_dynamic(PlanContext& context) {
  auto plan = std::make_shared<DynamicPlan>();
  if (!context.packed)
    plan->own = pack_dynamic({context.node, context.opset, context.constants, {}});
  plan->packed = static_cast<const PackedDynamic*>(plan->own ? plan->own.get() : context.packed);
  plan->attributes = recurrent_attributes(context.node, CellKind::kLstm);
  for (auto& functions : plan->attributes.activations) {
    for (CellActivation& function : functions) function = as_rational(function);
  }
  plan->shape = recurrent_shape(context, plan->attributes, WeightOrder::kColumns);
  const RecurrentShape& shape = plan->shape;
  plan->bias_at = aligned(static_cast<size_t>(walk_scratch(shape)) * sizeof(float));
  plan->quantized_at = plan->bias_at + aligned(static_cast<size_t>(shape.gates) * sizeof(float));
  const int64_t quantized = std::max(walk_rows(shape) * shape.input, shape.batch * shape.hidden);
  plan->dense_at = plan->quantized_at + aligned(static_cast<size_t>(quantized));
  context.scratch_bytes = plan->dense_at;
  context.scratch_bytes += std::max(dense_scratch_bytes(plan->packed->w.weights[0]),
                                    dense_scratch_bytes(plan->packed->r.weights[0]));
  return plan;
}

ScaleZeroPoint dynamic_parameters(const float* x, int64_t n) {
  float low = 0, high = 0;
  for (int64_t i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  const float scale = low == high ? 1.0f : (high - low) / 255.0f;
  const float zero = round_half_even(std::clamp(0.0f - low / scale, 0.0f, 255.0f));
  return {scale, zero > 0 ? static_cast<int32_t>(zero) : 0};  // an infinite range gives NaN
}

class DynamicProducts final : public GateProducts {
 public:
  explicit DynamicProducts(const RunContext& context)
      : context_(context),
        plan_(context.plan_as<DynamicPlan>()),
        packed_(*plan_.packed),
        bias_(reinterpret_cast<float*>(context.scratch + plan_.bias_at)) {}

  void start(int64_t direction, int64_t steps) override {
    direction_ = static_cast<size_t>(direction);
    const RecurrentShape& shape = plan_.shape;
    const int64_t used = plan_.attributes.batch_major ? shape.steps : steps;
    x_ = dynamic_parameters(context_.inputs[kX].as<float>(), used * shape.batch * shape.input);
    if (!context_.has_input(kB)) return;
    const float* b = context_.inputs[kB].as<float>() + direction * 2 * shape.gates;
    for (int64_t i = 0; i < shape.gates; ++i) bias_[i] = b[i] + b[shape.gates + i];
  }

  void of_input(const float* x, int64_t rows, float* gates) override {
    multiply(packed_.w, x_, x, rows, plan_.shape.input, gates);
  }

  void of_hidden(Part, const float* h, int64_t rows, float* products) override {
    const ScaleZeroPoint parameters = dynamic_parameters(h, rows * plan_.shape.hidden);
    multiply(packed_.r, parameters, h, rows, plan_.shape.hidden, products);
  }

  const float* late_bias() const override { return context_.has_input(kB) ? bias_ : nullptr; }

 private:
  // The sums take the place of the floats that they become.
  void multiply(const PackedSide& side, ScaleZeroPoint parameters, const float* x, int64_t rows,
                int64_t k, float* y) const {
    uint8_t* quantized = context_.scratch + plan_.quantized_at;
    const int64_t n = plan_.shape.gates;
    select<QuantizeInt8>()->run(x, rows * k, parameters.scale,
                                {quantized, DType::kUint8, parameters.zero_point, 0, 255});
    dense_rows(side.weights[direction_], {quantized, false, parameters.zero_point},
               {y, DType::kInt32}, {rows, k, n}, context_.scratch + plan_.dense_at);
    const float* scale = side.scale.data() + static_cast<int64_t>(direction_) * n;
    for (int64_t row = 0; row < rows; ++row, y += n) {
      const auto* sums = reinterpret_cast<const int32_t*>(y);
      for (int64_t i = 0; i < n; ++i) {
        y[i] = static_cast<float>(sums[i]) * (parameters.scale * scale[i]);
      }
    }
  }

  const RunContext& context_;
  const DynamicPlan& plan_;
  const PackedDynamic& packed_;
  float* bias_;
  size_t direction_ = 0;
  ScaleZeroPoint x_;
};

void run_dynamic(RunContext& context) {
  const auto& plan = context.plan_as<DynamicPlan>();
  DynamicProducts products(context);
  walk_recurrent(context, plan.attributes, plan.shape, products,
                 reinterpret_cast<float*>(context.scratch));
}

}  // namespace

OpDef dynamic_quantize_lstm_row() {
  return {.domain = kMicrosoftDomain,
          .op_type = "DynamicQuantizeLSTM",
          .inputs = {Role::kActivation, Role::kWeight, Role::kWeight, Role::kBias, Role::kShape,
                     Role::kActivation, Role::kActivation, Role::kParameter, Role::kParameter,
                     Role::kParameter, Role::kParameter, Role::kParameter},
          .infer = infer_recurrent,
          .pack = pack_dynamic,
          .plan = plan_dynamic,
          .run = run_dynamic,
          .observation = {Observation::kNotObserved},
          .macs = recurrent_macs};
}

}  // namespace eightfold
