// Window: the geometry of a sliding window (convolution, pooling), as kernels see it.
//
//   input position of output o and tap t along an axis = o * stride + t * dilation - pad
//
// Spatial rank 1 to 3 is written as three axes (depth, height, width); unused
// leading axes are 1 wide. Made and validated by ops/spatial.h; all in elements.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace eightfold {

struct WindowAxis {
  int64_t in = 1, out = 1;
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t pad = 0;      // before the first element
  int64_t pad_end = 0;  // after the last one; a window may reach past it under ceil_mode
  bool trivial() const { return kernel == 1 && stride == 1 && pad == 0 && pad_end == 0; }
};

struct Window {
  std::array<WindowAxis, 3> axes;

  const WindowAxis& depth() const { return axes[0]; }
  const WindowAxis& height() const { return axes[1]; }
  const WindowAxis& width() const { return axes[2]; }
  int64_t in_size() const { return axes[0].in * axes[1].in * axes[2].in; }
  int64_t out_size() const { return axes[0].out * axes[1].out * axes[2].out; }
  int64_t taps() const { return axes[0].kernel * axes[1].kernel * axes[2].kernel; }
  // One tap per output and nothing skipped: output pixel i reads input pixel i.
  bool pointwise() const { return axes[0].trivial() && axes[1].trivial() && axes[2].trivial(); }
};

// [batch, in..., in_channels] -> [batch, out..., out_channels]
struct ConvShape {
  int64_t batch = 1, in_channels = 0, out_channels = 0;
  Window window;
};
// [batch, in..., channels] -> [batch, out..., channels]
struct PoolShape {
  int64_t batch = 1, channels = 0;
  Window window;
};

// Strides and pads of a file can ask for lines that no memory holds: throws kLimitExceeded when the
// padded lines that one row of outputs reads, of `pixel_bytes` per position, exceed a GiB.
void check_padded_bytes(const Window& window, size_t pixel_bytes);

// Taps of output `out` that lie inside the input: [begin, end), empty when none does.
struct TapRange {
  int64_t begin, end;
  int64_t count() const { return end > begin ? end - begin : 0; }
};
inline TapRange taps_inside(const WindowAxis& axis, int64_t out) {
  const int64_t origin = out * axis.stride - axis.pad;
  const auto first_at = [&](int64_t position) {  // first tap at or after it
    const int64_t distance = position - origin;
    if (distance <= 0) return int64_t{0};
    return axis.dilation == 1 ? distance : (distance + axis.dilation - 1) / axis.dilation;
  };
  const int64_t end = first_at(axis.in);
  return {first_at(0), end < axis.kernel ? end : axis.kernel};
}
inline int64_t input_position(const WindowAxis& axis, int64_t out, int64_t tap) {
  return out * axis.stride + tap * axis.dilation - axis.pad;
}

}  // namespace eightfold
