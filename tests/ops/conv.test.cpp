// Conv and ConvTranspose against the sums of their definition in double, over tables of geometries.
#include <array>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <string>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// Sums of a few thousand products of numbers below 1.
constexpr Tolerance kDot{1e-5f, 3e-5f};

struct ConvCase {
  const char* what;
  Shape x, w;
  std::vector<int64_t> strides = {}, pads = {}, dilations = {}, output_padding = {};
  int64_t group = 1;
  std::string auto_pad = {};
};

std::vector<int64_t> or_default(std::vector<int64_t> values, size_t count, int64_t fallback) {
  return values.empty() ? std::vector<int64_t>(count, fallback) : values;
}

// Everything as three spatial axes.
struct Geometry {
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1},
      dilation{1, 1, 1}, pad{0, 0, 0};
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

std::array<int64_t, 3> split(int64_t index, const std::array<int64_t, 3>& extent) {
  return {index / (extent[1] * extent[2]), index / extent[2] % extent[1], index % extent[2]};
}

// The position p * stride + t * dilation - pad as an index into `extent`, or -1 outside.
int64_t locate(const Geometry& g, int64_t pixel, int64_t tap, const std::array<int64_t, 3>& pixels,
               const std::array<int64_t, 3>& extent) {
  const auto p = split(pixel, pixels), t = split(tap, g.kernel);
  int64_t index = 0;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t at = p[i] * g.stride[i] + t[i] * g.dilation[i] - g.pad[i];
    if (at < 0 || at >= extent[i]) return -1;
    index = index * extent[i] + at;
  }
  return index;
}

Geometry geometry_of(const ConvCase& c, const Shape& y) {
  Geometry g;
  const size_t rank = c.x.size() - 2, first = 3 - rank;
  const auto strides = or_default(c.strides, rank, 1), dilations = or_default(c.dilations, rank, 1);
  const auto pads = or_default(c.pads, 2 * rank, 0);
  for (size_t i = 0; i < rank; ++i) {
    g.in[first + i] = c.x[i + 2];
    g.out[first + i] = y[i + 2];
    g.kernel[first + i] = c.w[i + 2];
    g.stride[first + i] = strides[i];
    g.dilation[first + i] = dilations[i];
    g.pad[first + i] = pads[i];
  }
  return g;
}

Tensor rounded(Shape shape, const std::vector<double>& values) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, std::move(shape));
  for (size_t i = 0; i < values.size(); ++i) {
    tensor.mutable_data<float>()[i] = static_cast<float>(values[i]);
  }
  return tensor;
}

Tensor naive_conv(const ConvCase& c, const Tensor& x, const Tensor& w, const Tensor& b,
                  const Shape& y_shape) {
  const Geometry g = geometry_of(c, y_shape);
  const int64_t group_in = c.w[1], group_out = c.w[0] / c.group;
  std::vector<double> y(static_cast<size_t>(element_count(y_shape)));
  for (int64_t n = 0, i = 0; n < c.x[0]; ++n) {
    for (int64_t o = 0; o < c.w[0]; ++o) {
      for (int64_t p = 0; p < g.out_size(); ++p, ++i) {
        double sum = b.data<float>()[static_cast<size_t>(o)];
        for (int64_t ci = 0; ci < group_in; ++ci) {
          const int64_t channel = o / group_out * group_in + ci;
          for (int64_t t = 0; t < g.taps(); ++t) {
            const int64_t at = locate(g, p, t, g.out, g.in);
            if (at < 0) continue;
            sum += static_cast<double>(x.data<float>()[static_cast<size_t>(
                       (n * c.x[1] + channel) * g.in_size() + at)]) *
                   w.data<float>()[static_cast<size_t>((o * group_in + ci) * g.taps() + t)];
          }
        }
        y[static_cast<size_t>(i)] = sum;
      }
    }
  }
  return rounded(y_shape, y);
}

