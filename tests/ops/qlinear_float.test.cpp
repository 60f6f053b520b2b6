// eightfold:QLinear<Op> equals dequantize, the float operator, quantize, byte for byte.
#include <catch_amalgamated.hpp>

#include "core/qparams.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

namespace eightfold::test {
namespace {

// Every byte occurs.
Tensor bytes(DType dtype, const Shape& shape) {
  Tensor tensor = Tensor::allocate(dtype, shape);
  auto* data = static_cast<uint8_t*>(tensor.mutable_raw());
  for (int64_t i = 0; i < tensor.size(); ++i) data[i] = static_cast<uint8_t>(i * 7 + i / 256);
  return tensor;
}

int32_t integer(const Tensor& tensor, int64_t i) {
  return tensor.dtype() == DType::kInt8 ? static_cast<const int8_t*>(tensor.raw())[i]
                                        : static_cast<const uint8_t*>(tensor.raw())[i];
}

struct Row {
  std::string op;
  std::vector<Attribute> attributes;
  std::vector<Tensor> parameters;
};

TEST_CASE("int8 forms made of a float operator are exact", "[ops][qlinear]") {
  constexpr int64_t kChannels = 5;
  const Shape shape{2, kChannels, 9, 7};
  const auto vector = [](uint32_t seed, float low, float high) {
    return random_tensor({kChannels}, seed, low, high);
  };
  const Tensor none;
  const std::vector<Row> rows{
      {"HardSwish", {}, {}},
      {"HardSigmoid", {{"alpha", 0.3f}, {"beta", 0.4f}}, {}},
      {"PRelu", {}, {f32({1}, {0.25f})}},
      {"PRelu", {}, {random_tensor({kChannels, 1, 1}, 1)}},
      {"PRelu", {}, {random_tensor({1, kChannels, 1, 1}, 2)}},
      {"PRelu", {}, {random_tensor({9, 7}, 3)}},  // no function of byte and channel
      {"PRelu", {}, {random_tensor({1, 1, 7}, 4)}},
      {"BatchNormalization",
       {},
       {vector(5, -2, 2), vector(6, -1, 1), vector(7, -1, 1), vector(8, 0.1f, 2)}},
      {"Resize", {{"mode", std::string("linear")}}, {none, f32({4}, {1, 1, 2, 1.5f})}},
      {"Resize",
       {{"mode", std::string("cubic")},
        {"coordinate_transformation_mode", std::string("asymmetric")}},
       {none, none, i64({2, kChannels, 5, 11})}},
  };
  for (const Row& row : rows) {
    for (const DType dtype : {DType::kUint8, DType::kInt8}) {
      const int32_t x_zero = dtype == DType::kInt8 ? -3 : 121, y_zero = x_zero + 6;
      const float x_scale = 0.037f, y_scale = 0.021f;
      const auto zero = [&](int32_t z) {
        return dtype == DType::kInt8 ? s8({}, {static_cast<int8_t>(z)})
                                     : u8({}, {static_cast<uint8_t>(z)});
      };
      const Tensor x = bytes(dtype, shape);
      Tensor real = Tensor::allocate(DType::kFloat32, shape);
      for (int64_t i = 0; i < x.size(); ++i) {
        real.mutable_data<float>()[static_cast<size_t>(i)] =
            dequantize(integer(x, i), x_scale, x_zero);
      }
      OpCase floats{.op = row.op, .attributes = row.attributes, .inputs = {real}};
      OpCase integers{.op = "QLinear" + row.op,
                      .domain = "eightfold",
                      .opset = 1,
                      .attributes = row.attributes,
                      .inputs = {x, Tensor::scalar(x_scale), zero(x_zero), Tensor::scalar(y_scale),
                                 zero(y_zero)},
                      .constants = {1, 2, 3, 4}};
      for (const Tensor& parameter : row.parameters) {
        floats.inputs.push_back(parameter);
        integers.constants.push_back(integers.inputs.size());
        integers.inputs.push_back(parameter);
      }
      const QRange full = full_range(dtype);
      integers.attributes.push_back({"clamp_max", full.quant_max - 40});
      const Tensor y = run_op(floats)[0];
      for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
        integers.layout = layout;
        const Tensor got = run_op(integers)[0];
        REQUIRE(got.shape() == y.shape());
        REQUIRE(got.dtype() == dtype);
        int64_t wrong = 0;
        for (int64_t i = 0; i < y.size(); ++i) {
          const int32_t want = quantize(y.data<float>()[static_cast<size_t>(i)], y_scale, y_zero,
                                        {full.quant_min, full.quant_max - 40});
          if (integer(got, i) != want) ++wrong;
        }
        INFO(row.op << " " << dtype_name(dtype));
        CHECK(wrong == 0);
      }
    }
  }
}

}  // namespace
}  // namespace eightfold::test
