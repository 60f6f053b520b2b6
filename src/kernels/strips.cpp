// The geometry of strips and the copy of their rows. See strips.h.
#include "kernels/strips.h"

#include <algorithm>
#include <cstring>

#include "core/aligned.h"

namespace eightfold {
namespace {

constexpr int64_t kStripFloats = 64 * 1024;  // stay in the second cache

bool inside(const WindowAxis& axis) {
  return axis.pad == 0 && input_position(axis, axis.out - 1, axis.kernel - 1) < axis.in;
}

// Positions that `out` outputs reach over.
int64_t span(const WindowAxis& axis, int64_t out) {
  return std::max<int64_t>(out - 1, 0) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
}

}  // namespace

Strips::Strips(const Window& window, int64_t channels, int64_t group_in)
    : window_(window), channels_(channels) {
  const WindowAxis &depth = window.depth(), &height = window.height(), &width = window.width();
  padded_ = !(inside(depth) && inside(height) && inside(width));
  if (padded_) check_padded_bytes(window, static_cast<size_t>(channels) * sizeof(float));
  width_ = padded_ ? span(width, width.out) : width.in;
  const int64_t row = width_ * channels;
  const int64_t budget = kStripFloats / std::max<int64_t>(row * depth.kernel, 1);
  const int64_t taps = (height.kernel - 1) * height.dilation + 1;
  out_rows_ =
      std::clamp((budget - taps) / height.stride + 1, int64_t{1}, std::max<int64_t>(height.out, 1));
  slab_ = row * (padded_ ? in_rows(out_rows_) : height.in * depth.dilation);
  const bool joined = width.dilation == 1 && group_in == channels;  // taps of a row are one run
  run_count_ = depth.kernel * height.kernel * (joined ? 1 : width.kernel);
}

int64_t Strips::in_rows(int64_t out_rows) const { return span(window_.height(), out_rows); }

size_t Strips::table_bytes() const {
  return aligned(static_cast<size_t>(run_count_ + out_rows_ * window_.width().out) *
                 sizeof(ptrdiff_t));
}

size_t Strips::pixel_bytes() const {
  return padded_ ? static_cast<size_t>(slab_ * window_.depth().kernel) * sizeof(float) : 0;
}

void Strips::fill_tables(void* tables) {
  const WindowAxis &height = window_.height(), &width = window_.width();
  const int64_t row = width_ * channels_;
  runs_ = static_cast<ptrdiff_t*>(tables);
  rows_ = runs_ + run_count_;
  const int64_t across = run_count_ / (window_.depth().kernel * height.kernel);
  for (int64_t i = 0; i < run_count_; ++i) {
    const int64_t t = i % across, h = i / across % height.kernel, d = i / across / height.kernel;
    runs_[i] = static_cast<ptrdiff_t>(d * slab_ + h * height.dilation * row +
                                      t * width.dilation * channels_);
  }
  for (int64_t y = 0, i = 0; y < out_rows_; ++y) {
    for (int64_t x = 0; x < width.out; ++x, ++i) {
      rows_[i] = static_cast<ptrdiff_t>(y * height.stride * row + x * width.stride * channels_);
    }
  }
}

void Strips::copy_row(const float* image, int64_t z, int64_t y, float* to) const {
  const WindowAxis &depth = window_.depth(), &height = window_.height(), &width = window_.width();
  if (z < 0 || z >= depth.in || y < 0 || y >= height.in) {
    std::fill_n(to, width_ * channels_, 0.0f);
    return;
  }
  // Padding below 0 skips pixels: that of a transposed convolution which crops.
  const int64_t before = std::clamp(width.pad, int64_t{0}, width_) * channels_;
  const int64_t first = std::clamp(-width.pad, int64_t{0}, width.in);
  const int64_t count = std::min((width.in - first) * channels_, width_ * channels_ - before);
  std::fill_n(to, before, 0.0f);
  std::memcpy(to + before, image + ((z * height.in + y) * width.in + first) * channels_,
              static_cast<size_t>(count) * sizeof(float));
  std::fill(to + before + count, to + width_ * channels_, 0.0f);
}

const float* Strips::strip(const float* image, int64_t d, int64_t h, int64_t out_rows,
                           float* pixels) const {
  const WindowAxis &depth = window_.depth(), &height = window_.height(), &width = window_.width();
  const int64_t z = input_position(depth, d, 0), y = input_position(height, h, 0);
  if (!padded_) return image + (z * height.in + y) * width.in * channels_;
  for (int64_t t = 0; t < depth.kernel; ++t) {
    float* to = pixels + t * slab_;
    for (int64_t r = 0; r < in_rows(out_rows); ++r, to += width_ * channels_) {
      copy_row(image, z + t * depth.dilation, y + r, to);
    }
  }
  return pixels;
}

}  // namespace eightfold
