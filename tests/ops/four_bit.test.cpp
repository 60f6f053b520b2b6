// uint4 and int4, two in a byte: the edges to float, Cast and Gather against elements unpacked
// here.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <random>

#include "core/error.h"
#include "core/nibble.h"
#include "ops/half.h"
#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr DType kFourBit[] = {DType::kUint4, DType::kInt4};

// ONNX: the first element lies in the low half of the first byte, a half left over is zero.
Tensor packed(DType dtype, Shape shape, const std::vector<int>& values) {
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  REQUIRE(tensor.size() == static_cast<int64_t>(values.size()));
  auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
  for (size_t i = 0; i < values.size(); i += 2) {
    const unsigned low = static_cast<unsigned>(values[i]) % 16;
    const unsigned high = i + 1 < values.size() ? static_cast<unsigned>(values[i + 1]) % 16 : 0;
    bytes[i / 2] = static_cast<uint8_t>(low | high << 4);
  }
  return tensor;
}

int lowest(DType dtype) { return dtype == DType::kInt4 ? -8 : 0; }
int highest(DType dtype) { return dtype == DType::kInt4 ? 7 : 15; }

std::vector<int> random_elements(DType dtype, int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(lowest(dtype) + static_cast<int>(random() % 16));
  }
  return values;
}

// Index along `axis` of the i-th element.
int64_t index_along(const Shape& shape, size_t axis, int64_t i) {
  for (size_t d = shape.size() - 1; d > axis; --d) i /= shape[d];
  return i % shape[axis];
}

Tensor half_tensor(Shape shape, const std::vector<uint16_t>& bits) {
  Tensor tensor = Tensor::allocate(DType::kFloat16, std::move(shape));
  std::copy(bits.begin(), bits.end(), static_cast<uint16_t*>(tensor.mutable_raw()));
  return tensor;
}

}  // namespace

TEST_CASE("DequantizeLinear reads uint4 and int4", "[ops][int4]") {
  for (DType dtype : kFourBit) {
    for (const Shape& shape : {Shape{}, Shape{7}, Shape{3, 5, 2}, Shape{2, 3, 3, 1}, Shape{0}}) {
      const int64_t count = element_count(shape);
      const std::vector<int> values = random_elements(dtype, count, 3);
      const Tensor x = packed(dtype, shape, values);
      const int zero = lowest(dtype) + 5;
      std::vector<float> want;
      for (int v : values) want.push_back(static_cast<float>(v - zero) * 0.3f);
      INFO(dtype_name(dtype) << " " << shape_text(shape));
      for (Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
        const Tensor y = run_op({.op = "DequantizeLinear",
                                 .inputs = {x, Tensor::scalar(0.3f), packed(dtype, {}, {zero})},
                                 .layout = layout})[0];
        CHECK(difference(y, f32(shape, want)) == "");
      }
      // Along every axis, with zero points of its own; then without any.
      for (size_t axis = 0; axis < shape.size() && count > 0; ++axis) {
        const int64_t channels = shape[axis];
        const std::vector<int> zeros = random_elements(dtype, channels, 8);
        const std::vector<float> scales =
            random_floats(static_cast<size_t>(channels), 4, 0.1f, 0.9f);
        std::vector<float> shifted, plain;
        for (int64_t i = 0; i < count; ++i) {
          const auto c = static_cast<size_t>(index_along(shape, axis, i));
          const int v = values[static_cast<size_t>(i)];
          shifted.push_back(static_cast<float>(v - zeros[c]) * scales[c]);
          plain.push_back(static_cast<float>(v) * scales[c]);
        }
        OpCase run{.op = "DequantizeLinear",
                   .attributes = {{"axis", static_cast<int64_t>(axis)}},
                   .inputs = {x, f32({channels}, scales), packed(dtype, {channels}, zeros)}};
        CHECK(difference(run_op(run)[0], f32(shape, shifted)) == "");
        run.layout = Layout::kChannelsLast;
        CHECK(difference(run_op(run)[0], f32(shape, shifted)) == "");
        run.inputs.pop_back();
        CHECK(difference(run_op(run)[0], f32(shape, plain)) == "");
      }
    }
  }
}

