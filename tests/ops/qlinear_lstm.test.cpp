// eightfold:QLinearLSTM against the quantized cell of spec-facts 5.1 and 5.2 written in double
// (dequantize, compute, quantize), against itself over directions, layouts and lengths, and against
// the float LSTM over a thousand steps.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/kernels.h"
#include "ops/recurrent.h"
#include "support/kernel_rows.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// Table 5.2: linear output, sigmoid, tanh, cell state; the hidden state is 2^-7, 128.
constexpr float kLinearScale = 1.0f / 2048, kSigmoidScale = 1.0f / 65536;
constexpr float kTanhScale = 1.0f / 32768, kCellScale = 1.0f / 2048, kHiddenScale = 1.0f / 128;

struct Model {
  int64_t input = 9, hidden = 10, directions = 1;
  bool signed_x = false;
  float x_scale = 0.03f;
  int32_t x_zero() const { return signed_x ? -5 : 120; }
  Tensor w, r, b, w_scale, r_scale;
};

Tensor bytes(Shape shape, uint32_t seed, bool is_signed) {
  const std::vector<uint8_t> values = test_bytes(static_cast<size_t>(element_count(shape)), seed);
  if (!is_signed) return Tensor::of<uint8_t>(std::move(shape), values);
  return Tensor::of<int8_t>(std::move(shape), std::vector<int8_t>(values.begin(), values.end()));
}

Model make_model(Model model) {
  const int64_t d = model.directions, h = model.hidden;
  model.w = bytes({d, 4 * h, model.input}, 1, true);
  model.r = bytes({d, 4 * h, h}, 2, true);
  model.w_scale = random_tensor({d, 4 * h}, 3, 0.003f, 0.006f);
  model.r_scale = random_tensor({d, 4 * h}, 4, 0.003f, 0.006f);
  std::vector<int32_t> bias;
  for (float value : random_floats(static_cast<size_t>(8 * d * h), 5, -5000, 5000)) {
    bias.push_back(static_cast<int32_t>(value));
  }
  model.b = Tensor::of<int32_t>({d, 8 * h}, bias);
  return model;
}

Tensor zero_u16(uint16_t value) { return Tensor::scalar<uint16_t>(value); }

OpCase op_case(const Model& model, Tensor x, Tensor h = {}, Tensor c = {}) {
  OpCase run{.op = "QLinearLSTM", .domain = "eightfold", .opset = 1};
  const Tensor x_zero = model.signed_x
                            ? Tensor::scalar<int8_t>(static_cast<int8_t>(model.x_zero()))
                            : Tensor::scalar<uint8_t>(static_cast<uint8_t>(model.x_zero()));
  run.inputs = {std::move(x),
                Tensor::scalar(model.x_scale),
                x_zero,
                model.w,
                model.w_scale,
                model.r,
                model.r_scale,
                model.b,
                {},
                std::move(h),
                std::move(c),
                Tensor::scalar(kHiddenScale),
                Tensor::scalar<uint8_t>(128),
                Tensor::scalar(kCellScale),
                Tensor::scalar<int16_t>(0),
                Tensor::scalar(kLinearScale),
                zero_u16(32768),
                Tensor::scalar(kSigmoidScale),
                zero_u16(0),
                Tensor::scalar(kTanhScale),
                zero_u16(32768)};
  run.constants = {1, 2, 3, 4, 5, 6, 7};
  for (size_t i = 11; i < run.inputs.size(); ++i) run.constants.push_back(i);
  run.outputs = 3;
  if (model.directions == 2) run.attributes.push_back({"direction", std::string("bidirectional")});
  return run;
}

double quantized(double value, double scale, double zero, double lo, double hi) {
  return (std::clamp(std::nearbyint(value / scale) + zero, lo, hi) - zero) * scale;
}

struct Step {
  std::vector<double> h, c;  // in steps of their places
};

