// Operators that sample images, where one says what another must say, and by hand. The operator
// suite has the values of the others.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

namespace eightfold::test {
namespace {

constexpr Tolerance kSums{1e-5f, 1e-5f};

Attribute text(const char* name, const char* value) { return {name, std::string(value)}; }

TEST_CASE("the grid of the identity gives the image back", "[ops][image]") {
  for (const int64_t align : {0, 1}) {
    for (const Shape& shape : {Shape{2, 3, 4, 5}, Shape{1, 2, 3, 4, 2}}) {
      const auto rank = static_cast<int64_t>(shape.size()) - 2;
      Tensor theta = Tensor::allocate(DType::kFloat32, {shape[0], rank, rank + 1});
      for (int64_t i = 0; i < theta.size(); ++i) {
        const int64_t at = i % (rank * (rank + 1));
        theta.mutable_data<float>()[static_cast<size_t>(i)] = at % (rank + 2) == 0 ? 1.0f : 0.0f;
      }
      const Attribute corners{"align_corners", align};
      const Tensor grid = run_op({.op = "AffineGrid",
                                  .attributes = {corners},
                                  .inputs = {theta, i64(shape)},
                                  .constants = {1}})[0];
      const Tensor x = random_tensor(shape, 7);
      for (const char* mode : {"nearest", "linear", "cubic"}) {
        for (const char* padding : {"zeros", "border", "reflection"}) {
          INFO(mode << " " << padding << " " << align << " " << shape_text(shape));
          const Tensor y =
              run_op({.op = "GridSample",
                      .attributes = {corners, text("mode", mode), text("padding_mode", padding)},
                      .inputs = {x, grid}})[0];
          CHECK(difference(y, x, kSums) == "");
        }
      }
    }
  }
}

// One row of three pixels, far outside, and what is no number: nothing is read beyond the image.
TEST_CASE("positions outside of the image", "[ops][image]") {
  const Tensor x = f32({1, 1, 1, 3}, {1, 2, 4});
  const Tensor grid = f32({1, 1, 5, 2}, {-3, 0, 1.6f, 0, 1e30f, 0, NAN, 0, -INFINITY, 0});
  const auto sampled = [&](const char* padding) {
    return run_op({.op = "GridSample",
                   .attributes = {text("mode", "nearest"), text("padding_mode", padding)},
                   .inputs = {x, grid}})[0];
  };
  CHECK(difference(sampled("zeros"), f32({1, 1, 1, 5}, {0, 0, 0, 0, 0})) == "");
  CHECK(difference(sampled("border"), f32({1, 1, 1, 5}, {1, 4, 4, 1, 1})) == "");
  // -3 is pixel -3.5, rounded to -4: mirrored about -0.5, 3; about 2.5, 2. 1.6 is pixel 3: 2.
  const Tensor mirrored = sampled("reflection");
  CHECK(mirrored.data<float>()[0] == 4);
  CHECK(mirrored.data<float>()[1] == 4);
}

TEST_CASE("DeformConv without offsets is Conv", "[ops][image]") {
  const Tensor x = random_tensor({2, 4, 6, 5}, 1), w = random_tensor({6, 2, 3, 2}, 2);
  const Tensor b = random_tensor({6}, 3);
  const std::vector<Attribute> attributes{{"pads", ints({1, 0, 1, 1})},
                                          {"strides", ints({2, 1})},
                                          {"dilations", ints({1, 2})},
                                          {"group", int64_t{2}}};
  const Tensor y = run_op({.op = "Conv", .attributes = attributes, .inputs = {x, w, b}})[0];
  std::vector<Attribute> deform = attributes;
  deform.push_back({"offset_group", int64_t{2}});
  const int64_t points = 2 * 6, height = y.shape()[2], width = y.shape()[3];
  Tensor offset = Tensor::allocate(DType::kFloat32, {2, 2 * points, height, width});
  std::ranges::fill(offset.mutable_data<float>(), 0.0f);
  CHECK(
      difference(run_op({.op = "DeformConv", .attributes = deform, .inputs = {x, w, offset, b}})[0],
                 y, kSums) == "");
  // Offsets of one pixel are an image moved by one; a mask of a half halves the sums.
  Tensor mask = Tensor::allocate(DType::kFloat32, {2, points, height, width});
  std::ranges::fill(mask.mutable_data<float>(), 0.5f);
  std::ranges::fill(offset.mutable_data<float>(), 1.0f);
  const Tensor moved =
      run_op({.op = "Pad", .inputs = {x, i64({0, 0, -1, -1, 0, 0, 1, 1})}, .constants = {1}})[0];
  std::vector<Attribute> unpadded = attributes;
  unpadded[0] = {"pads", ints({0, 0, 0, 0})};
  Tensor half = run_op({.op = "Conv", .attributes = unpadded, .inputs = {moved, w}})[0];
  for (float& value : half.mutable_data<float>()) value *= 0.5f;
  deform[0] = unpadded[0];
  const Shape out = half.shape();
  offset = Tensor::allocate(DType::kFloat32, {2, 2 * points, out[2], out[3]});
  mask = Tensor::allocate(DType::kFloat32, {2, points, out[2], out[3]});
  std::ranges::fill(mask.mutable_data<float>(), 0.5f);
  std::ranges::fill(offset.mutable_data<float>(), 1.0f);
  CHECK(difference(run_op({.op = "DeformConv",
                           .attributes = deform,
                           .inputs = {x, w, offset, Tensor(), mask}})[0],
                   half, kSums) == "");
}

// Columns of one channel per tap are what ConvTranspose with unit weights adds up.
TEST_CASE("Col2Im is ConvTranspose with unit weights", "[ops][image]") {
  const Tensor x = random_tensor({2, 3 * 6, 4 * 3}, 5);
  const std::vector<Attribute> attributes{
      {"pads", ints({1, 0, 0, 1})}, {"strides", ints({2, 1})}, {"dilations", ints({1, 2})}};
  Tensor unit = Tensor::allocate(DType::kFloat32, {18, 3, 2, 3});
  for (int64_t i = 0; i < unit.size(); ++i) {
    unit.mutable_data<float>()[static_cast<size_t>(i)] = i / 18 == i % 18 ? 1.0f : 0.0f;
  }
  const Tensor y = run_op({.op = "ConvTranspose",
                           .attributes = attributes,
                           .inputs = {x.reshaped({2, 18, 4, 3}), unit}})[0];
  const Tensor image = i64({y.shape()[2], y.shape()[3]});
  CHECK(difference(run_op({.op = "Col2Im",
                           .attributes = attributes,
                           .inputs = {x, image, i64({2, 3})},
                           .constants = {1, 2}})[0],
                   y, kSums) == "");
}

TEST_CASE("MaxUnpool puts back what MaxPool took", "[ops][image]") {
  const Tensor x = random_tensor({2, 3, 4, 6}, 9, 0.5f, 1.0f);
  const std::vector<Attribute> attributes{{"kernel_shape", ints({2, 3})},
                                          {"strides", ints({2, 3})}};
  const auto pooled =
      run_op({.op = "MaxPool", .attributes = attributes, .inputs = {x}, .outputs = 2});
  const Tensor y = run_op({.op = "MaxUnpool", .attributes = attributes, .inputs = pooled})[0];
  CHECK(difference(run_op({.op = "MaxPool", .attributes = attributes, .inputs = {y}})[0],
                   pooled[0]) == "");
  int64_t kept = 0;
  for (size_t i = 0; i < static_cast<size_t>(y.size()); ++i) {
    if (y.data<float>()[i] == 0) continue;
    CHECK(y.data<float>()[i] == x.data<float>()[i]);
    ++kept;
  }
  CHECK(kept == pooled[0].size());
  const Tensor wrong = i64({1, 1, 1, 1}, {9});
  CHECK_THROWS_AS(run_op({.op = "MaxUnpool",
                          .attributes = {{"kernel_shape", ints({2, 2})}},
                          .inputs = {f32({1, 1, 1, 1}, {1}), wrong}}),
                  Error);
}

// A plane i + 10 j: bilinear samples are exact, so that a cell's mean is the value at its middle.
TEST_CASE("RoiAlign of a plane is the plane", "[ops][image]") {
  Tensor x = Tensor::allocate(DType::kFloat32, {2, 1, 8, 9});
  for (int64_t i = 0; i < x.size(); ++i) {
    x.mutable_data<float>()[static_cast<size_t>(i)] =
        static_cast<float>(i / 72 * 1000 + i / 9 % 8 * 10 + i % 9);
  }
  const Tensor rois = f32({2, 4}, {2, 1, 6, 5, 1, 2, 3, 6});
  for (const bool half : {true, false}) {
    const Tensor y = run_op({.op = "RoiAlign",
                             .attributes = {{"output_height", int64_t{2}},
                                            {"output_width", int64_t{2}},
                                            {"sampling_ratio", int64_t{2}},
                                            text("coordinate_transformation_mode",
                                                 half ? "half_pixel" : "output_half_pixel")},
                             .inputs = {x, rois, i64({1, 0})}})[0];
    const float shift = half ? 5.5f : 0.0f;
    // Middles: rows 2 and 4, columns 3 and 5 of image 1; rows 3 and 5, columns 1.5 and 2.5 of 0.
    const Tensor expected =
        f32({2, 1, 2, 2}, {1023 - shift, 1025 - shift, 1043 - shift, 1045 - shift, 31.5f - shift,
                           32.5f - shift, 51.5f - shift, 52.5f - shift});
    CHECK(difference(y, expected, kSums) == "");
  }
  CHECK_THROWS_AS(run_op({.op = "RoiAlign", .inputs = {x, rois, i64({1, 2})}}), Error);
}

TEST_CASE("MaxRoiPool, GlobalLpPool and NonMaxSuppression by hand", "[ops][image]") {
  const Tensor x = ramp({1, 1, 4, 6});
  CHECK(difference(run_op({.op = "MaxRoiPool",
                           .attributes = {{"pooled_shape", ints({2, 2})}},
                           .inputs = {x, f32({1, 5}, {0, 1, 1, 4, 3})}})[0],
                   // Rows 1..3 in halves that share row 2, columns 1..2 and 3..4.
                   f32({1, 1, 2, 2}, {14, 16, 20, 22})) == "");
  CHECK(difference(run_op({.op = "GlobalLpPool", .inputs = {f32({1, 2, 1, 2}, {3, -4, 5, 12})}})[0],
                   f32({1, 2, 1, 1}, {5, 13}), kSums) == "");
  // Box 1 covers box 0 but for a tenth, box 2 lies apart; scores that are no numbers come last.
  const Tensor boxes = f32({1, 3, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1, 5, 5, 6, 6});
  CHECK(difference(run_op({.op = "NonMaxSuppression",
                           .inputs = {boxes, f32({1, 1, 3}, {0.5f, 0.6f, NAN}), i64({}, {3}),
                                      f32({}, {0.5f})}})[0],
                   i64({2, 3}, {0, 0, 1, 0, 0, 2})) == "");
  CHECK(run_op({.op = "NonMaxSuppression", .inputs = {boxes, f32({1, 1, 3}, {1, 1, 1})}})[0]
            .shape() == Shape{0, 3});
}

}  // namespace
}  // namespace eightfold::test
