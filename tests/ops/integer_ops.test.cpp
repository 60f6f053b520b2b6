// ConvInteger, MatMulInteger and DynamicQuantizeLinear, what dynamically quantized models are made
// of, against sums in 64 bits and the text of ONNX.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "core/error.h"
#include "kernels/kernels.h"
#include "ops/op.h"
#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

int64_t at(const Tensor& tensor, int64_t i) {
  const auto index = static_cast<size_t>(i);
  return tensor.dtype() == DType::kInt8 ? int64_t{tensor.data<int8_t>()[index]}
                                        : int64_t{tensor.data<uint8_t>()[index]};
}
// A zero point that may be absent, one for all or one per index.
int64_t zero_at(const Tensor& zero, int64_t i) {
  if (!zero.defined()) return 0;
  return at(zero, zero.size() == 1 ? 0 : i);
}

Tensor random_bytes(DType dtype, Shape shape, uint32_t seed) {
  std::mt19937 random(seed);
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
  for (size_t i = 0; i < tensor.size_bytes(); ++i) bytes[i] = static_cast<uint8_t>(random() >> 7);
  return tensor;
}

constexpr DType kU = DType::kUint8, kS = DType::kInt8;

template <typename F>
void on_every_isa(F&& body) {
  for (const char* isa : {"scalar", "simd128", ""}) {
    set_isa(isa);
    INFO(isa_name(current_isa()));
    body();
  }
  set_isa("");
}

// ---- ConvInteger
struct ConvCase {
  const char* what;
  Shape x, w;  // one or two spatial axes
  std::vector<int64_t> strides, pads, dilations;
  int64_t group;
  DType x_type, w_type;
  bool x_zero, w_zero, per_channel;
};

Tensor naive_conv(const ConvCase& c, const Tensor& x, const Tensor& w, const Tensor& x_zero,
                  const Tensor& w_zero) {
  // A missing first axis is one of extent 1.
  const bool flat = c.x.size() == 3;
  const auto dim = [&](const Shape& s, size_t i) {
    return i == 0 && flat ? 1 : s[s.size() - 2 + i];
  };
  const auto attribute = [&](const std::vector<int64_t>& v, size_t i, int64_t missing) {
    if (flat) return i == 0 ? missing : v[0];
    return v[i];
  };
  const int64_t ih = dim(c.x, 0), iw = dim(c.x, 1), kh = dim(c.w, 0), kw = dim(c.w, 1);
  const int64_t sh = attribute(c.strides, 0, 1), sw = attribute(c.strides, 1, 1);
  const int64_t dh = attribute(c.dilations, 0, 1), dw = attribute(c.dilations, 1, 1);
  const int64_t top = flat ? 0 : c.pads[0], left = flat ? c.pads[0] : c.pads[1];
  const int64_t bottom = flat ? 0 : c.pads[2], right = flat ? c.pads[1] : c.pads[3];
  const int64_t oh = (ih + top + bottom - dh * (kh - 1) - 1) / sh + 1;
  const int64_t ow = (iw + left + right - dw * (kw - 1) - 1) / sw + 1;
  const int64_t group_in = c.w[1], group_out = c.w[0] / c.group;
  std::vector<int32_t> y;
  for (int64_t n = 0; n < c.x[0]; ++n) {
    for (int64_t o = 0; o < c.w[0]; ++o) {
      for (int64_t p = 0; p < oh * ow; ++p) {
        int64_t sum = 0;
        for (int64_t k = 0; k < group_in * kh * kw; ++k) {
          const int64_t channel = o / group_out * group_in + k / (kh * kw);
          const int64_t row = p / ow * sh + k / kw % kh * dh - top;
          const int64_t column = p % ow * sw + k % kw * dw - left;
          if (row < 0 || row >= ih || column < 0 || column >= iw) continue;
          const int64_t value = at(x, ((n * c.x[1] + channel) * ih + row) * iw + column);
          sum += (value - zero_at(x_zero, 0)) *
                 (at(w, o * group_in * kh * kw + k) - zero_at(w_zero, o));
        }
        y.push_back(static_cast<int32_t>(sum));
      }
    }
  }
  Shape shape{c.x[0], c.w[0], oh, ow};
  if (flat) shape.erase(shape.begin() + 2);
  return i32(shape, y);
}

