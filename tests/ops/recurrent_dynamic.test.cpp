// com.microsoft DynamicQuantizeLSTM against its definition (recurrent_dynamic.cpp), written out
// with the float rounding of the parameters and everything else in double.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "support/kernel_rows.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// Functions of the C library against rational ones.
constexpr Tolerance kDynamic{1e-5f, 2e-6f};

struct DynamicCase {
  int64_t steps = 5, batch = 1, input = 7, hidden = 6, directions = 1;
  bool is_signed = true, per_channel = false, bias = true, peepholes = false, initial = true;
  bool reverse = false;
};

Tensor bytes(Shape shape, uint32_t seed, bool is_signed) {
  const std::vector<uint8_t> values = test_bytes(static_cast<size_t>(element_count(shape)), seed);
  if (!is_signed) return Tensor::of<uint8_t>(std::move(shape), values);
  return Tensor::of<int8_t>(std::move(shape), std::vector<int8_t>(values.begin(), values.end()));
}

Tensor filled(Shape shape, int32_t value, bool is_signed) {
  const auto count = static_cast<size_t>(element_count(shape));
  if (is_signed) return Tensor::of<int8_t>(std::move(shape), std::vector<int8_t>(count, 0));
  return Tensor::of<uint8_t>(std::move(shape),
                             std::vector<uint8_t>(count, static_cast<uint8_t>(value)));
}

OpCase op_case(const DynamicCase& one) {
  const int64_t d = one.directions, h = one.hidden, gates = 4 * h;
  const Shape parameters = one.per_channel ? Shape{d, gates} : Shape{d};
  OpCase run{.op = "DynamicQuantizeLSTM", .domain = "com.microsoft", .opset = 1};
  run.attributes = {{"hidden_size", h},
                    {"direction", std::string(d == 2        ? "bidirectional"
                                              : one.reverse ? "reverse"
                                                            : "forward")}};
  run.inputs = {random_tensor({one.steps, one.batch, one.input}, 1, -2, 3),
                bytes({d, one.input, gates}, 2, one.is_signed),
                bytes({d, h, gates}, 3, one.is_signed)};
  run.inputs.resize(8);
  if (one.bias) run.inputs[3] = random_tensor({d, 2 * gates}, 4);
  if (one.initial) run.inputs[5] = random_tensor({d, one.batch, h}, 5);
  if (one.initial) run.inputs[6] = random_tensor({d, one.batch, h}, 6);
  if (one.peepholes) run.inputs[7] = random_tensor({d, 3 * h}, 7);
  for (uint32_t seed : {8, 9}) {
    run.inputs.push_back(random_tensor(parameters, seed, 0.002f, 0.01f));
    run.inputs.push_back(filled(parameters, 120 + static_cast<int32_t>(seed), one.is_signed));
  }
  run.constants = {1, 2, 3, 8, 9, 10, 11};
  run.outputs = 3;
  return run;
}

struct Quantized {
  std::vector<int32_t> values;  // minus the zero point
  float scale;
};
Quantized quantize_block(const std::vector<float>& x) {
  const float low = std::min(0.0f, *std::ranges::min_element(x));
  const float high = std::max(0.0f, *std::ranges::max_element(x));
  const float scale = low == high ? 1.0f : (high - low) / 255;
  const float zero = std::nearbyint(-low / scale);
  Quantized block{{}, scale};
  for (float value : x) {
    const float q = std::clamp(std::nearbyint(value / scale) + zero, 0.0f, 255.0f);
    block.values.push_back(static_cast<int32_t>(q - zero));
  }
  return block;
}

double at(const Tensor& tensor, int64_t i) {
  return tensor.defined() ? tensor.data<float>()[static_cast<size_t>(i)] : 0.0;
}

class Definition {
 public:
  Definition(const DynamicCase& one, const std::vector<Tensor>& inputs) : one_(one), in_(inputs) {}

