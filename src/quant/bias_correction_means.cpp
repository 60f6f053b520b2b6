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
  // The windows of a transposed convolution lie in its output: nothing here sums over them.
  const bool transposes = graph.node(id).op_type == "ConvTranspose";
  return def && !transposes ? def->quantized.operands : QuantizedOperands::kNone;
}

// A residual is added after the layer: its own error is none of the weight's.
bool is_convolution(QuantizedOperands operands) {
  return operands == QuantizedOperands::kConv || operands == QuantizedOperands::kConvAdd;
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
  return is_convolution(operands) ||
         (operands == QuantizedOperands::kGemm && graph.node(node).int_attribute("transA", 0) == 0);
}

LayerMeans::LayerMeans(const Graph& graph, NodeId node, QParams input)
    : graph_(graph),
      node_(node),
      input_(std::move(input)),
      weight_shape_(graph.constant(graph.node(node).input(1))->shape()),
      is_image_(is_convolution(operands_of(graph, node))) {
  const Node& layer = graph.node(node);
  if (is_image_) {
    group_ = layer.int_attribute("group", 1);
    channels_ = weight_shape_[1] * group_;
    for (size_t i = 2; i < weight_shape_.size(); ++i) taps_ *= weight_shape_[i];
  } else {
    alpha_ = layer.float_attribute("alpha", 1.0f);
    weight_is_transposed_ = layer.int_attribute("transB", 0) == 0;
    channels_ = weight_shape_[weight_is_transposed_ ? 0 : 1];
  }
  sums_.resize(static_cast<size_t>(taps_ * channels_));
  quantized_sums_.resize(sums_.size());
  squares_.resize(static_cast<size_t>(channels_));
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
      add_squares();
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

void LayerMeans::add_squares() {
  const auto channels = static_cast<size_t>(channels_);
  square_sums_.assign(channels, 0.0f);
  for (size_t at = 0; at < quantized_row_.size(); at += channels) {
    const float* x = quantized_row_.data() + at;
    for (size_t c = 0; c < channels; ++c) square_sums_[c] += x[c] * x[c];
    ++inputs_;
  }
  accumulate(square_sums_, squares_.data());
}

void LayerMeans::add_rows(const TensorView& x) {
  const int64_t rows = x.shape[0];
  const auto columns = static_cast<size_t>(channels_);
  quantized_row_.resize(columns);
  for (int64_t r = 0; r < rows; ++r) {
    const std::span<const float> row(x.as<const float>() + r * channels_, columns);
    fake_quantize_row(row, input_, quantized_row_);
    add_squares();
    accumulate(row, sums_.data());
    accumulate(quantized_row_, quantized_sums_.data());
  }
  positions_ += rows;
}

LayerMeans::Place LayerMeans::place(int64_t output, int64_t channel, int64_t tap) const {
  const int64_t per_group = channels_ / group_;
  const int64_t first = output / std::max<int64_t>(outputs() / group_, 1) * per_group;
  const int64_t weight = weight_is_transposed_ ? channel * outputs() + output
                                               : (output * per_group + channel) * taps_ + tap;
  return {static_cast<size_t>(weight), static_cast<size_t>(tap * channels_ + first + channel),
          static_cast<size_t>(first + channel)};
}

LayerMeans::Moments LayerMeans::moments(int64_t output) const {
  Moments moments;
  for (int64_t c = 0; c < channels_ / group_; ++c) {
    for (int64_t t = 0; t < taps_; ++t) {
      const Place at = place(output, c, t);
      const double mean = quantized_sums_[at.sum] / static_cast<double>(positions_);
      const double square = squares_[at.channel] / static_cast<double>(inputs_);
      moments.weights.push_back(at.weight);
      moments.mean.push_back(mean);
      moments.variance.push_back(std::max(square - mean * mean, 0.0));
    }
  }
  return moments;
}

std::vector<float> LayerMeans::mean_error(std::span<const float> weight,
                                          std::span<const float> quantized_weight) const {
  std::vector<float> error;
  for (int64_t o = 0; o < outputs(); ++o) {
    double sum = 0;
    for (int64_t c = 0; c < channels_ / group_; ++c) {
      for (int64_t t = 0; t < taps_; ++t) {
        const Place at = place(o, c, t);
        sum += static_cast<double>(weight[at.weight]) * sums_[at.sum] -
               static_cast<double>(quantized_weight[at.weight]) * quantized_sums_[at.sum];
      }
    }
    error.push_back(static_cast<float>(sum / static_cast<double>(positions_)) * alpha_);
  }
  return error;
}

}  // namespace eightfold