// ---- MatMulInteger
struct MatMulCase {
  const char* what;
  Shape a, b;
  DType a_type, b_type;
  int64_t a_zeros, b_zeros;  // 0: absent, 1: one for all, else one per row or column
};

Tensor zeros_of(DType dtype, int64_t count, uint32_t seed) {
  if (count == 0) return {};
  return random_bytes(dtype, count == 1 ? Shape{} : Shape{count}, seed);
}

Tensor naive_matmul(const MatMulCase& c, const Tensor& a, const Tensor& b, const Tensor& a_zero,
                    const Tensor& b_zero) {
  const auto leading = [](const Shape& s) { return Shape(s.begin(), s.end() - 2); };
  const int64_t m = c.a[c.a.size() - 2], k = c.a.back(), n = c.b.back();
  const Shape a_batch = leading(c.a), b_batch = leading(c.b);
  Shape shape = a_batch.size() > b_batch.size() ? a_batch : b_batch;
  const int64_t batches = element_count(shape);
  const int64_t a_count = element_count(a_batch), b_count = element_count(b_batch);
  std::vector<int32_t> y;
  for (int64_t i = 0; i < batches; ++i) {
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        int64_t sum = 0;
        for (int64_t j = 0; j < k; ++j) {
          // Batches are equal or one of them is a single matrix.
          const int64_t left = at(a, (i % a_count * m + row) * k + j) - zero_at(a_zero, row);
          const int64_t right = at(b, (i % b_count * k + j) * n + column) - zero_at(b_zero, column);
          sum += left * right;
        }
        y.push_back(static_cast<int32_t>(sum));
      }
    }
  }
  shape.insert(shape.end(), {m, n});
  return i32(shape, y);
}

// ---- DynamicQuantizeLinear, as ONNX Runtime refines the text for a range of nothing
struct Dynamic {
  std::vector<uint8_t> y;
  float scale;
  uint8_t zero_point;
};
Dynamic naive_dynamic(const std::vector<float>& x) {
  float low = 0, high = 0;
  for (float v : x) low = std::fmin(low, v), high = std::fmax(high, v);
  Dynamic d{};
  d.scale = low == high ? 1.0f : (high - low) / 255.0f;
  const auto saturated = [](float v) { return std::fmin(std::fmax(v, 0.0f), 255.0f); };
  d.zero_point = static_cast<uint8_t>(std::nearbyint(saturated(0.0f - low / d.scale)));
  for (float v : x) {
    const float q = std::nearbyint(v / d.scale) + static_cast<float>(d.zero_point);
    d.y.push_back(static_cast<uint8_t>(saturated(q)));
  }
  return d;
}

}  // namespace

TEST_CASE("ConvInteger equals its sums", "[ops][integer]") {
  const ConvCase cases[] = {
      {"uint8 weight, both zero points",
       {2, 4, 6, 5},
       {5, 4, 3, 3},
       {1, 1},
       {1, 1, 1, 1},
       {1, 1},
       1,
       kU,
       kU,
       true,
       true,
       false},
      {"a zero point per output channel",
       {1, 4, 6, 6},
       {18, 4, 1, 1},
       {1, 1},
       {0, 0, 0, 0},
       {1, 1},
       1,
       kU,
       kU,
       true,
       true,
       true},
      {"int8 weight per channel",
       {1, 3, 7, 8},
       {9, 3, 3, 3},
       {2, 2},
       {0, 1, 1, 0},
       {1, 1},
       1,
       kU,
       kS,
       true,
       true,
       true},
      {"no zero points",
       {1, 3, 7, 7},
       {4, 3, 3, 3},
       {1, 1},
       {2, 2, 2, 2},
       {2, 2},
       1,
       kU,
       kS,
       false,
       false,
       false},
      {"int8 input",
       {1, 5, 5, 5},
       {4, 5, 2, 2},
       {1, 1},
       {1, 0, 0, 1},
       {1, 1},
       1,
       kS,
       kS,
       true,
       false,
       false},
      {"two groups",
       {1, 6, 5, 5},
       {8, 3, 3, 3},
       {1, 1},
       {1, 1, 1, 1},
       {1, 1},
       2,
       kU,
       kU,
       true,
       true,
       true},
      {"depthwise",
       {2, 18, 6, 7},
       {18, 1, 3, 3},
       {2, 1},
       {1, 1, 1, 1},
       {1, 1},
       18,
       kU,
       kU,
       true,
       true,
       true},
      {"one axis", {2, 7, 21}, {8, 7, 5}, {2}, {2, 2}, {1}, 1, kU, kU, true, true, false},
      {"one axis, depthwise", {1, 9, 16}, {9, 1, 3}, {1}, {2, 0}, {2}, 9, kU, kS, true, true, true},
      {"no image",
       {0, 3, 5, 5},
       {4, 3, 3, 3},
       {1, 1},
       {0, 0, 0, 0},
       {1, 1},
       1,
       kU,
       kU,
       true,
       true,
       false},
  };
  on_every_isa([&] {
    for (const ConvCase& c : cases) {
      INFO(c.what);
      const Tensor x = random_bytes(c.x_type, c.x, 1), w = random_bytes(c.w_type, c.w, 2);
      const Tensor x_zero = zeros_of(c.x_type, c.x_zero, 3);
      const Tensor w_zero = zeros_of(c.w_type,
                                     !c.w_zero       ? 0
                                     : c.per_channel ? c.w[0]
                                                     : int64_t{1},
                                     4);
      OpCase run{.op = "ConvInteger",
                 .attributes = {{"strides", c.strides},
                                {"pads", c.pads},
                                {"dilations", c.dilations},
                                {"group", c.group}},
                 .inputs = {x, w, x_zero, w_zero},
                 .constants = {1, 3}};  // the input's zero point comes with the input
      const Tensor want = naive_conv(c, x, w, x_zero, w_zero);
      for (Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
        run.layout = layout;
        CHECK(difference(run_op(run)[0], want) == "");
      }
    }
  });
}