  // Y of all directions.
  Tensor run() {
    Tensor y =
        Tensor::allocate(DType::kFloat32, {one_.steps, one_.directions, one_.batch, one_.hidden});
    const auto x = in_[0].data<float>();
    const Quantized block = quantize_block({x.begin(), x.end()});
    for (int64_t d = 0; d < one_.directions; ++d) {
      const auto size = static_cast<size_t>(one_.batch * one_.hidden);
      std::vector<float> h(size), c(size);
      for (size_t i = 0; i < size; ++i) {
        const auto index = d * static_cast<int64_t>(size) + static_cast<int64_t>(i);
        h[i] = static_cast<float>(at(in_[5], index));
        c[i] = static_cast<float>(at(in_[6], index));
      }
      for (int64_t s = 0; s < one_.steps; ++s) {
        const int64_t t = one_.reverse || d == 1 ? one_.steps - 1 - s : s;
        step(d, t, block, h, c);
        float* to =
            y.mutable_data<float>().data() + (t * one_.directions + d) * static_cast<int64_t>(size);
        std::ranges::copy(h, to);
      }
    }
    return y;
  }

 private:
  int32_t weight(size_t input, int64_t i) const {
    const auto k = static_cast<size_t>(i);
    if (one_.is_signed) return in_[input].data<int8_t>()[k];
    return in_[input].data<uint8_t>()[k] - (input == 1 ? 128 : 129);
  }
  double product(size_t input, int64_t d, const Quantized& block, int64_t row, int64_t k,
                 int64_t column) const {
    const int64_t gates = 4 * one_.hidden;
    int32_t sum = 0;
    for (int64_t i = 0; i < k; ++i) {
      sum += block.values[static_cast<size_t>(row * k + i)] *
             weight(input, (d * k + i) * gates + column);
    }
    const Tensor& scales = in_[input == 1 ? 8 : 10];
    return sum * static_cast<double>(block.scale) *
           at(scales, one_.per_channel ? d * gates + column : d);
  }

  void step(int64_t d, int64_t t, const Quantized& x, std::vector<float>& h,
            std::vector<float>& c) const {
    const int64_t size = one_.hidden, gates = 4 * size;
    const Quantized hidden = quantize_block(h);
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    for (int64_t n = 0; n < one_.batch; ++n) {
      for (int64_t j = 0; j < size; ++j) {
        const auto k = static_cast<size_t>(n * size + j);
        const auto sum = [&](int64_t gate) {
          const int64_t column = gate * size + j;
          return product(1, d, x, t * one_.batch + n, one_.input, column) +
                 product(2, d, hidden, n, size, column) + at(in_[3], d * 2 * gates + column) +
                 at(in_[3], d * 2 * gates + gates + column);
        };
        const auto peephole = [&](int64_t gate) { return at(in_[7], (d * 3 + gate) * size + j); };
        const double i = sigmoid(sum(0) + peephole(0) * c[k]);
        const double f = sigmoid(sum(2) + peephole(2) * c[k]);
        c[k] = static_cast<float>(f * c[k] + i * std::tanh(sum(3)));
        h[k] = static_cast<float>(sigmoid(sum(1) + peephole(1) * c[k]) * std::tanh(c[k]));
      }
    }
  }

  const DynamicCase& one_;
  const std::vector<Tensor>& in_;
};

}  // namespace

TEST_CASE("DynamicQuantizeLSTM follows its definition", "[ops][recurrent]") {
  for (int bits = 0; bits < 32; ++bits) {
    INFO("case " << bits);
    DynamicCase one;
    one.is_signed = bits & 1;
    one.per_channel = bits & 2;
    one.bias = bits & 4;
    one.initial = !(bits & 8);
    one.peepholes = bits & 8;
    one.directions = bits & 16 ? 2 : 1;
    one.reverse = bits == 7;
    one.batch = bits & 4 ? 2 : 1;
    const OpCase run = op_case(one);
    const std::vector<Tensor> got = run_op(run);
    CHECK(difference(got[0], Definition(one, run.inputs).run(), kDynamic) == "");
  }
}

TEST_CASE("DynamicQuantizeLSTM takes empty extents and refuses what does not fit",
          "[ops][recurrent]") {
  for (const DynamicCase& one : {DynamicCase{.steps = 0}, DynamicCase{.batch = 0}}) {
    const OpCase run = op_case(one);
    CHECK(run_op(run)[0].shape() == Shape{one.steps, 1, one.batch, one.hidden});
  }
  OpCase loose = op_case({});
  loose.constants = {3};
  CHECK_THROWS_AS(run_op(loose), Error);
  OpCase wrong = op_case({});
  wrong.inputs[8] = random_tensor({3}, 1, 0.1f, 0.2f);
  CHECK_THROWS_AS(run_op(wrong), Error);
  wrong = op_case({});
  wrong.inputs[2] = bytes({1, 5, 24}, 1, true);
  CHECK_THROWS_AS(run_op(wrong), Error);
}
