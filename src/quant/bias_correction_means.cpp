// Sums over the windows of a layer (see bias_correction_means.h). A row of the
// input is summed once per horizontal tap, then added to every tap above and
// below that meets the row.
#include "quant/bias_correction_means.h"

#include <algorithm>
#include <cmath>

#include "ops/op.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

QuantizedOperands operands_of(const Graph& graph, NodeId id) {
  const OpDef* def = find_op(graph, graph.node(id));
  return def ? def->quantized.operands : QuantizedOperands::kNone;
}

void fake_quantize_row(std::span<const float> row, const QParams& qparams, std::span<float> out) {
  const float scale = qparams.scale[0];
  const auto zero_point = static_cast<float>(qparams.zero_point[0]);
  const float lo = static_cast<float>(qparams.quant_min) - zero_point;
  const float hi = static_cast<float>(qparams.quant_max) - zero_point;
  for (size_t i = 0; i < row.size(); ++i) {
    out[i] = std::min(std::max(std::nearbyint(row[i] / scale), lo), hi) * scale;
  }
}

// First and one past the last output whose tap falls inside the input.
struct Span {
  int64_t begin, end;
};
Span valid_outputs(const WindowAxis& axis, int64_t tap) {
  const int64_t offset = tap * axis.dilation - axis.pad;  // input of output 0
  const int64_t begin = offset >= 0 ? 0 : (-offset + axis.stride - 1) / axis.stride;
  const int64_t last = axis.in - 1 - offset;
  const int64_t end = last < 0 ? 0 : std::min(axis.out, last / axis.stride + 1);
  return {begin, std::max(begin, end)};
}

// Does some output see input `position` through `tap`?
bool meets(const WindowAxis& axis, int64_t position, int64_t tap) {
  const int64_t shifted = position + axis.pad - tap * axis.dilation;
  return shifted >= 0 && shifted % axis.stride == 0 && shifted / axis.stride < axis.out;
}

// row [width, channels] -> sums [kernel, channels] of the inputs that each tap meets.
void sum_taps(std::span<const float> row, const WindowAxis& axis, int64_t channels,
              std::span<float> sums) {
  std::ranges::fill(sums, 0.0f);
  for (int64_t tap = 0; tap < axis.kernel; ++tap) {
    float* sum = sums.data() + tap * channels;
    const Span outputs = valid_outputs(axis, tap);
    for (int64_t o = outputs.begin; o < outputs.end; ++o) {
      const int64_t position = o * axis.stride + tap * axis.dilation - axis.pad;
      const float* x = row.data() + position * channels;
      for (int64_t c = 0; c < channels; ++c) sum[c] += x[c];
    }
  }
}

void accumulate(std::span<const float> from, double* to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] += static_cast<double>(from[i]);
}

// Copies one row of an image as [width, channels], whatever its layout.
void gather_row(const TensorView& x, int64_t sample, int64_t row, int64_t width, int64_t channels,
                int64_t pixels, std::span<float> out) {
  const float* data = x.as<const float>();
  if (x.layout == Layout::kChannelsLast) {
    std::copy_n(data + (sample * pixels + row * width) * channels, width * channels, out.data());
    return;
  }
  for (int64_t c = 0; c < channels; ++c) {
    const float* from = data + (sample * channels + c) * pixels + row * width;
    for (int64_t i = 0; i < width; ++i) out[static_cast<size_t>(i * channels + c)] = from[i];
  }
}

}  // namespace

bool LayerMeans::covers(const Graph& graph, NodeId node) {
  const QuantizedOperands operands = operands_of(graph, node);
  return operands == QuantizedOperands::kConv ||
         (operands == QuantizedOperands::kGemm && graph.node(node).int_attribute("transA", 0) == 0);
}

