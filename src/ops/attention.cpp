// Attention of ai.onnx (opset 23, 24): Q, K, V, [attn_mask], [past_key], [past_value],
// [nonpad_kv_seqlen] -> Y, [present_key], [present_value], [qk_matmul_output].
//
// The keys are past_key and K one after the other. is_causal lets query i see keys up to
// i + offset: the length of the past, or of the valid keys less the queries when those are told by
// nonpad_kv_seqlen, or 0. The arithmetic is in attention_core.cpp; softmax runs in float32
// whatever softmax_precision asks for.
#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "ops/families.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

constexpr size_t kMask = 3, kPastKey = 4, kPastValue = 5, kValidKeys = 6;

int64_t heads_attribute(const Node& node, size_t input) {
  return node.int_attribute(input == 0 ? "q_num_heads" : "kv_num_heads", 0);
}

Dim product_dim(const Dim& dim, int64_t factor) {
  return dim.known() ? Dim{dim.value * factor, {}} : Dim{};
}

void infer_attention(InferContext& context) {
  const auto &q = context.dims(0), &k = context.dims(1), &v = context.dims(2);
  const DType dtype = context.dtype(0);
  const bool past = context.has_input(kPastKey);
  std::optional<Dims> y, keys, values, scores;
  const bool ranked = q && k && v && q->size() == k->size() && q->size() == v->size();
  if (ranked && (q->size() == 3 || q->size() == 4)) {
    const int64_t q_heads = heads_attribute(context.node, 0);
    const int64_t kv_heads = heads_attribute(context.node, 1);
    const bool flat = q->size() == 3;
    if (flat && (q_heads < 1 || kv_heads < 1)) {
      context.fail(ErrorCode::kInvalidAttribute, "q_num_heads and kv_num_heads are needed");
    }
    const auto part = [&](const Dim& dim, int64_t heads) {
      return dim.known() ? Dim{dim.value / heads, {}} : Dim{};
    };
    const Dim q_head = flat ? Dim{q_heads, {}} : (*q)[1];
    const Dim kv_head = flat ? Dim{kv_heads, {}} : (*k)[1];
    const Dim q_length = (*q)[flat ? 1 : 2], k_length = (*k)[flat ? 1 : 2];
    const Dim k_size = flat ? part((*k)[2], kv_heads) : (*k)[3];
    const Dim v_size = flat ? part((*v)[2], kv_heads) : (*v)[3];
    Dim total = k_length;
    if (past) {
      const auto& past_dims = context.dims(kPastKey);
      const bool known = past_dims && past_dims->size() == 4 && (*past_dims)[2].known();
      total = known && k_length.known() ? Dim{k_length.value + (*past_dims)[2].value, {}} : Dim{};
    }
    y = flat ? Dims{(*q)[0], q_length, product_dim(v_size, q_heads)}
             : Dims{(*q)[0], q_head, q_length, v_size};
    keys = Dims{(*q)[0], kv_head, total, k_size};
    values = Dims{(*q)[0], kv_head, total, v_size};
    scores = Dims{(*q)[0], q_head, q_length, total};
  }
  context.set_output(0, dtype, y);
  context.set_output(1, dtype, keys);
  context.set_output(2, context.dtype(2), values);
  context.set_output(3, dtype, scores);
}

struct AttentionPlan {
  AttentionShape shape;
  HeadsShape q, k, v;
  int64_t past = 0;
  size_t keys = 0, values = 0;  // floats of scratch for keys and values joined with their past
};

[[noreturn]] void refuse_shapes(const PlanContext& context) {
  context.fail(ErrorCode::kInvalidShape, "Q, K, V, their past or their mask do not fit together");
}

