// What convert and lower make, row by row after PyTorch's TestQuantizeFx and TestQuantizeFxOps
// (spec-facts 6.3, 6.4), whose names the rows bear. Pairs are counted in the reference model and
// in the lowered one, and the lowered model gives the reference's numbers within one step.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "quant/backends_dtypes.h"
#include "quant/dtype_support.h"
#include "support/layers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

using Build = void (*)(GraphBuilder& g, ValueId x);

struct Row {
  const char* upstream;
  const char* preset;
  Shape input;
  Build build;  // declares the outputs
  Pairs reference, lowered;
  OpCounts ops;  // of the lowered graph
};

Routed routed_row(const Row& row) {
  GraphBuilder g;
  row.build(g, g.input("x", row.input));
  const bool is_signed = row.preset == std::string_view("tensorrt");
  return route(g.build(), is_signed ? route_options(row.preset) : full_range(row.preset));
}

void check_row(const Row& row) {
  INFO(row.upstream << " (" << row.preset << ")");
  const Routed routed = routed_row(row);
  INFO(to_text(routed.lowered));
  CHECK(pairs(routed.quantized) == row.reference);
  CHECK(pairs(routed.lowered) == row.lowered);
  CHECK(compute_ops(routed.lowered) == row.ops);
  CHECK(lowered_apart(routed) == "");
  CHECK(bytes_apart(routed.quantized, to_qdq(routed.quantized), routed.sample) == "");
}

const Shape kImage{1, 4, 6, 6}, kVector{2, 4};
// What asks for the shape of a known one is folded before.
const Shape kFreeImage{-1, 4, 6, 6}, kFreeVector{-1, 4};

ValueId scalar(GraphBuilder& g, float value) { return g.constant(Tensor::scalar(value), "scalar"); }

// ---------------------------------------------------------------- layers
TEST_CASE(
    "test_conv_linear_reference, _not_reference, conv_transpose, ref_linear_module, "
    "ref_conv_module, conv_lowering",
    "[rows][convert]") {
  const Row rows[] = {
      {"conv_linear_not_reference: Conv1d",
       "native",
       {1, 4, 9},
       [](GraphBuilder& g, ValueId x) { g.output(conv(g, x, 4, 3, 1)); },
       {2, 2},
       {1, 1},
       {{"QLinearConv", 1}}},
      {"conv_linear_not_reference: Conv2d",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) { g.output(conv(g, x, 4, 3)); },
       {2, 2},
       {1, 1},
       {{"QLinearConv", 1}}},
      {"conv_linear_not_reference: Conv3d",
       "native",
       {1, 2, 4, 4, 4},
       [](GraphBuilder& g, ValueId x) { g.output(conv(g, x, 2, 3, 3)); },
       {2, 2},
       {1, 1},
       {{"QLinearConv", 1}}},
      {"ref_linear_module",
       "native",
       kVector,
       [](GraphBuilder& g, ValueId x) { g.output(linear(g, x, 4, 3)); },
       {2, 2},
       {1, 1},
       {{"QGemm", 1}}},
      {"ref_linear_module: LinearReLU",
       "native",
       kVector,
       [](GraphBuilder& g, ValueId x) { g.output(relu(g, linear(g, x, 4, 3))); },
       {2, 2},
       {1, 1},
       {{"QGemm", 1}}},
      {"functional linear",
       "native",
       kVector,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("MatMul", {x, g.constant(noise({4, 3}), "w")}));
       },
       {2, 2},
       {1, 1},
       {{"QLinearMatMul", 1}}},
      {"functional linear, relu",
       "native",
       kVector,
       [](GraphBuilder& g, ValueId x) {
         g.output(relu(g, g.node("MatMul", {x, g.constant(noise({4, 3}), "w")})));
       },
       {2, 2},
       {1, 1},
       {{"QLinearMatMul", 1}}},
      {"ref_conv_module: ConvReLU",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) { g.output(relu(g, conv(g, x, 4, 3))); },
       {2, 2},
       {1, 1},
       {{"QLinearConv", 1}}},
      {"conv_bn_relu, folded",
       "fbgemm",
       kImage,
       [](GraphBuilder& g, ValueId x) { g.output(relu(g, batch_norm(g, conv(g, x, 4, 3), 3))); },
       {2, 2},
       {1, 1},
       {{"QLinearConv", 1}}},
      {"conv_lowering: two in a row",
       "x86",
       kImage,
       [](GraphBuilder& g, ValueId x) { g.output(conv(g, conv(g, x, 4, 3), 3, 2)); },
       {3, 3},
       {1, 1},
       {{"QLinearConv", 2}}},
      {"conv_transpose_not_reference",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) { g.output(conv_transpose(g, x, 4, 3)); },
       {2, 2},
       {1, 1},
       {{"QLinearConvTranspose", 1}}},
      {"conv_transpose_relu_not_reference",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) { g.output(relu(g, conv_transpose(g, x, 4, 3))); },
       {3, 3},
       {1, 1},
       {{"QLinearConvTranspose", 1}}},
      {"linear_qint8_activation",
       "tensorrt",
       kVector,
       [](GraphBuilder& g, ValueId x) { g.output(linear(g, x, 4, 3)); },
       {2, 2},
       {1, 1},
       {{"QGemm", 1}}},
  };
  for (const Row& row : rows) check_row(row);
}

