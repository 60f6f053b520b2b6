// Reads window attributes, resolves auto_pad, computes output extents (see spatial.h).
#include "ops/spatial.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace eightfold {
namespace {

constexpr int64_t kMaxExtent = int64_t{1} << 31;  // of an attribute; products stay below 2^63

void check_range(const char* name, const Shape& values, int64_t low) {
  for (int64_t value : values) {
    if (value < low || value > kMaxExtent) {
      throw Error(ErrorCode::kInvalidAttribute,
                  std::string(name) + " has the entry " + std::to_string(value));
    }
  }
}

Shape read_ints(const Node& node, const char* name, size_t count, int64_t fallback, int64_t low) {
  Shape values = node.ints_attribute(name);
  if (values.empty()) return Shape(count, fallback);
  if (values.size() != count) {
    throw Error(ErrorCode::kInvalidAttribute, std::string(name) + " has " +
                                                  std::to_string(values.size()) +
                                                  " entries, expected " + std::to_string(count));
  }
  check_range(name, values, low);
  return values;
}

AutoPad read_auto_pad(const Node& node) {
  const std::string text = node.string_attribute("auto_pad", "NOTSET");
  if (text.empty() || text == "NOTSET") return AutoPad::kNotSet;
  if (text == "SAME_UPPER") return AutoPad::kSameUpper;
  if (text == "SAME_LOWER") return AutoPad::kSameLower;
  if (text == "VALID") return AutoPad::kValid;
  throw Error(ErrorCode::kInvalidAttribute, "auto_pad is '" + text + "'",
              "use NOTSET, SAME_UPPER, SAME_LOWER or VALID");
}

Shape read_kernel(const Node& node, size_t rank, std::span<const int64_t> weight_kernel) {
  Shape kernel = node.ints_attribute("kernel_shape");
  const Shape weight(weight_kernel.begin(), weight_kernel.end());
  if (kernel.empty()) kernel = weight;
  if (kernel.size() != rank || kernel.empty()) {
    throw Error(ErrorCode::kInvalidAttribute, "kernel_shape has " + std::to_string(kernel.size()) +
                                                  " entries for " + std::to_string(rank) +
                                                  " spatial axes");
  }
  check_range("kernel_shape", kernel, 1);
  if (!weight.empty() && kernel != weight) {
    throw Error(
        ErrorCode::kInvalidAttribute,
        "kernel_shape " + shape_text(kernel) + " differs from the weight's " + shape_text(weight));
  }
  return kernel;
}

bool is_same(AutoPad pad) { return pad == AutoPad::kSameUpper || pad == AutoPad::kSameLower; }

int64_t reach(const WindowSpec& spec, size_t axis) {
  return spec.dilations[axis] * (spec.kernel[axis] - 1) + 1;
}

struct Pads {
  int64_t begin, end;
};

Pads split_pads(int64_t total, AutoPad mode) {
  const int64_t half = total / 2;
  if (mode == AutoPad::kSameLower) return {total - half, half};
  return {half, total - half};
}

Pads resolve_pads(const WindowSpec& spec, size_t axis, int64_t in) {
  if (spec.auto_pad == AutoPad::kNotSet) return {spec.pads_begin[axis], spec.pads_end[axis]};
  if (spec.auto_pad == AutoPad::kValid) return {0, 0};
  const int64_t stride = spec.strides[axis];
  const int64_t out = (in + stride - 1) / stride;
  return split_pads(std::max<int64_t>(0, (out - 1) * stride + reach(spec, axis) - in),
                    spec.auto_pad);
}

// Axis i of `rank` spatial axes among the three of a Window.
WindowAxis& axis_of(Window& window, size_t rank, size_t i) { return window.axes[3 - rank + i]; }

struct TransposedAxis {
  int64_t out;
  Pads pads;
};

TransposedAxis transposed_axis(const Node& node, const WindowSpec& spec, size_t axis, int64_t in) {
  const size_t rank = spec.rank();
  const int64_t stride = spec.strides[axis];
  const int64_t extra = read_ints(node, "output_padding", rank, 0, 0)[axis];
  const int64_t full = stride * (in - 1) + extra + reach(spec, axis);  // without pads
  const Shape wanted = node.ints_attribute("output_shape");
  int64_t out;
  if (!wanted.empty()) {
    if (wanted.size() != rank && wanted.size() != rank + 2) {
      throw Error(ErrorCode::kInvalidAttribute, "output_shape is " + shape_text(wanted));
    }
    check_range("output_shape", wanted, 0);
    out = wanted[wanted.size() - rank + axis];
  } else if (is_same(spec.auto_pad)) {
    // Deviates from the text of ONNX (in * stride) as ONNX Runtime does: no padding is made up.
    out = std::min(in * stride, full);
  } else {
    const bool explicit_pads = spec.auto_pad == AutoPad::kNotSet;
    const Pads pads{explicit_pads ? spec.pads_begin[axis] : 0,
                    explicit_pads ? spec.pads_end[axis] : 0};
    return {full - pads.begin - pads.end, pads};
  }
  // ONNX names the odd element the other way round here than in Conv: SAME_UPPER puts the larger
  // half of the total at the end, everything else at the beginning.
  const int64_t total = std::max<int64_t>(0, full - out);
  const int64_t half = total / 2;
  if (spec.auto_pad == AutoPad::kSameUpper) return {out, {half, total - half}};
  return {out, {total - half, half}};
}

void check_input_rank(const WindowSpec& spec, size_t input_rank) {
  if (input_rank != spec.rank() + 2) {
    throw Error(ErrorCode::kInvalidShape, "an input of rank " + std::to_string(input_rank) +
                                              " for a window of " + std::to_string(spec.rank()) +
                                              " axes");
  }
}

}  // namespace