// One step of item `n` of [1, N, I] from the states of that item.
Step emulate(const Model& model, const OpCase& run, int64_t n) {
  const int64_t size = model.hidden;
  const auto integer = [](const Tensor& tensor, int64_t i) -> double {
    const auto k = static_cast<size_t>(i);
    if (tensor.dtype() == DType::kInt8) return tensor.data<int8_t>()[k];
    if (tensor.dtype() == DType::kUint8) return tensor.data<uint8_t>()[k];
    return tensor.dtype() == DType::kInt16 ? tensor.data<int16_t>()[k] : tensor.data<int32_t>()[k];
  };
  const auto linear = [&](int64_t row) {
    const double sw = model.w_scale.data<float>()[static_cast<size_t>(row)];
    const double sr = model.r_scale.data<float>()[static_cast<size_t>(row)];
    double x = integer(model.b, row), h = integer(model.b, 4 * size + row);
    for (int64_t i = 0; i < model.input; ++i) {
      x += (integer(run.inputs[0], n * model.input + i) - model.x_zero()) *
           integer(model.w, row * model.input + i);
    }
    for (int64_t i = 0; i < size; ++i) {
      h += (integer(run.inputs[9], n * size + i) - 128) * integer(model.r, row * size + i);
    }
    const double sum = x * model.x_scale * sw + h * kHiddenScale * sr;
    return quantized(sum, kLinearScale, 32768, 0, 65535);
  };
  Step step;
  for (int64_t j = 0; j < size; ++j) {
    const auto sigmoid = [&](int64_t gate) {
      return quantized(1 / (1 + std::exp(-linear(gate * size + j))), kSigmoidScale, 0, 0, 65535);
    };
    const auto cell = [](double v) { return quantized(v, kCellScale, 0, -32768, 32767); };
    const double i = sigmoid(kLstmInput), o = sigmoid(kLstmOutput), f = sigmoid(kLstmForget);
    const double g =
        quantized(std::tanh(linear(kLstmCell * size + j)), kTanhScale, 32768, 0, 65535);
    const double c =
        cell(cell(f * integer(run.inputs[10], n * size + j) * kCellScale) + cell(i * g));
    step.c.push_back(c / kCellScale);
    step.h.push_back(quantized(o * std::tanh(c), kHiddenScale, 128, 0, 255) / kHiddenScale + 128);
  }
  return step;
}

Tensor random_cells(Shape shape, uint32_t seed) {
  std::vector<int16_t> values;
  for (float v : random_floats(static_cast<size_t>(element_count(shape)), seed, -9000, 9000)) {
    values.push_back(static_cast<int16_t>(v));
  }
  return Tensor::of<int16_t>(std::move(shape), values);
}

}  // namespace

// Float32 products may round a tie of the double ones away: one step, seldom.
TEST_CASE("one step of QLinearLSTM is the quantized cell", "[ops][recurrent]") {
  for (const char* isa : {"scalar", "simd128"}) {
    set_isa(isa);
    int64_t elements = 0, different = 0;
    for (int64_t hidden : {1, 4, 10, 33}) {
      for (bool signed_x : {false, true}) {
        const int64_t batch = 20;
        Model shape;
        shape.hidden = hidden;
        shape.signed_x = signed_x;
        const Model model = make_model(shape);
        const OpCase run =
            op_case(model, bytes({1, batch, model.input}, 6, signed_x),
                    bytes({1, batch, hidden}, 7, false), random_cells({1, batch, hidden}, 8));
        const std::vector<Tensor> got = run_op(run);
        CHECK(difference(got[1], got[0].reshaped(got[1].shape())) == "");
        for (int64_t n = 0; n < batch; ++n) {
          const Step want = emulate(model, run, n);
          for (size_t j = 0; j < want.h.size(); ++j) {
            const size_t at = static_cast<size_t>(n * hidden) + j;
            const double h = std::abs(got[1].data<uint8_t>()[at] - want.h[j]);
            const double c = std::abs(got[2].data<int16_t>()[at] - want.c[j]);
            CHECK(h < 1.001);
            CHECK(c < 1.001);
            elements += 2;
            different += (h > 0.001) + (c > 0.001);
          }
        }
      }
    }
    CHECK(different * 200 < elements);
    set_isa("");
  }
}