OpState plan_attention(PlanContext& context) {
  require_floats(context, {0, 1, 2, kPastKey, kPastValue});
  if (context.has_input(kMask) && context.inputs[kMask].dtype != DType::kBool) {
    require_floats(context, {kMask});
  }
  std::optional<HeadsShape> parts[3];
  for (size_t i = 0; i < 3; ++i) {
    parts[i] = heads_shape(context.inputs[i].shape, heads_attribute(context.node, i));
    if (!parts[i]) refuse_shapes(context);
  }
  AttentionPlan plan{{}, *parts[0], *parts[1], *parts[2]};
  if (context.has_input(kPastKey)) {
    const Shape& past = context.inputs[kPastKey].shape;
    plan.past = past.size() == 4 ? past[2] : -1;
    const Shape keys{plan.k.batch, plan.k.heads, plan.past, plan.k.size};
    const Shape values{plan.v.batch, plan.v.heads, plan.past, plan.v.size};
    if (past != keys || !context.has_input(kPastValue) ||
        context.inputs[kPastValue].shape != values) {
      refuse_shapes(context);
    }
  }
  plan.shape = {plan.q.batch, plan.q.heads, plan.k.heads, plan.q.length, plan.past + plan.k.length,
                plan.q.size,  plan.v.size};
  const bool fits = plan.q.batch == plan.k.batch && plan.q.batch == plan.v.batch &&
                    plan.q.size == plan.k.size && plan.k.heads == plan.v.heads &&
                    plan.k.length == plan.v.length && plan.k.heads > 0 &&
                    plan.q.heads % plan.k.heads == 0;
  if (!fits || (context.has_input(kMask) && !mask_fits(context.inputs[kMask].shape, plan.shape))) {
    refuse_shapes(context);
  }
  if (context.has_input(kValidKeys) &&
      element_count(context.inputs[kValidKeys].shape) != plan.q.batch) {
    refuse_shapes(context);
  }
  const auto joined = [&](size_t output, int64_t size) {
    const bool kept = output < context.outputs.size() && context.outputs[output].present();
    if (plan.past == 0 || kept) return size_t{0};
    return static_cast<size_t>(plan.q.batch * plan.k.heads * plan.shape.kv_length * size);
  };
  plan.keys = joined(1, plan.k.size);
  plan.values = joined(2, plan.v.size);
  context.scratch_bytes = (attention_scratch(plan.shape) + plan.keys + plan.values) * sizeof(float);
  return std::make_shared<const AttentionPlan>(plan);
}

// The keys (input 1) or values (2) with their past before them, which also is the output.
Heads with_past(const RunContext& context, const AttentionPlan& plan, size_t input,
                float* scratch) {
  const HeadsShape& shape = input == 1 ? plan.k : plan.v;
  const TensorView& x = context.inputs[input];
  const Heads fresh = heads_of(x.as<const float>(), x.shape, shape);
  if (!context.has_output(input) && plan.past == 0) return fresh;
  float* joined = context.has_output(input) ? context.outputs[input].as<float>() : scratch;
  const int64_t length = plan.shape.kv_length;
  const HeadsOf<float> all{joined, shape.heads * length * shape.size, length * shape.size,
                           shape.size};
  if (plan.past > 0) {
    const float* past = context.inputs[input + 3].as<const float>();
    copy_heads({past, shape.heads * plan.past * shape.size, plan.past * shape.size, shape.size},
               {shape.batch, shape.heads, plan.past, shape.size}, all);
  }
  HeadsOf<float> rest = all;
  rest.data += plan.past * shape.size;
  copy_heads(fresh, {shape.batch, shape.heads, shape.length, shape.size}, rest);
  return {all.data, all.batch, all.head, all.row};
}

void run_attention(RunContext& context) {
  const auto& plan = context.plan_as<AttentionPlan>();
  const Node& node = context.node;
  auto* scratch = reinterpret_cast<float*>(context.scratch);
  const TensorView &q = context.inputs[0], &y = context.outputs[0];
  const float fallback = 1.0f / std::sqrt(static_cast<float>(plan.shape.head_size));
  AttentionCall call{.shape = plan.shape,
                     .q = heads_of(q.as<const float>(), q.shape, plan.q),
                     .k = with_past(context, plan, 1, scratch),
                     .v = with_past(context, plan, 2, scratch + plan.keys),
                     .y = heads_of(y.as<float>(), y.shape,
                                   {plan.q.batch, plan.q.heads, plan.q.length, plan.v.size}),
                     .scale = node.float_attribute("scale", fallback),
                     .softcap = node.float_attribute("softcap", 0.0f)};
  AttentionMask mask;
  if (context.has_input(kMask)) {
    mask = mask_of(context.inputs[kMask]);
    call.masks = std::span(&mask, 1);
  }
  std::vector<int64_t> valid;
  if (context.has_input(kValidKeys)) valid = integers(context.inputs[kValidKeys]);
  const bool causal = node.int_attribute("is_causal", 0) != 0;
  if (causal || !valid.empty()) {
    call.keys = [&](int64_t batch, int64_t row) {
      const int64_t count =
          valid.empty() ? plan.shape.kv_length : valid[static_cast<size_t>(batch)];
      const bool told = plan.past == 0 && !valid.empty() && !context.has_input(kPastKey);
      const int64_t offset = told ? count - plan.shape.q_length : plan.past;
      return KeyRange{0, causal ? std::min(count, row + offset + 1) : count};
    };
  }
  if (context.has_output(3)) {
    call.scores = context.outputs[3].as<float>();
    const int64_t mode = node.int_attribute("qk_matmul_output_mode", 0);
    call.stage = static_cast<AttentionStage>(std::clamp<int64_t>(mode, 0, 3));
  }
  attend(call, scratch + plan.keys + plan.values);
}

