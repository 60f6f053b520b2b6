// DFT and STFT, by their definition with a table of twiddles: signals of a model are short.
//   X[f] = sum_n x[n] * exp(-2 pi i f n / N);  inverse: with +, times 1 / N
// Complex numbers lie in a last axis of 2; real input has one of 1. Sums in double.
#include "ops/spectral.h"

#include <cmath>
#include <numbers>
#include <string>

#include "ops/elementwise_rows.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// A signal within a tensor: `length` numbers `step` floats apart, complex ones two floats each.
struct Signal {
  const float* data;
  int64_t length, step;
  bool complex;
};

class Transform {
 public:
  Transform(int64_t size, bool inverse) : size_(size), scale_(inverse ? 1.0 / size : 1.0) {
    for (int64_t i = 0; i < size; ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / size;
      cos_.push_back(std::cos(angle));
      sin_.push_back(inverse ? std::sin(angle) : -std::sin(angle));
    }
  }

  // y[f] for f in [0, count), `step` floats apart. Beyond its length the signal is 0; `window`
  // (or null) multiplies it.
  void run(const Signal& x, const float* window, int64_t count, int64_t step, float* y) const {
    const int64_t length = std::min(x.length, size_);
    for (int64_t f = 0; f < count; ++f, y += step) {
      double real = 0, imaginary = 0;
      for (int64_t n = 0, at = 0; n < length; ++n, at = (at + f) % size_) {
        const auto turn = static_cast<size_t>(at);
        const double weight = window ? window[n] : 1.0;
        const double a = x.data[n * x.step] * weight;
        const double b = x.complex ? x.data[n * x.step + 1] * weight : 0.0;
        real += a * cos_[turn] - b * sin_[turn];
        imaginary += a * sin_[turn] + b * cos_[turn];
      }
      y[0] = static_cast<float>(real * scale_);
      y[1] = static_cast<float>(imaginary * scale_);
    }
  }

 private:
  int64_t size_;
  double scale_;
  std::vector<double> cos_, sin_;
};

bool one_sided(const Node& node, int64_t fallback) {
  return node.int_attribute("onesided", fallback) != 0;
}

// ---- DFT: input, [dft_length], [axis] (an attribute before opset 20)
std::optional<int64_t> scalar_of(const InferContext& context, size_t i) {
  const auto values = context.constant_ints(i);
  return values && values->size() == 1 ? std::optional((*values)[0]) : std::nullopt;
}

bool axis_is_input(int64_t opset) { return opset >= 20 || opset <= 0; }

void infer_dft(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  std::optional<int64_t> axis = -2;
  if (!axis_is_input(context.opset)) {
    axis = context.node.int_attribute("axis", 1);
  } else if (context.has_input(2)) {
    axis = scalar_of(context, 2);
  }
  if (dims && !axis) dims = Dims(dims->size());
  if (dims && axis) {
    Dim& dim = (*dims)[checked_axis(context, *axis, dims->size())];
    if (context.has_input(1)) dim = {scalar_of(context, 1).value_or(-1), {}};
    if (one_sided(context.node, 0)) dim = dim.known() ? Dim{dim.value / 2 + 1, {}} : Dim{};
  }
  if (dims && !dims->empty()) dims->back() = {2, {}};
  context.set_output(0, context.dtype(0), dims);
}

