// MultiHeadAttention of onnxruntime (com.microsoft), as its optimizer emits it.
//
//   query, key, value, [bias], [key_padding_mask], [attention_bias], [past_key], [past_value]
//   -> y [batch, length, heads * size], [present_key], [present_value]
// key and value may be [batch, heads, length, size] already. The padding mask holds 1 where a key
// takes part, or counts the keys of each batch. The arithmetic is in attention_core.cpp.
// Source: onnxruntime's ContribOperators.md.
#include <cmath>
#include <memory>
#include <string>

#include "ops/attention.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

constexpr size_t kBias = 3, kPadding = 4, kAddend = 5, kPastKey = 6, kPastValue = 7;

int64_t heads_of_node(const Node& node) { return node.int_attribute("num_heads", 0); }

Dim part(const Dim& dim, int64_t divisor) {
  return dim.known() && divisor > 0 ? Dim{dim.value / divisor, {}} : Dim{};
}

[[noreturn]] void refuse_shapes(const PlanContext& context) {
  context.fail(ErrorCode::kInvalidShape, "the inputs do not fit together");
}

struct ContribPlan {
  AttentionShape shape;
  HeadsShape q, k, v;
  int64_t past = 0;     // rows of the past (of its buffer)
  int64_t present = 0;  // rows of the present
  // Parts of the scratch, in floats: q with its bias; the present when it is no output.
  size_t q_floats = 0, keys = 0, values = 0;
};

void infer(InferContext& context) {
  const auto &q = context.dims(0), &k = context.dims(1), &v = context.dims(2);
  std::optional<Dims> y, keys, values;
  if (q && k && v && q->size() == 3) {
    const int64_t heads = heads_of_node(context.node);
    const bool flat = v->size() == 3;
    const Dim size = flat ? part(v->back(), heads) : v->back();
    y = Dims{(*q)[0], (*q)[1], size.known() ? Dim{size.value * heads, {}} : Dim{}};
    Dim total = k->size() == 3 ? (*k)[1] : k->size() == 4 ? (*k)[2] : Dim{};
    if (context.has_input(kPastKey)) {
      const auto& past = context.dims(kPastKey);
      const bool known = past && past->size() == 4 && (*past)[2].known() && total.known();
      total = known ? Dim{total.value + (*past)[2].value, {}} : Dim{};
    }
    keys = Dims{(*q)[0], Dim{heads, {}}, total, part(q->back(), heads)};
    values = Dims{(*q)[0], Dim{heads, {}}, total, size};
  }
  context.set_output(0, context.dtype(0), y);
  context.set_output(1, context.dtype(0), keys);
  context.set_output(2, context.dtype(0), values);
}

bool has_output(const PlanContext& context, size_t i) {
  return i < context.outputs.size() && context.outputs[i].present();
}

OpState finish_plan(PlanContext& context, ContribPlan plan) {
  if (plan.q.batch != plan.k.batch || plan.q.batch != plan.v.batch || plan.q.size != plan.k.size ||
      plan.k.heads != plan.v.heads || plan.k.length != plan.v.length || plan.k.heads < 1 ||
      plan.q.heads % plan.k.heads != 0) {
    refuse_shapes(context);
  }
  plan.shape = {plan.q.batch, plan.q.heads, plan.k.heads, plan.q.length,
                plan.present, plan.q.size,  plan.v.size};
  if (!has_output(context, 1)) plan.keys = floats_of(plan.k, plan.present);
  if (!has_output(context, 2)) plan.values = floats_of(plan.v, plan.present);
  context.scratch_bytes =
      (attention_scratch(plan.shape) + plan.q_floats + plan.keys + plan.values) * sizeof(float);
  return std::make_shared<const ContribPlan>(plan);
}

OpState plan(PlanContext& context) {
  require_floats(context, {0, 1, 2, kBias, kAddend, kPastKey, kPastValue});
  if (!context.has_input(1) || !context.has_input(2) || context.inputs[0].shape.size() != 3 ||
      has_output(context, 3) || context.has_input(8)) {
    context.fail(ErrorCode::kUnsupportedOp,
                 "MultiHeadAttention with packed inputs, a shared buffer or scores");
  }
  ContribPlan plan;
  HeadsShape* parts[] = {&plan.q, &plan.k, &plan.v};
  for (size_t i = 0; i < 3; ++i) {
    const auto shape = heads_shape(context.inputs[i].shape, heads_of_node(context.node));
    if (!shape) refuse_shapes(context);
    *parts[i] = *shape;
  }
  if (context.has_input(kPastKey) && element_count(context.inputs[kPastKey].shape) > 0) {
    if (!past_fits(context, kPastKey, plan.k) || !context.has_input(kPastValue) ||
        !past_fits(context, kPastValue, plan.v)) {
      refuse_shapes(context);
    }
    plan.past = context.inputs[kPastKey].shape[2];
  }
  plan.present = plan.past + plan.k.length;
  if (context.has_input(kBias)) {
    const int64_t width = plan.q.heads * (plan.q.size + plan.k.size + plan.v.size);
    if (element_count(context.inputs[kBias].shape) != width) refuse_shapes(context);
    plan.q_floats = floats_of(plan.q, plan.q.length);
  }
  const AttentionShape shape{
      plan.q.batch, plan.q.heads, plan.q.heads, plan.q.length, plan.present, 0, 0};
  if (context.has_input(kAddend) && (context.inputs[kAddend].shape.size() != 4 ||
                                     !mask_fits(context.inputs[kAddend].shape, shape))) {
    refuse_shapes(context);
  }
  if (context.has_input(kPadding)) {
    const Shape& padding = context.inputs[kPadding].shape;
    const bool lengths = padding == Shape{plan.q.batch};
    if (!lengths && padding != Shape{plan.q.batch, plan.present}) {
      context.fail(ErrorCode::kUnsupportedOp, "a key_padding_mask of shape " + shape_text(padding));
    }
  }
  return finish_plan(context, plan);
}

