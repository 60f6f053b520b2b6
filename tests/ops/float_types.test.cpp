// float16, bfloat16 and float64 in rows that compute in float32: widened, computed, rounded once.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

Tensor from_bits(DType dtype, const std::vector<uint16_t>& bits) {
  const Tensor plain = Tensor::of<uint16_t>({static_cast<int64_t>(bits.size())}, bits);
  return Tensor::wrap(dtype, plain.shape(), plain.buffer());
}

std::vector<uint16_t> bits_of(const Tensor& tensor) {
  const auto* bits = static_cast<const uint16_t*>(tensor.raw());
  return {bits, bits + tensor.size()};
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

TEST_CASE("sums of 16-bit floats are rounded half to even", "[ops][types]") {
  struct Row {
    DType dtype;
    std::vector<uint16_t> a, b, sum;
  };
  const auto row = GENERATE(values<Row>({
      // 2048 + 1 -> 2048, 2048 + 3 -> 2052; 65504 + 16 -> infinity, 65504 + 8 stays; 2^-24 + 2^-24
      {DType::kFloat16,
       {0x6800, 0x6800, 0x7BFF, 0x7BFF, 0x0001},
       {0x3C00, 0x4200, 0x4C00, 0x4800, 0x0001},
       {0x6800, 0x6802, 0x7C00, 0x7BFF, 0x0002}},
      // 256 + 1 -> 256, 256 + 3 -> 260, 1 + -1
      {DType::kBfloat16,
       {0x4380, 0x4380, 0x3F80},
       {0x3F80, 0x4040, 0xBF80},
       {0x4380, 0x4382, 0x0000}},
  }));
  const auto sum = run_op(
      {.op = "Add", .inputs = {from_bits(row.dtype, row.a), from_bits(row.dtype, row.b)}})[0];
  CHECK(sum.dtype() == row.dtype);
  CHECK(bits_of(sum) == row.sum);
}

// Whole numbers below 16, which every float type holds.
Tensor whole(Shape shape, int step) {
  Tensor tensor = ramp(std::move(shape));
  for (float& value : tensor.mutable_data<float>())
    value = std::fmod(value * static_cast<float>(step), 13.0f) - 5;
  return tensor;
}

TEST_CASE("an op without loops for a float type computes in float32", "[ops][types]") {
  const std::vector<OpCase> cases = {
      {.op = "Exp", .inputs = {whole({7}, 3)}},
      {.op = "Softmax", .inputs = {whole({2, 5}, 3)}},
      {.op = "Celu", .inputs = {whole({7}, 3)}},
      {.op = "PRelu", .inputs = {whole({2, 3, 2}, 3), whole({3, 1}, 2)}},
      {.op = "Mean", .inputs = {whole({2, 3}, 3), whole({3}, 4)}},
      {.op = "ReduceL2", .inputs = {whole({2, 3}, 3)}},
      {.op = "Conv",
       .attributes = {{"pads", ints({1, 1, 1, 1})}},
       .inputs = {whole({1, 3, 5, 4}, 3), whole({2, 3, 3, 3}, 5), whole({2}, 1)},
       .constants = {1, 2}},
      {.op = "Conv", .inputs = {whole({1, 3, 5, 4}, 3), whole({2, 3, 3, 3}, 5)}},
      {.op = "MatMul", .inputs = {whole({3, 4}, 3), whole({4, 5}, 5)}, .constants = {1}},
      {.op = "Gemm", .inputs = {whole({3, 4}, 3), whole({4, 5}, 5), whole({5}, 1)}},
      {.op = "AveragePool",
       .attributes = {{"kernel_shape", ints({3, 3})}},
       .inputs = {whole({1, 2, 5, 5}, 3)}},
      {.op = "MaxPool",
       .attributes = {{"kernel_shape", ints({2, 2})}},
       .inputs = {whole({1, 2, 4, 4}, 3)},
       .layout = Layout::kChannelsLast},
      {.op = "LayerNormalization",
       .inputs = {whole({2, 6}, 3), whole({6}, 5), whole({6}, 1)},
       .constants = {1, 2}},
      {.op = "Pad", .inputs = {whole({3}, 3), i64({1, 2}), f32({}, {7})}, .constants = {1}},
      {.op = "CumSum", .inputs = {whole({5}, 3), i64({}, {0})}},
      {.op = "Range",
       .inputs = {f32({}, {1}), f32({}, {4}), f32({}, {0.5f})},
       .constants = {0, 1, 2}},
  };
  const DType dtype = GENERATE(DType::kFloat16, DType::kBfloat16, DType::kFloat64);
  for (const OpCase& in_float32 : cases) {
    INFO(in_float32.op << " of " << dtype_name(dtype));
    OpCase stored = in_float32;
    for (Tensor& input : stored.inputs) {
      if (input.dtype() == DType::kFloat32) input = cast(input, dtype);
    }
    const Tensor got = run_op(stored)[0];
    const Tensor want = cast(run_op(in_float32)[0], dtype);
    CHECK(got.dtype() == dtype);
    // A double's row may go on in double where another rounds to float32 in between.
    CHECK(difference(cast(got, DType::kFloat32), cast(want, DType::kFloat32),
                     dtype == DType::kFloat64 ? kFloatMath : kExact) == "");
  }
}

TEST_CASE("ops that move elements keep every bit of a float64", "[ops][types]") {
  const Tensor x = Tensor::of<double>({2, 2}, std::vector<double>{1 + 1e-15, -0.0, 1e300, 5e-324});
  const Tensor moved = run_op({.op = "Transpose", .inputs = {x}})[0];
  const Tensor back = run_op({.op = "Transpose", .inputs = {moved}})[0];
  CHECK(same_bytes(x, back));
  for (const OpCase& one : std::vector<OpCase>{
           {.op = "Identity", .inputs = {x}},
           {.op = "Concat", .attributes = {{"axis", int64_t{0}}}, .inputs = {x}},
           {.op = "Where", .inputs = {booleans({1}, {1}), x, x}},
           {.op = "Expand", .inputs = {x, i64({2, 2})}, .constants = {1}},
           {.op = "Slice", .inputs = {x, i64({0}), i64({2})}, .constants = {1, 2}},
           {.op = "Gather", .inputs = {x, i64({0, 1})}},
           {.op = "Pad", .inputs = {x, i64({0, 0, 0, 0})}, .constants = {1}},
           {.op = "Cast", .attributes = {{"to", int64_t{11}}}, .inputs = {x}},
           {.op = "Trilu", .inputs = {x, i64({}, {-2})}},
           {.op = "ScatterElements",
            .inputs = {x, i64({0, 2}, {}), Tensor::allocate(DType::kFloat64, {0, 2})}},
           {.op = "Neg", .inputs = {run_op({.op = "Neg", .inputs = {x}})[0]}},
           {.op = "Max", .inputs = {x}},
       }) {
    INFO(one.op);
    CHECK(same_bytes(run_op(one)[0], x));
  }
}

TEST_CASE("IsInf and NonZero see a float64 as it is", "[ops][types]") {
  const Tensor x = Tensor::of<double>({2}, std::vector<double>{1e300, 1e-300});
  CHECK(difference(run_op({.op = "IsInf", .inputs = {x}})[0], booleans({2}, {0, 0})) == "");
  CHECK(difference(run_op({.op = "NonZero", .inputs = {x}})[0], i64({1, 2}, {0, 1})) == "");
}

// x -> Conv -> Relu -> + x -> Sigmoid, NonZero; every sum is a small whole number.
Graph mixed_graph(DType dtype) {
  GraphBuilder g;
  const auto x = g.input("x", {-1, 2, 4, 4}, dtype);
  const auto w = g.constant(cast(whole({2, 2, 1, 1}, 3), dtype));
  const auto sum = g.node("Add", {g.node("Relu", {g.node("Conv", {x, w})}), x});
  g.output(sum);
  g.output(g.node("NonZero", {sum}));
  return g.build();
}

TEST_CASE("a session runs a float16 graph on float32 arithmetic", "[session][types]") {
  const DType dtype = GENERATE(DType::kFloat16, DType::kBfloat16);
  Session half(mixed_graph(dtype)), single(mixed_graph(DType::kFloat32));
  for (int64_t batch : {1, 3, 0, 1}) {
    const Tensor x = whole({batch, 2, 4, 4}, 5);
    const auto got = half.run({{"x", cast(x, dtype)}}), want = single.run({{"x", x}});
    CHECK(got[0].tensor.dtype() == dtype);
    CHECK(difference(cast(got[0].tensor, DType::kFloat32), want[0].tensor) == "");
    CHECK(difference(got[1].tensor, want[1].tensor) == "");
  }
}

}  // namespace
}  // namespace eightfold::test