TEST_CASE("conv_transpose on fbgemm has one scale for its weight", "[rows][convert]") {
  GraphBuilder g;
  g.output(conv_transpose(g, g.input("x", kImage), 4, 3));
  const Routed routed = route(g.build(), route_options("fbgemm"));
  CHECK(routed.prepared.weight_slots.at(0).observer->qparams().scale.size() == 1);
  CHECK(compute_ops(routed.lowered).count("QLinearConvTranspose") == 1);
}

// ---------------------------------------------------------------- binary ops
TEST_CASE("test_add, test_mul and their relu, inplace and scalar forms; bmm, cat",
          "[rows][convert]") {
  const Row rows[] = {
      {"add",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("Add", {conv(g, x, 4, 4), conv(g, x, 4, 4)}));
       },
       {4, 4},
       {1, 1},
       {{"QLinearConv", 2}, {"QLinearAdd", 1}}},
      {"add_relu",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(relu(g, g.node("Add", {conv(g, x, 4, 4), conv(g, x, 4, 4)})));
       },
       {4, 4},
       {1, 1},
       {{"QLinearConv", 2}, {"QLinearAdd", 1}}},
      {"mul",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("Mul", {conv(g, x, 4, 4), conv(g, x, 4, 4)}));
       },
       {4, 4},
       {1, 1},
       {{"QLinearConv", 2}, {"QLinearMul", 1}}},
      {"mul_relu",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(relu(g, g.node("Mul", {conv(g, x, 4, 4), conv(g, x, 4, 4)})));
       },
       {4, 4},
       {1, 1},
       {{"QLinearConv", 2}, {"QLinearMul", 1}}},
      // With one tensor the output shares its observer: one slot, as many pairs.
      {"add_scalar, tensor first",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("Add", {conv(g, x, 4, 4), scalar(g, 0.5f)}));
       },
       {3, 3},
       {1, 1},
       {{"QLinearConv", 1}, {"QLinearAdd", 1}}},
      {"add_scalar, scalar first",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("Add", {scalar(g, 0.5f), conv(g, x, 4, 4)}));
       },
       {3, 3},
       {1, 1},
       {{"QLinearConv", 1}, {"QLinearAdd", 1}}},
      {"mul_scalar_relu",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(relu(g, g.node("Mul", {conv(g, x, 4, 4), scalar(g, 0.5f)})));
       },
       {3, 3},
       {1, 1},
       {{"QLinearConv", 1}, {"QLinearMul", 1}}},
      {"sub_scalar: x + 1 - 1 + 3 - 4",
       "native",
       kVector,
       [](GraphBuilder& g, ValueId x) {
         ValueId y = g.node("Add", {x, scalar(g, 1)});
         y = g.node("Sub", {y, scalar(g, 1)});
         y = g.node("Add", {y, scalar(g, 3)});
         g.output(g.node("Sub", {y, scalar(g, 4)}));
       },
       {4, 4},
       {2, 2},
       {{"QLinearAdd", 2}, {"Sub", 2}}},
      {"add: an operand that is not quantized",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("Add", {conv(g, x, 4, 4), g.node("Exp", {x})}));
       },
       {4, 4},
       {2, 1},
       {{"Exp", 1}, {"QLinearConv", 1}, {"QLinearAdd", 1}}},
      {"bmm, matmul",
       "native",
       {2, 3, 3},
       [](GraphBuilder& g, ValueId x) { g.output(g.node("MatMul", {x, g.node("Exp", {x})})); },
       {3, 3},
       {2, 1},
       {{"Exp", 1}, {"QLinearMatMul", 1}}},
      {"cat shares: all its inputs have one scale",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("Concat", {conv(g, x, 4, 4), conv(g, x, 4, 4)}, {{"axis", int64_t{1}}}));
       },
       {4, 4},
       {1, 1},
       {{"QLinearConv", 2}, {"QLinearConcat", 1}}},
      {"sum fp32: an op without a pattern",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) { g.output(g.node("Sum", {x, x})); },
       {0, 0},
       {0, 0},
       {{"Sum", 1}}},
      {"add_relu_multiple_uses_of_relu",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         const ValueId sum = relu(g, g.node("Add", {conv(g, x, 4, 4), conv(g, x, 4, 4)}));
         g.output(g.node("Add", {sum, relu(g, conv(g, sum, 4, 4))}));
       },
       {6, 6},
       {1, 1},
       {{"QLinearConv", 3}, {"QLinearAdd", 2}}},
  };
  for (const Row& row : rows) check_row(row);
}

