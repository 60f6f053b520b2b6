// RoiAlign (10, 16, 22) and MaxRoiPool (1, 22). Source: ONNX.
//
//   RoiAlign:   every cell of a region is the mean, or the maximum of the weighted corners, of
//               bilinear samples; regions [R, 4] are (x1, y1, x2, y2), images by batch_indices [R]
//   MaxRoiPool: regions [R, 5] are (image, x1, y1, x2, y2), rounded to pixels
#include <algorithm>
#include <cmath>

#include "ops/image_rows.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

struct Cells {
  int64_t height = 1, width = 1;
};

Cells cells_of(const Node& node) {
  if (node.op_type == "RoiAlign") {
    return {node.int_attribute("output_height", 1), node.int_attribute("output_width", 1)};
  }
  const auto pooled = node.ints_attribute("pooled_shape");
  return pooled.size() == 2 ? Cells{pooled[0], pooled[1]} : Cells{0, 0};
}

void infer_roi(InferContext& context) {
  const Cells cells = cells_of(context.node);
  if (cells.height < 1 || cells.width < 1) {
    context.fail(ErrorCode::kInvalidAttribute, "the output has no cells");
  }
  context.set_output(0, context.dtype(0),
                     Dims{dim_of(context, 1, 0), dim_of(context, 0, 1), Dim{cells.height, {}},
                          Dim{cells.width, {}}});
}

OpState plan_roi(PlanContext& context) {
  check_floats(context, 2);
  const bool aligns = context.node.op_type == "RoiAlign";
  const Shape &x = context.inputs[0].shape, &rois = context.inputs[1].shape;
  check_shapes(context, x.size() == 4 && rois.size() == 2 && rois[1] == (aligns ? 4 : 5));
  check_shapes(context,
               !aligns || (context.has_input(2) && context.inputs[2].shape == Shape{rois[0]}));
  return nullptr;
}

// One sample: four corners.
struct Sample {
  int64_t offset[4];
  float weight[4];
};

Sample sample_at(float y, float x, int64_t height, int64_t width) {
  Sample sample{};
  if (!(y >= -1 && x >= -1 && y <= static_cast<float>(height) && x <= static_cast<float>(width))) {
    return sample;
  }
  y = std::max(y, 0.0f);
  x = std::max(x, 0.0f);
  const int64_t top = std::min(static_cast<int64_t>(y), height - 1);
  const int64_t left = std::min(static_cast<int64_t>(x), width - 1);
  const float down = top == height - 1 ? 0 : y - static_cast<float>(top);
  const float right = left == width - 1 ? 0 : x - static_cast<float>(left);
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t row = std::min(top + i / 2, height - 1),
                  column = std::min(left + i % 2, width - 1);
    sample.offset[i] = row * width + column;
    sample.weight[i] = (i / 2 ? down : 1 - down) * (i % 2 ? right : 1 - right);
  }
  return sample;
}

int64_t image_of(const RunContext& context, int64_t image) {
  if (image < 0 || image >= context.inputs[0].shape[0]) {
    context.fail(ErrorCode::kInvalidData, "a region lies in image " + std::to_string(image));
  }
  return image;
}

int64_t checked_samples(const RunContext& context, float count) {
  constexpr float kMost = 4096;  // along an axis of one cell
  if (!(count < kMost)) context.fail(ErrorCode::kInvalidData, "a region is too large");
  return static_cast<int64_t>(std::max(count, 0.0f));
}

