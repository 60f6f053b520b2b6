// Activations of a sum or a gate, and onnxruntime's spellings of GELU (com.microsoft).
//   BiasGelu, FastGelu    y = gelu(x + bias)           bias over the last axis, optional for Fast
//   Gelu, QuickGelu       y = gelu(x), x * sigmoid(alpha * x) with alpha 1.702
//   SwiGLU                y = a * sigmoid(alpha * a) * b
#include "ops/activation_gated.h"

#include <cmath>
#include <memory>

#include "ops/elementwise_rows.h"

namespace eightfold {
namespace {

float swish(float x, float alpha) { return x / (1.0f + std::exp(-alpha * x)); }
float gelu(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678f)); }
float gelu_tanh(float x) {
  return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
}

// y = f(x, second operand), the second one 0 where it is absent.
template <class F>
void for_pairs(RunContext& context, F f) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const auto& plan = context.plan_as<Broadcast>();
  const bool pair = context.has_input(1);
  const int64_t sx = plan.row_stride(0), sb = pair ? plan.row_stride(1) : 0;
  const float zero = 0;
  plan.for_each_row([&](int64_t at, const int64_t* from) {
    const float* x = context.inputs[0].as<float>() + from[0];
    const float* b = pair ? context.inputs[1].as<float>() + from[1] : &zero;
    float* y = context.outputs[0].as<float>() + at;
    for (int64_t i = 0, n = plan.row_size(); i < n; ++i) y[i] = f(x[i * sx], b[i * sb]);
  });
}

void run_gelu(RunContext& context) {
  for_pairs(context, [](float x, float bias) { return gelu(x + bias); });
}
void run_gelu_tanh(RunContext& context) {
  for_pairs(context, [](float x, float bias) { return gelu_tanh(x + bias); });
}
void run_quick_gelu(RunContext& context) {
  const float alpha = context.node.float_attribute("alpha", 1.702f);
  for_pairs(context, [alpha](float x, float) { return swish(x, alpha); });
}
void run_swiglu(RunContext& context) {
  const float alpha = context.node.float_attribute("alpha", 1.0f);
  for_pairs(context, [alpha](float a, float b) { return swish(a, alpha) * b; });
}

// An absent second operand leaves a broadcast of one.
OpState plan_pairs(PlanContext& context) {
  const auto operands = context.inputs.first(context.has_input(1) ? 2 : 1);
  return std::make_shared<const Broadcast>(make_broadcast(context.outputs[0], operands));
}

OpDef gated_row(std::string_view domain, std::string_view op_type, Role second,
                void (*run)(RunContext&)) {
  OpDef row;
  row.domain = domain;
  row.op_type = op_type;
  row.inputs = {Role::kActivation, second};
  row.layout = second == Role::kActivation ? LayoutRule::kFollow : LayoutRule::kPlain;
  row.infer = second == Role::kActivation ? infer_broadcast : infer_same;
  row.plan = plan_pairs;
  row.run = run;
  return row;
}

}  // namespace

void add_gated_rows(std::vector<OpDef>& rows) {
  rows.push_back(gated_row("", "SwiGLU", Role::kActivation, run_swiglu));
  rows.push_back(gated_row(kMicrosoftDomain, "Gelu", Role::kParameter, run_gelu));
  rows.push_back(gated_row(kMicrosoftDomain, "BiasGelu", Role::kParameter, run_gelu));
  rows.push_back(gated_row(kMicrosoftDomain, "FastGelu", Role::kParameter, run_gelu_tanh));
  rows.push_back(gated_row(kMicrosoftDomain, "QuickGelu", Role::kParameter, run_quick_gelu));
}

}  // namespace eightfold