// ---------------------------------------------------------------- values and shapes
TEST_CASE("test_general_value_ops, test_general_shape_ops, chunk, clamp, pixel_shuffle, narrow",
          "[rows][convert]") {
  const Row rows[] = {
      {"general_value_ops",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         ValueId y = conv(g, x, 4, 4);
         y = max_pool(g, y);
         y = g.node("AveragePool", {y}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
         y = g.node("Clip", {y, scalar(g, -0.5f), scalar(g, 3.0f)});
         y = reshape(g, g.node("GlobalAveragePool", {y}), {1, 4});
         g.output(linear(g, y, 4, 3));
       },
       {8, 8},
       {1, 1},
       {{"QLinearConv", 1},
        {"MaxPool", 1},
        {"QLinearAveragePool", 1},
        {"Clip", 1},
        {"QLinearGlobalAveragePool", 1},
        {"Reshape", 1},
        {"QGemm", 1}}},
      {"general_shape_ops",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         ValueId y = conv(g, x, 4, 4);
         y = g.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
         y = g.node("Unsqueeze", {y, g.constant(i64({0}))});
         y = g.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 1, 2, 4, 3}}});
         y = g.node("Squeeze", {y, g.constant(i64({0}))});
         y = g.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
         y = g.node("Flatten", {y});
         g.output(linear(g, y, 144, 3));
       },
       {9, 9},
       {1, 1},
       {{"QLinearConv", 1},
        {"Transpose", 3},
        {"Unsqueeze", 1},
        {"Squeeze", 1},
        {"Flatten", 1},
        {"QGemm", 1}}},
      {"chunk",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         for (ValueId part : g.nodes("Split", {conv(g, x, 4, 4)}, 2,
                                     {{{"axis", int64_t{1}}, {"num_outputs", int64_t{2}}}})) {
           g.output(part);
         }
       },
       {4, 4},
       {1, 2},
       {{"QLinearConv", 1}, {"Split", 1}}},
      {"pixel_shuffle, pixel_unshuffle",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         const ValueId y = g.node("DepthToSpace", {conv(g, x, 4, 4)}, {{"blocksize", int64_t{2}}});
         g.output(g.node("SpaceToDepth", {y}, {{"blocksize", int64_t{2}}}));
       },
       {4, 4},
       {1, 1},
       {{"QLinearConv", 1}, {"DepthToSpace", 1}, {"SpaceToDepth", 1}}},
      {"narrow",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("Slice", {conv(g, x, 4, 4), g.constant(i64({1})), g.constant(i64({3})),
                                   g.constant(i64({1}))}));
       },
       {3, 3},
       {1, 1},
       {{"QLinearConv", 1}, {"Slice", 1}}},
      {"mean",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("ReduceMean", {conv(g, x, 4, 4), g.constant(i64({2, 3}))}));
       },
       {3, 3},
       {2, 2},
       {{"QLinearConv", 1}, {"ReduceMean", 1}}},
  };
  for (const Row& row : rows) check_row(row);
}

