// QLinearAdd and QLinearMul against their equation, where a short row repeats along the pixels.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "support/kernel_rows.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

Tensor bytes(const Shape& shape, uint32_t seed) {
  Tensor tensor = Tensor::allocate(DType::kUint8, shape);
  const auto data = test_bytes(static_cast<size_t>(tensor.size()), seed);
  std::ranges::copy(data, static_cast<uint8_t*>(tensor.mutable_raw()));
  return tensor;
}

TEST_CASE("one value per channel meets every pixel", "[ops][qlinear]") {
  const float a_scale = 0.0113f, b_scale = 0.0207f, y_scale = 0.0131f;
  const int64_t a_zero = 7, b_zero = 201, y_zero = 99;
  for (const std::string op : {"QLinearAdd", "QLinearMul"}) {
    for (int64_t channels : {3, 12, 31, 128, 129}) {
      for (int64_t side : {1, 4, 23}) {
        const Shape shape{2, channels, side, side}, one{2, channels, 1, 1};
        const Tensor pixels = bytes(shape, 5), row = bytes(one, 6);
        const auto scalars = [](float scale, int64_t zero) {
          return std::pair(Tensor::scalar(scale), u8({}, {static_cast<uint8_t>(zero)}));
        };
        const auto [as, az] = scalars(a_scale, a_zero);
        const auto [bs, bz] = scalars(b_scale, b_zero);
        const auto [ys, yz] = scalars(y_scale, y_zero);
        for (int bits = 0; bits < 4; ++bits) {
          const bool row_first = bits & 1;
          OpCase test{.op = op,
                      .domain = "com.microsoft",
                      .opset = 1,
                      .inputs = {row_first ? row : pixels, as, az, row_first ? pixels : row, bs, bz,
                                 ys, yz},
                      .constants = {1, 2, 4, 5, 6, 7}};
          test.layout = bits & 2 ? Layout::kChannelsLast : Layout::kPlain;
          const Tensor y = run_op(test)[0];
          REQUIRE(y.shape() == shape);
          int64_t wrong = 0;
          for (int64_t i = 0; i < y.size(); ++i) {
            const int64_t image = i / (side * side);
            const auto at = [](const Tensor& t, int64_t j) {
              return static_cast<const uint8_t*>(t.raw())[j];
            };
            const int64_t qa = row_first ? at(row, image) : at(pixels, i);
            const int64_t qb = row_first ? at(pixels, i) : at(row, image);
            const float a = a_scale * static_cast<float>(qa - a_zero);
            const float b = b_scale * static_cast<float>(qb - b_zero);
            const float value =
                (op == "QLinearAdd" ? a + b : a * b) / y_scale + static_cast<float>(y_zero);
            wrong += at(y, i) != std::clamp(std::nearbyint(value), 0.0f, 255.0f);
          }
          INFO(op << " channels " << channels << " side " << side << " case " << bits);
          CHECK(wrong == 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace eightfold::test
