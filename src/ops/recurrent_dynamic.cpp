// com.microsoft DynamicQuantizeLSTM, eightfold:DynamicQuantizeGRU, DynamicQuantizeRNN: layers whose
// weights are 8-bit and whose X and H are quantized to uint8 as they come, X once for the whole
// sequence, H at every step (and r * H, where GRU's reset comes before its product).
//
//   s, z of a block of values: as DynamicQuantizeLinear
//   product = float(sum_k (q[k] - z) * (w[k][n] - zw[n])) * (s * sw[n])
//   gates = (product of X + product of H) + (Wb + Rb)
//
// All else is the float op. Weights are constants, of LSTM as [D, K, 4H], else as [D, G * H, K].
// Source: ONNX Runtime's LSTM, whose sums, order of sums and rational activations are kept, so that
// its results are those bits as long as it runs the batch undivided (one thread).
//
//   X, W, R, B, sequence_lens, initial_h    as the float op; LSTM: initial_c, P
//   W_scale, W_zero_point, R_scale, R_zero_point
#include <algorithm>
#include <memory>

#include "core/aligned.h"
#include "core/qparams.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/dtype_switch.h"
#include "ops/dynamic_range.h"
#include "ops/quantized_operands.h"
#include "ops/recurrent.h"
#include "ops/recurrent_walk.h"
#include "ops/recurrent_weights.h"