Tensor naive_transpose(const ConvCase& c, const Tensor& x, const Tensor& w, const Tensor& b,
                       const Shape& y_shape) {
  const Geometry g = geometry_of(c, y_shape);
  const int64_t group_in = c.x[1] / c.group, group_out = c.w[1];
  std::vector<double> y(static_cast<size_t>(element_count(y_shape)));
  for (size_t i = 0; i < y.size(); ++i) {
    const auto channel = static_cast<int64_t>(i) / g.out_size() % y_shape[1];
    y[i] = b.data<float>()[static_cast<size_t>(channel)];
  }
  for (int64_t n = 0; n < c.x[0]; ++n) {
    for (int64_t ci = 0; ci < c.x[1]; ++ci) {
      for (int64_t p = 0; p < g.in_size(); ++p) {
        const double value =
            x.data<float>()[static_cast<size_t>((n * c.x[1] + ci) * g.in_size() + p)];
        for (int64_t o = 0; o < group_out; ++o) {
          for (int64_t t = 0; t < g.taps(); ++t) {
            const int64_t at = locate(g, p, t, g.in, g.out);
            if (at < 0) continue;
            const int64_t channel = ci / group_in * group_out + o;
            y[static_cast<size_t>((n * y_shape[1] + channel) * g.out_size() + at)] +=
                value * w.data<float>()[static_cast<size_t>((ci * group_out + o) * g.taps() + t)];
          }
        }
      }
    }
  }
  return rounded(y_shape, y);
}

std::vector<Attribute> attributes_of(const ConvCase& c) {
  std::vector<Attribute> attributes;
  const auto add = [&](const char* name, const std::vector<int64_t>& values) {
    if (!values.empty()) attributes.push_back({name, values});
  };
  add("strides", c.strides);
  add("pads", c.pads);
  add("dilations", c.dilations);
  add("output_padding", c.output_padding);
  if (c.group != 1) attributes.push_back({"group", c.group});
  return attributes;
}

using Naive = Tensor (*)(const ConvCase&, const Tensor&, const Tensor&, const Tensor&,
                         const Shape&);

// With packed weights and with weights that come at run time; with the input in either layout.
void check(const std::string& op, const ConvCase& c, Naive naive) {
  INFO(op << ": " << c.what);
  const bool transpose = op == "ConvTranspose";
  const int64_t channels = transpose ? c.w[1] * c.group : c.w[0];
  const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2),
               b = random_tensor({channels}, 3);
  OpCase run{.op = op, .attributes = attributes_of(c), .inputs = {x, w, b}, .constants = {1, 2}};
  const Tensor y = run_op(run)[0];
  const Tensor expected = naive(c, x, w, b, y.shape());
  CHECK(difference(y, expected, kDot) == "");
  run.constants = {};
  run.layout = Layout::kChannelsLast;
  CHECK(difference(run_op(run)[0], y) == "");
}