// Shape queries look at the integers: they need no dequantize.
TEST_CASE("test_shape_followed_by_quantized_op, linear_size_view, linear_shape_view, size",
          "[rows][convert]") {
  const Row rows[] = {
      {"shape_followed_by_quantized_op",
       "native",
       kFreeImage,
       [](GraphBuilder& g, ValueId x) {
         const ValueId a = conv(g, x, 4, 4);
         const ValueId sizes = g.node("Shape", {a});
         g.output(g.node("Reshape", {conv(g, a, 4, 4), sizes}));
       },
       {4, 4},
       {1, 1},
       {{"QLinearConv", 2}, {"Shape", 1}, {"Reshape", 1}}},
      {"linear_shape_view",
       "native",
       kFreeVector,
       [](GraphBuilder& g, ValueId x) {
         const ValueId a = linear(g, x, 4, 4);
         g.output(g.node("Reshape", {a, g.node("Shape", {a})}));
       },
       {3, 3},
       {1, 1},
       {{"QGemm", 1}, {"Shape", 1}, {"Reshape", 1}}},
      {"linear_size_view: one dimension, picked",
       "exact8",
       kFreeVector,
       [](GraphBuilder& g, ValueId x) {
         const ValueId a = linear(g, x, 4, 4);
         const ValueId rows_of =
             g.node("Gather", {g.node("Shape", {a}), g.constant(i64({0}), "first")});
         const ValueId shape =
             g.node("Concat", {rows_of, g.constant(i64({-1}))}, {{"axis", int64_t{0}}});
         g.output(g.node("Reshape", {a, shape}));
       },
       {3, 3},
       {1, 1},
       {{"QGemm", 1}, {"Shape", 1}, {"Gather", 1}, {"Concat", 1}, {"Reshape", 1}}},
      {"assert_on_size_after_quant_layer: the size is an output",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         const ValueId a = conv(g, x, 4, 4);
         g.output(g.node("Size", {a}));
         g.output(a);
       },
       {2, 2},
       {1, 1},
       {{"QLinearConv", 1}, {"Size", 1}}},
      {"fold_quant_dequant",
       "native",
       kImage,
       [](GraphBuilder& g, ValueId x) {
         const ValueId a = conv(g, x, 4, 4);
         g.output(conv(g, g.node("Add", {max_pool(g, a, 1), a}), 4, 4));
       },
       {5, 5},
       {1, 1},
       {{"QLinearConv", 2}, {"MaxPool", 1}, {"QLinearAdd", 1}}},
  };
  for (const Row& row : rows) check_row(row);
}

// ---------------------------------------------------------------- reference patterns
TEST_CASE(
    "test_qbatch_norm(_relu), layer and instance norm, ELU, hardswish, leaky, PReLU: "
    "quantized as reference",
    "[rows][convert]") {
  struct Pattern {
    const char* upstream;
    const char* preset;
    Build build;
    Pairs reference, lowered;
    const char* op;  // that remains
  };
  const Pattern rows[] = {
      {"qbatch_norm",
       "native",
       [](GraphBuilder& g, ValueId x) { g.output(batch_norm(g, x, 4)); },
       {2, 2},
       {1, 1},
       "QLinearBatchNormalization"},
      {"qbatch_norm_relu",
       "native",
       [](GraphBuilder& g, ValueId x) { g.output(relu(g, batch_norm(g, x, 4))); },
       {2, 2},
       {1, 1},
       "QLinearBatchNormalization"},
      {"layer_norm",
       "native",
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("LayerNormalization",
                         {x, g.constant(noise({6}), "w"), g.constant(noise({6}), "b")}));
       },
       {2, 2},
       {2, 2},
       "LayerNormalization"},
      {"layer_norm: not of fbgemm",
       "fbgemm",
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("LayerNormalization", {x, g.constant(noise({6}), "w")}));
       },
       {0, 0},
       {0, 0},
       "LayerNormalization"},
      {"instance_norm",
       "native",
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("InstanceNormalization",
                         {x, g.constant(noise({4}), "w"), g.constant(noise({4}), "b")}));
       },
       {2, 2},
       {2, 2},
       "InstanceNormalization"},
      {"elu",
       "native",
       [](GraphBuilder& g, ValueId x) { g.output(g.node("Elu", {x})); },
       {2, 2},
       {2, 2},
       "Elu"},
      {"leaky_relu",
       "native",
       [](GraphBuilder& g, ValueId x) { g.output(g.node("LeakyRelu", {x})); },
       {2, 2},
       {1, 1},
       "QLinearLeakyRelu"},
      {"hardswish",
       "native",
       [](GraphBuilder& g, ValueId x) { g.output(g.node("HardSwish", {x})); },
       {2, 2},
       {1, 1},
       "QLinearHardSwish"},
      {"prelu",
       "native",
       [](GraphBuilder& g, ValueId x) {
         g.output(g.node("PRelu", {x, g.constant(noise({4, 1, 1}), "slope")}));
       },
       {2, 2},
       {1, 1},
       "QLinearPRelu"},
      {"gelu, silu, mish: the backend has no pattern",
       "native",
       [](GraphBuilder& g, ValueId x) { g.output(g.node("Mish", {x})); },
       {0, 0},
       {0, 0},
       "Mish"},
      {"softmax: fixed parameters, on a float input too",
       "native",
       [](GraphBuilder& g, ValueId x) { g.output(g.node("Softmax", {x})); },
       {2, 2},
       {2, 2},
       "Softmax"},
  };
  for (const Pattern& row : rows) {
    INFO(row.upstream);
    GraphBuilder g(22);
    row.build(g, g.input("x", kImage));
    const Routed routed = route(g.build(), full_range(row.preset));
    INFO(to_text(routed.lowered));
    CHECK(pairs(routed.quantized) == row.reference);
    CHECK(pairs(routed.lowered) == row.lowered);
    CHECK(compute_ops(routed.lowered).count(row.op) == 1);
    CHECK(lowered_apart(routed) == "");
  }
}

