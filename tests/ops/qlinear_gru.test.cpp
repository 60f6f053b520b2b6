// eightfold:QLinearGRU and QLinearRNN against the quantized cells written in double (dequantize,
// compute, quantize), against themselves over directions, layouts, lengths and streams, and against
// the float ops over a thousand steps.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <functional>
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

constexpr float kLinearScale = 1.0f / 2048, kSigmoidScale = 1.0f / 65536;
constexpr float kTanhScale = 1.0f / 32768, kStateScale = 1.0f / 8192, kHiddenScale = 1.0f / 128;

struct Model {
  bool gru = true, linear_before_reset = false;
  int64_t input = 9, hidden = 10, directions = 1;
  float x_scale = 0.03f, weight = 0.006f;
  Tensor w = {}, r = {}, b = {}, w_scale = {}, r_scale = {};

  int64_t gates() const { return (gru ? 3 : 1) * hidden; }
  DType state() const { return gru ? DType::kInt16 : DType::kUint8; }
};
constexpr int32_t kXZero = 120;

Tensor bytes(Shape shape, uint32_t seed) {
  return Tensor::of<uint8_t>(shape, test_bytes(static_cast<size_t>(element_count(shape)), seed));
}
Tensor signed_bytes(Shape shape, uint32_t seed) {
  const auto values = test_bytes(static_cast<size_t>(element_count(shape)), seed);
  return Tensor::of<int8_t>(std::move(shape), std::vector<int8_t>(values.begin(), values.end()));
}

Model make_model(Model model) {
  const int64_t d = model.directions, h = model.hidden, gates = model.gates();
  model.w = signed_bytes({d, gates, model.input}, 1);
  model.r = signed_bytes({d, gates, h}, 2);
  model.w_scale = random_tensor({d, gates}, 3, model.weight / 2, model.weight);
  model.r_scale = random_tensor({d, gates}, 4, model.weight / 2, model.weight);
  std::vector<int32_t> bias;
  for (float value : random_floats(static_cast<size_t>(2 * d * gates), 5, -5000, 5000)) {
    bias.push_back(static_cast<int32_t>(value));
  }
  model.b = Tensor::of<int32_t>({d, 2 * gates}, bias);
  return model;
}

OpCase op_case(const Model& model, Tensor x, Tensor h = {}) {
  OpCase run{.op = model.gru ? "QLinearGRU" : "QLinearRNN", .domain = "eightfold", .opset = 1};
  run.inputs = {std::move(x),
                Tensor::scalar(model.x_scale),
                Tensor::scalar<uint8_t>(kXZero),
                model.w,
                model.w_scale,
                model.r,
                model.r_scale,
                model.b,
                {},
                std::move(h),
                Tensor::scalar(kHiddenScale),
                Tensor::scalar<uint8_t>(128)};
  const auto add = [&](float scale, Tensor zero) {
    run.inputs.push_back(Tensor::scalar(scale));
    run.inputs.push_back(std::move(zero));
  };
  if (model.gru) add(kStateScale, Tensor::scalar<int16_t>(0));
  add(kLinearScale, Tensor::scalar<uint16_t>(32768));
  if (model.gru) {
    add(kSigmoidScale, Tensor::scalar<uint16_t>(0));
    add(kTanhScale, Tensor::scalar<uint16_t>(32768));
  }
  run.constants = {1, 2, 3, 4, 5, 6, 7};
  for (size_t i = 10; i < run.inputs.size(); ++i) run.constants.push_back(i);
  run.outputs = 2;
  if (model.gru && model.linear_before_reset) {
    run.attributes.push_back({"linear_before_reset", int64_t{1}});
  }
  if (model.directions == 2) run.attributes.push_back({"direction", std::string("bidirectional")});
  return run;
}

double integer(const Tensor& tensor, int64_t i) {
  const auto k = static_cast<size_t>(i);
  switch (tensor.dtype()) {
    case DType::kInt8: return tensor.data<int8_t>()[k];
    case DType::kUint8: return tensor.data<uint8_t>()[k];
    case DType::kInt16: return tensor.data<int16_t>()[k];
    default: return tensor.data<int32_t>()[k];
  }
}

// The nearest value of a place.
double placed(double value, double scale, double zero, double lo, double hi) {
  return (std::clamp(std::nearbyint(value / scale) + zero, lo, hi) - zero) * scale;
}
double linear_place(double v) { return placed(v, kLinearScale, 32768, 0, 65535); }
double sigmoid_place(double v) {
  return placed(1 / (1 + std::exp(-linear_place(v))), kSigmoidScale, 0, 0, 65535);
}
double tanh_place(double v) {
  return placed(std::tanh(linear_place(v)), kTanhScale, 32768, 0, 65535);
}
double hidden_place(double v) { return placed(v, kHiddenScale, 128, 0, 255); }