void run_dft(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const bool inverse = context.node.int_attribute("inverse", 0) != 0;
  const bool half = one_sided(context.node, 0);
  const size_t rank = x.shape.size();
  if (x.dtype != DType::kFloat32) refuse_dtype(context, x.dtype);
  if (rank < 2 || x.shape.back() < 1 || x.shape.back() > 2) {
    context.fail(ErrorCode::kInvalidShape, "the last axis must hold real or complex numbers");
  }
  if (inverse && half) context.fail(ErrorCode::kUnsupportedOp, "an inverse one-sided transform");
  int64_t told = -2;
  if (!axis_is_input(context.opset)) {
    told = context.node.int_attribute("axis", 1);
  } else if (context.has_input(2)) {
    told = integers(context.inputs[2]).at(0);
  }
  const size_t axis = checked_axis(context, told, rank);
  const int64_t size = context.has_input(1) ? integers(context.inputs[1]).at(0) : x.shape[axis];
  if (axis == rank - 1 || size < 1 || size > (int64_t{1} << 24)) {
    context.fail(ErrorCode::kInvalidData, "the axis or the length of the transform");
  }
  Shape shape = x.shape;
  shape[axis] = half ? size / 2 + 1 : size;
  shape.back() = 2;
  TensorView y = context.outputs[0];
  if (!y.data) y = context.host.allocate(0, DType::kFloat32, shape);
  const Transform transform(size, inverse);
  const int64_t width = x.shape.back();
  const int64_t outer = product(shape, 0, axis), inner = product(shape, axis + 1, rank) / 2;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const float* from = x.as<float>() + (o * x.shape[axis] * inner + i) * width;
      float* to = y.as<float>() + (o * shape[axis] * inner + i) * 2;
      transform.run({from, x.shape[axis], inner * width, width == 2}, nullptr, shape[axis],
                    inner * 2, to);
    }
  }
}

// ---- STFT: signal [batch, length, 1 or 2], frame_step, [window], [frame_length]
//      -> [batch, frames, bins, 2]
void infer_stft(InferContext& context) {
  Dims dims(3);
  if (context.dims(0) && !context.dims(0)->empty()) {
    const Dims& signal = *context.dims(0);
    dims[0] = signal[0];
    const auto step = scalar_of(context, 1);
    std::optional<int64_t> length = scalar_of(context, 3);
    if (!context.has_input(3) && context.dims(2) && context.dims(2)->size() == 1 &&
        (*context.dims(2))[0].known()) {
      length = (*context.dims(2))[0].value;
    }
    if (length && *length > 0) {
      dims[2].value = one_sided(context.node, 1) ? *length / 2 + 1 : *length;
      const bool known = signal.size() > 1 && signal[1].known() && step && *step > 0;
      if (known && signal[1].value >= *length) {
        dims[1].value = (signal[1].value - *length) / *step + 1;
      }
    }
  }
  dims.push_back({2, {}});
  context.set_output(0, context.dtype(0), dims);
}

void run_stft(RunContext& context) {
  const TensorView& x = context.inputs[0];
  if (x.dtype != DType::kFloat32) refuse_dtype(context, x.dtype);
  const size_t rank = x.shape.size();
  const int64_t step = integers(context.inputs[1]).at(0);
  const float* window = context.has_input(2) ? context.inputs[2].as<float>() : nullptr;
  int64_t length = context.has_input(2) ? context.inputs[2].size() : 0;
  if (context.has_input(3)) length = integers(context.inputs[3]).at(0);
  const int64_t width = rank == 3 ? x.shape[2] : 1;
  if (rank < 2 || rank > 3 || width < 1 || width > 2 || step < 1 || length < 1 ||
      x.shape[1] < length || (window && context.inputs[2].size() != length)) {
    context.fail(ErrorCode::kInvalidShape, "the signal, its window and the frames do not fit");
  }
  const bool half = one_sided(context.node, 1);
  const Shape shape{x.shape[0], (x.shape[1] - length) / step + 1, half ? length / 2 + 1 : length,
                    2};
  TensorView y = context.outputs[0];
  if (!y.data) y = context.host.allocate(0, DType::kFloat32, shape);
  const Transform transform(length, false);
  float* to = y.as<float>();
  for (int64_t b = 0; b < shape[0]; ++b) {
    for (int64_t f = 0; f < shape[1]; ++f, to += shape[2] * 2) {
      const float* from = x.as<float>() + (b * x.shape[1] + f * step) * width;
      transform.run({from, length, width, width == 2}, window, shape[2], 2, to);
    }
  }
}

}  // namespace

void add_spectral_rows(std::vector<OpDef>& rows) {
  OpDef row;
  row.op_type = "DFT";
  row.inputs = {Role::kActivation, Role::kShape};
  row.infer = infer_dft;
  row.run = run_dft;
  row.allocates = true;
  rows.push_back(row);
  row.op_type = "STFT";
  row.inputs = {Role::kActivation, Role::kShape, Role::kParameter, Role::kShape};
  row.infer = infer_stft;
  row.run = run_stft;
  rows.push_back(row);
  add_window_rows(rows);
}

}  // namespace eightfold
