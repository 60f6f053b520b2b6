// GroupQueryAttention of onnxruntime (com.microsoft), as its model builder emits it.
//
//   query, [key], [value], [past_key], [past_value], seqlens_k, total_sequence_length, [cos_cache],
//   [sin_cache], [position_ids], [attention_bias] -> y, present_key, present_value
// Without key and value all three are packed in query. seqlens_k counts the keys of each batch less
// one; queries stand at the end of them, and see the last local_window_size ones when that is set.
// do_rotary turns queries and new keys first. The arithmetic is in attention_core.cpp.
// Source: onnxruntime's ContribOperators.md.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "ops/attention.h"
#include "ops/rotary.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

constexpr size_t kPastKey = 3, kPastValue = 4, kLengths = 5, kTotal = 6, kCos = 7, kSin = 8,
                 kPositions = 9, kAddend = 10, kSink = 11;

int64_t heads_of_node(const Node& node) { return node.int_attribute("num_heads", 0); }

int64_t kv_heads(const Node& node) { return node.int_attribute("kv_num_heads", 0); }
bool is_packed(const Node& node) { return node.input(1) == kNone; }

// Of packed inputs: [batch, length, (q_heads + 2 * kv_heads) * size].
int64_t head_size(const Node& node, int64_t width) {
  const int64_t q_heads = heads_of_node(node), states = kv_heads(node);
  const int64_t heads = is_packed(node) ? q_heads + 2 * states : q_heads;
  return heads > 0 && width % heads == 0 ? width / heads : 0;
}

void infer(InferContext& context) {
  const auto& q = context.dims(0);
  const Node& node = context.node;
  std::optional<Dims> y, present;
  if (q && q->size() == 3) {
    Dim size, width;
    if (q->back().known()) {
      size.value = head_size(node, q->back().value);
      width.value = size.value * heads_of_node(node);
    }
    y = Dims{(*q)[0], (*q)[1], width};
    // The present holds the past's buffer or the whole sequence, whichever is longer.
    Dim length;
    const auto total = context.constant_ints(kTotal);
    const auto& past = context.dims(kPastKey);
    const bool has_past = context.has_input(kPastKey);
    if (total && total->size() == 1 && (!has_past || (past && (*past)[2].known()))) {
      length.value = std::max((*total)[0], has_past ? (*past)[2].value : 0);
    }
    present = Dims{(*q)[0], Dim{kv_heads(node), {}}, length, size};
  }
  context.set_output(0, context.dtype(0), y);
  context.set_output(1, context.dtype(0), present);
  context.set_output(2, context.dtype(0), present);
}

struct GroupedPlan {
  HeadsShape q, k;
  int64_t past = 0;  // rows of the past's buffer
};

[[noreturn]] void refuse_shapes(const PlanContext& context) {
  context.fail(ErrorCode::kInvalidShape, "the inputs do not fit together");
}

OpState plan(PlanContext& context) {
  require_floats(context, {0, 1, 2, kPastKey, kPastValue, kCos, kSin, kAddend});
  const Node& node = context.node;
  const Shape& q = context.inputs[0].shape;
  const int64_t size = q.size() == 3 ? head_size(node, q[2]) : 0;
  const int64_t q_heads = heads_of_node(node), states = kv_heads(node);
  if (size == 0 || states < 1) refuse_shapes(context);
  const auto has_output = [&](size_t i) {
    return i < context.outputs.size() && context.outputs[i].present();
  };
  if (context.has_input(kSink) || node.int_attribute("smooth_softmax", 0) > 0 || has_output(3) ||
      !has_output(1) || !has_output(2)) {
    context.fail(ErrorCode::kUnsupportedOp,
                 "GroupQueryAttention with a head sink or scores, or without its present");
  }
  GroupedPlan plan;
  plan.q = {q[0], q_heads, q[1], size};
  plan.k = {q[0], states, q[1], size};
  const Shape kv{q[0], q[1], states * size};
  if (!is_packed(node) && (context.inputs[1].shape != kv || context.inputs[2].shape != kv)) {
    refuse_shapes(context);
  }
  if (context.has_input(kPastKey)) {
    if (!past_fits(context, kPastKey, plan.k) || !context.has_input(kPastValue) ||
        context.inputs[kPastValue].shape != context.inputs[kPastKey].shape) {
      refuse_shapes(context);
    }
    plan.past = context.inputs[kPastKey].shape[2];
  }
  if (node.int_attribute("do_rotary", 0) != 0) {
    const bool caches = context.has_input(kCos) && context.has_input(kSin) &&
                        context.inputs[kCos].shape.size() == 2 &&
                        context.inputs[kCos].shape == context.inputs[kSin].shape &&
                        2 * context.inputs[kCos].shape[1] <= size;
    if (!caches) refuse_shapes(context);
  }
  if (element_count(context.inputs[kLengths].shape) != q[0]) refuse_shapes(context);
  return std::make_shared<const GroupedPlan>(plan);
}