struct Step {
  std::vector<double> y, state;  // integers of their places
};

// One step of item `n` of [1, N, I] from the state of that item.
Step emulate(const Model& model, const OpCase& run, int64_t n) {
  const int64_t size = model.hidden, gates = model.gates();
  const auto of_x = [&](int64_t row) {
    double sum = integer(model.b, row);
    for (int64_t i = 0; i < model.input; ++i) {
      sum += (integer(run.inputs[0], n * model.input + i) - kXZero) *
             integer(model.w, row * model.input + i);
    }
    return sum * model.x_scale * model.w_scale.data<float>()[static_cast<size_t>(row)];
  };
  const auto of_h = [&](int64_t row, const std::vector<double>& h) {
    const double scale = kHiddenScale * model.r_scale.data<float>()[static_cast<size_t>(row)];
    double sum = integer(model.b, gates + row) * scale;
    for (int64_t i = 0; i < size; ++i) {
      sum += h[static_cast<size_t>(i)] * integer(model.r, row * size + i) *
             model.r_scale.data<float>()[static_cast<size_t>(row)];
    }
    return sum;
  };
  std::vector<double> h, state, read, reset;  // before the step, and what products read of it
  for (int64_t j = 0; j < size; ++j) {
    const double q = integer(run.inputs[9], n * size + j);
    state.push_back(model.gru ? q * kStateScale : (q - 128) * kHiddenScale);
    read.push_back(hidden_place(state.back()));
  }
  Step step;
  if (!model.gru) {
    for (int64_t j = 0; j < size; ++j) {
      const double v = hidden_place(std::tanh(linear_place(of_x(j) + of_h(j, read))));
      step.y.push_back(v / kHiddenScale + 128);
      step.state.push_back(step.y.back());
    }
    return step;
  }
  std::vector<double> r;
  for (int64_t j = 0; j < size; ++j) {
    r.push_back(sigmoid_place(of_x(size + j) + of_h(size + j, read)));
    reset.push_back(hidden_place(r.back() * state[static_cast<size_t>(j)]));
  }
  for (int64_t j = 0; j < size; ++j) {
    const auto k = static_cast<size_t>(j);
    const double z = sigmoid_place(of_x(j) + of_h(j, read));
    const int64_t row = 2 * size + j;
    const double term = model.linear_before_reset ? r[k] * of_h(row, read) : of_h(row, reset);
    const double now = placed((1 - z) * tanh_place(of_x(row) + term) + z * state[k], kStateScale, 0,
                              -32768, 32767);
    step.state.push_back(now / kStateScale);
    step.y.push_back(hidden_place(now) / kHiddenScale + 128);
  }
  return step;
}

Tensor random_state(const Model& model, Shape shape, uint32_t seed) {
  if (!model.gru) return bytes(std::move(shape), seed);
  std::vector<int16_t> values;
  for (float v : random_floats(static_cast<size_t>(element_count(shape)), seed, -8000, 8000)) {
    values.push_back(static_cast<int16_t>(v));
  }
  return Tensor::of<int16_t>(std::move(shape), values);
}

const std::vector<Model> kModels{
    {.linear_before_reset = false}, {.linear_before_reset = true}, {.gru = false}};

}  // namespace

// Float32 products may round a tie of the double ones away: one step, seldom.
TEST_CASE("one step of QLinearGRU and QLinearRNN is the quantized cell", "[ops][recurrent]") {
  for (const char* isa : {"scalar", "simd128"}) {
    set_isa(isa);
    int64_t elements = 0, different = 0;
    for (Model shape : kModels) {
      for (int64_t hidden : {1, 4, 10, 33}) {
        const int64_t batch = 20;
        shape.hidden = hidden;
        const Model model = make_model(shape);
        const OpCase run = op_case(model, bytes({1, batch, model.input}, 6),
                                   random_state(model, {1, batch, hidden}, 8));
        const std::vector<Tensor> got = run_op(run);
        for (int64_t n = 0; n < batch; ++n) {
          const Step want = emulate(model, run, n);
          for (size_t j = 0; j < want.y.size(); ++j) {
            const auto at = static_cast<int64_t>(j) + n * hidden;
            const double y = std::abs(integer(got[0], at) - want.y[j]);
            const double state = std::abs(integer(got[1], at) - want.state[j]);
            CHECK(y < 1.001);
            CHECK(state < 3.001);  // a step of the tanh gate is one fourth of it, a linear one 4
            elements += 2;
            different += (y > 0.001) + (state > 0.001);
          }
        }
      }
    }
    INFO(different << " of " << elements);
    CHECK(different * 100 < elements);
    set_isa("");
  }
}