int64_t attention_macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape>) {
  const auto q = heads_shape(inputs[0], heads_attribute(node, 0));
  const auto v = heads_shape(inputs[2], heads_attribute(node, 2));
  if (!q || !v) return 0;
  const bool past = inputs.size() > kPastKey && inputs[kPastKey].size() == 4;
  const int64_t keys = v->length + (past ? inputs[kPastKey][2] : 0);
  return AttentionShape{q->batch, q->heads, v->heads, q->length, keys, q->size, v->size}.macs();
}

}  // namespace

std::optional<HeadsShape> heads_shape(std::span<const int64_t> shape, int64_t heads) {
  if (shape.size() == 4) return HeadsShape{shape[0], shape[1], shape[2], shape[3]};
  if (shape.size() != 3 || heads < 1 || shape[2] % heads != 0) return std::nullopt;
  return HeadsShape{shape[0], heads, shape[1], shape[2] / heads};
}

bool past_fits(const PlanContext& context, size_t i, const HeadsShape& heads) {
  const Shape& past = context.inputs[i].shape;
  return past.size() == 4 && past[0] == heads.batch && past[1] == heads.heads &&
         past[3] == heads.size;
}

void require_floats(const PlanContext& context, std::initializer_list<size_t> inputs) {
  for (const size_t i : inputs) {
    if (context.has_input(i) && context.inputs[i].dtype != DType::kFloat32) {
      refuse_dtype(context, context.inputs[i].dtype);
    }
  }
}

void copy_heads(const Heads& from, const HeadRows& rows, HeadsOf<float> to) {
  for (int64_t b = 0; b < rows.batch; ++b) {
    for (int64_t h = 0; h < rows.heads; ++h) {
      for (int64_t i = 0; i < rows.length; ++i) {
        std::copy_n(from.at(b, h, i), rows.size, to.at(b, h, i));
      }
    }
  }
}

AttentionMask mask_of(const TensorView& mask) {
  AttentionMask view;
  if (mask.dtype == DType::kFloat32) {
    view.floats = mask.as<const float>();
  } else {
    view.bytes = mask.as<const uint8_t>();
  }
  view.length = mask.shape.empty() ? 0 : mask.shape.back();
  int64_t step = 1;
  int64_t* strides[] = {&view.column, &view.row, &view.head, &view.batch};
  for (size_t i = 0; i < mask.shape.size() && i < 4; ++i) {
    const int64_t dim = mask.shape[mask.shape.size() - 1 - i];
    *strides[i] = dim == 1 && i > 0 ? 0 : step;
    step *= dim;
  }
  return view;
}

bool mask_fits(std::span<const int64_t> mask, const AttentionShape& shape) {
  const int64_t wanted[] = {shape.kv_length, shape.q_length, shape.q_heads, shape.batch};
  if (mask.empty() || mask.size() > 4 || mask.back() > shape.kv_length) return false;
  for (size_t i = 1; i < mask.size(); ++i) {
    const int64_t dim = mask[mask.size() - 1 - i];
    if (dim != 1 && dim != wanted[i]) return false;
  }
  return true;
}

void add_onnx_attention_rows(std::vector<OpDef>& rows) {
  rows.push_back({.domain = "",
                  .op_type = "Attention",
                  .since = 23,
                  .inputs = {Role::kActivation, Role::kActivation, Role::kActivation,
                             Role::kParameter, Role::kActivation, Role::kActivation, Role::kShape},
                  .infer = infer_attention,
                  .plan = plan_attention,
                  .run = run_attention,
                  .macs = attention_macs});
}

std::vector<OpDef> attention_ops() {
  std::vector<OpDef> rows;
  add_onnx_attention_rows(rows);
  add_linear_attention_rows(rows);
  add_multi_head_rows(rows);
  add_grouped_rows(rows);
  add_rotary_rows(rows);
  return rows;
}

}  // namespace eightfold