// ---------------------------------------------------------------- names and metadata
TEST_CASE("test_observer_fqn, qparams_fqn, stack_trace: names and notes of nodes survive",
          "[rows][convert]") {
  GraphBuilder g;
  const ValueId a = linear(g, g.input("x", kVector), 4, 4, "block/fc1");
  const ValueId b = linear(g, a, 4, 3, "block/fc2");
  g.output(b);
  Graph graph = g.build();
  graph.node(graph.value(a).producer()).doc_string = "model.py:12";
  const Routed routed = route(graph, route_options("native"));
  for (const Graph* stage : {&routed.quantized, &routed.lowered}) {
    int named = 0;
    for (NodeId id : stage->nodes()) {
      const Node& node = stage->node(id);
      if (node.name == "block/fc1") CHECK(node.doc_string == "model.py:12");
      named += node.name == "block/fc1" || node.name == "block/fc2" ? 1 : 0;
    }
    CHECK(named == 2);
  }
  for (const char* name : {"x_scale", "x_zero_point", "block/fc1_0_scale", "block/fc1_0_zero_point",
                           "block/fc2_0_scale"}) {
    INFO(name);
    CHECK(routed.quantized.find_value(name) != kNone);
  }
}

// static and per channel; dynamic is in rows_modes
TEST_CASE("test_convert_to_reference_decomposed: 2 quantize, 2 dequantize, per tensor or channel",
          "[rows][convert]") {
  for (const char* qconfig : {"default_qconfig", "default_per_channel_qconfig"}) {
    INFO(qconfig);
    GraphBuilder g;
    g.output(linear(g, g.input("x", kVector), 4, 3));
    const Routed routed = route(g.build(), route_options("native", named_qconfig(qconfig)));
    CHECK(pairs(routed.quantized) == Pairs{2, 2});
    CHECK(lowered_apart(routed) == "");
    const bool per_channel = std::string_view(qconfig) == "default_per_channel_qconfig";
    CHECK(routed.prepared.weight_slots[0].observer->qparams().scale.size() ==
          (per_channel ? 3 : 1));
  }
}

// ---------------------------------------------------------------- convert's own mapping
Graph linear_conv_model() {
  GraphBuilder g;
  const ValueId c = conv(g, g.input("x", kImage), 4, 4, 2, "conv");
  g.output(linear(g, reshape(g, conv(g, c, 4, 4, 2, "second"), {1, 144}), 144, 3, "fc"));
  return g.build();
}