TEST_CASE("all rows of the LSTM cell give the same integers", "[ops][recurrent]") {
  for (int64_t hidden : {1, 3, 4, 5, 8, 17}) {
    for (bool extreme : {false, true}) {
      Model shape;
      shape.hidden = hidden;
      shape.directions = 2;
      // Sums far out of range, or within it.
      shape.x_scale = extreme ? 3000.0f : 0.03f;
      const Model model = make_model(shape);
      const OpCase run = op_case(model, bytes({30, 3, model.input}, 6, false));
      set_isa("scalar");
      const std::vector<Tensor> want = run_op(run);
      for (const char* isa : {"simd128", ""}) {
        set_isa(isa);
        const std::vector<Tensor> got = run_op(run);
        for (size_t i = 0; i < 3; ++i) CHECK(difference(got[i], want[i]) == "");
      }
    }
  }
}

TEST_CASE("QLinearLSTM walks as the float LSTM does", "[ops][recurrent]") {
  const Model model = make_model({});
  const int64_t steps = 7, batch = 3, hidden = model.hidden;
  const Tensor x = bytes({steps, batch, model.input}, 6, false);
  const std::vector<Tensor> all = run_op(op_case(model, x));

  // Step by step, with the states fed back.
  Tensor h, c;
  for (int64_t t = 0; t < steps; ++t) {
    const Tensor now = reordered(x, {steps, batch, model.input},
                                 [&](int64_t row) { return (row + t * batch) % (steps * batch); });
    Tensor first = Tensor::allocate(DType::kUint8, {1, batch, model.input});
    std::copy_n(static_cast<const uint8_t*>(now.raw()), first.size(),
                static_cast<uint8_t*>(first.mutable_raw()));
    const std::vector<Tensor> step = run_op(op_case(model, first, h, c));
    h = step[1];
    c = step[2];
    CHECK(std::equal(h.data<uint8_t>().begin(), h.data<uint8_t>().end(),
                     all[0].data<uint8_t>().begin() + t * batch * hidden));
  }
  CHECK(difference(h, all[1]) == "");
  CHECK(difference(c, all[2]) == "");

  // Backwards on the turned sequence.
  const auto turn = [&](int64_t row) { return (steps - 1 - row / batch) * batch + row % batch; };
  OpCase reverse = op_case(model, reordered(x, x.shape(), turn));
  reverse.attributes.push_back({"direction", std::string("reverse")});
  const std::vector<Tensor> turned = run_op(reverse);
  CHECK(difference(turned[1], all[1]) == "");
  CHECK(difference(turned[2], all[2]) == "");
  CHECK(difference(
            reordered(turned[0].reshaped({steps, batch, hidden}), {steps, batch, hidden}, turn),
            all[0].reshaped({steps, batch, hidden})) == "");

  // Batch first.
  const auto swap = [&](int64_t row) { return row % steps * batch + row / steps; };
  OpCase major = op_case(model, reordered(x, {batch, steps, model.input}, swap));
  major.attributes.push_back({"layout", int64_t{1}});
  const std::vector<Tensor> swapped = run_op(major);
  CHECK(difference(swapped[0].reshaped({batch, steps, hidden}),
                   reordered(all[0].reshaped({steps, batch, hidden}), {batch, steps, hidden},
                             swap)) == "");
  CHECK(difference(swapped[2].reshaped({1, batch, hidden}), all[2]) == "");

  // Lengths: states of the last step of each item, the quantized zero behind it.
  OpCase lengths = op_case(model, x);
  lengths.inputs[8] = i32({batch}, {7, 0, 4});
  const std::vector<Tensor> cut = run_op(lengths);
  const auto y = cut[0].data<uint8_t>(), whole = all[0].data<uint8_t>();
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t n = 0; n < batch; ++n) {
      const bool inside = t < std::vector<int64_t>{7, 0, 4}[static_cast<size_t>(n)];
      for (int64_t j = 0; j < hidden; ++j) {
        const auto at = static_cast<size_t>((t * batch + n) * hidden + j);
        CHECK(y[at] == (inside ? whole[at] : 128));
      }
    }
  }
  for (int64_t j = 0; j < hidden; ++j) {
    const auto last = static_cast<size_t>((3 * batch + 2) * hidden + j);
    CHECK(cut[1].data<uint8_t>()[static_cast<size_t>(2 * hidden + j)] == whole[last]);
    CHECK(cut[1].data<uint8_t>()[static_cast<size_t>(hidden + j)] == 128);
    CHECK(cut[2].data<int16_t>()[static_cast<size_t>(hidden + j)] == 0);
  }
}