TEST_CASE("QuantizeLinear writes uint4 and int4", "[ops][int4]") {
  // Ties, both ends, what lies beyond them.
  const std::vector<float> x{0.25f, 0.75f, -0.25f, 1.25f, 3.4f, -3.9f, 100.0f, -100.0f,
                             0.0f,  NAN,   2.1f,   -1.0f, 7.5f, 4.0f,  -4.0f};
  for (DType dtype : kFourBit) {
    const auto quantized = [&](float value, float scale, int zero) {
      if (std::isnan(value)) return lowest(dtype);
      const double q = std::nearbyint(static_cast<double>(value / scale)) + zero;
      return static_cast<int>(
          std::clamp(q, static_cast<double>(lowest(dtype)), static_cast<double>(highest(dtype))));
    };
    for (const Shape& shape : {Shape{15}, Shape{3, 5}, Shape{1, 5, 3}}) {
      INFO(dtype_name(dtype) << " " << shape_text(shape));
      const int zero = lowest(dtype) + 6;
      std::vector<int> want;
      for (float value : x) want.push_back(quantized(value, 0.5f, zero));
      OpCase run{.op = "QuantizeLinear",
                 .inputs = {f32(shape, x), Tensor::scalar(0.5f), packed(dtype, {}, {zero})}};
      for (Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
        run.layout = layout;
        CHECK(difference(run_op(run)[0], packed(dtype, shape, want)) == "");
      }
      const size_t axis = shape.size() - 1;
      const std::vector<int> zeros = random_elements(dtype, shape[axis], 2);
      const std::vector<float> scales =
          random_floats(static_cast<size_t>(shape[axis]), 6, 0.2f, 1.0f);
      want.clear();
      for (size_t i = 0; i < x.size(); ++i) {
        const auto c = static_cast<size_t>(index_along(shape, axis, static_cast<int64_t>(i)));
        want.push_back(quantized(x[i], scales[c], zeros[c]));
      }
      run.attributes = {{"axis", int64_t{-1}}};
      run.inputs = {f32(shape, x), f32({shape[axis]}, scales), packed(dtype, {shape[axis]}, zeros)};
      for (Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
        run.layout = layout;
        CHECK(difference(run_op(run)[0], packed(dtype, shape, want)) == "");
      }
    }
    // Without a zero point the attribute names the type.
    const Tensor y = run_op({.op = "QuantizeLinear",
                             .attributes = {{"output_dtype", static_cast<int64_t>(dtype)}},
                             .inputs = {f32({3}, {1, 2, 3}), Tensor::scalar(1.0f)}})[0];
    CHECK(difference(y, packed(dtype, {3}, {1, 2, 3})) == "");
  }
}

TEST_CASE("Cast to and from uint4 and int4", "[ops][int4]") {
  for (DType dtype : kFourBit) {
    std::vector<int> every;
    for (int v = lowest(dtype); v <= highest(dtype); ++v) every.push_back(v);
    every.push_back(3);  // an odd count
    const Tensor x = packed(dtype, {17}, every);
    const std::vector<float> wide(every.begin(), every.end());
    INFO(dtype_name(dtype));
    CHECK(difference(cast(x, DType::kFloat32), f32({17}, wide)) == "");
    CHECK(difference(cast(x, DType::kInt32), i32({17}, every)) == "");
    CHECK(difference(cast(cast(x, DType::kInt8), dtype), x) == "");
    CHECK(difference(cast(cast(x, DType::kUint8), dtype), x) == "");
    CHECK(difference(cast(cast(x, DType::kFloat16), dtype), x) == "");
    CHECK(difference(cast(cast(x, DType::kFloat32), dtype), x) == "");
    CHECK(cast(x, DType::kBool).data<bool>()[1] == (every[1] != 0));
    CHECK(difference(cast(x, dtype), x) == "");
    // Integers keep their low bits, floats are rounded to the nearest integer first.
    const Tensor integers = i32({5}, {16, 17, -1, 200, -9});
    CHECK(difference(cast(integers, dtype), packed(dtype, {5}, {16, 17, -1, 200, -9})) == "");
    const Tensor floats = f32({7}, {0.5f, 1.5f, 2.5f, 6.6f, 1.2f, 5.5f, NAN});
    CHECK(difference(cast(floats, dtype), packed(dtype, {7}, {0, 2, 2, 7, 1, 6, 0})) == "");
  }
  CHECK(difference(cast(packed(DType::kInt4, {3}, {-8, -1, 7}), DType::kUint4),
                   packed(DType::kUint4, {3}, {8, 15, 7})) == "");
}

TEST_CASE("Cast of every float16, and back", "[ops][int4]") {
  std::vector<uint16_t> bits(65536);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint16_t>(i);
  const Tensor halves = half_tensor({65536}, bits);
  const Tensor floats = cast(halves, DType::kFloat32);
  for (size_t i = 0; i < bits.size(); ++i) {
    const int exponent = (bits[i] >> 10) & 31, fraction = bits[i] & 1023;
    double want =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) want = fraction ? NAN : INFINITY;
    if (bits[i] & 0x8000) want = -want;
    const float got = floats.data<float>()[i];
    REQUIRE((std::isnan(want) ? std::isnan(got) : static_cast<double>(got) == want));
  }
  const Tensor back = cast(floats, DType::kFloat16);
  for (size_t i = 0; i < bits.size(); ++i) {
    if (!std::isnan(floats.data<float>()[i])) {
      REQUIRE(static_cast<const uint16_t*>(back.raw())[i] == bits[i]);
    }
  }
  // Between two neighbours: to the nearer, to the even one from the middle; beyond them to
  // infinity.
  const Tensor x = f32({6}, {1.0f + 1.0f / 2048, 1.0f + 3.0f / 2048, 1.0f + 1.1f / 2048, 65519.0f,
                             65520.0f, std::ldexp(1.0f, -26)});
  CHECK(difference(cast(x, DType::kFloat16),
                   half_tensor({6}, {0x3C00, 0x3C02, 0x3C01, 0x7BFF, 0x7C00, 0})) == "");
}