const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> cases{
      {"1x1, read in place", {2, 5, 4, 3}, {7, 5, 1, 1}},
      {"1x1 of stride 2", {1, 5, 5, 4}, {8, 5, 1, 1}, {2, 2}},
      {"1x1 with padding", {1, 3, 4, 4}, {9, 3, 1, 1}, {}, {1, 0, 0, 2}},
      {"3x3 padded", {2, 3, 7, 6}, {8, 3, 3, 3}, {}, {1, 1, 1, 1}},
      {"3x3 of stride 2, uneven pads", {1, 4, 9, 8}, {17, 4, 3, 3}, {2, 2}, {0, 1, 1, 0}},
      {"3x3 dilated", {1, 6, 9, 9}, {5, 6, 3, 3}, {}, {2, 2, 2, 2}, {2, 2}},
      {"stride 3 beside dilation 2", {1, 2, 11, 12}, {3, 2, 2, 3}, {3, 2}, {1, 2, 0, 1}, {1, 2}},
      {"a kernel wider than the image", {1, 2, 3, 3}, {4, 2, 5, 5}, {}, {2, 2, 2, 2}},
      {"padding wider than the kernel", {1, 2, 3, 3}, {4, 2, 2, 2}, {}, {3, 3, 3, 3}},
      {"one column of 33 channels", {1, 33, 5, 1}, {33, 33, 3, 1}, {}, {1, 0, 1, 0}},
      {"rank 3", {2, 3, 11}, {6, 3, 4}, {2}, {1, 2}},
      {"rank 5", {1, 3, 4, 5, 3}, {4, 3, 2, 3, 2}, {1, 2, 1}, {1, 1, 0, 0, 1, 1}},
      {"rank 5 dilated", {1, 2, 5, 5, 5}, {3, 2, 2, 2, 2}, {}, {}, {2, 1, 3}},
      {"two groups", {1, 6, 5, 5}, {8, 3, 3, 3}, {}, {1, 1, 1, 1}, {}, {}, 2},
      {"two groups, dilated", {1, 6, 7, 7}, {4, 3, 3, 3}, {1, 2}, {}, {2, 2}, {}, 2},
      {"1x1 in four groups", {2, 8, 3, 3}, {12, 2, 1, 1}, {}, {}, {}, {}, 4},
      {"depthwise 3x3", {2, 9, 8, 11}, {9, 1, 3, 3}, {}, {1, 1, 1, 1}, {}, {}, 9},
      {"depthwise of stride 2", {1, 16, 9, 14}, {16, 1, 3, 3}, {2, 2}, {0, 0, 1, 1}, {}, {}, 16},
      {"depthwise dilated", {1, 6, 9, 13}, {6, 1, 3, 3}, {}, {2, 2, 2, 2}, {2, 2}, {}, 6},
      {"depthwise 5x4, wide strides",
       {1, 5, 12, 13},
       {5, 1, 5, 4},
       {3, 2},
       {2, 1, 2, 2},
       {},
       {},
       5},
      {"depthwise with multiplier 2", {2, 5, 6, 7}, {10, 1, 3, 3}, {}, {1, 1, 1, 1}, {}, {}, 5},
      {"depthwise of rank 3", {1, 7, 19}, {7, 1, 5}, {}, {2, 2}, {}, {}, 7},
      {"depthwise of rank 5", {1, 4, 4, 5, 6}, {4, 1, 2, 3, 3}, {}, {1, 1, 1, 0, 1, 1}, {}, {}, 4},
      {"one channel per group, many outputs", {1, 2, 5, 5}, {12, 1, 3, 3}, {}, {}, {}, {}, 2},
      {"depthwise with a window of 300 taps", {1, 2, 20, 21}, {2, 1, 15, 20}, {}, {}, {}, {}, 2},
      {"more columns than one block", {1, 40, 20, 20}, {12, 40, 3, 3}, {}, {1, 1, 1, 1}},
      {"no image at all", {0, 3, 5, 5}, {4, 3, 3, 3}},
  };
  return cases;
}

const std::vector<ConvCase>& transpose_cases() {
  static const std::vector<ConvCase> cases{
      {"2x2 of stride 2", {2, 3, 4, 5}, {3, 6, 2, 2}, {2, 2}},
      {"3x3 padded", {1, 5, 4, 4}, {5, 3, 3, 3}, {}, {1, 1, 1, 1}},
      {"4x4 of stride 2, uneven pads", {1, 4, 3, 5}, {4, 9, 4, 4}, {2, 2}, {1, 0, 2, 1}},
      {"dilated, output padding", {1, 2, 4, 4}, {2, 3, 3, 3}, {2, 3}, {1, 1, 1, 1}, {2, 1}, {1, 2}},
      {"two groups", {1, 6, 3, 4}, {6, 2, 3, 2}, {2, 1}, {}, {}, {}, 2},
      {"depthwise", {1, 5, 4, 4}, {5, 1, 4, 4}, {2, 2}, {1, 1, 1, 1}, {}, {}, 5},
      {"cropped by more than the kernel adds", {1, 3, 7, 6}, {3, 4, 2, 2}, {}, {2, 1, 2, 3}},
      {"cropped, depthwise", {1, 5, 7, 6}, {5, 1, 2, 2}, {}, {2, 2, 0, 1}, {}, {}, 5},
      {"depthwise, dilated", {1, 4, 11, 9}, {4, 1, 3, 3}, {}, {10, 1, 10, 1}, {5, 1}, {}, 4},
      {"1x1 in two groups", {2, 4, 3, 5}, {4, 3, 1, 1}, {}, {}, {}, {}, 2},
      {"rank 3", {2, 3, 7}, {3, 4, 5}, {3}, {2, 1}},
      {"rank 5", {1, 2, 3, 2, 3}, {2, 3, 2, 2, 2}, {2, 1, 2}},
      {"more rows than one block", {1, 3, 24, 24}, {3, 40, 3, 3}, {2, 2}},
  };
  return cases;
}

}  // namespace

TEST_CASE("Conv equals its definition", "[ops][conv]") {
  for (const ConvCase& c : conv_cases()) check("Conv", c, naive_conv);
}

