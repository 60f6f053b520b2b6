// Window: the geometry of a sliding window (convolution, pooling), as kernels see it.
//
//   input position of output o and tap t along an axis = o * stride + t * dilation - pad
//
// Spatial rank 1 to 3 is written as three axes (depth, height, width); unused
// leading axes are 1 wide. Made and validated by ops/spatial.h; all in elements.
#pragma once

#include <array>
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

}  // namespace eightfold
