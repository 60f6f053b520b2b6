// Activation functions, element by element in memory order; Clip, PRelu. Softmax is in softmax.cpp.
// Source: the ONNX operators of the same names; constants are their attribute defaults.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/lanes.h"
#include "kernels/float.h"
#include "kernels/kernels.h"
#include "ops/activation_attribute.h"
#include "ops/activation_gated.h"
#include "ops/elementwise_rows.h"
#include "ops/families.h"
#include "ops/pieces.h"
#include "ops/softmax.h"

namespace eightfold {
namespace {

// ---- functions of one float, with up to two parameters
struct Parameters {
  float alpha = 0, beta = 0;
};

float elu(float x, Parameters p) { return x < 0 ? p.alpha * std::expm1(x) : x; }
float selu(float x, Parameters p) { return p.beta * (x > 0 ? x : p.alpha * std::expm1(x)); }
float celu(float x, Parameters p) {
  return std::max(0.0f, x) + std::min(0.0f, p.alpha * std::expm1(x / p.alpha));
}
float softplus(float x, Parameters) {
  return std::max(x, 0.0f) + std::log1p(std::exp(-std::fabs(x)));
}
float mish(float x, Parameters p) { return x * std::tanh(softplus(x, p)); }
float shrink(float x, Parameters p) {  // alpha is the bias, beta is lambda
  if (x < -p.beta) return x + p.alpha;
  return x > p.beta ? x - p.alpha : 0.0f;
}
Lanes softsign(Lanes x, Parameters) { return x / (1.0f + (x < 0.0f ? -x : x)); }
Lanes hard_sigmoid(Lanes x, Parameters p) {
  const Lanes line = x * p.alpha + p.beta, raised = line < 0.0f ? Lanes{} : line;
  return raised > 1.0f ? all_lanes(1) : raised;
}
Lanes hard_swish(Lanes x, Parameters) {
  [[clang::always_inline]] return x * hard_sigmoid(x, {1.0f / 6.0f, 0.5f});
}
Lanes thresholded_relu(Lanes x, Parameters p) { return x > p.alpha ? x : Lanes{}; }

struct Elements {
  const float* x;
  float* y;
  int64_t n;
};
Elements elements(const RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  return {context.inputs[0].as<float>(), context.outputs[0].as<float>(), context.outputs[0].size()};
}

template <float (*F)(float, Parameters)>
void apply(RunContext& context, Parameters parameters) {
  const auto [x, y, n] = elements(context);
  for (int64_t i = 0; i < n; ++i) y[i] = F(x[i], parameters);
}

// Of functions that call no other.
template <Lanes (*F)(Lanes, Parameters)>
void apply_vectors(RunContext& context, Parameters parameters) {
  const auto [x, y, n] = elements(context);
  map_lanes(x, y, n,
            [parameters](Lanes values) { [[clang::always_inline]] return F(values, parameters); });
}

template <class Kernel>
void run_kernel(RunContext& context) {
  const auto [x, y, n] = elements(context);
  select<Kernel>()->run(x, n, y);
}

// Attribute names and defaults of the parameters.
struct ParameterNames {
  std::string_view alpha_name = "alpha";
  float alpha = 0;
  std::string_view beta_name = "beta";
  float beta = 0;
};

template <void (*Apply)(RunContext&, Parameters), ParameterNames (*Names)()>
void run_activation(RunContext& context) {
  const ParameterNames names = Names();
  Apply(context, {context.node.float_attribute(names.alpha_name, names.alpha),
                  context.node.float_attribute(names.beta_name, names.beta)});
}

ParameterNames no_parameters() { return {}; }
ParameterNames leaky_parameters() { return {.alpha = 0.01f}; }
ParameterNames unit_alpha() { return {.alpha = 1.0f}; }
ParameterNames selu_parameters() {
  return {.alpha = 1.67326319f, .beta_name = "gamma", .beta = 1.05070102f};
}
ParameterNames hard_sigmoid_parameters() { return {.alpha = 0.2f, .beta = 0.5f}; }
ParameterNames shrink_parameters() {
  return {.alpha_name = "bias", .alpha = 0.0f, .beta_name = "lambd", .beta = 0.5f};
}

void apply_leaky_relu(RunContext& context, Parameters parameters) {
  const auto [x, y, n] = elements(context);
  leaky_relu(x, y, n, parameters.alpha);
}

template <Gate kGate>
void run_gate(RunContext& context) {
  const auto [x, y, n] = elements(context);
  apply_gate(kGate, context.node.float_attribute("alpha", 1.0f), x, n, y);
}

void run_gelu(RunContext& context) {
  const bool tanh = context.node.string_attribute("approximate", "none") == "tanh";
  return tanh ? run_gate<Gate::kGeluTanh>(context) : run_gate<Gate::kGelu>(context);
}

// ---- Relu and Clip run on integers too: bounds are in the units of the data
template <typename T>
void clip_values(const T* x, T* y, int64_t n, T low, T high) {
  if constexpr (std::is_same_v<T, float>) {
    return clamp(x, y, n, low, high);
  }
  for (int64_t i = 0; i < n; ++i) {
    const T raised = x[i] < low ? low : x[i];
    y[i] = high < raised ? high : raised;
  }
}

template <typename T>
void clip(const RunContext& context, T low, T high) {
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  if constexpr (sizeof(T) < 8) {
    clip_values(x.as<T>(), y.as<T>(), y.size(), low, high);
  } else {
    using Stored = std::conditional_t<std::is_same_v<T, double>, double, int64_t>;
    map_pieces<Stored>(x, y, [&](Stored* piece, int64_t n) {
      auto* values = reinterpret_cast<T*>(piece);
      clip_values(values, values, n, low, high);
    });
  }
}

template <typename T>
constexpr T lowest() {
  return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                              : std::numeric_limits<T>::lowest();
}
template <typename T>
constexpr T highest() {
  return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                              : std::numeric_limits<T>::max();
}

// What is hot has a loop of its own; one per kind serves the rest.
template <typename F>
void for_number(RunContext& context, F&& call) {
  const DType dtype = context.inputs[0].dtype;
  if (dtype_switch<float, int8_t, uint8_t>(dtype, call)) return;
  switch (number_kind(context)) {
    case Kind::kFloat: return call(double{});
    case Kind::kInteger: return call(int64_t{});
    case Kind::kNatural: return call(uint64_t{});
    case Kind::kNone: break;
  }
}

void run_relu(RunContext& context) {
  for_number(context, [&](auto tag) {
    using T = decltype(tag);
    clip<T>(context, T{}, highest<T>());
  });
}

// A bound is input i from opset 11 on, an attribute before.
template <typename T>
T bound(const RunContext& context, size_t i, std::string_view attribute, T fallback) {
  if (context.opset >= 11 || context.opset <= 0) {
    if (!context.has_input(i)) return fallback;
    if (context.inputs[i].dtype != context.inputs[0].dtype || context.inputs[i].size() != 1) {
      context.fail(ErrorCode::kInvalidType, "a bound must be a scalar of the data's dtype");
    }
    std::conditional_t<std::is_floating_point_v<T>, double, int64_t> value;
    load_piece(context.inputs[i], 0, 1, 1, &value);
    return static_cast<T>(value);
  }
  if (!context.node.has_attribute(attribute)) return fallback;
  return static_cast<T>(context.node.float_attribute(attribute, 0));
}

void run_clip(RunContext& context) {
  for_number(context, [&](auto tag) {
    using T = decltype(tag);
    clip<T>(context, bound<T>(context, 1, "min", lowest<T>()),
            bound<T>(context, 2, "max", highest<T>()));
  });
}

// The slope broadcasts to x; before opset 7 a vector slope belongs to the channels.
OpState plan_prelu(PlanContext& context) {
  std::vector<TensorInfo> operands(context.inputs.begin(), context.inputs.end());
  Shape& slope = operands[1].shape;
  const size_t rank = operands[0].shape.size();
  if (context.opset < 7 && context.opset > 0 && slope.size() == 1) {
    while (slope.size() + 1 < rank) slope.push_back(1);
  }
  return std::make_shared<const Broadcast>(make_broadcast(context.outputs[0], operands));
}

void run_prelu(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const auto& plan = context.plan_as<Broadcast>();
  const auto* x = context.inputs[0].as<float>();
  const auto* slope = context.inputs[1].as<float>();
  auto* y = context.outputs[0].as<float>();
  const int64_t step = plan.row_stride(1);
  plan.for_each_piece(4, [&](int64_t at, const int64_t* from, int64_t n) {
    map_lanes(x + from[0], 1, slope + from[1], step, y + at, n,
              [](Lanes v, Lanes factor) { return v < 0.0f ? v * factor : v; });
  });
}

// ---- rows
constexpr Observation kZeroToOne{Observation::kFixed, 1.0f / 256.0f, 0};
constexpr Observation kMinusOneToOne{Observation::kFixed, 2.0f / 256.0f, 128};
constexpr Observation kSame{Observation::kSameAsInput};
constexpr QuantizedForm kDirect{QuantizedOperands::kDirect, {}, {}};

constexpr QuantizedForm unary_form(std::string_view op_type) {
  return {QuantizedOperands::kUnary, kMicrosoftDomain, op_type};
}

constexpr QuantizedForm own_form(std::string_view op_type) {
  return {QuantizedOperands::kUnary, kEightfoldDomain, op_type};
}

OpDef activation(std::string_view op_type, void (*run)(RunContext&), QuantizedForm form = {},
                 Observation observation = {}) {
  OpDef row;
  row.op_type = op_type;
  row.inputs = {Role::kActivation, Role::kParameter};
  row.layout = LayoutRule::kFollow;
  row.aliasing = Aliasing::kInPlace;
  row.infer = infer_same;
  row.run = run;
  row.pointwise = true;
  row.quantized = form;
  row.observation = observation;
  return row;
}

OpDef clip_row() {
  OpDef row = activation("Clip", run_clip, kDirect, kSame);
  row.byte_range = [](std::span<const ByteRange> inputs) {
    ByteRange range = inputs[0];
    // A bound that is not constant has the ends of its dtype, which bound nothing.
    if (inputs.size() > 1) range.lo = std::max(range.lo, inputs[1].lo);
    if (inputs.size() > 2) range.hi = std::min(range.hi, inputs[2].hi);
    return ByteRange{std::min(range.lo, range.hi), range.hi};
  };
  return row;
}

OpDef leaky_relu_row() {
  OpDef row = activation("LeakyRelu", run_activation<apply_leaky_relu, leaky_parameters>,
                         unary_form("QLinearLeakyRelu"));
  row.negative_gain = [](const Node& node) {
    return std::fabs(node.float_attribute("alpha", 0.01f));
  };
  return row;
}

OpDef prelu() {
  OpDef row = activation("PRelu", run_prelu, own_form("QLinearPRelu"));
  row.plan = plan_prelu;
  row.pointwise = false;
  return row;
}

}  // namespace

std::vector<OpDef> activation_ops() {
  std::vector<OpDef> rows = {
      activation("Relu", run_relu, kDirect, kSame),
      clip_row(),
      leaky_relu_row(),
      activation("Sigmoid", run_kernel<SigmoidFloat32>, unary_form("QLinearSigmoid"), kZeroToOne),
      activation("Tanh", run_kernel<TanhFloat32>, {}, kMinusOneToOne),
      activation("HardSigmoid",
                 run_activation<apply_vectors<hard_sigmoid>, hard_sigmoid_parameters>,
                 own_form("QLinearHardSigmoid"), kZeroToOne),
      activation("HardSwish", run_activation<apply_vectors<hard_swish>, no_parameters>,
                 own_form("QLinearHardSwish")),
      activation("Elu", run_activation<apply<elu>, unit_alpha>),
      activation("Selu", run_activation<apply<selu>, selu_parameters>),
      activation("Celu", run_activation<apply<celu>, unit_alpha>),
      activation("Softplus", run_activation<apply<softplus>, no_parameters>),
      activation("Softsign", run_activation<apply_vectors<softsign>, no_parameters>),
      activation("Mish", run_activation<apply<mish>, no_parameters>),
      activation("ThresholdedRelu", run_activation<apply_vectors<thresholded_relu>, unit_alpha>),
      activation("Shrink", run_activation<apply<shrink>, shrink_parameters>),
      activation("Gelu", run_gelu),
      activation("Swish", run_gate<Gate::kSwish>),
      prelu(),
  };
  for (size_t i = 0; i < 2; ++i) rows[i].floats = FloatTypes::kDouble;  // Relu, Clip
  add_softmax_rows(rows);
  add_gated_rows(rows);
  return rows;
}

}  // namespace eightfold