TEST_CASE("test_convert_qconfig_mapping: narrowed by name, by type and by order",
          "[rows][convert]") {
  struct NarrowRow {
    const char* what;
    void (*narrow)(QConfigMapping& mapping);
    OpCounts ops;
    Pairs lowered;
  };
  const NarrowRow rows[] = {
      {"not narrowed",
       [](QConfigMapping&) {},
       {{"QLinearConv", 2}, {"Reshape", 1}, {"QGemm", 1}},
       {1, 1}},
      {"the last by name: its pair is gone, its input leaves the integers",
       [](QConfigMapping& m) { m.set_module_name("fc", std::nullopt); },
       {{"QLinearConv", 2}, {"Reshape", 1}, {"Gemm", 1}},
       {1, 1}},
      {"the first by name",
       [](QConfigMapping& m) { m.set_module_name("conv", std::nullopt); },
       {{"Conv", 1}, {"QLinearConv", 1}, {"Reshape", 1}, {"QGemm", 1}},
       {1, 1}},
      {"a type",
       [](QConfigMapping& m) { m.set_object_type("Conv", std::nullopt); },
       {{"Conv", 2}, {"Reshape", 1}, {"QGemm", 1}},
       {1, 1}},
      {"one of a type by order",
       [](QConfigMapping& m) { m.set_module_name_object_type_order("", "Conv", 1, std::nullopt); },
       {{"QLinearConv", 1}, {"Conv", 1}, {"Reshape", 1}, {"QGemm", 1}},
       {2, 2}},
      {"everything",
       [](QConfigMapping& m) {
         for (const char* op : {"Conv", "Gemm", "Reshape"}) m.set_object_type(op, std::nullopt);
       },
       {{"Conv", 2}, {"Reshape", 1}, {"Gemm", 1}},
       {0, 0}},
  };
  for (const NarrowRow& row : rows) {
    INFO(row.what);
    RouteOptions options = full_range("native");
    options.convert.qconfig_mapping = options.mapping;
    row.narrow(*options.convert.qconfig_mapping);
    const Routed routed = route(linear_conv_model(), options);
    INFO(to_text(routed.lowered));
    CHECK(compute_ops(routed.lowered) == row.ops);
    CHECK(pairs(routed.lowered) == row.lowered);
    CHECK(lowered_apart(routed, 8) == "");  // float layers behind a step
  }
}

TEST_CASE("test_convert_qconfig_mapping: an inconsistent mapping is refused", "[rows][convert]") {
  RouteOptions options = route_options("native");
  options.mapping.set_module_name("fc", get_default_qconfig("native"));
  const auto refused = [&](QConfigMapping narrowed) {
    options.convert.qconfig_mapping = std::move(narrowed);
    try {
      route(linear_conv_model(), options);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      return error.message();
    }
    return std::string("not refused");
  };
  QConfigMapping other_global = options.mapping;
  other_global.set_global(named_qconfig("default_qconfig"));
  CHECK(refused(other_global) == "the QConfigMapping given to convert changes the global entry");
  QConfigMapping other_name = options.mapping;
  other_name.set_module_name("fc", named_qconfig("default_qconfig"));
  CHECK(refused(other_name).find("changes the module name entry of 'fc'") != std::string::npos);
  QConfigMapping missing = get_default_qconfig_mapping("native");
  CHECK(refused(missing).find("lacks the module name entry of 'fc'") != std::string::npos);
  QConfigMapping more = options.mapping;
  more.set_object_type("Conv", get_default_qconfig("native"));
  CHECK(refused(more).find("adds the object type entry of 'Conv'") != std::string::npos);
}

// ---------------------------------------------------------------- narrow ranges
// The largest uint8 of these values while the graph runs.
int largest_byte(const Graph& graph, const Feeds& feeds, std::vector<ValueId> values) {
  SessionOptions options;
  options.taps = std::move(values);
  int largest = 0;
  Session(graph, options).run(feeds, [&](ValueId, const TensorView& view) {
    if (view.dtype != DType::kUint8) return;
    const auto* bytes = static_cast<const uint8_t*>(view.data);
    for (int64_t i = 0; i < element_count(view.shape); ++i) {
      largest = std::max(largest, static_cast<int>(bytes[i]));
    }
  });
  return largest;
}

std::vector<ValueId> all_values(const Graph& graph) {
  std::vector<ValueId> values;
  for (NodeId id : graph.nodes()) {
    for (ValueId value : graph.node(id).outputs()) {
      if (value != kNone) values.push_back(value);
    }
  }
  return values;
}