// to[b][h][i] = from[b][h][i] + bias[h]
void add_bias(const Heads& from, const HeadsShape& shape, const float* bias, HeadsOf<float> to) {
  copy_heads(from, {shape.batch, shape.heads, shape.length, shape.size}, to);
  for (int64_t b = 0; bias && b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.heads; ++h) {
      for (int64_t i = 0; i < shape.length; ++i) {
        float* row = to.at(b, h, i);
        for (int64_t d = 0; d < shape.size; ++d) row[d] += bias[h * shape.size + d];
      }
    }
  }
}

Heads join(const RunContext& context, const ContribPlan& plan, size_t input, const float* bias,
           float* scratch) {
  const HeadsShape& shape = input == 1 ? plan.k : plan.v;
  float* data = context.has_output(input) ? context.outputs[input].as<float>() : scratch;
  const HeadsOf<float> all = dense_heads(data, shape, plan.present);
  if (plan.past > 0) {
    float* past = context.inputs[input + 5].as<float>();
    copy_heads(reading(dense_heads(past, shape, plan.past)),
               {shape.batch, shape.heads, plan.past, shape.size}, all);
  }
  HeadsOf<float> rest = all;
  rest.data += plan.past * shape.size;
  const TensorView& x = context.inputs[input];
  // Keys that come as heads already are those of a cross attention: their bias is in them.
  add_bias(heads_of(x.as<const float>(), x.shape, shape), shape,
           x.shape.size() == 3 ? bias : nullptr, rest);
  return reading(all);
}

// 1 where a key takes part.
std::vector<uint8_t> padding_bytes(const RunContext& context, const ContribPlan& plan) {
  const std::vector<int64_t> given = integers(context.inputs[kPadding]);
  if (context.inputs[kPadding].shape.size() == 2) return {given.begin(), given.end()};
  std::vector<uint8_t> bytes;
  for (const int64_t length : given) {
    for (int64_t j = 0; j < plan.present; ++j) bytes.push_back(j < length);
  }
  return bytes;
}

void run(RunContext& context) {
  const auto& plan = context.plan_as<ContribPlan>();
  const Node& node = context.node;
  float* scratch = reinterpret_cast<float*>(context.scratch);
  float* keys = scratch + plan.q_floats;
  float* values = keys + plan.keys;
  const bool biased = context.has_input(kBias);
  const float* bias = biased ? context.inputs[kBias].as<float>() : nullptr;
  const int64_t q_width = plan.q.heads * plan.q.size;
  const TensorView &q = context.inputs[0], &y = context.outputs[0];
  Heads queries = heads_of(q.as<const float>(), q.shape, plan.q);
  if (biased) {
    const HeadsOf<float> moved = dense_heads(scratch, plan.q, plan.q.length);
    add_bias(queries, plan.q, bias, moved);
    queries = reading(moved);
  }
  const float fallback = 1.0f / std::sqrt(static_cast<float>(plan.q.size));
  const float scale = node.float_attribute("scale", 0.0f);
  std::vector<AttentionMask> masks;
  std::vector<uint8_t> padding;
  if (context.has_input(kPadding)) {
    padding = padding_bytes(context, plan);
    masks.push_back({.bytes = padding.data(),
                     .batch = plan.present,
                     .column = 1,
                     .length = plan.present,
                     .fill = node.float_attribute("mask_filter_value", -10000.0f)});
  }
  if (context.has_input(kAddend)) masks.push_back(mask_of(context.inputs[kAddend]));
  AttentionCall call{.shape = plan.shape,
                     .q = queries,
                     .k = join(context, plan, 1, biased ? bias + q_width : nullptr, keys),
                     .v = join(context, plan, 2, biased ? bias + 2 * q_width : nullptr, values),
                     .y = heads_of(y.as<float>(), y.shape,
                                   {plan.q.batch, plan.q.heads, plan.q.length, plan.v.size}),
                     .scale = scale == 0 ? fallback : scale,
                     .masks = masks};
  if (node.int_attribute("unidirectional", 0) != 0) {
    const int64_t offset = plan.present - plan.q.length;
    call.keys = [offset](int64_t, int64_t row) { return KeyRange{0, row + offset + 1}; };
  }
  attend(call, values + plan.values);
}

int64_t macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  const int64_t heads = heads_of_node(node);
  const auto q = heads_shape(inputs[0], heads), v = heads_shape(inputs[2], heads);
  if (!q || !v) return 0;
  const bool past = outputs.size() > 1 && outputs[1].size() == 4;
  return AttentionShape{q->batch, heads,  heads, q->length, past ? outputs[1][2] : v->length,
                        q->size,  v->size}
      .macs();
}

}  // namespace

void add_multi_head_rows(std::vector<OpDef>& rows) {
  rows.push_back({.domain = kMicrosoftDomain,
                  .op_type = "MultiHeadAttention",
                  .inputs = {Role::kActivation, Role::kActivation, Role::kActivation,
                             Role::kParameter, Role::kShape, Role::kParameter, Role::kActivation},
                  .infer = infer,
                  .plan = plan,
                  .run = run,
                  .macs = macs});
}

}  // namespace eightfold
