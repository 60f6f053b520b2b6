// What the normalizations share: images, the per-channel step, checks of their operands.
//   y = x * factor[c] + offset[c]
#pragma once

#include <cstdint>
#include <span>

#include "ops/op.h"

namespace eightfold {

// [N, C, spatial...] as images of `pixels` pixels.
struct Images {
  int64_t batch, channels, pixels;
};
Images images_of(std::span<const int64_t> shape);

inline float norm_epsilon(const Node& node) { return node.float_attribute("epsilon", 1e-5f); }

// `folded` holds the factors of all channels, then their offsets; x and y are channels-last.
void scale_pixels(const float* x, const float* folded, int64_t pixels, int64_t channels, float* y);

// The same of the planes of plain images.
void scale_planes(const float* x, const float* folded, const Images& images, float* y);

// One row of a LayerNormalization; the parameters repeat every so many elements.
enum class LayerCentre : uint8_t { kMean, kZero };
struct LayerStep {
  LayerCentre centre;
  float epsilon;
  const float* scale;
  int64_t scale_size;
  const float* bias;  // or null
  int64_t bias_size;
};
struct LayerMoments {
  float mean, inverse_deviation;
};
LayerMoments layer_row(const LayerStep& step, const float* x, int64_t size, float* y);

void infer_norm(InferContext& context);  // the output is as the input
void require_float(const PlanContext& context);
// Inputs [first, first + count) hold one float per channel of input 0, which has rank >= 2.
void require_channels(const PlanContext& context, size_t first, size_t count);
OpDef norm_row(std::string_view op_type, LayoutRule layout, OpState (*plan)(PlanContext&),
               void (*run)(RunContext&));

// norm_batch.cpp, norm_instance.cpp, norm_group.cpp, lrn.cpp
OpDef batch_norm_row();
OpDef instance_norm_row();
OpDef group_norm_row();
OpDef lrn_row();
void add_layer_norm_rows(std::vector<OpDef>& rows);  // and RMS
void add_axes_norm_rows(std::vector<OpDef>& rows);   // LpNormalization, MeanVarianceNormalization
void add_skip_norm_rows(std::vector<OpDef>& rows);   // onnxruntime's, with a residual or embeddings

}  // namespace eightfold