TEST_CASE("ConvTranspose equals its definition", "[ops][conv]") {
  for (const ConvCase& c : transpose_cases()) check("ConvTranspose", c, naive_transpose);
}

TEST_CASE("Conv takes channel counts around the vector width", "[ops][conv]") {
  for (int64_t channels : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 26}) {
    const ConvCase dense{"dense", {1, 3, 5, 5}, {channels, 3, 3, 3}, {}, {1, 1, 1, 1}};
    check("Conv", dense, naive_conv);
    const ConvCase depthwise{
        "depthwise", {1, channels, 4, 9}, {channels, 1, 3, 3}, {}, {1, 1, 1, 1}, {}, {}, channels};
    check("Conv", depthwise, naive_conv);
  }
}

TEST_CASE("Conv of images that do not fit into one strip", "[ops][conv]") {
  const ConvCase cases[] = {
      {.what = "padded", .x = {2, 3, 40, 1000}, .w = {2, 3, 3, 3}, .pads = {1, 1, 1, 1}},
      {.what = "one row of output per strip",
       .x = {1, 5, 9, 5000},
       .w = {2, 5, 3, 1},
       .pads = {1, 0, 1, 0}},
      {.what = "no padding, strides, groups",
       .x = {1, 4, 41, 801},
       .w = {4, 2, 3, 3},
       .strides = {2, 2},
       .group = 2},
      {.what = "dilations",
       .x = {1, 3, 50, 700},
       .w = {2, 3, 3, 3},
       .pads = {3, 2, 4, 2},
       .dilations = {3, 2}},
      {.what = "depth", .x = {1, 2, 4, 30, 700}, .w = {2, 2, 3, 3, 3}, .pads = {1, 1, 1, 1, 1, 1}},
      {.what = "depth without padding",
       .x = {1, 2, 7, 30, 300},
       .w = {2, 2, 3, 3, 3},
       .dilations = {2, 1, 1}},
  };
  for (const ConvCase& c : cases) check("Conv", c, naive_conv);
}

TEST_CASE("Conv needs no bias", "[ops][conv]") {
  const Tensor x = random_tensor({1, 3, 5, 5}, 1), w = random_tensor({4, 3, 3, 3}, 2);
  const Tensor zero = Tensor::allocate(DType::kFloat32, {4});
  const Tensor y = run_op({.op = "Conv", .inputs = {x, w}, .constants = {1}})[0];
  CHECK(difference(y, naive_conv({"", x.shape(), w.shape()}, x, w, zero, y.shape()), kDot) == "");
}

TEST_CASE("fused Conv applies its activation", "[ops][conv]") {
  const Tensor x = random_tensor({1, 3, 6, 6}, 1), w = random_tensor({5, 3, 3, 3}, 2);
  for (const char* op : {"Conv", "ConvTranspose"}) {
    const Tensor weight = std::string(op) == "Conv" ? w : random_tensor({3, 5, 3, 3}, 2);
    OpCase run{
        .op = op, .domain = "eightfold", .opset = 1, .inputs = {x, weight}, .constants = {1}};
    const Tensor plain = run_op(run)[0];
    struct Row {
      std::vector<Attribute> attributes;
      float (*f)(float);
    };
    const Row rows[] = {
        {{{"activation", "Relu"}}, [](float v) { return v < 0 ? 0.0f : v; }},
        {{{"activation", "Clip"}, {"activation_min", -0.5f}, {"activation_max", 0.25f}},
         [](float v) { return std::fmin(std::fmax(v, -0.5f), 0.25f); }},
        {{{"activation", "Clip"}, {"activation_max", 0.5f}},
         [](float v) { return std::fmin(v, 0.5f); }},
        {{{"activation", "LeakyRelu"}, {"activation_alpha", 0.2f}},
         [](float v) { return v < 0 ? v * 0.2f : v; }},
    };
    for (const Row& row : rows) {
      run.attributes = row.attributes;
      Tensor expected = plain;
      for (float& value : expected.mutable_data<float>()) value = row.f(value);
      CHECK(difference(run_op(run)[0], expected) == "");
    }
    run.attributes = {{"activation", "Sine"}};
    CHECK_THROWS_AS(run_op(run), Error);
  }
}

