// eightfold:DynamicQuantizeGRU and DynamicQuantizeRNN: one step against the float op on inputs and
// weights rounded as DynamicQuantizeLinear says (in double), and a sequence against the float op.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "support/kernel_rows.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct Layer {
  std::string op;
  int64_t linear_before_reset = 0;
  int64_t gates() const { return op == "GRU" ? 3 : 1; }
};
const std::vector<Layer> kLayers{{"GRU"}, {"GRU", 1}, {"RNN"}};
constexpr int64_t kInput = 7, kHidden = 9;

Tensor bytes(Shape shape, uint32_t seed) {
  const auto values = test_bytes(static_cast<size_t>(element_count(shape)), seed);
  return Tensor::of<int8_t>(std::move(shape), std::vector<int8_t>(values.begin(), values.end()));
}

struct Weights {
  Tensor w, r, b, w_scale, r_scale;
};
Weights weights_of(const Layer& layer) {
  const int64_t g = layer.gates() * kHidden;
  return {bytes({1, g, kInput}, 1), bytes({1, g, kHidden}, 2),
          random_tensor({1, 2 * g}, 3, -0.5f, 0.5f), random_tensor({1, g}, 4, 0.002f, 0.005f),
          random_tensor({1, g}, 5, 0.002f, 0.005f)};
}

OpCase dynamic_case(const Layer& layer, const Weights& of, Tensor x, Tensor h) {
  const Tensor zero = Tensor::allocate(DType::kInt8, of.w_scale.shape());
  return {
      .op = "DynamicQuantize" + layer.op,
      .domain = "eightfold",
      .opset = 1,
      .attributes = {{"linear_before_reset", layer.linear_before_reset}},
      .inputs =
          {std::move(x), of.w, of.r, of.b, {}, std::move(h), of.w_scale, zero, of.r_scale, zero},
      .constants = {1, 2, 3, 6, 7, 8, 9},
      .outputs = 2};
}

Tensor dequantized(const Tensor& q, const Tensor& scale) {
  Tensor w = Tensor::allocate(DType::kFloat32, q.shape());
  const auto k = static_cast<size_t>(q.shape()[2]);
  for (size_t i = 0; i < q.data<int8_t>().size(); ++i) {
    w.mutable_data<float>()[i] = q.data<int8_t>()[i] * scale.data<float>()[i / k];
  }
  return w;
}

// What DynamicQuantizeLinear leaves of values.
std::vector<double> rounded(std::vector<double> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double lo = std::min(0.0, *low), hi = std::max(0.0, *high), scale = (hi - lo) / 255;
  const double zero = std::nearbyint(-lo / scale);
  for (double& v : values) {
    v = (std::clamp(std::nearbyint(v / scale) + zero, 0.0, 255.0) - zero) * scale;
  }
  return values;
}

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

// One step from h, batch 1.
std::vector<double> emulate(const Layer& layer, const Weights& of, const Tensor& x,
                            const Tensor& h) {
  const Tensor w = dequantized(of.w, of.w_scale), r = dequantized(of.r, of.r_scale);
  const auto as_double = [](const Tensor& t) {
    return std::vector<double>(t.data<float>().begin(), t.data<float>().end());
  };
  const std::vector<double> state = as_double(h), xq = rounded(as_double(x)), hq = rounded(state);
  const auto product = [](const Tensor& m, int64_t row, const std::vector<double>& v) {
    double sum = 0;
    for (size_t i = 0; i < v.size(); ++i) {
      sum += m.data<float>()[static_cast<size_t>(row) * v.size() + i] * v[i];
    }
    return sum;
  };
  const auto bias = [&](int64_t row) { return of.b.data<float>()[static_cast<size_t>(row)]; };
  const int64_t gates = layer.gates() * kHidden;
  const auto both = [&](int64_t row, const std::vector<double>& v) {
    return product(w, row, xq) + bias(row) + product(r, row, v) + bias(gates + row);
  };
  std::vector<double> now, reset;
  for (int64_t j = 0; j < kHidden && layer.op == "GRU"; ++j) {
    reset.push_back(sigmoid(both(kHidden + j, hq)) * state[static_cast<size_t>(j)]);
  }
  if (layer.op == "GRU") reset = rounded(reset);
  for (int64_t j = 0; j < kHidden; ++j) {
    if (layer.op == "RNN") {
      now.push_back(std::tanh(both(j, hq)));
      continue;
    }
    const int64_t row = 2 * kHidden + j;
    const double z = sigmoid(both(j, hq));
    const double n =
        layer.linear_before_reset
            ? std::tanh(product(w, row, xq) + bias(row) +
                        sigmoid(both(kHidden + j, hq)) * (product(r, row, hq) + bias(gates + row)))
            : std::tanh(both(row, reset));
    now.push_back((1 - z) * n + z * state[static_cast<size_t>(j)]);
  }
  return now;
}

}  // namespace

// A value on a tie between two steps of r * h may fall to either side: one weight's worth.
TEST_CASE("one step of a dynamic GRU or RNN is the float cell on rounded values",
          "[ops][recurrent]") {
  for (const char* isa : {"scalar", "simd128", ""}) {
    set_isa(isa);
    for (const Layer& layer : kLayers) {
      const Weights of = weights_of(layer);
      for (uint32_t seed = 10; seed < 20; ++seed) {
        const Tensor x = random_tensor({1, 1, kInput}, seed, -1.0f, 2.0f);
        const Tensor h = random_tensor({1, 1, kHidden}, seed + 50);
        const std::vector<double> want = emulate(layer, of, x, h);
        const Tensor got = run_op(dynamic_case(layer, of, x, h))[1];
        for (size_t j = 0; j < want.size(); ++j) {
          INFO(layer.op << layer.linear_before_reset << " " << seed << " " << j);
          CHECK(got.data<float>()[j] == Catch::Approx(want[j]).margin(2e-3));
        }
      }
    }
  }
  set_isa("");
}

TEST_CASE("dynamic GRUs and RNNs stay near the float ones, whichever way they walk",
          "[ops][recurrent]") {
  for (const Layer& layer : kLayers) {
    const Weights of = weights_of(layer);
    for (const bool reverse : {false, true}) {
      const Tensor x = random_tensor({40, 3, kInput}, 30), h = random_tensor({1, 3, kHidden}, 31);
      OpCase run = dynamic_case(layer, of, x, h);
      run.inputs[4] = i32({3}, {40, 0, 17});
      OpCase plain = run;
      plain.op = layer.op;
      plain.domain = {};
      plain.opset = 14;
      plain.inputs = {
          x, dequantized(of.w, of.w_scale), dequantized(of.r, of.r_scale), of.b, run.inputs[4], h};
      plain.constants = {1, 2, 3};
      for (OpCase* one : {&run, &plain}) {
        if (reverse) one->attributes.push_back({"direction", std::string("reverse")});
      }
      const std::vector<Tensor> got = run_op(run), want = run_op(plain);
      for (size_t i = 0; i < 2; ++i) {
        double error = 0, energy = 0;
        for (size_t j = 0; j < want[i].data<float>().size(); ++j) {
          const double w = want[i].data<float>()[j], e = got[i].data<float>()[j] - w;
          error += e * e;
          energy += w * w;
          if (w == 0) CHECK(e == 0);
        }
        INFO(layer.op << layer.linear_before_reset << reverse << i << ": " << error / energy);
        CHECK(error * 1000 < energy);
      }
    }
  }
}
