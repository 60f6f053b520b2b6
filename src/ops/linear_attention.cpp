// LinearAttention (opset 27): query, key, value, [past_state], [decay], [beta] -> output,
// present_state. Heads are packed in the last axis; a key head's state S is [d_k, d_v].
//
//   S = exp(decay_t) * S                    gated, gated_delta; decay per key feature or per head
//   S += k_t (v_t)^T                        linear, gated
//   S += beta_t * k_t (v_t - S^T k_t)^T     delta, gated_delta; beta per head or for all
//   o_t = scale * S^T q_t
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "ops/attention.h"
#include "ops/dtype_switch.h"

namespace eightfold {
namespace {

constexpr size_t kPast = 3, kDecay = 4, kBeta = 5;

int64_t q_heads(const Node& node) { return node.int_attribute("q_num_heads", 0); }
int64_t kv_heads(const Node& node) { return node.int_attribute("kv_num_heads", 0); }

void infer_linear(InferContext& context) {
  const auto &q = context.dims(0), &k = context.dims(1), &v = context.dims(2);
  const int64_t heads = q_heads(context.node), states = kv_heads(context.node);
  if (heads < 1 || states < 1) {
    context.fail(ErrorCode::kInvalidAttribute, "q_num_heads and kv_num_heads are needed");
  }
  std::optional<Dims> output, state;
  if (q && k && v && q->size() == 3 && k->size() == 3 && v->size() == 3) {
    const auto part = [&](const Dim& dim, int64_t factor) {
      return dim.known() ? Dim{dim.value / states * factor, {}} : Dim{};
    };
    output = Dims{(*q)[0], (*q)[1], part((*v)[2], heads)};
    state = Dims{(*q)[0], Dim{states, {}}, part((*k)[2], 1), part((*v)[2], 1)};
  }
  const DType stored = context.has_input(kPast) ? context.dtype(kPast) : context.dtype(0);
  context.set_output(0, context.dtype(0), output);
  context.set_output(1, stored, state);
}

struct LinearPlan {
  HeadsShape q, k, v;
  bool decays, deltas;
};

OpState plan_linear(PlanContext& context) {
  for (const TensorInfo& input : context.inputs) {
    if (input.present() && input.dtype != DType::kFloat32) refuse_dtype(context, input.dtype);
  }
  const int64_t states = kv_heads(context.node);
  const auto q = heads_shape(context.inputs[0].shape, q_heads(context.node));
  const auto k = heads_shape(context.inputs[1].shape, states);
  const auto v = heads_shape(context.inputs[2].shape, states);
  const std::string rule = context.node.string_attribute("update_rule", "gated_delta");
  const bool decays = rule.starts_with("gated"), deltas = rule.ends_with("delta");
  if (!decays && !deltas && rule != "linear") {
    context.fail(ErrorCode::kInvalidAttribute, "update_rule '" + rule + "'");
  }
  const auto last = [&](size_t i) {
    return context.has_input(i) && context.inputs[i].shape.size() == 3 ? context.inputs[i].shape[2]
                                                                       : -1;
  };
  const bool heads_fit = q && k && v && q->batch == k->batch && q->batch == v->batch &&
                         q->length == k->length && q->length == v->length && q->size == k->size &&
                         q->heads % states == 0;
  if (!heads_fit || (decays && last(kDecay) != states && last(kDecay) != states * k->size) ||
      (deltas && last(kBeta) != states && last(kBeta) != 1) ||
      (context.has_input(kPast) &&
       context.inputs[kPast].shape != Shape{k->batch, states, k->size, v->size})) {
    context.fail(ErrorCode::kInvalidShape, "the inputs do not fit together");
  }
  if (context.outputs.size() < 2 || !context.outputs[1].present()) {
    context.scratch_bytes =
        static_cast<size_t>(k->batch * states * k->size * v->size) * sizeof(float);
  }
  // One row of what is retrieved, after the state.
  context.scratch_bytes += static_cast<size_t>(v->size) * sizeof(float);
  return std::make_shared<const LinearPlan>(LinearPlan{*q, *k, *v, decays, deltas});
}

// out = S^T x
void read_state(const float* state, const float* x, int64_t rows, int64_t size, float* out) {
  std::fill_n(out, size, 0.0f);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < size; ++j) out[j] += x[i] * state[i * size + j];
  }
}

