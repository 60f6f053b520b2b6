// HannWindow, HammingWindow, BlackmanWindow, MelWeightMatrix: tables made of a few numbers.
//   w[n] = a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N);  N = size, or size - 1 when not periodic
// Source: the ONNX operators of the same names.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>

#include "ops/pieces.h"
#include "ops/shape_rows.h"
#include "ops/spectral.h"

namespace eightfold {
namespace {

// The dtype of the output; its numbers are computed in double.
DType output_type(const Node& node) {
  return static_cast<DType>(
      node.int_attribute("output_datatype", static_cast<int64_t>(DType::kFloat32)));
}

TensorView output_of(RunContext& context, const Shape& shape) {
  const TensorView& y = context.outputs[0];
  return y.data ? y : context.host.allocate(0, output_type(context.node), shape);
}

template <typename F>
void fill(RunContext& context, const TensorView& y, F value_at) {
  if (!fill_pieces(y, value_at)) refuse_dtype(context, y.dtype);
}

int64_t scalar_at(const RunContext& context, size_t i, int64_t limit) {
  const std::vector<int64_t> values = integers(context.inputs[i]);
  if (values.size() == 1 && values[0] >= 0 && values[0] <= limit) return values[0];
  context.fail(ErrorCode::kInvalidData, "input " + std::to_string(i) + " must be a small scalar");
}

constexpr int64_t kLongest = int64_t{1} << 28;

// ---- windows
void infer_window(InferContext& context) {
  const auto size = context.constant_ints(0);
  Dim dim;
  if (size && size->size() == 1) dim.value = (*size)[0];
  context.set_output(0, output_type(context.node), Dims{dim});
}

std::array<double, 3> coefficients(std::string_view op_type) {
  if (op_type == "HannWindow") return {0.5, 0.5, 0.0};
  if (op_type == "HammingWindow") return {25.0 / 46.0, 21.0 / 46.0, 0.0};
  return {0.42, 0.5, 0.08};  // Blackman
}

void run_window(RunContext& context) {
  const int64_t size = scalar_at(context, 0, kLongest);
  const bool periodic = context.node.int_attribute("periodic", 1) != 0;
  const auto period = static_cast<double>(std::max<int64_t>(periodic ? size : size - 1, 1));
  const auto a = coefficients(context.node.op_type);
  fill(context, output_of(context, {size}), [&](int64_t n) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(n) / period;
    return a[0] - a[1] * std::cos(angle) + a[2] * std::cos(2 * angle);
  });
}

// ---- MelWeightMatrix: num_mel_bins, dft_length, sample_rate, lower and upper edge in hertz
//      -> [dft_length / 2 + 1, num_mel_bins], a triangle per column
void infer_mel(InferContext& context) {
  Dims dims(2);
  const auto bins = context.constant_ints(0), length = context.constant_ints(1);
  if (length && length->size() == 1) dims[0].value = (*length)[0] / 2 + 1;
  if (bins && bins->size() == 1) dims[1].value = (*bins)[0];
  context.set_output(0, output_type(context.node), dims);
}

double edge(const RunContext& context, size_t i) {
  if (context.inputs[i].dtype != DType::kFloat32 || context.inputs[i].size() != 1) {
    context.fail(ErrorCode::kInvalidType, "the edges must be float32 scalars");
  }
  return context.inputs[i].as<float>()[0];
}

void run_mel(RunContext& context) {
  const int64_t bins = scalar_at(context, 0, 1 << 16), length = scalar_at(context, 1, kLongest);
  const int64_t rate = std::max<int64_t>(scalar_at(context, 2, kLongest), 1);
  const int64_t rows = length / 2 + 1;
  const auto mel = [](double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); };
  const double low = mel(edge(context, 3)), high = mel(edge(context, 4));
  // Edges and peaks of the triangles, in bins of the spectrum.
  std::vector<int64_t> points;
  for (int64_t i = 0; i < bins + 2; ++i) {
    const double at = low + static_cast<double>(i) * (high - low) / static_cast<double>(bins + 2);
    const double hertz = 700.0 * (std::pow(10.0, at / 2595.0) - 1.0);
    const double bin =
        std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    if (!(bin >= 0 && bin <= static_cast<double>(rows))) {
      context.fail(ErrorCode::kInvalidData, "the edges lie beyond the spectrum");
    }
    points.push_back(static_cast<int64_t>(bin));
  }
  fill(context, output_of(context, {rows, bins}), [&](int64_t i) {
    const int64_t row = i / bins;
    const auto column = static_cast<size_t>(i % bins);
    const int64_t from = points[column], peak = points[column + 1], to = points[column + 2];
    if (row < from || row > peak) {
      const bool falls = row > peak && row < to;
      return falls ? static_cast<double>(to - row) / static_cast<double>(to - peak) : 0.0;
    }
    if (row == peak) return 1.0;
    return static_cast<double>(row - from) / static_cast<double>(peak - from);
  });
}

}  // namespace

void add_window_rows(std::vector<OpDef>& rows) {
  const auto add = [&](std::string_view op_type, void (*infer)(InferContext&),
                       void (*run)(RunContext&)) {
    OpDef row;
    row.op_type = op_type;
    row.inputs = {Role::kShape};
    row.infer = infer;
    row.run = run;
    row.observation = kNoObservation;
    row.allocates = true;
    rows.push_back(row);
  };
  add("HannWindow", infer_window, run_window);
  add("HammingWindow", infer_window, run_window);
  add("BlackmanWindow", infer_window, run_window);
  add("MelWeightMatrix", infer_mel, run_mel);
}

}  // namespace eightfold