// What layers multiply. A file has no clamp inside of its layers: their results may lie outside of
// the range until the Clip behind them.
std::vector<ValueId> multiplied_values(const Graph& graph) {
  std::vector<ValueId> values;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    for (const char* op : {"Conv", "Gemm", "MatMul", "QLinearConv", "QGemm", "QLinearMatMul"}) {
      if (node.op_type != op) continue;
      const Node* from = graph.producer(node.input(0));
      const bool integers = from == nullptr || from->op_type != "DequantizeLinear";
      values.push_back(integers ? node.input(0) : from->input(0));
    }
  }
  return values;
}

Graph wide_model() {
  GraphBuilder g;
  const ValueId x = g.input("x", kImage);
  const ValueId a = relu(g, conv(g, x, 4, 8));
  const ValueId b = g.node("Add", {conv(g, a, 8, 8), a});
  const ValueId pooled = max_pool(g, b);
  const ValueId joined = g.node("Concat", {pooled, pooled}, {{"axis", int64_t{1}}});
  g.output(linear(g, reshape(g, joined, {1, 400}), 400, 5));
  return g.build();
}

TEST_CASE("reduce_range of fbgemm, x86 and turbo holds in every tensor", "[rows][convert]") {
  for (const char* preset : {"fbgemm", "x86", "native", "turbo"}) {
    INFO(preset);
    const Routed routed = route(wide_model(), route_options(preset));
    // Beyond what was calibrated as well: the kernels rely on the range.
    Feeds beyond = routed.sample;
    for (float& value : beyond[0].tensor.mutable_data<float>()) value *= 5;
    for (const Feeds& feeds : {routed.sample, beyond}) {
      for (const Graph* graph : {&routed.quantized, &routed.lowered}) {
        const int largest = largest_byte(*graph, feeds, all_values(*graph));
        CHECK(largest <= 127);
        CHECK(largest > 100);
      }
      const Graph qdq = to_qdq(routed.quantized);
      CHECK(largest_byte(qdq, feeds, multiplied_values(qdq)) <= 127);
      CHECK(bytes_apart(routed.quantized, qdq, feeds) == "");
      CHECK(bytes_apart(routed.lowered, lower(qdq), feeds) == "");
      const Graph qoperator = to_qoperator(routed.lowered);
      CHECK(largest_byte(qoperator, feeds, multiplied_values(qoperator)) <= 127);
      CHECK(bytes_apart(routed.lowered, qoperator, feeds) == "");
    }
    CHECK(lowered_apart(routed, 2) == "");
  }
  const Routed full = route(wide_model(), route_options("exact8"));
  CHECK(largest_byte(full.lowered, full.sample, all_values(full.lowered)) == 255);
}

// ---------------------------------------------------------------- bounded sums
// The largest sum of one sign over a group of weights of one output channel, by the words of
// dtype_config.h: lanes (k, k + 1), or (k, k + 1, k + 4, k + 5) of an aligned 8.
int largest_sum(const std::vector<int>& channel, int group) {
  int largest = 0;
  for (size_t block = 0; block < channel.size(); block += 8) {
    const std::vector<std::vector<size_t>> groups =
        group == 2 ? std::vector<std::vector<size_t>>{{0, 1}, {2, 3}, {4, 5}, {6, 7}}
                   : std::vector<std::vector<size_t>>{{0, 1, 4, 5}, {2, 3, 6, 7}};
    for (const std::vector<size_t>& lanes : groups) {
      int above = 0, below = 0;
      for (size_t lane : lanes) {
        const int w = block + lane < channel.size() ? channel[block + lane] : 0;
        (w > 0 ? above : below) += w;
      }
      largest = std::max({largest, above, -below});
    }
  }
  return largest;
}

// Output channels of an int8 weight; convolutions count taps before input channels.
std::vector<std::vector<int>> channels_of(const Tensor& weight, bool rows) {
  const Shape& shape = weight.shape();
  const auto data = weight.data<int8_t>();
  std::vector<std::vector<int>> channels;
  if (shape.size() == 2) {
    const int64_t outputs = rows ? shape[0] : shape[1], inputs = rows ? shape[1] : shape[0];
    for (int64_t o = 0; o < outputs; ++o) {
      std::vector<int>& channel = channels.emplace_back();
      for (int64_t k = 0; k < inputs; ++k) {
        channel.push_back(data[static_cast<size_t>(rows ? o * inputs + k : k * outputs + o)]);
      }
    }
    return channels;
  }
  const int64_t inputs = shape[1], taps = weight.size() / (shape[0] * inputs);
  for (int64_t o = 0; o < shape[0]; ++o) {
    std::vector<int>& channel = channels.emplace_back();
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t i = 0; i < inputs; ++i) {
        channel.push_back(data[static_cast<size_t>((o * inputs + i) * taps + tap)]);
      }
    }
  }
  return channels;
}