void run_align(RunContext& context) {
  const Node& node = context.node;
  const Shape &x = context.inputs[0].shape, &y = context.outputs[0].shape;
  const bool is_max = node.string_attribute("mode", "avg") == "max";
  const bool half =
      context.opset >= 16 || context.opset <= 0
          ? node.string_attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel"
          : false;
  const float scale = node.float_attribute("spatial_scale", 1.0f), shift = half ? 0.5f : 0.0f;
  const auto ratio = static_cast<float>(node.int_attribute("sampling_ratio", 0));
  const std::vector<int64_t> images = integers(context.inputs[2]);
  const float* roi = context.inputs[1].as<float>();
  const int64_t plane = x[2] * x[3];
  float* out = context.outputs[0].as<float>();
  std::vector<Sample> samples;
  for (int64_t r = 0; r < y[0]; ++r, roi += 4, out += y[1] * y[2] * y[3]) {
    const float* image = context.inputs[0].as<float>() +
                         image_of(context, images[static_cast<size_t>(r)]) * x[1] * plane;
    const float left = roi[0] * scale - shift, top = roi[1] * scale - shift;
    float width = roi[2] * scale - shift - left, height = roi[3] * scale - shift - top;
    if (!half) {
      width = std::max(width, 1.0f);
      height = std::max(height, 1.0f);
    }
    const float cell_h = height / static_cast<float>(y[2]),
                cell_w = width / static_cast<float>(y[3]);
    const int64_t down = checked_samples(context, ratio > 0 ? ratio : std::ceil(cell_h));
    const int64_t across = checked_samples(context, ratio > 0 ? ratio : std::ceil(cell_w));
    for (int64_t cell = 0; cell < y[2] * y[3]; ++cell) {
      samples.clear();
      for (int64_t i = 0; i < down * across && plane > 0; ++i) {
        const auto place = [](int64_t at, int64_t count, int64_t index, float extent) {
          return (static_cast<float>(at) +
                  (static_cast<float>(index) + 0.5f) / static_cast<float>(count)) *
                 extent;
        };
        samples.push_back(sample_at(top + place(cell / y[3], down, i / across, cell_h),
                                    left + place(cell % y[3], across, i % across, cell_w), x[2],
                                    x[3]));
      }
      for (int64_t c = 0; c < x[1]; ++c) {
        const float* channel = image + c * plane;
        float sum = 0;
        bool first = true;
        for (const Sample& sample : samples) {
          float corners[4];
          for (int i = 0; i < 4; ++i) corners[i] = sample.weight[i] * channel[sample.offset[i]];
          const float most = *std::ranges::max_element(corners);
          if (!is_max)
            sum += corners[0] + corners[1] + corners[2] + corners[3];
          else if (first || most > sum)
            sum = most;
          first = false;
        }
        if (!is_max) sum /= static_cast<float>(std::max<size_t>(1, samples.size()));
        out[c * y[2] * y[3] + cell] = sum;
      }
    }
  }
}

// Pixels of cell `i` of `count` over [low, high], inside of [0, extent).
struct Pixels {
  int64_t begin, end;
};
Pixels pixels_of(int64_t i, int64_t count, float low, float high, int64_t extent) {
  const float length = std::max(high - low + 1, 1.0f) / static_cast<float>(count);
  const auto bounded = [&](float at) {
    return static_cast<int64_t>(std::clamp(at + low, 0.0f, static_cast<float>(extent)));
  };
  return {bounded(std::floor(static_cast<float>(i) * length)),
          bounded(std::ceil(static_cast<float>(i + 1) * length))};
}

void run_max(RunContext& context) {
  const Shape &x = context.inputs[0].shape, &y = context.outputs[0].shape;
  const float scale = context.node.float_attribute("spatial_scale", 1.0f);
  const float* roi = context.inputs[1].as<float>();
  float* out = context.outputs[0].as<float>();
  for (int64_t r = 0; r < y[0]; ++r, roi += 5) {
    for (int i = 0; i < 5; ++i) {
      if (!(std::fabs(roi[i]) < 1e9f))
        context.fail(ErrorCode::kInvalidData, "a region is no number");
    }
    const float* image = context.inputs[0].as<float>() +
                         image_of(context, static_cast<int64_t>(roi[0])) * x[1] * x[2] * x[3];
    const auto edge = [&](int i) { return std::round(roi[i] * scale); };
    for (int64_t c = 0; c < x[1]; ++c, image += x[2] * x[3]) {
      for (int64_t cell = 0; cell < y[2] * y[3]; ++cell) {
        const Pixels rows = pixels_of(cell / y[3], y[2], edge(2), edge(4), x[2]);
        const Pixels columns = pixels_of(cell % y[3], y[3], edge(1), edge(3), x[3]);
        const bool empty = rows.begin >= rows.end || columns.begin >= columns.end;
        float most = empty ? 0 : image[rows.begin * x[3] + columns.begin];
        for (int64_t h = rows.begin; h < rows.end; ++h) {
          for (int64_t w = columns.begin; w < columns.end; ++w) {
            most = std::max(most, image[h * x[3] + w]);
          }
        }
        *out++ = most;
      }
    }
  }
}

OpDef roi_row(std::string_view op_type, int since, void (*run)(RunContext&)) {
  return {.domain = "",
          .op_type = op_type,
          .since = since,
          .inputs = {Role::kActivation, Role::kParameter, Role::kShape},
          .infer = infer_roi,
          .plan = plan_roi,
          .run = run};
}

}  // namespace

void add_roi_rows(std::vector<OpDef>& rows) {
  rows.push_back(roi_row("RoiAlign", 10, run_align));
  rows.push_back(roi_row("MaxRoiPool", 1, run_max));
}

}  // namespace eightfold
