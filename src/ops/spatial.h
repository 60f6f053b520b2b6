// Window attributes of Conv, ConvTranspose, the pools and their int8 forms, and the shapes that
// follow from them. Source: ONNX Conv, MaxPool, ConvTranspose; where ONNX is silent (a window that
// starts in the trailing padding under ceil_mode) as ONNX Runtime does.
//
//   out = floor_or_ceil((in + pad + pad_end - (dilation * (kernel - 1) + 1)) / stride) + 1
//   SAME: out = ceil(in / stride);  VALID: pads are zero
#pragma once

#include <cstdint>
#include <span>

#include "core/tensor.h"
#include "ir/graph.h"
#include "kernels/window.h"

namespace eightfold {

enum class AutoPad : uint8_t { kNotSet, kSameUpper, kSameLower, kValid };

// The attributes with their defaults filled in; every vector has one entry per spatial axis.
struct WindowSpec {
  Shape kernel, strides, dilations;
  Shape pads_begin, pads_end;
  AutoPad auto_pad = AutoPad::kNotSet;
  bool ceil_mode = false;
  size_t rank() const { return kernel.size(); }
};

// `weight_kernel`: the spatial dims of the weight, empty for pools; used when kernel_shape is
// absent and checked against it otherwise. Throws kInvalidAttribute, kUnsupportedModel (spatial
// rank > 3).
WindowSpec read_window(const Node& node, size_t spatial_rank,
                       std::span<const int64_t> weight_kernel = {});

// Output extent of one axis, >= 0. Throws kInvalidShape when the window does not fit the input.
int64_t window_output(const WindowSpec& spec, size_t axis, int64_t in);
// Unknown in, unknown out; a named dim keeps its name when the window keeps the extent.
Dim window_output(const WindowSpec& spec, size_t axis, const Dim& in);
// [N, channels, spatial...] of the output of an input [N, C, spatial...].
Dims window_output_dims(const WindowSpec& spec, const Dims& input, Dim channels);

// Pads resolved, outputs computed. `input` is the logical shape [N, C, spatial...].
Window make_window(const WindowSpec& spec, std::span<const int64_t> input);

// ConvTranspose: the window seen from its output (axis.in is the extent of Y, axis.out of X), so
// that x[i] adds to y[i * stride + tap * dilation - pad]. Reads output_padding and output_shape.
Window make_transposed_window(const Node& node, const WindowSpec& spec,
                              std::span<const int64_t> input);
Dims transposed_output_dims(const Node& node, const WindowSpec& spec, const Dims& input,
                            Dim channels);

}  // namespace eightfold