// All weights of one sign, near the end of the range: the worst for sums.
Graph heavy_model(bool by_rows) {
  GraphBuilder g;
  const ValueId x = g.input("x", kImage);
  const ValueId w = g.constant(noise({8, 4, 3, 3}, 0.8f, 1.0f, 21), "cw");
  const ValueId c = g.node("Conv", {x, w}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId flat = reshape(g, c, {1, 288});
  g.output(by_rows ? g.node("Gemm", {flat, g.constant(noise({5, 288}, -1.0f, -0.7f, 22), "gw")},
                            {{"transB", int64_t{1}}})
                   : g.node("MatMul", {flat, g.constant(noise({288, 5}, -1.0f, 1.0f, 23), "mw")}));
  return g.build();
}

TEST_CASE("turbo and fast8: the sums of groups of weights keep their bound", "[rows][convert]") {
  struct Bound {
    const char* preset;
    int group, limit;
  };
  for (const Bound& bound : {Bound{"fast8", 2, 128}, Bound{"turbo", 4, 258}}) {
    for (const bool by_rows : {false, true}) {
      for (const bool correct : {false, true}) {
        INFO(bound.preset << " rows " << by_rows << " corrected " << correct);
        const RouteOptions options = route_options(bound.preset);
        Routed routed = route(heavy_model(by_rows), options);
        if (correct) {
          BiasCorrector corrector(routed.prepared);
          corrector.observe(routed.sample);
          corrector.finish();
          routed.quantized = convert(routed.prepared);
          routed.lowered = lower(routed.quantized);
        }
        int weights = 0, largest = 0;
        for (ValueId id = 0; id < routed.lowered.value_count(); ++id) {
          const Tensor* tensor = routed.lowered.constant(id);
          if (tensor == nullptr || tensor->dtype() != DType::kInt8 || tensor->rank() < 2) continue;
          ++weights;
          for (const std::vector<int>& channel : channels_of(*tensor, by_rows)) {
            largest = std::max(largest, largest_sum(channel, bound.group));
          }
        }
        CHECK(weights == 2);
        CHECK(largest <= bound.limit);
        CHECK(largest > bound.limit * 9 / 10);  // and no tighter than need be
        CHECK(lowered_apart(routed) == "");
      }
    }
  }
  // Without the bound they do not: the model is one that needs it.
  const Routed free = route(heavy_model(true), route_options("exact8"));
  const Tensor& w = *free.lowered.constant(free.lowered.find_value("cw_quantized"));
  CHECK(largest_sum(channels_of(w, true)[0], 2) > 128);
  CHECK(largest_sum(channels_of(w, true)[0], 4) > 258);
}

TEST_CASE("a QConfig without the bound is refused where the kernel needs it, in words",
          "[rows][convert]") {
  struct Words {
    const char* word;
    const char* preset;
    const char* reason;
  };
  for (const Words& row :
       {Words{"PAIR8", "fast8",
              "the weight: the kernel needs weights whose sums of 2 stay within 128, and the "
              "observer has no such bound"},
        Words{"QUAD7", "turbo",
              "the weight: the kernel needs weights whose sums of 4 stay within 258, and the "
              "observer has no such bound"}}) {
    BackendConfig bounded("bounded");
    bounded.set_backend_pattern_config(
        BackendPatternConfig("Gemm").set_dtype_configs(dtypes_of(row.word)));
    GraphBuilder g;
    g.output(linear(g, g.input("x", kVector), 4, 3, "fc"));
    QConfig qconfig = get_default_qconfig(row.preset);
    CHECK(route(g.build(), {QConfigMapping().set_global(qconfig), bounded}).plan("fc_0").quantized);
    qconfig.weight.bounded_sum.reset();
    const Routed routed = route(g.build(), {QConfigMapping().set_global(qconfig), bounded});
    CHECK(routed.plan("fc_0").reason ==
          std::string("the backend does not take its dtypes: ") + row.reason);
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
  }
}

}  // namespace
}  // namespace eightfold
