// Activations of a sum or a gate, and onnxruntime's spellings of GELU (com.microsoft).
//   BiasGelu, FastGelu    y = gelu(x + bias)           bias over the last axis, optional for Fast
//   Gelu, QuickGelu       y = gelu(x), x * sigmoid(alpha * x) with alpha 1.702
//   SwiGLU                y = a * sigmoid(alpha * a) * b
#include "ops/activation_gated.h"

#include <algorithm>
#include <memory>

#include "core/lanes.h"
#include "kernels/float.h"
#include "kernels/kernels.h"
#include "ops/elementwise_rows.h"
#include "ops/pieces.h"

namespace eightfold {
namespace {

// Each row of x + second operand (as it is without one), in pieces: gate(y, n, second, its step).
template <class F>
void for_pairs(RunContext& context, bool sum, F gate) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const auto& plan = context.plan_as<Broadcast>();
  const bool pair = context.has_input(1);
  const int64_t sx = plan.row_stride(0), sb = pair ? plan.row_stride(1) : 0;
  const float zero = 0;
  plan.for_each_row([&](int64_t at, const int64_t* from) {
    const float* x = context.inputs[0].as<float>() + from[0];
    const float* b = pair ? context.inputs[1].as<float>() + from[1] : &zero;
    float* y = context.outputs[0].as<float>() + at;
    const int64_t n = plan.row_size();
    for (int64_t i = 0; i < n; ++i) y[i] = sum ? x[i * sx] + b[i * sb] : x[i * sx];
    gate(y, n, b, sb);
  });
}

template <Gate kGate>
void run_gate(RunContext& context) {
  const float alpha = context.node.float_attribute("alpha", 1.702f);
  for_pairs(context, true, [alpha](float* y, int64_t n, const float*, int64_t) {
    apply_gate(kGate, alpha, y, n, y);
  });
}
void run_swiglu(RunContext& context) {
  const float alpha = context.node.float_attribute("alpha", 1.0f);
  for_pairs(context, false, [alpha](float* y, int64_t n, const float* b, int64_t step) {
    apply_gate(Gate::kSwish, alpha, y, n, y);
    for (int64_t i = 0; i < n; ++i) y[i] *= b[i * step];
  });
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

void apply_gate(Gate gate, float alpha, const float* x, int64_t n, float* y) {
  const bool erf = gate == Gate::kGelu;
  const auto run = erf ? select<ErfFloat32>()->run : select<SigmoidFloat32>()->run;
  // tanh(z) = 2 * sigmoid(2 * z) - 1
  const float cube = gate == Gate::kGeluTanh ? 2 * 0.79788456f * 0.044715f : 0.0f;
  const float factor = erf ? 0.70710678f : gate == Gate::kGeluTanh ? 2 * 0.79788456f : alpha;
  float inner[kPiece];
  for (int64_t at = 0; at < n; at += kPiece, x += kPiece, y += kPiece) {
    const int64_t count = std::min(kPiece, n - at);
    map_lanes(x, inner, count, [=](Lanes v) {
      // No zero times infinity, which is no number.
      return v * (cube == 0.0f ? all_lanes(factor) : factor + cube * v * v);
    });
    run(inner, count, inner);
    const float share = erf ? 0.5f : 1.0f, rest = erf ? 0.5f : 0.0f;
    map_lanes(x, 1, inner, 1, y, count,
              [=](Lanes v, Lanes gated) { return v * (rest + share * gated); });
  }
}

void add_gated_rows(std::vector<OpDef>& rows) {
  rows.push_back(gated_row("", "SwiGLU", Role::kActivation, run_swiglu));
  rows.push_back(gated_row(kMicrosoftDomain, "Gelu", Role::kParameter, run_gate<Gate::kGelu>));
  rows.push_back(gated_row(kMicrosoftDomain, "BiasGelu", Role::kParameter, run_gate<Gate::kGelu>));
  rows.push_back(
      gated_row(kMicrosoftDomain, "FastGelu", Role::kParameter, run_gate<Gate::kGeluTanh>));
  rows.push_back(
      gated_row(kMicrosoftDomain, "QuickGelu", Role::kParameter, run_gate<Gate::kSwish>));
}

}  // namespace eightfold