TEST_CASE("all rows of the GRU and the RNN cell give the same integers", "[ops][recurrent]") {
  for (Model shape : kModels) {
    for (int64_t hidden : {1, 3, 4, 5, 8, 17}) {
      for (bool extreme : {false, true}) {
        shape.hidden = hidden;
        shape.directions = 2;
        shape.x_scale = extreme ? 3000.0f : 0.03f;  // sums far out of range, or within it
        const Model model = make_model(shape);
        const OpCase run = op_case(model, bytes({30, 3, model.input}, 6));
        set_isa("scalar");
        const std::vector<Tensor> want = run_op(run);
        for (const char* isa : {"simd128", ""}) {
          set_isa(isa);
          const std::vector<Tensor> got = run_op(run);
          for (size_t i = 0; i < want.size(); ++i) CHECK(difference(got[i], want[i]) == "");
        }
      }
    }
  }
}

TEST_CASE("QLinearGRU and QLinearRNN walk as the float ops do", "[ops][recurrent]") {
  for (const Model& shape : kModels) {
    const Model model = make_model(shape);
    const int64_t steps = 7, batch = 3, hidden = model.hidden;
    const Tensor x = bytes({steps, batch, model.input}, 6);
    const std::vector<Tensor> all = run_op(op_case(model, x));
    CHECK(all[1].dtype() == model.state());
    const Shape flat{steps, batch, hidden};
    const Tensor y = all[0].reshaped(flat);

    // Step by step, with the state fed back: the very integers.
    Tensor h;
    for (int64_t t = 0; t < steps; ++t) {
      Tensor now = Tensor::allocate(DType::kUint8, {1, batch, model.input});
      std::copy_n(static_cast<const uint8_t*>(x.raw()) + t * now.size(), now.size(),
                  static_cast<uint8_t*>(now.mutable_raw()));
      const std::vector<Tensor> step = run_op(op_case(model, now, h));
      h = step[1];
      CHECK(std::equal(step[0].data<uint8_t>().begin(), step[0].data<uint8_t>().end(),
                       y.data<uint8_t>().begin() + t * batch * hidden));
    }
    CHECK(difference(h, all[1]) == "");

    // Backwards on the turned sequence.
    const auto turn = [&](int64_t row) { return (steps - 1 - row / batch) * batch + row % batch; };
    OpCase reverse = op_case(model, reordered(x, x.shape(), turn));
    reverse.attributes.push_back({"direction", std::string("reverse")});
    const std::vector<Tensor> turned = run_op(reverse);
    CHECK(difference(turned[1], all[1]) == "");
    CHECK(difference(reordered(turned[0].reshaped(flat), flat, turn), y) == "");

    // Batch first.
    const auto swap = [&](int64_t row) { return row % steps * batch + row / steps; };
    OpCase major = op_case(model, reordered(x, {batch, steps, model.input}, swap));
    major.attributes.push_back({"layout", int64_t{1}});
    const std::vector<Tensor> swapped = run_op(major);
    const Shape by_item{batch, steps, hidden};
    CHECK(difference(swapped[0].reshaped(by_item), reordered(y, by_item, swap)) == "");
    CHECK(difference(swapped[1].reshaped({1, batch, hidden}), all[1]) == "");

    // Lengths: the state of each item's last step, the quantized zero behind it.
    OpCase lengths = op_case(model, x);
    lengths.inputs[8] = i32({batch}, {7, 0, 4});
    const std::vector<Tensor> cut = run_op(lengths);
    OpCase four =
        op_case(model, reordered(x, {4, batch, model.input}, [](int64_t row) { return row; }));
    const std::vector<Tensor> until_four = run_op(four);
    const double zero = model.gru ? 0 : 128;
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t length = std::vector<int64_t>{7, 0, 4}[static_cast<size_t>(n)];
      for (int64_t j = 0; j < hidden; ++j) {
        for (int64_t t = 0; t < steps; ++t) {
          const int64_t at = (t * batch + n) * hidden + j;
          CHECK(integer(cut[0], at) == (t < length ? integer(y, at) : 128));
        }
        const int64_t at = n * hidden + j;
        const double want = length == 7   ? integer(all[1], at)
                            : length == 4 ? integer(until_four[1], at)
                                          : zero;
        CHECK(integer(cut[1], at) == want);
      }
    }
  }
}

