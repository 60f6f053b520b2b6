// The normalization family: its rows and what they share (norm.h).
#include "ops/norm.h"

#include <string>

#include "core/lanes.h"
#include "ops/families.h"

namespace eightfold {

Images images_of(std::span<const int64_t> shape) {
  return {shape[0], shape[1], element_count(shape.subspan(2))};
}

void scale_pixels(const float* x, const float* folded, int64_t pixels, int64_t channels, float* y) {
  const float* offsets = folded + channels;
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels) {
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes) {
      store_lanes(y + c, load_lanes(x + c) * load_lanes(folded + c) + load_lanes(offsets + c));
    }
    for (; c < channels; ++c) y[c] = x[c] * folded[c] + offsets[c];
  }
}

void scale_planes(const float* x, const float* folded, const Images& images, float* y) {
  for (int64_t n = 0; n < images.batch; ++n) {
    for (int64_t c = 0; c < images.channels; ++c, x += images.pixels, y += images.pixels) {
      const float factor = folded[c], offset = folded[images.channels + c];
      map_lanes(x, y, images.pixels, [=](Lanes v) { return v * factor + offset; });
    }
  }
}

void infer_norm(InferContext& context) { context.set_output(0, context.dtype(0), context.dims(0)); }

void require_float(const PlanContext& context) {
  for (const TensorInfo& input : context.inputs) {
    if (input.present() && input.dtype != DType::kFloat32) {
      context.fail(ErrorCode::kInvalidType,
                   "dtype " + std::string(dtype_name(input.dtype)) + ", expected float32");
    }
  }
}

void require_channels(const PlanContext& context, size_t first, size_t count) {
  const Shape& x = context.inputs[0].shape;
  if (x.size() < 2) context.fail(ErrorCode::kInvalidShape, "an input of shape " + shape_text(x));
  for (size_t i = first; i < first + count; ++i) {
    if (context.has_input(i) && element_count(context.inputs[i].shape) == x[1]) continue;
    context.fail(ErrorCode::kInvalidShape,
                 "input " + std::to_string(i) + " must have " + std::to_string(x[1]) + " elements");
  }
}

OpDef norm_row(std::string_view op_type, LayoutRule layout, OpState (*plan)(PlanContext&),
               void (*run)(RunContext&)) {
  return {.domain = "",
          .op_type = op_type,
          .inputs = {Role::kActivation, Role::kParameter},
          .layout = layout,
          .infer = infer_norm,
          .plan = plan,
          .run = run};
}

std::vector<OpDef> norm_ops() {
  std::vector<OpDef> rows = {batch_norm_row(), instance_norm_row(), group_norm_row(), lrn_row()};
  add_layer_norm_rows(rows);
  add_axes_norm_rows(rows);
  add_skip_norm_rows(rows);
  return rows;
}

}  // namespace eightfold