// What run knows besides the plan.
struct Sequence {
  std::vector<int64_t> lengths;  // keys of each batch, the queries' own included
  std::vector<int64_t> pasts;    // of them, before the queries
  int64_t total = 0;
};

Sequence sequence_of(const RunContext& context, const GroupedPlan& plan) {
  Sequence sequence;
  const std::vector<int64_t> total = integers(context.inputs[kTotal]);
  sequence.total = total.size() == 1 ? total[0] : -1;
  const int64_t queries = plan.q.length;
  bool fits = sequence.total >= queries;
  for (const int64_t last : integers(context.inputs[kLengths])) {
    // Prompts are padded at their end, and have no past; later ones stand behind theirs.
    const bool prompt = sequence.total == queries;
    const int64_t length = last + 1, past = prompt ? 0 : length - queries;
    fits = fits && past >= 0 && past <= plan.past && length >= 1 &&
           past + queries <= std::max(sequence.total, plan.past);
    sequence.lengths.push_back(length);
    sequence.pasts.push_back(past);
  }
  if (!fits) {
    context.fail(ErrorCode::kInvalidData,
                 "seqlens_k and total_sequence_length do not fit the past and the queries");
  }
  return sequence;
}

// Positions of a token's rotation.
int64_t position_of(const RunContext& context, const std::vector<int64_t>& ids,
                    const Sequence& sequence, int64_t batch, int64_t row, int64_t queries) {
  const int64_t rows = context.inputs[kCos].shape[0];
  int64_t position = sequence.pasts[static_cast<size_t>(batch)] + row;
  if (!ids.empty()) position = ids[static_cast<size_t>(batch * queries + row) % ids.size()];
  if (position < 0 || position >= rows) {
    context.fail(ErrorCode::kInvalidData, "position " + std::to_string(position) +
                                              " is beyond the caches of " + std::to_string(rows) +
                                              " rows");
  }
  return position;
}

void turn(const RunContext& context, const Sequence& sequence, const HeadsShape& shape,
          const Heads& from, HeadsOf<float> to) {
  std::vector<int64_t> ids;
  if (context.has_input(kPositions)) ids = integers(context.inputs[kPositions]);
  const int64_t half = context.inputs[kCos].shape[1];
  const bool interleaved = context.node.int_attribute("rotary_interleaved", 0) != 0;
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t i = 0; i < shape.length; ++i) {
      const int64_t at = half * position_of(context, ids, sequence, b, i, shape.length);
      const Rotation rotation{context.inputs[kCos].as<float>() + at,
                              context.inputs[kSin].as<float>() + at, half, interleaved};
      for (int64_t h = 0; h < shape.heads; ++h) {
        rotate(rotation, from.at(b, h, i), shape.size, to.at(b, h, i));
      }
    }
  }
}

// The present: each batch's past, then its new rows. Rows beyond are 0.
HeadsOf<float> present_of(RunContext& context, const GroupedPlan& plan, const Sequence& sequence,
                          size_t output, const Heads& fresh) {
  const HeadsShape& shape = plan.k;
  const int64_t length = std::max(sequence.total, plan.past);
  TensorView view = context.outputs[output];
  if (!view.data) {
    view = context.host.allocate(output, DType::kFloat32,
                                 {shape.batch, shape.heads, length, shape.size});
  }
  const HeadsOf<float> all = dense_heads(view.as<float>(), shape, length);
  std::fill_n(all.data, view.size(), 0.0f);
  for (int64_t b = 0; b < shape.batch; ++b) {
    const int64_t before = sequence.pasts[static_cast<size_t>(b)];
    HeadsOf<float> to = all;
    to.data += b * all.batch;
    if (before > 0) {
      Heads past = reading(dense_heads(context.inputs[output + 2].as<float>(), shape, plan.past));
      past.data += b * past.batch;
      copy_heads(past, {1, shape.heads, before, shape.size}, to);
    }
    to.data += before * shape.size;
    Heads from = fresh;
    from.data += b * fresh.batch;
    copy_heads(from, {1, shape.heads, shape.length, shape.size}, to);
  }
  return all;
}

