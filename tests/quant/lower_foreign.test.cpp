// QDQ files as they are read: groups of several float nodes, moved and four-bit weights become
// integer operators; what cannot says why. The truth is the file itself, run pair by pair in float.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>

#include "ir/text.h"
#include "ir/verify.h"
#include "quant/convert_pairs.h"
#include "quant/explain.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

constexpr float kStep = 0.05f;

// Writes pairs as a tool would.
struct File {
  GraphBuilder g;

  ValueId dequantized(ValueId data, Tensor scale, Tensor zero, std::vector<Attribute> more = {}) {
    return g.node("DequantizeLinear",
                  {data, g.constant(std::move(scale), "s"), g.constant(std::move(zero), "z")},
                  std::move(more));
  }
  ValueId pair(ValueId value, float scale = kStep, uint8_t zero = 128) {
    const ValueId s = g.constant(Tensor::scalar(scale), "s"), z = g.constant(Tensor::scalar(zero));
    return g.node("DequantizeLinear", {g.node("QuantizeLinear", {value, s, z}), s, z});
  }
  // int8 or int4 numbers of any kind, a scale per index of the axis.
  ValueId weight(DType dtype, const Shape& shape, int64_t axis) {
    std::vector<int32_t> values;
    const QRange range = full_range(dtype);
    for (int64_t i = 0; i < element_count(shape); ++i) {
      values.push_back(static_cast<int32_t>(range.quant_min + i * 37 % (range.quant_max * 2 + 2)));
    }
    const int64_t n = shape[static_cast<size_t>(axis)];
    std::vector<float> scales;
    const float largest = 1.0f / static_cast<float>(range.quant_max);
    for (int64_t i = 0; i < n; ++i) {
      scales.push_back(largest / (1.0f + 0.1f * static_cast<float>(i)));
    }
    const std::vector<int32_t> zeros(static_cast<size_t>(n), 0);
    return dequantized(g.constant(integer_tensor(dtype, shape, values), "w"), f32({n}, scales),
                       integer_tensor(dtype, {n}, zeros), {{"axis", axis}});
  }
};

struct Lowered {
  Graph graph;
  Remarks remarks;
};

Lowered lowered(const Graph& file) {
  Lowered result;
  result.graph = lower(file, &result.remarks);
  verify(result.graph);
  return result;
}

int compute_count(const Graph& graph, std::string_view op) {
  return static_cast<int>(std::ranges::count_if(
      graph.nodes(), [&](NodeId id) { return graph.node(id).op_type == op; }));
}

// One step at most, and that seldom: the float sums of the file may stand on a tie.
void check_equal(const Graph& file, const Graph& integers, const Tensor& x) {
  const Tensor want = Session(file).run({{"x", x}})[0].tensor;
  const Tensor got = Session(integers).run({{"x", x}})[0].tensor;
  REQUIRE(got.shape() == want.shape());
  int off = 0;
  for (size_t i = 0; i < static_cast<size_t>(want.size()); ++i) {
    const float apart = std::fabs(want.data<float>()[i] - got.data<float>()[i]);
    REQUIRE(apart <= kStep * 1.001f);
    off += apart > kStep * 0.001f ? 1 : 0;
  }
  CHECK(off * 50 <= static_cast<int>(want.size()));
}

