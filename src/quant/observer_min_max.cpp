// The min/max family and the observers without statistics (observer_classes.h).
#include <algorithm>

#include "core/error.h"
#include "quant/observer_classes.h"

namespace eightfold {
namespace {

void move_average(ValueRange& range, const ValueRange& batch, float constant) {
  if (range.empty()) {
    range = batch;
    return;
  }
  range.min += constant * (batch.min - range.min);
  range.max += constant * (batch.max - range.max);
}

std::pair<float, float> pair_of(const ValueRange& range) {
  return range.empty() ? std::pair(0.0f, 0.0f) : std::pair(range.min, range.max);
}

// A view as [outer, channels, inner].
struct ChannelView {
  int64_t outer = 1, channels = 1, inner = 1;
};

ChannelView channel_view(const TensorView& value, int axis) {
  if (value.layout != Layout::kPlain && value.rank() >= 3) {
    throw Error(ErrorCode::kInternal, "a per-channel observer needs the plain layout");
  }
  ChannelView out;
  for (int i = 0; i < value.rank(); ++i) {
    const int64_t dim = value.shape[static_cast<size_t>(i)];
    (i < axis ? out.outer : i == axis ? out.channels : out.inner) *= dim;
  }
  return out;
}

}  // namespace

void MinMaxObserver::observe(const TensorView& value) {
  range_.extend(finite_range_of(float_elements(value)));
}

std::pair<float, float> MinMaxObserver::range() const { return pair_of(range_); }

void MovingAverageMinMaxObserver::observe(const TensorView& value) {
  const ValueRange batch = finite_range_of(float_elements(value));
  if (!batch.empty()) move_average(range_, batch, spec().averaging_constant);
}

void PerChannelMinMaxObserver::observe(const TensorView& value) {
  const std::span<const float> values = float_elements(value);
  if (values.empty()) return;
  const auto rank = static_cast<int>(value.rank());
  const int axis = spec().ch_axis < 0 ? spec().ch_axis + rank : spec().ch_axis;
  if (axis < 0 || axis >= rank) {
    throw Error(ErrorCode::kInvalidConfig, "ch_axis " + std::to_string(spec().ch_axis) +
                                               " is not an axis of " + shape_text(value.shape));
  }
  const ChannelView view = channel_view(value, axis);
  const auto channels = static_cast<size_t>(view.channels);
  if (!ranges_.empty() && (ranges_.size() != channels || axis_ != axis)) {
    throw Error(ErrorCode::kInvalidData, "the number of channels changed from " +
                                             std::to_string(ranges_.size()) + " to " +
                                             std::to_string(channels));
  }
  std::vector<ValueRange> batch(channels, kEmptyRange);
  const auto inner = static_cast<size_t>(view.inner);
  for (size_t row = 0; row < static_cast<size_t>(view.outer) * channels; ++row) {
    batch[row % channels].extend(finite_range_of(values.subspan(row * inner, inner)));
  }
  ranges_.resize(channels, kEmptyRange);
  axis_ = axis;
  for (size_t c = 0; c < channels; ++c) update(ranges_[c], batch[c]);
}

QParams PerChannelMinMaxObserver::qparams() const {
  QParams out = empty_qparams(spec());
  out.axis = observed() ? axis_ : std::max(spec().ch_axis, 0);
  const std::vector<ValueRange> unobserved{kEmptyRange};
  for (const ValueRange& range : observed() ? ranges_ : unobserved) {
    const ScaleZeroPoint chosen = choose_qparams(range, spec());
    out.scale.push_back(chosen.scale);
    out.zero_point.push_back(chosen.zero_point);
  }
  return out;
}

std::pair<float, float> PerChannelMinMaxObserver::range() const {
  ValueRange all = kEmptyRange;
  for (const ValueRange& range : ranges_) all.extend(range);
  return pair_of(all);
}

void MovingAveragePerChannelMinMaxObserver::update(ValueRange& range,
                                                   const ValueRange& batch) const {
  move_average(range, batch, spec().averaging_constant);
}

QParams FixedQParamsObserver::qparams() const {
  QParams out = empty_qparams(spec());
  out.scale = {spec().scale};
  out.zero_point = {spec().zero_point};
  return out;
}

std::pair<float, float> FixedQParamsObserver::range() const {
  const QRange range = spec().range();
  const auto value = [&](int64_t q) {
    return dequantize(static_cast<int32_t>(q), spec().scale, spec().zero_point);
  };
  return {value(range.quant_min), value(range.quant_max)};
}

QParams PlaceholderObserver::qparams() const {
  throw Error(ErrorCode::kInvalidState, "a PlaceholderObserver has no quantization parameters",
              "use an observer that gathers statistics for what is quantized statically");
}

}  // namespace eightfold
