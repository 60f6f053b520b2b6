// eightfold:ConvAdd against Conv, Add and the activation run one after the other; its int8 form
// against sums in 64 bits, on every instruction set, byte for byte.
#include <algorithm>
#include <array>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <random>

#include "core/error.h"
#include "kernels/kernels.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct Geometry {
  const char* what;
  Shape x, w;  // two spatial axes
  std::vector<int64_t> strides, pads, dilations;
  int64_t group = 1;
};

const Geometry kGeometries[] = {
    {"1x1", {2, 5, 4, 3}, {7, 5, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
    {"3x3 padded", {2, 3, 7, 6}, {17, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
    {"stride 2, uneven pads", {1, 4, 9, 8}, {8, 4, 3, 3}, {2, 2}, {0, 1, 1, 0}, {1, 1}},
    {"dilated", {1, 6, 9, 9}, {5, 6, 3, 3}, {1, 1}, {2, 2, 2, 2}, {2, 2}},
    {"two groups", {1, 6, 5, 5}, {8, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2},
    {"depthwise", {2, 9, 6, 7}, {9, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 9},
    {"depthwise of stride 2", {1, 16, 7, 7}, {16, 1, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 16},
    {"1x1 in several blocks of rows", {2, 3, 30, 40}, {33, 3, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
    {"3x3 in several blocks of rows", {1, 2, 25, 40}, {40, 2, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
    {"1x1 of stride 2 in blocks", {1, 2, 61, 60}, {40, 2, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
    {"no image at all", {0, 3, 5, 5}, {4, 3, 3, 3}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
};

std::vector<Attribute> attributes_of(const Geometry& g) {
  return {{"strides", g.strides}, {"pads", g.pads}, {"dilations", g.dilations}, {"group", g.group}};
}

Shape output_shape(const Geometry& g) {
  const auto extent = [&](size_t axis) {
    const int64_t reach = g.dilations[axis] * (g.w[axis + 2] - 1) + 1;
    return (g.x[axis + 2] + g.pads[axis] + g.pads[axis + 2] - reach) / g.strides[axis] + 1;
  };
  return {g.x[0], g.w[0], extent(0), extent(1)};
}

// ---- int8
struct Operands {
  Tensor x, w, z, bias;
  std::vector<float> w_scale;
  std::vector<int32_t> w_zero;
  float x_scale = 0.021f, z_scale = 0.037f, y_scale = 0;
  int32_t x_zero = 0, z_zero = 0, y_zero = 0;
};

int32_t at(const Tensor& tensor, int64_t i) {
  const auto index = static_cast<size_t>(i);
  return tensor.dtype() == DType::kInt8 ? tensor.data<int8_t>()[index]
                                        : tensor.data<uint8_t>()[index];
}

Tensor random_bytes(DType dtype, Shape shape, std::mt19937& random) {
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
  for (size_t i = 0; i < tensor.size_bytes(); ++i) bytes[i] = static_cast<uint8_t>(random() >> 9);
  return tensor;
}

Tensor zero_tensor(DType dtype, const std::vector<int32_t>& zeros) {
  const Shape shape = zeros.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(zeros.size())};
  Tensor tensor = Tensor::allocate(dtype, shape);
  auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
  for (size_t i = 0; i < zeros.size(); ++i) bytes[i] = static_cast<uint8_t>(zeros[i]);
  return tensor;
}

struct Kinds {
  DType activation, residual, weight;
  bool per_channel, bias;
};

Operands make_operands(const Geometry& g, const Kinds& kinds, uint32_t seed) {
  std::mt19937 random(seed);
  Operands o;
  o.x = random_bytes(kinds.activation, g.x, random);
  o.w = random_bytes(kinds.weight, g.w, random);
  o.z = random_bytes(kinds.residual, output_shape(g), random);
  const size_t scales = kinds.per_channel ? static_cast<size_t>(g.w[0]) : 1;
  for (size_t i = 0; i < scales; ++i) {
    o.w_scale.push_back(0.003f + 0.0007f * static_cast<float>(i % 5));
    o.w_zero.push_back(kinds.weight == DType::kUint8 ? 120 + static_cast<int32_t>(i % 3) : 0);
  }
  const auto zero = [](DType dtype, int32_t z) { return dtype == DType::kInt8 ? z : z + 128; };
  o.x_zero = zero(kinds.activation, -7);
  o.y_zero = zero(kinds.activation, 4);
  o.z_zero = zero(kinds.residual, 11);
  // Most outputs inside the range, some beyond either end.
  const auto k = static_cast<float>(g.w[1] * g.w[2] * g.w[3]);
  o.y_scale = o.x_scale * 0.004f * 74 * 74 * std::sqrt(k) / 50;
  if (kinds.bias) {
    std::vector<int32_t> bias;
    for (int64_t i = 0; i < g.w[0]; ++i)
      bias.push_back(static_cast<int32_t>(i * 331 % 9001) - 4500);
    o.bias = i32({g.w[0]}, bias);
  }
  return o;
}

int64_t window_sum(const Geometry& g, const Operands& o, const std::array<int64_t, 4>& out) {
  const auto& [n, channel, row, column] = out;
  const int64_t group_in = g.w[1], group_out = g.w[0] / g.group;
  const size_t scale = o.w_zero.size() == 1 ? 0 : static_cast<size_t>(channel);
  int64_t sum = o.bias.defined() ? o.bias.data<int32_t>()[static_cast<size_t>(channel)] : 0;
  for (int64_t c = 0; c < group_in; ++c) {
    for (int64_t i = 0; i < g.w[2]; ++i) {
      for (int64_t j = 0; j < g.w[3]; ++j) {
        const int64_t y = row * g.strides[0] + i * g.dilations[0] - g.pads[0];
        const int64_t x = column * g.strides[1] + j * g.dilations[1] - g.pads[1];
        if (y < 0 || y >= g.x[2] || x < 0 || x >= g.x[3]) continue;
        const int64_t in = channel / group_out * group_in + c;
        const int64_t value = at(o.x, ((n * g.x[1] + in) * g.x[2] + y) * g.x[3] + x) - o.x_zero;
        const int64_t weight = at(o.w, ((channel * group_in + c) * g.w[2] + i) * g.w[3] + j);
        sum += value * (weight - o.w_zero[scale]);
      }
    }
  }
  return sum;
}

Tensor brute_force(const Geometry& g, const Operands& o, DType dtype, int32_t lo, int32_t hi) {
  const Shape shape = output_shape(g);
  Tensor y = Tensor::allocate(dtype, shape);
  auto* bytes = static_cast<uint8_t*>(y.mutable_raw());
  for (int64_t i = 0; i < y.size(); ++i) {
    const std::array<int64_t, 4> out{i / (shape[1] * shape[2] * shape[3]),
                                     i / (shape[2] * shape[3]) % shape[1], i / shape[3] % shape[2],
                                     i % shape[3]};
    const size_t s = o.w_scale.size() == 1 ? 0 : static_cast<size_t>(out[1]);
    const auto acc = static_cast<int32_t>(window_sum(g, o, out));
    // Volatile: each product and the sum are rounded to float32 on their own.
    const volatile float product = o.x_scale * o.w_scale[s];
    const volatile float factor = product / o.y_scale;
    const volatile float z_factor = o.z_scale / o.y_scale;
    const volatile float conv = static_cast<float>(acc) * factor;
    const volatile float residual = static_cast<float>(at(o.z, i) - o.z_zero) * z_factor;
    const volatile float sum = conv + residual;
    const double q = std::nearbyint(static_cast<double>(sum)) + o.y_zero;
    bytes[i] = static_cast<uint8_t>(
        static_cast<int32_t>(std::clamp(q, static_cast<double>(lo), static_cast<double>(hi))));
  }
  return y;
}

OpCase case_of(const Geometry& g, const Kinds& kinds, const Operands& o) {
  const Shape scales =
      o.w_scale.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(o.w_scale.size())};
  OpCase op_case{
      .op = "QLinearConvAdd",
      .domain = "eightfold",
      .opset = 1,
      .attributes = attributes_of(g),
      .inputs = {o.x, Tensor::scalar(o.x_scale), zero_tensor(kinds.activation, {o.x_zero}), o.w,
                 f32(scales, o.w_scale), zero_tensor(kinds.weight, o.w_zero),
                 Tensor::scalar(o.y_scale), zero_tensor(kinds.activation, {o.y_zero}), o.bias, o.z,
                 Tensor::scalar(o.z_scale), zero_tensor(kinds.residual, {o.z_zero})}};
  for (size_t i = 1; i < 12; ++i) {
    if (i != 9) op_case.constants.push_back(i);
  }
  return op_case;
}

}  // namespace

TEST_CASE("ConvAdd is Conv, Add and the activation", "[ops][conv]") {
  struct Activation {
    std::vector<Attribute> attributes;
    std::string op;
    std::vector<Tensor> bounds;
  };
  const Activation activations[] = {
      {{}, "", {}},
      {{{"activation", "Relu"}}, "Relu", {}},
      {{{"activation", "Clip"}, {"activation_min", -0.5f}, {"activation_max", 0.75f}},
       "Clip",
       {Tensor::scalar(-0.5f), Tensor::scalar(0.75f)}},
      {{{"activation", "Tanh"}}, "Tanh", {}},
  };
  for (const Geometry& g : kGeometries) {
    const Tensor x = random_tensor(g.x, 1), w = random_tensor(g.w, 2),
                 b = random_tensor({g.w[0]}, 3), z = random_tensor(output_shape(g), 4);
    for (const bool has_bias : {true, false}) {
      const Tensor bias = has_bias ? b : Tensor();
      const std::vector<Attribute> attributes = attributes_of(g);
      const Tensor conv = run_op(
          {.op = "Conv", .attributes = attributes, .inputs = {x, w, bias}, .constants = {1, 2}})[0];
      const Tensor sum = run_op({.op = "Add", .inputs = {conv, z}})[0];
      for (const Activation& activation : activations) {
        INFO(g.what << ", bias " << has_bias << ", " << activation.op);
        OpCase run{.op = "ConvAdd",
                   .domain = "eightfold",
                   .opset = 1,
                   .attributes = attributes,
                   .inputs = {x, w, bias, z},
                   .constants = {1, 2}};
        for (const Attribute& a : activation.attributes) run.attributes.push_back(a);
        std::vector<Tensor> inputs{sum};
        for (const Tensor& bound : activation.bounds) inputs.push_back(bound);
        const Tensor want =
            activation.op.empty() ? sum : run_op({.op = activation.op, .inputs = inputs})[0];
        // A fused Tanh is the library's, the operator is a kernel.
        const Tolerance tolerance = activation.op == "Tanh" ? kFloatMath : kExact;
        CHECK(difference(run_op(run)[0], want, tolerance) == "");
        run.constants = {};
        run.layout = Layout::kChannelsLast;
        CHECK(difference(run_op(run)[0], want, tolerance) == "");
      }
    }
  }
}

TEST_CASE("QLinearConvAdd equals its equation byte for byte", "[ops][qlinear]") {
  constexpr DType kU = DType::kUint8, kS = DType::kInt8;
  const Kinds all_kinds[] = {
      {kU, kU, kS, true, true},   // what convert makes
      {kS, kS, kS, true, false},  // int8 activations, no bias
      {kU, kU, kU, false, true},  // uint8 weights with a zero point
      {kU, kS, kU, true, false},  // a residual of the other type, weight zero points per channel
  };
  for (const char* isa : {"scalar", "simd128", ""}) {
    set_isa(isa);
    for (const Geometry& g : kGeometries) {
      for (const Kinds& kinds : all_kinds) {
        INFO(isa_name(current_isa())
             << ": " << g.what << ", weights per channel " << kinds.per_channel);
        const Operands operands = make_operands(g, kinds, 17);
        const bool is_signed = kinds.activation == DType::kInt8;
        OpCase run = case_of(g, kinds, operands);
        const Tensor want =
            brute_force(g, operands, kinds.activation, is_signed ? -128 : 0, is_signed ? 127 : 255);
        for (Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
          run.layout = layout;
          CHECK(difference(run_op(run)[0], want) == "");
        }
        const int32_t lo = operands.y_zero, hi = operands.y_zero + 60;
        run.attributes.push_back({"clamp_min", int64_t{lo}});
        run.attributes.push_back({"clamp_max", int64_t{hi}});
        CHECK(difference(run_op(run)[0], brute_force(g, operands, kinds.activation, lo, hi)) == "");
      }
    }
  }
  set_isa("");
}

TEST_CASE("QLinearConvAdd takes images of one spatial axis", "[ops][qlinear]") {
  const Geometry flat{"", {2, 5, 1, 19}, {6, 5, 1, 4}, {1, 2}, {0, 2, 0, 1}, {1, 1}};
  const Kinds kinds{DType::kUint8, DType::kUint8, DType::kInt8, true, true};
  const Operands operands = make_operands(flat, kinds, 3);
  const Tensor want = brute_force(flat, operands, DType::kUint8, 0, 255);
  OpCase run = case_of(flat, kinds, operands);
  const auto without_height = [](const Tensor& t) {
    return t.reshaped({t.shape()[0], t.shape()[1], t.shape()[3]});
  };
  for (size_t i : {0, 3, 9}) run.inputs[i] = without_height(run.inputs[i]);
  run.attributes = {{"strides", ints({2})}, {"pads", ints({2, 1})}};
  CHECK(difference(run_op(run)[0], without_height(want)) == "");
}

TEST_CASE("a residual of zeros adds nothing, in any rank", "[ops][qlinear]") {
  std::mt19937 random(9);
  const Tensor x = random_bytes(DType::kUint8, {2, 3, 6, 12, 14}, random);
  const Tensor w = random_bytes(DType::kInt8, {40, 3, 2, 3, 3}, random);
  const Tensor zero = Tensor::scalar(uint8_t{128});
  OpCase conv{.op = "QLinearConv",
              .domain = "eightfold",
              .opset = 1,
              .attributes = {{"pads", ints({0, 1, 1, 1, 1, 1})}},
              .inputs = {x, Tensor::scalar(0.02f), zero, w, Tensor::scalar(0.01f),
                         Tensor::scalar(int8_t{0}), Tensor::scalar(0.7f), zero},
              .constants = {1, 2, 3, 4, 5, 6, 7, 10, 11}};
  const Tensor want = run_op(conv)[0];
  Tensor z = Tensor::allocate(DType::kInt8, want.shape());
  std::ranges::fill(z.mutable_data<int8_t>(), int8_t{-5});
  conv.op = "QLinearConvAdd";
  conv.inputs.insert(conv.inputs.end(),
                     {Tensor(), z, Tensor::scalar(0.3f), Tensor::scalar(int8_t{-5})});
  CHECK(difference(run_op(conv)[0], want) == "");
}

TEST_CASE("a residual of another shape is refused", "[ops][conv]") {
  const auto code_of = [](const OpCase& run) {
    try {
      run_op(run);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  const Geometry& g = kGeometries[1];
  const Tensor x = random_tensor(g.x, 1), w = random_tensor(g.w, 2);
  OpCase run{.op = "ConvAdd",
             .domain = "eightfold",
             .opset = 1,
             .attributes = attributes_of(g),
             .inputs = {x, w, {}, random_tensor({1, g.w[0], 1, 1}, 4)},
             .constants = {1}};
  CHECK(code_of(run) == ErrorCode::kInvalidShape);
  run.inputs.pop_back();
  CHECK(code_of(run) == ErrorCode::kInvalidShape);

  const Kinds kinds{DType::kUint8, DType::kUint8, DType::kInt8, true, true};
  OpCase int8 = case_of(g, kinds, make_operands(g, kinds, 1));
  int8.inputs[9] = Tensor::allocate(DType::kUint8, {1, g.w[0], 1, 1});
  CHECK(code_of(int8) == ErrorCode::kInvalidShape);
  int8.inputs[9] = random_tensor(output_shape(g), 1);
  CHECK(code_of(int8) == ErrorCode::kInvalidType);
}