TEST_CASE("a convolution, a sum and a Relu of one group are one operator", "[lower][foreign]") {
  struct Row {
    const char* what;
    bool first, relu, quantized;
  };
  for (const Row& row :
       {Row{"the convolution first", true, true, true}, Row{"second, no Relu", false, false, true},
        Row{"a residual that is not quantized", true, true, false}}) {
    INFO(row.what);
    File file;
    const ValueId x = file.g.input("x", {1, 4, 6, 6});
    const ValueId q = file.pair(x, 0.02f);
    const ValueId conv = file.g.node("Conv", {q, file.weight(DType::kInt8, {4, 4, 3, 3}, 0)},
                                     {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    const ValueId z = row.quantized ? q : x;
    ValueId y = row.first ? file.g.node("Add", {conv, z}) : file.g.node("Add", {z, conv});
    if (row.relu) y = file.g.node("Relu", {y});
    file.g.output(file.pair(y));
    const Graph source = file.g.build();
    const auto [graph, remarks] = lowered(source);
    INFO(to_text(graph));
    CHECK(count_ops(graph, "QLinearConvAdd", "eightfold") == (row.quantized ? 1 : 0));
    CHECK(remarks.empty() == row.quantized);
    check_equal(source, graph, noise({1, 4, 6, 6}, -2, 2, 5));
  }
}

TEST_CASE("the pair between a convolution and a sum keeps them apart", "[lower][foreign]") {
  File file;
  const ValueId q = file.pair(file.g.input("x", {1, 4, 6, 6}), 0.02f);
  const ValueId conv = file.g.node("Conv", {q, file.weight(DType::kInt8, {4, 4, 1, 1}, 0)});
  file.g.output(file.pair(file.g.node("Add", {file.pair(conv), q})));
  const auto [graph, remarks] = lowered(file.g.build());
  CHECK(count_ops(graph, "QLinearConv") == 1);
  CHECK(count_ops(graph, "QLinearAdd", "com.microsoft") == 1);
  CHECK(remarks.empty());
}

TEST_CASE("Gemm and the function behind it are one QGemm again", "[lower][foreign]") {
  for (const char* op : {"LeakyRelu", "Tanh"}) {
    INFO(op);
    File file;
    const ValueId q = file.pair(file.g.input("x", {5, 8}), 0.02f);
    const ValueId gemm =
        file.g.node("Gemm", {q, file.weight(DType::kInt8, {6, 8}, 0)}, {{"transB", int64_t{1}}});
    file.g.output(file.pair(file.g.node(op, {gemm})));
    const Graph source = file.g.build();
    const auto [graph, remarks] = lowered(source);
    INFO(to_text(graph));
    CHECK(count_ops(graph, "QGemm", "eightfold") == 1);
    CHECK(remarks.empty());
    check_equal(source, graph, noise({5, 8}, -2, 2, 6));
  }
}

TEST_CASE("a stored weight that is transposed and a sum behind MatMul: one QGemm",
          "[lower][foreign]") {
  for (const bool stored_bias : {false, true}) {
    File file;
    const ValueId q = file.pair(file.g.input("x", {5, 8}), 0.02f);
    const ValueId w = file.g.node("Transpose", {file.weight(DType::kInt8, {6, 8}, 0)},
                                  {{"perm", std::vector<int64_t>{1, 0}}});
    const ValueId product = file.g.node("MatMul", {q, w});
    const ValueId bias =
        stored_bias ? file.dequantized(file.g.constant(u8({6}, {0, 50, 100, 128, 200, 255}), "b"),
                                       Tensor::scalar(0.01f), Tensor::scalar(uint8_t{128}))
                    : file.g.constant(noise({6}), "b");
    file.g.output(file.pair(file.g.node("Add", {bias, product})));
    const Graph source = file.g.build();
    const auto [graph, remarks] = lowered(source);
    INFO(to_text(graph));
    CHECK(count_ops(graph, "QGemm", "com.microsoft") == 1);
    CHECK(count_ops(graph, "Transpose") == 0);
    CHECK(remarks.empty());
    check_equal(source, graph, noise({5, 8}, -2, 2, 7));
  }
}

TEST_CASE("a product of more than two axes and its bias are rows of a QGemm", "[lower][foreign]") {
  for (const int64_t batch : {int64_t{2}, int64_t{-1}}) {
    File file;
    const ValueId q = file.pair(file.g.input("x", {batch, 3, 8}), 0.02f);
    const ValueId product = file.g.node("MatMul", {q, file.weight(DType::kInt8, {8, 6}, 1)});
    const ValueId sum = file.g.node("Add", {product, file.g.constant(noise({6}), "b")});
    file.g.output(file.pair(file.g.node("Relu", {sum})));
    const Graph source = file.g.build();
    const auto [graph, remarks] = lowered(source);
    INFO(to_text(graph));
    CHECK(compute_count(graph, "QGemm") == 1);
    CHECK(remarks.empty());
    check_equal(source, graph, noise({2, 3, 8}, -2, 2, 11));
  }
}

TEST_CASE("Resize by float scales moves integers", "[lower][foreign]") {
  File file;
  const ValueId q = file.pair(file.g.input("x", {1, 2, 3, 3}));
  const ValueId scales = file.g.constant(f32({4}, {1, 1, 2, 2}), "scales");
  file.g.output(
      file.pair(file.g.node("Resize", {q, kNone, scales},
                            {{"mode", std::string("nearest")},
                             {"coordinate_transformation_mode", std::string("asymmetric")},
                             {"nearest_mode", std::string("floor")}})));
  const Graph source = file.g.build();
  const auto [graph, remarks] = lowered(source);
  CHECK(graph.nodes().size() == 3);
  CHECK(remarks.empty());
  check_equal(source, graph, noise({1, 2, 3, 3}, -2, 2, 12));
}

TEST_CASE("weights of four bits run on the kernels of eight", "[lower][foreign]") {
  for (DType dtype : {DType::kInt4, DType::kUint4}) {
    File file;
    const ValueId q = file.pair(file.g.input("x", {1, 4, 5, 5}), 0.02f);
    file.g.output(file.pair(file.g.node("Conv", {q, file.weight(dtype, {3, 4, 3, 3}, 0)})));
    const Graph source = file.g.build();
    const auto [graph, remarks] = lowered(source);
    CHECK(count_ops(graph, "QLinearConv") == 1);
    CHECK(remarks.empty());
    check_equal(source, graph, noise({1, 4, 5, 5}, -2, 2, 8));
  }
}

TEST_CASE("parameters that nodes compute are constants", "[lower][foreign]") {
  File file;
  const ValueId x = file.g.input("x", {5, 8});
  const ValueId scale = file.g.node(
      "Mul", {file.g.constant(Tensor::scalar(0.1f)), file.g.constant(Tensor::scalar(0.5f))});
  const ValueId zero = file.g.node("Cast", {file.g.constant(Tensor::scalar(128.0f))},
                                   {{"to", static_cast<int64_t>(DType::kUint8)}});
  const ValueId q = file.g.node("QuantizeLinear", {x, scale, zero});
  const ValueId same = file.g.node("Identity", {file.g.node("DequantizeLinear", {q, scale, zero})});
  file.g.output(file.pair(file.g.node("MatMul", {same, file.weight(DType::kInt8, {8, 6}, 1)})));
  const Graph source = file.g.build();
  const auto [graph, remarks] = lowered(source);
  INFO(to_text(graph));
  CHECK(graph.nodes().size() == 3);
  CHECK(remarks.empty());
  check_equal(source, graph, noise({5, 8}, -2, 2, 9));
}

TEST_CASE("what has no integer kernel stays float and says why", "[lower][foreign]") {
  File file;
  const ValueId x = file.g.input("x", {5, 8});
  const ValueId scale = file.g.constant(Tensor::scalar(0.0002f), "s");
  const ValueId zero = file.g.constant(Tensor::scalar(int16_t{0}), "z");
  const ValueId wide = file.g.node("DequantizeLinear",
                                   {file.g.node("QuantizeLinear", {x, scale, zero}), scale, zero});
  const ValueId first = file.g.node("MatMul", {wide, file.weight(DType::kInt8, {8, 8}, 1)});
  const std::vector<int32_t> nibbles(64, 3);
  const ValueId blocks = file.dequantized(
      file.g.constant(integer_tensor(DType::kInt4, {8, 8}, nibbles), "w"),
      noise({2, 8}, 0.1f, 0.2f), integer_tensor(DType::kInt4, {2, 8}, std::vector<int32_t>(16, 0)),
      {{"axis", int64_t{0}}, {"block_size", int64_t{4}}});
  file.g.output(file.g.node("MatMul", {file.pair(first), blocks}));
  const Graph source = file.g.build();
  const auto [graph, remarks] = lowered(source);
  CHECK(count_ops(graph, "MatMul") == 2);
  REQUIRE(remarks.size() == 2);
  for (const Remark& remark : remarks) {
    CHECK(remark.reason.find("is not quantized to 8 bits") != std::string::npos);
  }
  check_equal(source, graph, noise({5, 8}, -2, 2, 10));

  const Explanation explained = explain_file(source);
  CHECK(explained.quantized == 0);
  CHECK(explained.float_nodes == 2);
  CHECK(explained.nodes[0].reason == remarks[0].reason);
}

TEST_CASE("a file is explained by what it runs as", "[lower][foreign][explain]") {
  File file;
  const ValueId q = file.pair(file.g.input("x", {1, 4, 5, 5}), 0.02f);
  const ValueId conv = file.g.node("Conv", {q, file.weight(DType::kInt8, {3, 4, 3, 3}, 0)});
  file.g.output(file.pair(conv));
  const Explanation explained = explain_file(file.g.build());
  REQUIRE(explained.nodes.size() == 1);
  CHECK(explained.nodes[0].runs_as == "QLinearConv");
  CHECK(explained.nodes[0].dtypes == "uint8 -> uint8");
  CHECK_FALSE(explained.nodes[0].kernel.empty());
  CHECK(explained.quantized == 1);
}

}  // namespace
}  // namespace eightfold