WindowSpec read_window(const Node& node, size_t rank, std::span<const int64_t> weight_kernel) {
  if (rank < 1 || rank > 3) {
    throw Error(ErrorCode::kUnsupportedModel, "a window over " + std::to_string(rank) + " axes",
                "inputs of rank 3, 4 and 5 are supported");
  }
  WindowSpec spec;
  spec.kernel = read_kernel(node, rank, weight_kernel);
  spec.strides = read_ints(node, "strides", rank, 1, 1);
  spec.dilations = read_ints(node, "dilations", rank, 1, 1);
  const Shape pads = read_ints(node, "pads", 2 * rank, 0, 0);
  const auto middle = pads.begin() + static_cast<ptrdiff_t>(rank);
  spec.pads_begin.assign(pads.begin(), middle);
  spec.pads_end.assign(middle, pads.end());
  spec.auto_pad = read_auto_pad(node);
  spec.ceil_mode = node.int_attribute("ceil_mode", 0) != 0;
  return spec;
}

int64_t window_output(const WindowSpec& spec, size_t axis, int64_t in) {
  const int64_t stride = spec.strides[axis];
  if (is_same(spec.auto_pad)) return (in + stride - 1) / stride;
  const Pads pads = resolve_pads(spec, axis, in);
  const int64_t room = in + pads.begin + pads.end - reach(spec, axis);
  if (room < 0) {
    throw Error(ErrorCode::kInvalidShape, "a window of " + std::to_string(reach(spec, axis)) +
                                              " over " + std::to_string(in) +
                                              " elements with pads " + std::to_string(pads.begin) +
                                              ", " + std::to_string(pads.end));
  }
  if (!spec.ceil_mode) return room / stride + 1;
  const int64_t out = (room + stride - 1) / stride + 1;
  // A last window that starts in the trailing padding is left out.
  return (out - 1) * stride >= in + pads.begin ? out - 1 : out;
}

Dim window_output(const WindowSpec& spec, size_t axis, const Dim& in) {
  if (in.known()) return Dim{window_output(spec, axis, in.value), {}};
  const bool same = is_same(spec.auto_pad);
  const bool padded = spec.auto_pad == AutoPad::kNotSet;
  const int64_t pads = padded ? spec.pads_begin[axis] + spec.pads_end[axis] : 0;
  const bool keeps = spec.strides[axis] == 1 && (same || pads == reach(spec, axis) - 1);
  return keeps ? in : Dim{};
}

Dims window_output_dims(const WindowSpec& spec, const Dims& input, Dim channels) {
  check_input_rank(spec, input.size());
  Dims dims{input[0], std::move(channels)};
  for (size_t i = 0; i < spec.rank(); ++i) dims.push_back(window_output(spec, i, input[i + 2]));
  return dims;
}

Window make_window(const WindowSpec& spec, std::span<const int64_t> input) {
  check_input_rank(spec, input.size());
  Window window;
  for (size_t i = 0; i < spec.rank(); ++i) {
    const int64_t in = input[i + 2];
    const Pads pads = resolve_pads(spec, i, in);
    axis_of(window, spec.rank(), i) = {in,
                                       window_output(spec, i, in),
                                       spec.kernel[i],
                                       spec.strides[i],
                                       spec.dilations[i],
                                       pads.begin,
                                       pads.end};
  }
  return window;
}

Window make_transposed_window(const Node& node, const WindowSpec& spec,
                              std::span<const int64_t> input) {
  check_input_rank(spec, input.size());
  Window window;
  for (size_t i = 0; i < spec.rank(); ++i) {
    const TransposedAxis axis = transposed_axis(node, spec, i, input[i + 2]);
    if (axis.out < 0) {
      throw Error(ErrorCode::kInvalidShape, "pads are larger than the output");
    }
    axis_of(window, spec.rank(), i) = {axis.out,        input[i + 2],      spec.kernel[i],
                                       spec.strides[i], spec.dilations[i], axis.pads.begin,
                                       axis.pads.end};
  }
  return window;
}

Dims transposed_output_dims(const Node& node, const WindowSpec& spec, const Dims& input,
                            Dim channels) {
  check_input_rank(spec, input.size());
  Dims dims{input[0], std::move(channels)};
  for (size_t i = 0; i < spec.rank(); ++i) {
    const Dim& in = input[i + 2];
    const int64_t out = in.known() ? transposed_axis(node, spec, i, in.value).out : -1;
    dims.push_back(Dim{std::max<int64_t>(out, -1), {}});
  }
  return dims;
}

}  // namespace eightfold