TEST_CASE("Gather moves elements of eight and of four bits", "[ops][int4]") {
  const Shape shape{5, 3, 7};
  const Tensor indices = i64({2, 2}, {4, 0, -2, 1});
  for (size_t axis = 0; axis < 3; ++axis) {
    Shape y_shape = shape;
    y_shape[axis] = 4;
    y_shape.insert(y_shape.begin() + static_cast<std::ptrdiff_t>(axis), 2);
    y_shape[axis + 1] = 2;
    // Row-major positions in x of the elements of y.
    std::vector<size_t> from;
    for (int64_t i = 0; i < element_count(y_shape); ++i) {
      Shape at(4);
      for (size_t d = 4, rest = static_cast<size_t>(i); d-- > 0;) {
        at[d] = static_cast<int64_t>(rest) % y_shape[d];
        rest /= static_cast<size_t>(y_shape[d]);
      }
      const auto which = static_cast<size_t>(at[axis] * 2 + at[axis + 1]);
      int64_t index = indices.data<int64_t>()[which];
      if (index < 0) index += shape[axis];
      if (index >= shape[axis]) index = -1;
      at.erase(at.begin() + static_cast<std::ptrdiff_t>(axis));
      at[axis] = index;
      from.push_back(static_cast<size_t>((at[0] * shape[1] + at[1]) * shape[2] + at[2]));
    }
    OpCase run{.op = "Gather",
               .attributes = {{"axis", static_cast<int64_t>(axis)}},
               .inputs = {{}, indices}};
    if (axis == 1) {  // index 4 is none of three
      run.inputs[0] = packed(DType::kInt4, shape, random_elements(DType::kInt4, 105, 1));
      CHECK_THROWS_AS(run_op(run), Error);
      continue;
    }
    for (DType dtype : kFourBit) {
      INFO(dtype_name(dtype) << ", axis " << axis);
      const std::vector<int> values = random_elements(dtype, element_count(shape), 9);
      std::vector<int> want;
      for (size_t i : from) want.push_back(values[i]);
      run.inputs[0] = packed(dtype, shape, values);
      CHECK(difference(run_op(run)[0], packed(dtype, y_shape, want)) == "");
    }
    std::vector<uint8_t> bytes, want;
    for (int64_t i = 0; i < element_count(shape); ++i) bytes.push_back(static_cast<uint8_t>(i * 5));
    for (size_t i : from) want.push_back(bytes[i]);
    run.inputs[0] = u8(shape, bytes);
    CHECK(difference(run_op(run)[0], u8(y_shape, want)) == "");
    run.inputs[0] = s8(shape, {bytes.begin(), bytes.end()});
    CHECK(difference(run_op(run)[0], s8(y_shape, {want.begin(), want.end()})) == "");
  }
}

TEST_CASE("a session runs weights of four bits", "[ops][int4]") {
  // An embedding of rows of five, then a layer: both tables lie packed in the model.
  const std::vector<int> table = random_elements(DType::kUint4, 20, 11);
  const std::vector<int> weight = random_elements(DType::kInt4, 15, 12);
  const std::vector<float> scales{0.1f, 0.2f, 0.3f};
  GraphBuilder g;
  const ValueId ids = g.input("ids", {3}, DType::kInt64);
  const ValueId rows = g.node("Gather", {g.constant(packed(DType::kUint4, {4, 5}, table)), ids});
  const ValueId x = g.node("DequantizeLinear", {rows, g.constant(Tensor::scalar(0.5f)),
                                                g.constant(packed(DType::kUint4, {}, {8}))});
  const ValueId w =
      g.node("DequantizeLinear",
             {g.constant(packed(DType::kInt4, {5, 3}, weight)), g.constant(f32({3}, scales))},
             {{"axis", int64_t{1}}});
  g.output(g.node("MatMul", {x, w}));
  const Tensor y = Session(g.build()).run({{"ids", i64({3, 0, 2})}})[0].tensor;
  std::vector<float> want;
  for (size_t row : {3, 0, 2}) {
    for (size_t n = 0; n < 3; ++n) {
      double sum = 0;
      for (size_t k = 0; k < 5; ++k) {
        sum += (table[row * 5 + k] - 8) * 0.5 * weight[k * 3 + n] * static_cast<double>(scales[n]);
      }
      want.push_back(static_cast<float>(sum));
    }
  }
  CHECK(difference(y, f32({3, 3}, want), kFloatSums) == "");
}