// The integer cells and the float ones, on the same weights and inputs. Rounding does not build up,
// not even in a GRU that forgets slowly: z stays near 1 with the bias of the update gate.
TEST_CASE("QLinearGRU and QLinearRNN stay near the float ops for a thousand steps",
          "[ops][recurrent]") {
  for (const bool slow : {false, true}) {
    for (Model shape : kModels) {
      if (slow && !shape.gru) continue;
      shape.hidden = 24;
      shape.weight = 0.004f;
      Model model = make_model(shape);
      const int64_t steps = 1000, h = model.hidden, gates = model.gates();
      const auto scale_of = [&](int64_t i) {
        const Tensor& scale = i < gates ? model.w_scale : model.r_scale;
        return (i < gates ? model.x_scale : kHiddenScale) *
               scale.data<float>()[static_cast<size_t>(i % gates)];
      };
      for (int64_t j = 0; slow && j < h; ++j) {  // z = sigmoid(5 + ...): 0.993
        model.b.mutable_data<int32_t>()[static_cast<size_t>(j)] =
            static_cast<int32_t>(5 / scale_of(j));
      }
      const Tensor x = bytes({steps, 1, model.input}, 6);
      const std::vector<Tensor> got = run_op(op_case(model, x));
      Tensor xf = Tensor::allocate(DType::kFloat32, x.shape());
      for (size_t i = 0; i < x.data<uint8_t>().size(); ++i) {
        xf.mutable_data<float>()[i] =
            static_cast<float>(x.data<uint8_t>()[i] - kXZero) * model.x_scale;
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
      Tensor b = Tensor::allocate(DType::kFloat32, {1, 2 * gates});
      for (int64_t i = 0; i < 2 * gates; ++i) {
        b.mutable_data<float>()[static_cast<size_t>(i)] =
            static_cast<float>(model.b.data<int32_t>()[static_cast<size_t>(i)]) * scale_of(i);
      }
      const std::vector<Tensor> want = run_op(
          {.op = model.gru ? "GRU" : "RNN",
           .opset = 14,
           .attributes = {{"linear_before_reset", int64_t{model.linear_before_reset ? 1 : 0}}},
           .inputs = {xf, dequantized(model.w, model.w_scale, model.input),
                      dequantized(model.r, model.r_scale, h), b},
           .constants = {1, 2, 3},
           .outputs = 2});
      double squares = 0, worst = 0;
      for (size_t i = 0; i < want[0].data<float>().size(); ++i) {
        const double error =
            (got[0].data<uint8_t>()[i] - 128) * kHiddenScale - want[0].data<float>()[i];
        squares += error * error;
        worst = std::max(worst, std::abs(error));
      }
      const double rms = std::sqrt(squares / static_cast<double>(want[0].size()));
      INFO((model.gru ? "GRU " : "RNN ")
           << model.linear_before_reset << slow << ": rms " << rms << " worst " << worst);
      // A step of what is put out is 0.0078: rounding alone gives an rms of 0.0023.
      CHECK(rms < 0.01);
      CHECK(worst < 0.1);
    }
  }
}

TEST_CASE("QLinearGRU and QLinearRNN refuse what does not fit", "[ops][recurrent]") {
  for (const Model& shape : kModels) {
    const Model model = make_model(shape);
    const OpCase good = op_case(model, bytes({2, 1, model.input}, 6));
    CHECK_NOTHROW(run_op(good));
    std::vector<std::pair<size_t, Tensor>> wrong{{0, bytes({2, 1, 4}, 1)},
                                                 {0, signed_bytes({2, 1, 9}, 1)},
                                                 {3, signed_bytes({1, 12, 9}, 1)},
                                                 {5, signed_bytes({1, 40, 9}, 1)},
                                                 {7, i32({1, 8}, std::vector<int32_t>(8))},
                                                 {4, random_tensor({3}, 1, 0.1f, 0.2f)},
                                                 {9, random_state(model, {1, 2, 10}, 1)},
                                                 {9, signed_bytes({1, 1, 10}, 1)},
                                                 {11, Tensor::scalar<int16_t>(0)},
                                                 {13, Tensor::scalar<int32_t>(0)}};
    if (model.gru) wrong.emplace_back(17, Tensor::scalar<int16_t>(0));
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
}