TEST_CASE("Conv passes NaN on", "[ops][conv]") {
  const Tensor x = f32({1, 1, 1}, {NAN}), w = f32({1, 1, 1}, {1});
  const Tensor y = run_op({.op = "Conv",
                           .domain = "eightfold",
                           .opset = 1,
                           .attributes = {{"activation", "Relu"}},
                           .inputs = {x, w},
                           .constants = {1}})[0];
  CHECK(std::isnan(y.data<float>()[0]));
}

TEST_CASE("Conv infers symbolic dims", "[ops][conv]") {
  const auto infer = [](std::vector<Attribute> attributes, Dims x) {
    const OpCase run{.op = "Conv",
                     .attributes = std::move(attributes),
                     .inputs = {Tensor::allocate(DType::kFloat32, {1, 3, 8, 8}),
                                Tensor::allocate(DType::kFloat32, {16, 3, 3, 3})},
                     .constants = {1}};
    return infer_op(run, {std::move(x)})[0];
  };
  const Dim n{-1, "N"}, h{-1, "H"}, eight{8, {}}, three{3, {}}, sixteen{16, {}};
  const auto same = infer({{"pads", ints({1, 1, 1, 1})}}, {n, three, h, eight});
  CHECK(same.dims == Dims{n, sixteen, h, eight});
  const auto half = infer({{"strides", ints({2, 2})}}, {n, three, h, eight});
  CHECK(half.dims == Dims{n, sixteen, Dim{}, three});
  const auto auto_pad = infer({{"auto_pad", "SAME_UPPER"}}, {n, three, h, h});
  CHECK(auto_pad.dims == Dims{n, sixteen, h, h});
  CHECK(auto_pad.dtype == DType::kFloat32);
}

TEST_CASE("Conv refuses what does not fit", "[ops][conv]") {
  const auto refuses = [](OpCase run, ErrorCode code) {
    try {
      run_op(run);
      FAIL_CHECK("no error");
    } catch (const Error& error) {
      CHECK(error.code() == code);
    }
  };
  const Tensor x = random_tensor({1, 4, 5, 5}, 1), w = random_tensor({6, 4, 3, 3}, 2);
  refuses({.op = "Conv", .attributes = {{"group", int64_t{2}}}, .inputs = {x, w}},
          ErrorCode::kInvalidShape);
  refuses({.op = "Conv", .attributes = {{"group", int64_t{0}}}, .inputs = {x, w}},
          ErrorCode::kInvalidAttribute);
  refuses({.op = "Conv", .attributes = {{"strides", ints({0, 1})}}, .inputs = {x, w}},
          ErrorCode::kInvalidAttribute);
  refuses({.op = "Conv", .attributes = {{"pads", ints({1, 1})}}, .inputs = {x, w}},
          ErrorCode::kInvalidAttribute);
  refuses({.op = "Conv", .attributes = {{"kernel_shape", ints({2, 3})}}, .inputs = {x, w}},
          ErrorCode::kInvalidAttribute);
  refuses({.op = "Conv", .attributes = {{"dilations", ints({3, 3})}}, .inputs = {x, w}},
          ErrorCode::kInvalidShape);
  refuses({.op = "Conv", .attributes = {{"auto_pad", "SAME"}}, .inputs = {x, w}},
          ErrorCode::kInvalidAttribute);
  refuses({.op = "Conv", .inputs = {x, w, random_tensor({5}, 1)}, .constants = {1, 2}},
          ErrorCode::kInvalidShape);
  refuses({.op = "Conv",
           .inputs = {random_tensor({1, 4, 2, 2, 2, 2}, 1), random_tensor({1, 4, 1, 1, 1, 1}, 1)}},
          ErrorCode::kUnsupportedModel);
}

TEST_CASE("Conv counts its multiply-accumulates", "[ops][conv]") {
  const OpDef* conv = find_op("", "Conv", 21);
  const OpDef* transpose = find_op("", "ConvTranspose", 21);
  REQUIRE(conv);
  REQUIRE(transpose);
  const Node node;
  const std::vector<Shape> in{{2, 6, 8, 8}, {4, 3, 3, 3}}, out{{2, 4, 6, 6}};
  CHECK(conv->macs(node, in, out) == 2 * 4 * 36 * 27);
  const std::vector<Shape> t_in{{1, 6, 4, 4}, {6, 5, 2, 2}}, t_out{{1, 5, 8, 8}};
  CHECK(transpose->macs(node, t_in, t_out) == 6 * 16 * 5 * 4);
}