namespace eightfold {
namespace {

constexpr size_t kX = 0, kW = 1, kR = 2, kB = 3;
// The zero point follows.
constexpr size_t w_scale_of(CellKind kind) { return kind == CellKind::kLstm ? 8 : 6; }
constexpr size_t r_scale_of(CellKind kind) { return w_scale_of(kind) + 2; }

struct PackedSide {
  std::vector<PackedDense> weights;  // per direction
  std::vector<float> scale;          // [directions * columns]
};
struct PackedDynamic {
  PackedSide w, r, last;  // of the hidden gate, where GRU's reset comes before its product
};

// Columns first..first + count of the product, out of all.
struct Columns {
  int64_t first, count;
};
PackedSide pack_side(const PackContext& context, CellKind kind, size_t input, size_t scale,
                     Columns columns) {
  const Tensor* tensor = context.constant(input);
  if (!tensor || !is_quantized_int8(tensor->dtype()) || tensor->rank() != 3) {
    context.fail(ErrorCode::kUnsupportedModel, "weights that are not constants of int8 or uint8");
  }
  const bool rows = kind != CellKind::kLstm;
  const int64_t directions = tensor->shape()[0];
  const int64_t k = tensor->shape()[rows ? 2 : 1], n = tensor->shape()[rows ? 1 : 2];
  const auto [first, count] = columns;
  if (first + count > n) {
    context.fail(ErrorCode::kInvalidShape, "weights of shape " + shape_text(tensor->shape()));
  }
  const OperandQParams given = read_qparams(context.node, context.constants, scale, scale + 1);
  PackedSide side;
  const std::vector<float> all = spread_columns(given.scale, directions, n);
  const std::vector<int32_t> zero = spread_columns(given.zero_point, directions, n);
  for (int64_t d = 0; d < directions; ++d) {
    DenseWeights weights;
    side.scale.insert(side.scale.end(), all.begin() + d * n + first,
                      all.begin() + d * n + first + count);
    weights.data = static_cast<const uint8_t*>(tensor->raw()) + d * k * n + first * (rows ? k : 1);
    weights.is_signed = tensor->dtype() == DType::kInt8;
    weights.inner = k;
    weights.n = count;
    weights.inner_stride = rows ? 1 : n;
    weights.n_stride = rows ? k : 1;
    weights.zero_point =
        std::span(zero).subspan(static_cast<size_t>(d * n + first), static_cast<size_t>(count));
    side.weights.push_back(pack_dense(weights));
  }
  return side;
}

template <CellKind kKind>
OpState pack_dynamic(const PackContext& context) {
  const Tensor* r = context.constant(kR);
  const int64_t hidden = r && r->rank() == 3 ? r->shape()[kKind == CellKind::kLstm ? 1 : 2] : 0;
  const int64_t gates = gate_count(kKind) * hidden;
  auto packed = std::make_shared<PackedDynamic>();
  packed->w = pack_side(context, kKind, kW, w_scale_of(kKind), {0, gates});
  const bool two_parts = resets_first(recurrent_attributes(context.node, kKind));
  const int64_t first = two_parts ? 2 * hidden : gates;
  packed->r = pack_side(context, kKind, kR, r_scale_of(kKind), {0, first});
  if (two_parts) {
    packed->last = pack_side(context, kKind, kR, r_scale_of(kKind), {first, gates - first});
  }
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

template <CellKind kKind>
OpState plan_dynamic(PlanContext& context) {
  auto plan = std::make_shared<DynamicPlan>();
  if (!context.packed) {
    plan->own = pack_dynamic<kKind>({context.node, context.opset, context.constants, {}});
  }
  plan->packed = static_cast<const PackedDynamic*>(plan->own ? plan->own.get() : context.packed);
  constexpr bool is_lstm = kKind == CellKind::kLstm;
  plan->attributes = recurrent_attributes(context.node, kKind);
  for (auto& functions : plan->attributes.activations) {
    for (CellActivation& function : functions) {
      if (is_lstm) function = as_rational(function);
    }
  }
  plan->shape = recurrent_shape(context, plan->attributes,
                                is_lstm ? WeightOrder::kColumns : WeightOrder::kQuantizedRows);
  const RecurrentShape& shape = plan->shape;
  plan->bias_at = aligned(static_cast<size_t>(walk_scratch(shape)) * sizeof(float));
  plan->quantized_at = plan->bias_at + aligned(static_cast<size_t>(shape.gates) * sizeof(float));
  const int64_t quantized = std::max(walk_rows(shape) * shape.input, shape.batch * shape.hidden);
  plan->dense_at = plan->quantized_at + aligned(static_cast<size_t>(quantized));
  size_t dense = 0;
  for (const PackedSide* side : {&plan->packed->w, &plan->packed->r, &plan->packed->last}) {
    if (!side->weights.empty()) dense = std::max(dense, dense_scratch_bytes(side->weights[0]));
  }
  context.scratch_bytes = plan->dense_at + dense;
  return plan;
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
    x_ = dynamic_range(context_.inputs[kX].as<float>(), used * shape.batch * shape.input);
    if (!context_.has_input(kB)) return;
    const float* b = context_.inputs[kB].as<float>() + direction * 2 * shape.gates;
    const int64_t joint = shape.gates - apart();
    for (int64_t i = 0; i < shape.gates; ++i) {
      bias_[i] = i < joint ? b[i] + b[shape.gates + i] : b[i];
    }
    hidden_bias_ = b + shape.gates + joint;
  }

  void of_input(const float* x, int64_t rows, float* gates) override {
    const int64_t n = plan_.shape.gates;
    multiply(packed_.w, x_, x, rows, plan_.shape.input, gates);
    if (!is_lstm() && has_bias()) add_to_rows(bias_, n, rows, n, gates);
  }

  void of_hidden(Part part, const float* h, int64_t rows, float* products) override {
    const int64_t n = plan_.shape.gates;
    const ScaleZeroPoint parameters = dynamic_range(h, rows * plan_.shape.hidden);
    multiply(part == Part::kLast ? packed_.last : packed_.r, parameters, h, rows,
             plan_.shape.hidden, products);
    if (has_bias()) add_to_rows(hidden_bias_, apart(), rows, n, products + n - apart());
  }

  const float* late_bias() const override { return is_lstm() && has_bias() ? bias_ : nullptr; }

 private:
  bool is_lstm() const { return plan_.attributes.kind == CellKind::kLstm; }
  bool has_bias() const { return context_.has_input(kB); }
  // Columns whose Rb goes with the product of H: GRU's hidden gate, reset after it.
  int64_t apart() const {
    const RecurrentAttributes& attributes = plan_.attributes;
    const bool is_gru = attributes.kind == CellKind::kGru;
    return is_gru && attributes.linear_before_reset ? plan_.shape.hidden : 0;
  }

  static void add_to_rows(const float* bias, int64_t count, int64_t rows, int64_t stride,
                          float* to) {
    for (int64_t row = 0; row < rows; ++row, to += stride) {
      for (int64_t i = 0; i < count; ++i) to[i] += bias[i];
    }
  }

  // The sums take the place of the floats that they become.
  void multiply(const PackedSide& side, ScaleZeroPoint parameters, const float* x, int64_t rows,
                int64_t k, float* y) const {
    uint8_t* quantized = context_.scratch + plan_.quantized_at;
    const int64_t n = side.weights[direction_].n;
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
  const float* hidden_bias_ = nullptr;
  size_t direction_ = 0;
  ScaleZeroPoint x_;
};

void run_dynamic(RunContext& context) {
  const auto& plan = context.plan_as<DynamicPlan>();
  DynamicProducts products(context);
  walk_recurrent(context, plan.attributes, plan.shape, products,
                 reinterpret_cast<float*>(context.scratch));
}

template <CellKind kKind>
OpDef dynamic_row(std::string_view domain, std::string_view op_type, Roles inputs) {
  return {.domain = domain,
          .op_type = op_type,
          .inputs = inputs,
          .infer = infer_recurrent,
          .pack = pack_dynamic<kKind>,
          .plan = plan_dynamic<kKind>,
          .run = run_dynamic,
          .observation = {Observation::kNotObserved},
          .macs = recurrent_macs};
}

}  // namespace

std::vector<OpDef> dynamic_recurrent_rows() {
  const Roles lstm{Role::kActivation, Role::kWeight,     Role::kWeight,     Role::kBias,
                   Role::kShape,      Role::kActivation, Role::kActivation, Role::kParameter,
                   Role::kParameter,  Role::kParameter,  Role::kParameter,  Role::kParameter};
  const Roles others{Role::kActivation, Role::kWeight,     Role::kWeight,   Role::kBias,
                     Role::kShape,      Role::kActivation, Role::kParameter};
  return {dynamic_row<CellKind::kLstm>(kMicrosoftDomain, "DynamicQuantizeLSTM", lstm),
          dynamic_row<CellKind::kGru>(kEightfoldDomain, "DynamicQuantizeGRU", others),
          dynamic_row<CellKind::kRnn>(kEightfoldDomain, "DynamicQuantizeRNN", others)};
}

}  // namespace eightfold