TEST_CASE("MatMulInteger equals its sums", "[ops][integer]") {
  const MatMulCase cases[] = {
      {"uint8 weight, one zero point each", {5, 33}, {33, 18}, kU, kU, 1, 1},
      {"a zero point per column", {4, 12}, {12, 17}, kU, kU, 1, 17},
      {"a zero point per row and per column", {6, 9}, {9, 5}, kU, kS, 6, 5},
      {"no zero points", {3, 8}, {8, 16}, kS, kS, 0, 0},
      {"one matrix for a batch", {2, 3, 4, 10}, {10, 6}, kU, kU, 1, 6},
      {"a batch on either side", {3, 4, 7}, {3, 7, 5}, kU, kS, 1, 5},
      {"one left side for a batch", {4, 7}, {3, 7, 5}, kU, kU, 4, 1},
      {"no rows", {0, 7}, {7, 5}, kU, kU, 1, 1},
      {"no columns", {3, 7}, {7, 0}, kU, kU, 1, 1},
      {"nothing to sum", {3, 0}, {0, 5}, kU, kU, 1, 1},
      {"no batch", {0, 3, 4}, {4, 5}, kU, kU, 1, 5},
  };
  on_every_isa([&] {
    for (const MatMulCase& c : cases) {
      const Tensor a = random_bytes(c.a_type, c.a, 1), b = random_bytes(c.b_type, c.b, 2);
      const Tensor a_zero = zeros_of(c.a_type, c.a_zeros, 3);
      const Tensor b_zero = zeros_of(c.b_type, c.b_zeros, 4);
      const Tensor want = naive_matmul(c, a, b, a_zero, b_zero);
      for (const std::vector<size_t>& constants :
           {std::vector<size_t>{1, 3}, std::vector<size_t>{}, std::vector<size_t>{1}}) {
        INFO(c.what << ", " << constants.size() << " constants");
        const Tensor y = run_op(
            {.op = "MatMulInteger", .inputs = {a, b, a_zero, b_zero}, .constants = constants})[0];
        CHECK(difference(y, want) == "");
      }
    }
  });
}

