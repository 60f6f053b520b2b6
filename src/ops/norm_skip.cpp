// onnxruntime's normalizations of a residual sum, and of embeddings (com.microsoft).
//
//   SkipLayerNormalization (input, skip, gamma, [beta], [bias]),
//   SkipSimplifiedLayerNormalization (input, skip, gamma, [bias]):
//     s = input + skip + bias;  output = norm(s);  outputs 1, 2: mean, InvStdDev;  output 3: s
//   EmbedLayerNormalization (input_ids, [segment_ids], word, position, [segment], gamma, beta,
//   [mask], [position_ids]):
//     s = word[id] + position[p] + segment[t];  outputs: norm(s), mask_index [batch], s
// The last axis is normalized. skip may lack the batch, or have one of it: then it repeats.
#include <algorithm>
#include <string>

#include "ops/norm.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

void infer_skip(InferContext& context) {
  infer_norm(context);
  std::optional<Dims> statistics = context.dims(0);
  if (statistics && !statistics->empty()) statistics->back() = {1, {}};
  context.set_output(1, DType::kFloat32, statistics);
  context.set_output(2, DType::kFloat32, statistics);
  context.set_output(3, context.dtype(0), context.dims(0));
}

bool is_simplified(const Node& node) { return node.op_type.starts_with("SkipSimplified"); }

// Every parameter from `first` on has `size` elements.
void require_rows(const PlanContext& context, size_t first, size_t end, int64_t size) {
  for (size_t i = first; i < end; ++i) {
    if (!context.has_input(i) || element_count(context.inputs[i].shape) == size) continue;
    context.fail(ErrorCode::kInvalidShape,
                 "input " + std::to_string(i) + " must have " + std::to_string(size) + " elements");
  }
}

OpState plan_skip(PlanContext& context) {
  require_float(context);
  const Shape& x = context.inputs[0].shape;
  const Shape& skip = context.inputs[1].shape;
  const int64_t size = x.empty() ? 0 : x.back();
  require_rows(context, 2, context.inputs.size(), size);
  const int64_t repeat = element_count(skip);
  if (size == 0 || skip.empty() || skip.back() != size ||
      (repeat > 0 && element_count(x) % repeat != 0)) {
    context.fail(ErrorCode::kInvalidShape,
                 "inputs of shapes " + shape_text(x) + " and " + shape_text(skip));
  }
  context.scratch_bytes = static_cast<size_t>(size) * sizeof(float);
  return nullptr;
}

void add_row(const float* x, int64_t size, float* sum) {
  for (int64_t i = 0; i < size; ++i) sum[i] += x[i];
}

const float* optional(const RunContext& context, size_t i) {
  return context.has_input(i) ? context.inputs[i].as<float>() : nullptr;
}

void run_skip(RunContext& context) {
  const bool simplified = is_simplified(context.node);
  const int64_t size = context.inputs[0].shape.back();
  const LayerStep step{simplified ? LayerCentre::kZero : LayerCentre::kMean,
                       context.node.float_attribute("epsilon", simplified ? 1e-6f : 1e-12f),
                       context.inputs[2].as<float>(),
                       size,
                       simplified ? nullptr : optional(context, 3),
                       size};
  const float* bias = optional(context, simplified ? 3 : 4);
  const float* x = context.inputs[0].as<float>();
  const float* skip = context.inputs[1].as<float>();
  const int64_t count = context.inputs[0].size(), repeat = context.inputs[1].size();
  for (int64_t at = 0; at < count; at += size) {
    float* sum = context.has_output(3) ? context.outputs[3].as<float>() + at
                                       : reinterpret_cast<float*>(context.scratch);
    std::copy_n(x + at, size, sum);
    add_row(skip + at % repeat, size, sum);
    if (bias) add_row(bias, size, sum);
    const LayerMoments moments = layer_row(step, sum, size, context.outputs[0].as<float>() + at);
    if (context.has_output(1)) context.outputs[1].as<float>()[at / size] = moments.mean;
    if (context.has_output(2)) {
      context.outputs[2].as<float>()[at / size] = moments.inverse_deviation;
    }
  }
}

// ---------------------------------------------------------------- embeddings
constexpr size_t kWord = 2, kPosition = 3, kSegment = 4, kGamma = 5, kMask = 7, kPositionIds = 8;