LayerMeans::LayerMeans(const Graph& graph, NodeId node, QParams input)
    : graph_(graph),
      node_(node),
      input_(std::move(input)),
      weight_shape_(graph.constant(graph.node(node).input(1))->shape()),
      is_image_(operands_of(graph, node) == QuantizedOperands::kConv) {
  const Node& layer = graph.node(node);
  if (is_image_) {
    channels_ = weight_shape_[1] * layer.int_attribute("group", 1);
    for (size_t i = 2; i < weight_shape_.size(); ++i) taps_ *= weight_shape_[i];
  } else {
    channels_ = weight_shape_[layer.int_attribute("transB", 0) ? 1 : 0];
  }
  sums_.resize(static_cast<size_t>(taps_ * channels_));
  quantized_sums_.resize(sums_.size());
}

void LayerMeans::add(const TensorView& x) {
  if (is_image_) {
    add_image(x);
  } else {
    add_rows(x);
  }
}

void LayerMeans::add_image(const TensorView& x) {
  const std::span<const int64_t> kernel = std::span(weight_shape_).subspan(2);
  const Window window =
      make_window(read_window(graph_.node(node_), kernel.size(), kernel), x.shape);
  const auto& [depth, height, width] = window.axes;
  const auto row_size = static_cast<size_t>(width.in * channels_);
  row_.resize(row_size);
  quantized_row_.resize(row_size);
  tap_sums_.resize(static_cast<size_t>(width.kernel * channels_));
  quantized_tap_sums_.resize(tap_sums_.size());
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    for (int64_t r = 0; r < depth.in * height.in; ++r) {
      gather_row(x, n, r, width.in, channels_, window.in_size(), row_);
      fake_quantize_row(row_, input_, quantized_row_);
      sum_taps(row_, width, channels_, tap_sums_);
      sum_taps(quantized_row_, width, channels_, quantized_tap_sums_);
      for (int64_t t = 0; t < depth.kernel * height.kernel; ++t) {
        if (!meets(depth, r / height.in, t / height.kernel)) continue;
        if (!meets(height, r % height.in, t % height.kernel)) continue;
        accumulate(tap_sums_, sums_.data() + t * width.kernel * channels_);
        accumulate(quantized_tap_sums_, quantized_sums_.data() + t * width.kernel * channels_);
      }
    }
  }
  positions_ += x.shape[0] * window.out_size();
}

void LayerMeans::add_rows(const TensorView& x) {
  const int64_t rows = x.shape[0];
  const auto columns = static_cast<size_t>(channels_);
  quantized_row_.resize(columns);
  for (int64_t r = 0; r < rows; ++r) {
    const std::span<const float> row(x.as<const float>() + r * channels_, columns);
    fake_quantize_row(row, input_, quantized_row_);
    accumulate(row, sums_.data());
    accumulate(quantized_row_, quantized_sums_.data());
  }
  positions_ += rows;
}

std::vector<float> LayerMeans::mean_error(std::span<const float> weight,
                                          std::span<const float> quantized_weight) const {
  const Node& layer = graph_.node(node_);
  const bool is_transposed = !is_image_ && layer.int_attribute("transB", 0) == 0;  // [K, O]
  const int64_t outputs = is_transposed ? weight_shape_[1] : weight_shape_[0];
  const int64_t group = is_image_ ? layer.int_attribute("group", 1) : 1;
  const int64_t per_group = channels_ / group;
  std::vector<float> error;
  for (int64_t o = 0; o < outputs; ++o) {
    const int64_t first_channel = o / std::max<int64_t>(outputs / group, 1) * per_group;
    double sum = 0;
    for (int64_t c = 0; c < per_group; ++c) {
      for (int64_t t = 0; t < taps_; ++t) {
        const auto w =
            static_cast<size_t>(is_transposed ? c * outputs + o : (o * per_group + c) * taps_ + t);
        const auto m = static_cast<size_t>(t * channels_ + first_channel + c);
        sum += static_cast<double>(weight[w]) * sums_[m] -
               static_cast<double>(quantized_weight[w]) * quantized_sums_[m];
      }
    }
    const float alpha = is_image_ ? 1.0f : layer.float_attribute("alpha", 1.0f);
    error.push_back(static_cast<float>(sum / static_cast<double>(positions_)) * alpha);
  }
  return error;
}

}  // namespace eightfold