TEST_CASE("DynamicQuantizeLinear chooses the range of its input", "[ops][integer]") {
  struct Row {
    const char* what;
    std::vector<float> x;
  };
  std::vector<float> many = random_floats(70, 3, -3.0f, 5.0f);
  const Row rows[] = {
      {"both signs", many},
      {"positive: zero stays in the range", {1.5f, 2.0f, 3.75f}},
      {"negative", {-1.5f, -2.0f, -0.25f}},
      {"zeros", {0, 0, 0, 0, 0}},
      {"negative zeros", {-0.0f, -0.0f}},
      {"one number", {-7.25f}},
      {"constant", std::vector<float>(20, 4.5f)},
      {"tiny", {1e-38f, -1e-38f, 0}},
      {"ties", {-1.0f, 254.0f, 0.5f, 1.5f, 2.5f, -0.5f}},
      {"empty", {}},
  };
  on_every_isa([&] {
    for (const Row& row : rows) {
      INFO(row.what);
      const auto count = static_cast<int64_t>(row.x.size());
      const Dynamic want = naive_dynamic(row.x);
      const auto outputs =
          run_op({.op = "DynamicQuantizeLinear", .inputs = {f32({count}, row.x)}, .outputs = 3});
      CHECK(difference(outputs[0], u8({count}, want.y)) == "");
      CHECK(difference(outputs[1], Tensor::scalar(want.scale)) == "");
      CHECK(difference(outputs[2], Tensor::scalar(want.zero_point)) == "");
    }
  });
  // In figures: no range at all takes a scale of 1, and the zero point 0.
  const auto zeros =
      run_op({.op = "DynamicQuantizeLinear", .inputs = {f32({2}, {0, 0})}, .outputs = 3});
  CHECK(zeros[1].data<float>()[0] == 1.0f);
  CHECK(zeros[2].data<uint8_t>()[0] == 0);
}

TEST_CASE("a dynamically quantized layer runs in a session, images and rows", "[ops][integer]") {
  const Tensor w = random_bytes(kU, {6, 4, 3, 3}, 5);
  const float w_scale = 0.02f;
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 4, -1, 7});
  const auto quantized = g.nodes("DynamicQuantizeLinear", {x}, 3, {});
  const ValueId sums =
      g.node("ConvInteger",
             {quantized[0], g.constant(w), quantized[2], g.constant(Tensor::scalar(uint8_t{130}))},
             {{"pads", ints({1, 1, 1, 1})}});
  const ValueId scale = g.node("Mul", {quantized[1], g.constant(Tensor::scalar(w_scale))});
  const ValueId floats = g.node("Cast", {sums}, {{"to", int64_t{1}}});
  g.output(g.node("Mul", {floats, scale}));
  Session session(g.build());
  std::vector<float> w_float;
  for (int64_t i = 0; i < w.size(); ++i) {
    w_float.push_back(static_cast<float>(at(w, i) - 130) * w_scale);
  }
  for (int64_t height : {5, 9}) {
    const Tensor input = random_tensor({1, 4, height, 7}, 8, -1.5f, 1.0f);
    const Tensor want = run_op({.op = "Conv",
                                .attributes = {{"pads", ints({1, 1, 1, 1})}},
                                .inputs = {input, f32(w.shape(), w_float)}})[0];
    const Tensor got = session.run({{"x", input}})[0].tensor;
    // 36 inputs rounded to 1 / 102 by weights up to 2.6.
    CHECK(difference(got, want, {0, 36 * 0.005f * 2.6f / 2}) == "");
  }
}

TEST_CASE("integer products refuse what cannot fit", "[ops][integer]") {
  const auto code_of = [](const OpCase& run) {
    try {
      run_op(run);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  const Tensor a = random_bytes(kU, {4, 7}, 1), b = random_bytes(kU, {7, 5}, 2);
  CHECK(code_of({.op = "MatMulInteger",
                 .inputs = {a, b, {}, random_bytes(kU, {4}, 3)},
                 .constants = {1, 3}}) == ErrorCode::kInvalidShape);
  CHECK(code_of({.op = "MatMulInteger", .inputs = {a, b, random_bytes(kU, {3}, 3)}}) ==
        ErrorCode::kInvalidShape);
  CHECK(code_of({.op = "MatMulInteger", .inputs = {a, random_bytes(kU, {6, 5}, 2)}}) ==
        ErrorCode::kInvalidShape);
  const Tensor x = random_bytes(kU, {1, 4, 5, 5}, 1), w = random_bytes(kU, {3, 4, 2, 2}, 2);
  CHECK(code_of({.op = "ConvInteger",
                 .inputs = {x, w, {}, random_bytes(kU, {2}, 3)},
                 .constants = {1, 3}}) == ErrorCode::kInvalidShape);
  CHECK(code_of({.op = "ConvInteger", .inputs = {x, w}}) == ErrorCode::kUnsupportedModel);
}
