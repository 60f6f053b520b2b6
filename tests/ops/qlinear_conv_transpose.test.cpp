// eightfold:QLinearConvTranspose: the sums are those of the float operator on the integers, which
// float32 holds exactly; then one rounding per element.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/qparams.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

namespace eightfold::test {
namespace {

struct Row {
  const char* what;
  Shape x, w;
  std::vector<Attribute> attributes;
  int64_t groups = 1;
};

TEST_CASE("int8 transposed convolutions are their definition", "[ops][qlinear]") {
  const auto list = [](const char* name, std::vector<int64_t> values) {
    return Attribute{name, std::move(values)};
  };
  const std::vector<Row> rows{
      {"one axis", {2, 3, 9}, {3, 4, 5}, {list("strides", {3}), list("pads", {2, 1})}},
      {"more pixels than a block",
       {1, 6, 8, 9},
       {6, 5, 3, 2},
       {list("strides", {2, 1}), list("pads", {1, 0, 0, 1}), list("output_padding", {1, 0})}},
      {"groups, dilated",
       {2, 6, 4, 5},
       {6, 2, 3, 3},
       {list("dilations", {2, 1}), list("strides", {1, 2})},
       3},
      {"depthwise", {1, 4, 1, 11}, {4, 1, 1, 5}, {list("strides", {1, 2})}, 4},
      {"three axes", {1, 2, 3, 2, 4}, {2, 3, 2, 2, 2}, {list("strides", {2, 1, 2})}},
      {"no image", {0, 2, 3, 3}, {2, 3, 2, 2}, {}},
  };
  for (const Row& row : rows) {
    for (const bool per_channel : {false, true}) {
      const int64_t channels = row.w[1] * row.groups;
      Tensor x = Tensor::allocate(DType::kUint8, row.x), w = Tensor::allocate(DType::kInt8, row.w);
      Tensor xf = Tensor::allocate(DType::kFloat32, row.x);
      Tensor wf = Tensor::allocate(DType::kFloat32, row.w);
      const int32_t x_zero = 131, y_zero = 117;
      for (size_t i = 0; i < static_cast<size_t>(x.size()); ++i) {
        const auto q = static_cast<uint8_t>(i * 37 + i / 7);
        x.mutable_data<uint8_t>()[i] = q;
        xf.mutable_data<float>()[i] = static_cast<float>(q - x_zero);
      }
      for (size_t i = 0; i < static_cast<size_t>(w.size()); ++i) {
        const auto q = static_cast<int8_t>(i * 91 + 5);
        w.mutable_data<int8_t>()[i] = q;
        wf.mutable_data<float>()[i] = static_cast<float>(q);
      }
      std::vector<int32_t> bias;
      std::vector<float> bias_floats, scales;
      for (int64_t o = 0; o < channels; ++o) {
        bias.push_back(static_cast<int32_t>(o * 777 - 1500));
        bias_floats.push_back(static_cast<float>(bias.back()));
      }
      for (int64_t o = 0; o < (per_channel ? row.w[1] : 1); ++o) {
        scales.push_back(0.004f + 0.001f * static_cast<float>(o));
      }
      const float x_scale = 0.02f, y_scale = 0.11f;
      std::vector<Attribute> attributes = row.attributes;
      attributes.push_back({"group", row.groups});
      const Tensor sums = run_op({.op = "ConvTranspose",
                                  .attributes = attributes,
                                  .inputs = {xf, wf, f32({channels}, bias_floats)}})[0];
      const auto count = static_cast<int64_t>(scales.size());
      const Shape per = per_channel ? Shape{count} : Shape{};
      attributes.push_back({"clamp_min", int64_t{20}});
      const Tensor y = run_op(
          {.op = "QLinearConvTranspose",
           .domain = "eightfold",
           .opset = 1,
           .attributes = attributes,
           .inputs = {x, Tensor::scalar(x_scale), u8({}, {131}), w, Tensor::of<float>(per, scales),
                      Tensor::of<int8_t>(per, std::vector<int8_t>(scales.size(), 0)),
                      Tensor::scalar(y_scale), u8({}, {117}), i32({channels}, bias)},
           .constants = {1, 2, 3, 4, 5, 6, 7, 8}})[0];
      INFO(row.what << (per_channel ? ", per channel" : ""));
      REQUIRE(y.shape() == sums.shape());
      const int64_t pixels = element_count(std::span(y.shape()).subspan(2));
      int64_t wrong = 0;
      for (int64_t i = 0; i < y.size(); ++i) {
        const int64_t o = i / pixels % channels;
        const float scale = x_scale * scales[static_cast<size_t>(o % count)] / y_scale;
        const float rounded = std::nearbyint(sums.data<float>()[static_cast<size_t>(i)] * scale);
        const float want = std::min(255.0f, std::max(20.0f, rounded + static_cast<float>(y_zero)));
        if (static_cast<float>(y.data<uint8_t>()[static_cast<size_t>(i)]) != want) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}

}  // namespace
}  // namespace eightfold::test