struct Step {
  const float *k, *v;
  const float* decay;  // or null
  int64_t decay_step;
  const float* beta;  // or null
};
void update_state(const Step& step, int64_t rows, int64_t size, float* state, float* written) {
  for (int64_t i = 0; step.decay && i < rows; ++i) {
    const float kept = std::exp(step.decay[i * step.decay_step]);
    for (int64_t j = 0; j < size; ++j) state[i * size + j] *= kept;
  }
  if (step.beta) {
    read_state(state, step.k, rows, size, written);
    for (int64_t j = 0; j < size; ++j) written[j] = *step.beta * (step.v[j] - written[j]);
  } else {
    std::copy_n(step.v, size, written);
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < size; ++j) state[i * size + j] += step.k[i] * written[j];
  }
}

void run_linear(RunContext& context) {
  const auto& plan = context.plan_as<LinearPlan>();
  const int64_t rows = plan.k.size, size = plan.v.size, heads = plan.k.heads;
  const int64_t group = plan.q.heads / heads, states = plan.k.batch * heads * rows * size;
  auto* scratch = reinterpret_cast<float*>(context.scratch);
  float* all = context.has_output(1) ? context.outputs[1].as<float>() : scratch;
  float* written = context.has_output(1) ? scratch : scratch + states;
  if (context.has_input(kPast)) {
    std::copy_n(context.inputs[kPast].as<float>(), states, all);
  } else {
    std::fill_n(all, states, 0.0f);
  }
  float scale = context.node.float_attribute("scale", 0.0f);
  if (scale == 0) scale = 1.0f / std::sqrt(static_cast<float>(rows));
  const auto view = [&](size_t i, const HeadsShape& shape) {
    return heads_of(context.inputs[i].as<const float>(), context.inputs[i].shape, shape);
  };
  const Heads q = view(0, plan.q), k = view(1, plan.k), v = view(2, plan.v);
  const HeadsOf<float> y = heads_of(context.outputs[0].as<float>(), context.outputs[0].shape,
                                    {plan.q.batch, plan.q.heads, plan.q.length, size});
  const int64_t decay_width = plan.decays ? context.inputs[kDecay].shape[2] : 0;
  const int64_t beta_width = plan.deltas ? context.inputs[kBeta].shape[2] : 0;
  for (int64_t b = 0; b < plan.q.batch; ++b) {
    for (int64_t h = 0; h < heads; ++h) {
      float* state = all + (b * heads + h) * rows * size;
      for (int64_t t = 0; t < plan.q.length; ++t) {
        const int64_t token = b * plan.q.length + t;
        Step step{k.at(b, h, t), v.at(b, h, t), nullptr, decay_width == heads ? 0 : 1, nullptr};
        if (plan.decays) {
          step.decay =
              context.inputs[kDecay].as<float>() + token * decay_width + h * (decay_width / heads);
        }
        if (plan.deltas) {
          step.beta =
              context.inputs[kBeta].as<float>() + token * beta_width + (beta_width == 1 ? 0 : h);
        }
        update_state(step, rows, size, state, written);
        for (int64_t g = h * group; g < (h + 1) * group; ++g) {
          float* out = y.at(b, g, t);
          read_state(state, q.at(b, g, t), rows, size, out);
          for (int64_t j = 0; j < size; ++j) out[j] *= scale;
        }
      }
    }
  }
}

int64_t linear_macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape>) {
  const auto k = heads_shape(inputs[1], kv_heads(node)), v = heads_shape(inputs[2], kv_heads(node));
  if (!k || !v) return 0;
  return k->batch * k->length * (kv_heads(node) + q_heads(node)) * k->size * v->size;
}

}  // namespace

void add_linear_attention_rows(std::vector<OpDef>& rows) {
  rows.push_back(
      {.domain = "",
       .op_type = "LinearAttention",
       .since = 27,
       .inputs = {Role::kActivation, Role::kActivation, Role::kActivation, Role::kParameter},
       .infer = infer_linear,
       .plan = plan_linear,
       .run = run_linear,
       .macs = linear_macs});
}

}  // namespace eightfold