void infer_embed(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  std::optional<Dims> batch;
  if (dims && dims->size() == 2) {
    batch = Dims{dims->front()};
    const auto& word = context.dims(kWord);
    dims->push_back(word && !word->empty() ? word->back() : Dim{});
  }
  context.set_output(0, context.dtype(kWord), dims);
  context.set_output(1, DType::kInt32, batch);
  context.set_output(2, context.dtype(kWord), dims);
}

OpState plan_embed(PlanContext& context) {
  const Shape& ids = context.inputs[0].shape;
  const int64_t size = context.outputs[0].shape.empty() ? 0 : context.outputs[0].shape.back();
  bool fits = ids.size() == 2 && size > 0;
  for (size_t i = kWord; i <= kSegment; ++i) {
    if (!context.has_input(i)) continue;
    const TensorInfo& table = context.inputs[i];
    if (table.dtype != DType::kFloat32) refuse_dtype(context, table.dtype);
    fits = fits && table.shape.size() == 2 && table.shape[1] == size;
  }
  for (const size_t i : {size_t{1}, kMask, kPositionIds}) {
    if (context.has_input(i))
      fits =
          fits && !context.inputs[i].shape.empty() && context.inputs[i].shape.back() == ids.back();
  }
  if (!fits) context.fail(ErrorCode::kInvalidShape, "ids and embeddings do not fit together");
  require_rows(context, kGamma, kMask, size);
  context.scratch_bytes = static_cast<size_t>(size) * sizeof(float);
  return nullptr;
}

const float* embedding(const RunContext& context, size_t table, int64_t index) {
  const Shape& shape = context.inputs[table].shape;
  if (index < 0 || index >= shape[0]) {
    context.fail(ErrorCode::kInvalidData, "an id of " + std::to_string(index) + ", the table has " +
                                              std::to_string(shape[0]) + " rows");
  }
  return context.inputs[table].as<float>() + index * shape[1];
}

void run_embed(RunContext& context) {
  const int64_t batch = context.inputs[0].shape[0], length = context.inputs[0].shape[1];
  const int64_t size = context.outputs[0].shape[2];
  const auto ids = integers(context.inputs[0]);
  const auto read = [&](size_t i) {
    return context.has_input(i) ? integers(context.inputs[i]) : std::vector<int64_t>{};
  };
  const auto segments = read(1), mask = read(kMask), positions = read(kPositionIds);
  const LayerStep step{LayerCentre::kMean,
                       context.node.float_attribute("epsilon", 1e-12f),
                       context.inputs[kGamma].as<float>(),
                       size,
                       optional(context, kGamma + 1),
                       size};
  for (int64_t i = 0; i < batch * length; ++i) {
    const auto at = static_cast<size_t>(i);
    float* sum = context.has_output(2) ? context.outputs[2].as<float>() + i * size
                                       : reinterpret_cast<float*>(context.scratch);
    std::copy_n(embedding(context, kWord, ids[at]), size, sum);
    const int64_t position = positions.empty() ? i % length : positions[at % positions.size()];
    add_row(embedding(context, kPosition, position), size, sum);
    if (context.has_input(kSegment)) {
      add_row(embedding(context, kSegment, segments.empty() ? 0 : segments[at]), size, sum);
    }
    layer_row(step, sum, size, context.outputs[0].as<float>() + i * size);
  }
  for (int64_t b = 0; context.has_output(1) && b < batch; ++b) {
    int64_t used = 0;
    for (int64_t i = b * length; !mask.empty() && i < (b + 1) * length; ++i) {
      used += mask[static_cast<size_t>(i)] != 0;
    }
    context.outputs[1].as<int32_t>()[b] = static_cast<int32_t>(used);
  }
}

}  // namespace

void add_skip_norm_rows(std::vector<OpDef>& rows) {
  for (std::string_view op_type : {"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"}) {
    OpDef row = norm_row(op_type, LayoutRule::kPlain, plan_skip, run_skip);
    row.domain = kMicrosoftDomain;
    row.inputs = {Role::kActivation, Role::kActivation, Role::kParameter};
    row.infer = infer_skip;
    rows.push_back(row);
  }
  OpDef row = norm_row("EmbedLayerNormalization", LayoutRule::kPlain, plan_embed, run_embed);
  row.domain = kMicrosoftDomain;
  row.inputs = {Role::kShape,     Role::kShape,     Role::kParameter, Role::kParameter,
                Role::kParameter, Role::kParameter, Role::kParameter, Role::kShape};
  row.infer = infer_embed;
  rows.push_back(row);
}

}  // namespace eightfold