void run(RunContext& context) {
  const auto& plan = context.plan_as<GroupedPlan>();
  const Node& node = context.node;
  const Sequence sequence = sequence_of(context, plan);
  const int64_t length = std::max(sequence.total, plan.past), size = plan.q.size;
  // Rows of q, k and v: three tensors, or one.
  const bool packed = is_packed(node);
  const float* base = context.inputs[0].as<float>();
  const int64_t width = context.inputs[0].shape[2], states = plan.k.heads * size;
  const auto rows = [&](size_t input) -> Heads {
    if (!packed) {
      const TensorView& x = context.inputs[input];
      return heads_of(x.as<const float>(), x.shape, input == 0 ? plan.q : plan.k);
    }
    const int64_t first = input == 0 ? 0 : plan.q.heads * size + (input == 1 ? 0 : states);
    return {base + first, plan.q.length * width, size, width};
  };
  Heads q = rows(0), k = rows(1);
  std::vector<float> turned_q, turned_k;
  if (node.int_attribute("do_rotary", 0) != 0) {
    turned_q.resize(floats_of(plan.q, plan.q.length));
    turned_k.resize(floats_of(plan.k, plan.k.length));
    const auto to_q = dense_heads(turned_q.data(), plan.q, plan.q.length);
    const auto to_k = dense_heads(turned_k.data(), plan.k, plan.k.length);
    turn(context, sequence, plan.q, q, to_q);
    turn(context, sequence, plan.k, k, to_k);
    q = reading(to_q);
    k = reading(to_k);
  }
  const HeadsOf<float> keys = present_of(context, plan, sequence, 1, k);
  const HeadsOf<float> values = present_of(context, plan, sequence, 2, rows(2));
  const AttentionShape shape{plan.q.batch, plan.q.heads, plan.k.heads, plan.q.length,
                             length,       size,         size};
  AttentionMask addend;
  const TensorView& y = context.outputs[0];
  const float fallback = 1.0f / std::sqrt(static_cast<float>(size));
  const float scale = node.float_attribute("scale", 0.0f);
  AttentionCall call{.shape = shape,
                     .q = q,
                     .k = reading(keys),
                     .v = reading(values),
                     .y = heads_of(y.as<float>(), y.shape, plan.q),
                     .scale = scale == 0 ? fallback : scale,
                     .softcap = node.float_attribute("softcap", 0.0f)};
  if (context.has_input(kAddend)) {
    if (!mask_fits(context.inputs[kAddend].shape, shape)) {
      context.fail(ErrorCode::kInvalidShape, "the attention_bias does not fit");
    }
    addend = mask_of(context.inputs[kAddend]);
    call.masks = std::span(&addend, 1);
  }
  const int64_t window = node.int_attribute("local_window_size", -1);
  call.keys = [&](int64_t batch, int64_t row) {
    const int64_t end = sequence.pasts[static_cast<size_t>(batch)] + row + 1;
    return KeyRange{window >= 0 ? std::max<int64_t>(0, end - window) : 0, end};
  };
  std::vector<float> scratch(attention_scratch(shape));
  attend(call, scratch.data());
}

int64_t macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  if (inputs[0].size() != 3) return 0;
  const int64_t size = head_size(node, inputs[0][2]);
  const int64_t keys = outputs.size() > 1 && outputs[1].size() == 4 ? outputs[1][2] : inputs[0][1];
  return AttentionShape{inputs[0][0], heads_of_node(node), kv_heads(node), inputs[0][1], keys, size,
                        size}
      .macs();
}

}  // namespace

void add_grouped_rows(std::vector<OpDef>& rows) {
  rows.push_back({.domain = kMicrosoftDomain,
                  .op_type = "GroupQueryAttention",
                  .inputs = {Role::kActivation, Role::kActivation, Role::kActivation,
                             Role::kActivation, Role::kActivation, Role::kShape, Role::kShape,
                             Role::kParameter, Role::kParameter, Role::kShape, Role::kParameter},
                  .infer = infer,
                  .plan = plan,
                  .run = run,
                  .allocates = true,
                  .macs = macs});
}

}  // namespace eightfold