// The integer cell and the float one, on the same weights and inputs. Rounding does not build up.
TEST_CASE("QLinearLSTM stays near the float LSTM for a thousand steps", "[ops][recurrent]") {
  Model shape;
  shape.hidden = 24;
  const Model model = make_model(shape);
  const int64_t steps = 1000, h = model.hidden, rows = 4 * h;
  const Tensor x = bytes({steps, 1, model.input}, 6, false);
  const std::vector<Tensor> got = run_op(op_case(model, x));

  Tensor xf = Tensor::allocate(DType::kFloat32, x.shape());
  for (size_t i = 0; i < x.data<uint8_t>().size(); ++i) {
    xf.mutable_data<float>()[i] =
        static_cast<float>(x.data<uint8_t>()[i] - model.x_zero()) * model.x_scale;
  }
  const auto dequantized = [&](const Tensor& q, const Tensor& scale, int64_t k) {
    Tensor w = Tensor::allocate(DType::kFloat32, q.shape());
    for (int64_t i = 0; i < q.size(); ++i) {
      w.mutable_data<float>()[static_cast<size_t>(i)] =
          q.data<int8_t>()[static_cast<size_t>(i)] *
          scale.data<float>()[static_cast<size_t>(i / k)];
    }
    return w;
  };
  Tensor b = Tensor::allocate(DType::kFloat32, {1, 8 * h});
  for (int64_t i = 0; i < 8 * h; ++i) {
    const Tensor& scale = i < rows ? model.w_scale : model.r_scale;
    b.mutable_data<float>()[static_cast<size_t>(i)] =
        static_cast<float>(model.b.data<int32_t>()[static_cast<size_t>(i)]) *
        (i < rows ? model.x_scale : kHiddenScale) *
        scale.data<float>()[static_cast<size_t>(i % rows)];
  }
  const std::vector<Tensor> want =
      run_op({.op = "LSTM",
              .opset = 14,
              .inputs = {xf, dequantized(model.w, model.w_scale, model.input),
                         dequantized(model.r, model.r_scale, h), b},
              .constants = {1, 2, 3},
              .outputs = 3});
  double squares = 0, worst = 0;
  for (size_t i = 0; i < want[0].data<float>().size(); ++i) {
    const double error =
        (got[0].data<uint8_t>()[i] - 128) * kHiddenScale - want[0].data<float>()[i];
    squares += error * error;
    worst = std::max(worst, std::abs(error));
  }
  const double rms = std::sqrt(squares / static_cast<double>(want[0].size()));
  INFO("rms " << rms << " worst " << worst);
  // A step of the hidden state is 0.0078: rounding alone gives an rms of 0.0023.
  CHECK(rms < 0.01);
  CHECK(worst < 0.1);
}

TEST_CASE("QLinearLSTM refuses what does not fit", "[ops][recurrent]") {
  const Model model = make_model({});
  const OpCase good = op_case(model, bytes({2, 1, model.input}, 6, false));
  CHECK_NOTHROW(run_op(good));
  const std::vector<std::pair<size_t, Tensor>> wrong{
      {0, bytes({2, 1, 4}, 1, false)},           {0, bytes({2, 1, 9}, 1, true)},
      {3, bytes({1, 12, 9}, 1, true)},           {5, bytes({1, 40, 9}, 1, true)},
      {7, i32({1, 8}, std::vector<int32_t>(8))}, {4, random_tensor({3}, 1, 0.1f, 0.2f)},
      {9, bytes({1, 2, 10}, 1, false)},          {10, bytes({1, 1, 10}, 1, true)},
      {12, Tensor::scalar<int16_t>(0)},          {16, Tensor::scalar<int32_t>(0)},
      {18, Tensor::scalar<int16_t>(0)}};
  for (const auto& [input, tensor] : wrong) {
    INFO("input " << input);
    OpCase run = good;
    run.inputs[input] = tensor;
    CHECK_THROWS_AS(run_op(run), Error);
  }
  OpCase loose = good;
  loose.constants.clear();
  CHECK_THROWS_AS(run_op(loose), Error);
}
