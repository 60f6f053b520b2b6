// The passes of the cleanup: how often each applies, that the numbers stay, that the graph
// verifies, and what each must leave alone.
#include "quant/cleanup/cleanup.h"

#include <algorithm>
#include <catch_amalgamated.hpp>
#include <functional>

#include "ir/verify.h"
#include "ops/op.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

// "remove_no_ops 2, gelu 1"
std::string applied(const Remarks& remarks) {
  std::string text;
  for (const Remark& remark : remarks) {
    if (remark.kind != "cleaned") continue;
    const size_t colon = remark.reason.find(':'), comma = remark.reason.find(',');
    text += (text.empty() ? "" : ", ") + remark.reason.substr(0, colon) +
            remark.reason.substr(colon + 1, comma - colon - 1);
  }
  return text;
}

std::string ops_of(const Graph& graph) {
  std::string ops;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    ops += (ops.empty() ? "" : " ") + (node.domain.empty() ? "" : node.domain + ":") + node.op_type;
  }
  return ops;
}

struct Case {
  const char* what;
  int64_t opset;
  std::function<ValueId(GraphBuilder&, ValueId)> build;  // y of x [2, 3, 4]
  const char* applied;
  const char* ops;  // that remain
};

ValueId scalar(GraphBuilder& g, float value) { return g.constant(Tensor::scalar(value)); }
ValueId ints(GraphBuilder& g, std::vector<int64_t> values) { return g.constant(i64(values)); }
// Something that is no part of what is looked for, so that it may go.
ValueId stranger(GraphBuilder& g, ValueId x) { return g.node("Neg", {x}); }

const Shape kShape{2, 3, 4};

Graph cleaned(const Graph& graph, Remarks* remarks) {
  Graph result = graph;
  infer_types(result);
  clean_up(result, backend(kDefaultBackend), remarks);
  result.stage = Stage::kFused;
  verify(result);
  return result;
}

void check(const Case& test, Shape shape = kShape) {
  INFO(test.what);
  GraphBuilder g(test.opset);
  const ValueId x = g.input("x", shape);
  g.output(stranger(g, test.build(g, stranger(g, x))));
  const Graph graph = g.build();
  Remarks remarks;
  const Graph result = cleaned(graph, &remarks);
  CHECK(applied(remarks) == test.applied);
  CHECK(ops_of(result) == "Neg " + std::string(test.ops) + (*test.ops ? " " : "") + "Neg");
  for (int64_t& dim : shape) dim = dim < 0 ? 2 : dim;
  const Feeds feeds{{"x", noise(shape, -5, 5, 9)}};
  const Tensor want = Session(graph).run(feeds)[0].tensor;
  CHECK(difference(Session(result).run(feeds)[0].tensor, want, kFloatSums) == "");
  // What export writes has the opset that it says.
  Graph exported = unfold(result);
  exported.stage = Stage::kFloat;
  verify(exported);
  CHECK(exported.opset() == test.opset);
  CHECK(difference(Session(exported).run(feeds)[0].tensor, want, kFloatSums) == "");
}

TEST_CASE("no-ops go", "[cleanup]") {
  const Case cases[] = {
      {"Identity", 13, [](GraphBuilder& g, ValueId x) { return g.node("Identity", {x}); },
       "remove_no_ops 1", ""},
      {"Dropout", 13, [](GraphBuilder& g, ValueId x) { return g.node("Dropout", {x}); },
       "remove_no_ops 1", ""},
      {"Cast to the same type", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Cast", {x}, {{"to", int64_t{1}}}); },
       "remove_no_ops 1", ""},
      {"Reshape to the same shape", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Reshape", {x, ints(g, {2, -1, 4})}); },
       "remove_no_ops 1", ""},
      {"Reshape to another", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Reshape", {x, ints(g, {2, -1, 3})}); }, "",
       "Reshape"},
      {"Transpose that keeps the order", 13,
       [](GraphBuilder& g, ValueId x) {
         return g.node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 1, 2}}});
       },
       "remove_no_ops 1", ""},
      {"Transpose by default reverses", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Transpose", {x}); }, "", "Transpose"},
      {"Pad by nothing", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Pad", {x, ints(g, {0, 0, 0, 0, 0, 0})}); },
       "remove_no_ops 1", ""},
      {"Slice of all", 13,
       [](GraphBuilder& g, ValueId x) {
         return g.node("Slice", {x, ints(g, {0}), ints(g, {99}), ints(g, {1})});
       },
       "remove_no_ops 1", ""},
      {"Slice of all, backwards", 13,
       [](GraphBuilder& g, ValueId x) {
         return g.node("Slice", {x, ints(g, {-1}), ints(g, {-99}), ints(g, {2}), ints(g, {-1})});
       },
       "merge_constants 1", "Slice"},
      {"Concat of one", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Concat", {x}, {{"axis", int64_t{1}}}); },
       "remove_no_ops 1", ""},
      {"Expand to the same shape", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Expand", {x, ints(g, {3, 1})}); },
       "remove_no_ops 1", ""},
      {"neutral constants", 13,
       [](GraphBuilder& g, ValueId x) {
         x = g.node("Add", {scalar(g, 0), x});
         x = g.node("Mul", {x, g.constant(f32({1, 4}, {1, 1, 1, 1}))});
         x = g.node("Sub", {x, scalar(g, 0)});
         return g.node("Pow", {g.node("Div", {x, scalar(g, 1)}), scalar(g, 1)});
       },
       "remove_no_ops 5", ""},
      {"a zero from which is subtracted", 13,
       [](GraphBuilder& g, ValueId x) { return g.node("Sub", {scalar(g, 0), x}); }, "", "Sub"},
      {"a one that broadcasts", 13,
       [](GraphBuilder& g, ValueId x) {
         return g.node("Mul", {x, g.constant(f32({2, 1, 1, 1}, {1, 1}))});
       },
       "", "Mul"},
  };
  for (const Case& test : cases) check(test);
}

TEST_CASE("a no-op between an input and an output of the model stays", "[cleanup]") {
  GraphBuilder g;
  const ValueId x = g.input("x", kShape);
  g.output(g.node("Identity", {x}));
  Remarks remarks;
  CHECK(ops_of(cleaned(g.build(), &remarks)) == "Identity");
  CHECK(remarks.empty());
}

TEST_CASE("shapes that are known are folded with what is computed of them", "[cleanup]") {
  const auto reshape_by_shape = [](GraphBuilder& g, ValueId x, int64_t kept) {
    const ValueId first =
        g.node("Gather", {g.node("Shape", {x}), g.constant(i64({kept}))}, {{"axis", int64_t{0}}});
    const ValueId target = g.node("Concat", {first, g.constant(i64({-1}))}, {{"axis", int64_t{0}}});
    return g.node("Reshape", {x, target});
  };
  check({"all known", 13, [&](GraphBuilder& g, ValueId x) { return reshape_by_shape(g, x, 0); },
         "fold_constants 2, fold_shapes 1", "Reshape"});
  check({"the one that is asked for is known", 13,
         [&](GraphBuilder& g, ValueId x) { return reshape_by_shape(g, x, 1); },
         "fold_constants 1, fold_shapes 1, remove_dead 1", "Reshape"},
        {-1, 3, 4});
  check({"the one that is asked for is free", 13,
         [&](GraphBuilder& g, ValueId x) { return reshape_by_shape(g, x, 0); }, "",
         "Shape Gather Concat Reshape"},
        {-1, 3, 4});
}

TEST_CASE("chains of views and of permutations are one", "[cleanup]") {
  const auto transpose = [](GraphBuilder& g, ValueId x, std::vector<int64_t> perm) {
    return g.node("Transpose", {x}, {{"perm", std::move(perm)}});
  };
  const Case cases[] = {
      {"two permutations", 13,
       [&](GraphBuilder& g, ValueId x) {
         return transpose(g, transpose(g, x, {1, 2, 0}), {1, 0, 2});
       },
       "merge_transposes 1, remove_dead 1", "Transpose"},
      {"a permutation and its inverse", 13,
       [&](GraphBuilder& g, ValueId x) {
         return transpose(g, transpose(g, x, {1, 2, 0}), {2, 0, 1});
       },
       "remove_no_ops 1, merge_transposes 1, remove_dead 1", ""},
      {"Reshape of a view; a zero stands for a dim of that view", 13,
       [&](GraphBuilder& g, ValueId x) {
         const ValueId flat = g.node("Flatten", {x});
         return g.node("Reshape", {flat, g.constant(i64({0, 4, 3}))});
       },
       "merge_views 1, remove_dead 1", "Reshape"},
      {"Squeeze of Unsqueeze", 13,
       [&](GraphBuilder& g, ValueId x) {
         const ValueId axis = g.constant(i64({1}));
         return g.node("Squeeze", {g.node("Unsqueeze", {x, axis}), axis});
       },
       "merge_views 1, remove_dead 1", ""},
  };
  for (const Case& test : cases) check(test);
}

TEST_CASE("equal constants and equal nodes are kept once", "[cleanup]") {
  const auto twice = [](GraphBuilder& g, ValueId x, const char* op) {
    const ValueId a = g.node(op, {x, g.constant(f32({4}, {1, 2, 3, 4}))});
    const ValueId b = g.node(op, {x, g.constant(f32({4}, {1, 2, 3, 4}))});
    return g.node("Sub", {g.node("Exp", {a}), g.node("Neg", {b})});
  };
  check({"both", 13, [&](GraphBuilder& g, ValueId x) { return twice(g, x, "Max"); },
         "merge_constants 1, merge_equal_nodes 1", "Max Exp Neg Sub"});
  check({"other attributes", 13,
         [&](GraphBuilder& g, ValueId x) {
           return g.node("Sub", {g.node("Elu", {x}, {{"alpha", 2.0f}}), g.node("Elu", {x})});
         },
         "", "Elu Elu Sub"});
  check({"layers keep their names", 13,
         [&](GraphBuilder& g, ValueId x) {
           const ValueId w = g.constant(noise({4, 4}));
           return g.node("Sub", {g.node("MatMul", {x, w}), g.node("MatMul", {x, w})});
         },
         "", "MatMul MatMul Sub"});
}

TEST_CASE("gates of Add, Clip and products are HardSwish", "[cleanup]") {
  const auto clip = [](GraphBuilder& g, ValueId x, float lo, float hi) {
    return g.node("Clip", {x, scalar(g, lo), scalar(g, hi)});
  };
  const auto gate = [&](GraphBuilder& g, ValueId x) {
    return clip(g, g.node("Add", {x, scalar(g, 3)}), 0, 6);
  };
  const Case cases[] = {
      {"x gate / 6", 13,
       [&](GraphBuilder& g, ValueId x) {
         return g.node("Div", {g.node("Mul", {x, gate(g, x)}), scalar(g, 6)});
       },
       "merge_constants 1, hard_swish 1", "eightfold:HardSwish"},
      {"from opset 14 on it is ONNX's", 14,
       [&](GraphBuilder& g, ValueId x) {
         return g.node("Div", {g.node("Mul", {gate(g, x), x}), scalar(g, 6)});
       },
       "merge_constants 1, hard_swish 1", "HardSwish"},
      {"x (gate 1/6), the sum the other way round", 14,
       [&](GraphBuilder& g, ValueId x) {
         const ValueId sum = clip(g, g.node("Add", {scalar(g, 3), x}), 0, 6);
         return g.node("Mul", {g.node("Mul", {scalar(g, 1.0f / 6), sum}), x});
       },
       "hard_swish 1", "HardSwish"},
      {"x HardSigmoid(x)", 14,
       [&](GraphBuilder& g, ValueId x) {
         return g.node("Mul", {x, g.node("HardSigmoid", {x}, {{"alpha", 1.0f / 6}})});
       },
       "hard_swish 1", "HardSwish"},
      {"another slope", 14,
       [&](GraphBuilder& g, ValueId x) {
         return g.node("Div", {g.node("Mul", {x, gate(g, x)}), scalar(g, 5)});
       },
       "", "Add Clip Mul Div"},
      {"the gate alone", 13,
       [&](GraphBuilder& g, ValueId x) { return g.node("Div", {gate(g, x), scalar(g, 6)}); },
       "merge_constants 1, hard_sigmoid 1", "HardSigmoid"},
      {"a clamp of x is no gate", 13, [&](GraphBuilder& g, ValueId x) { return clip(g, x, 0, 1); },
       "", "Clip"},
  };
  for (const Case& test : cases) check(test);
}

TEST_CASE("both formats of a file with HardSwish are of an opset that has it",
          "[cleanup][export]") {
  GraphBuilder g(11);
  const ValueId x = g.input("x", {1, 2, 6, 6});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({2, 2, 1, 1}))});
  const ValueId sum = g.node("Add", {conv, scalar(g, 3)});
  const ValueId gate = g.node("Clip", {sum, scalar(g, 0), scalar(g, 6)});
  const ValueId swish = g.node("Div", {g.node("Mul", {conv, gate}), scalar(g, 6)});
  g.output(g.node("Conv", {swish, g.constant(noise({2, 2, 1, 1}))}));
  const Routed routed = route(g.build(), full_range("exact8"));
  for (const Graph& file : {to_qdq(routed.quantized), to_qoperator(routed.lowered)}) {
    CHECK(count_ops(file, "HardSwish") == 1);
    CHECK(file.opset() == 14);
  }
}

TEST_CASE("Gelu is found in parts, by Erf and by Tanh", "[cleanup]") {
  const auto by_erf = [](GraphBuilder& g, ValueId x) {
    const ValueId erf = g.node("Erf", {g.node("Div", {x, scalar(g, 1.41421356f)})});
    const ValueId bell = g.node("Add", {erf, scalar(g, 1)});
    return g.node("Mul", {g.node("Mul", {x, bell}), scalar(g, 0.5f)});
  };
  const auto by_tanh = [](GraphBuilder& g, ValueId x) {
    const ValueId cube = g.node("Mul", {g.node("Pow", {x, scalar(g, 3)}), scalar(g, 0.044715f)});
    const ValueId inside = g.node("Mul", {g.node("Add", {x, cube}), scalar(g, 0.7978845608f)});
    const ValueId bell = g.node("Add", {scalar(g, 1), g.node("Tanh", {inside})});
    return g.node("Mul", {g.node("Mul", {scalar(g, 0.5f), x}), bell});
  };
  check({"erf", 13, by_erf, "gelu 1", "eightfold:Gelu"});
  check({"erf, opset 20", 20, by_erf, "gelu 1", "Gelu"});
  check({"tanh", 13, by_tanh, "gelu 1", "eightfold:Gelu"});
}

TEST_CASE("normalizations are found in parts", "[cleanup]") {
  const auto mean = [](GraphBuilder& g, ValueId x) {
    if (g.graph().opset() >= 18) return g.node("ReduceMean", {x, g.constant(i64({-1}))});
    return g.node("ReduceMean", {x}, {{"axes", std::vector<int64_t>{-1}}});
  };
  const auto scale = [](GraphBuilder& g) { return g.constant(noise({4}, 0.5f, 2)); };
  const auto root = [&](GraphBuilder& g, ValueId square) {
    return g.node("Sqrt", {g.node("Add", {mean(g, square), scalar(g, 1e-3f)})});
  };
  const auto layer = [&](GraphBuilder& g, ValueId x) {
    const ValueId c = g.node("Sub", {x, mean(g, x)});
    const ValueId normal = g.node("Div", {c, root(g, g.node("Pow", {c, scalar(g, 2)}))});
    return g.node("Add", {g.node("Mul", {normal, scale(g)}), g.constant(noise({4}))});
  };
  const auto rms = [&](GraphBuilder& g, ValueId x) {
    const ValueId inverse = g.node("Reciprocal", {root(g, g.node("Mul", {x, x}))});
    return g.node("Mul", {scale(g), g.node("Mul", {x, inverse})});
  };
  check({"layer", 13, layer, "layer_norm 1", "eightfold:LayerNormalization"});
  check({"layer, opset 17", 17, layer, "layer_norm 1", "LayerNormalization"});
  check({"layer, axes as an input", 18, layer, "merge_constants 1, layer_norm 1",
         "LayerNormalization"});
  check({"root mean square", 13, rms, "rms_norm 1", "eightfold:RMSNormalization"});
  check(
      {"root mean square, axes as an input", 18, rms, "rms_norm 1", "eightfold:RMSNormalization"});
  check({"root mean square, opset 23", 23, rms, "rms_norm 1", "RMSNormalization"});
  check({"a scale of another axis is none of it", 13,
         [&](GraphBuilder& g, ValueId x) {
           const ValueId normal = g.node("Div", {x, root(g, g.node("Mul", {x, x}))});
           return g.node("Mul", {normal, g.constant(noise({3, 1}))});
         },
         "", "Mul ReduceMean Add Sqrt Div Mul"});
}

TEST_CASE("transposed convolutions with stride 1 are convolutions", "[cleanup]") {
  using Ints = std::vector<int64_t>;
  struct Row {
    const char* what;
    Shape x, weight;
    std::vector<Attribute> attributes;
    bool becomes;
  };
  const Row rows[] = {
      {"one axis", {2, 3, 7}, {3, 4, 3}, {}, true},
      {"pads of their own", {1, 3, 5, 6}, {3, 2, 3, 2}, {{"pads", Ints{1, 0, 2, 1}}}, true},
      {"dilations", {1, 2, 4, 5}, {2, 3, 3, 2}, {{"dilations", Ints{2, 3}}}, true},
      {"groups", {1, 6, 4, 4}, {6, 2, 3, 3}, {{"group", int64_t{3}}}, true},
      {"a group per channel", {1, 5, 4, 4}, {5, 1, 3, 3}, {{"group", int64_t{5}}}, true},
      {"three axes", {1, 2, 3, 3, 2}, {2, 3, 2, 2, 2}, {{"pads", Ints{0, 1, 0, 1, 0, 1}}}, true},
      {"stride", {1, 2, 4, 4}, {2, 3, 3, 3}, {{"strides", Ints{1, 2}}}, false},
      {"output_padding",
       {1, 2, 4},
       {2, 3, 3},
       {{"dilations", Ints{2}}, {"output_padding", Ints{1}}},
       false},
      {"output_shape", {1, 2, 4}, {2, 3, 3}, {{"output_shape", Ints{5}}}, false},
      {"auto_pad", {1, 2, 4}, {2, 3, 3}, {{"auto_pad", std::string("SAME_UPPER")}}, false},
      {"pads beyond the window", {1, 2, 6}, {2, 3, 2}, {{"pads", Ints{2, 1}}}, false},
  };
  for (const Row& row : rows) {
    const auto group = std::ranges::find(row.attributes, "group", &Attribute::name);
    const int64_t groups = group == row.attributes.end() ? 1 : std::get<int64_t>(group->value);
    check({row.what, 13,
           [&](GraphBuilder& g, ValueId x) {
             const ValueId w = g.constant(noise(row.weight, -1, 1, 5));
             const ValueId b = g.constant(noise({row.weight[1] * groups}, -1, 1, 7));
             return g.node("ConvTranspose", {x, w, b}, row.attributes);
           },
           row.becomes ? "transposed_convolutions 1" : "", row.becomes ? "Conv" : "ConvTranspose"},
          row.x);
  }
}

TEST_CASE("a pattern of the backend that names the parts goes first", "[cleanup]") {
  BackendConfig own("own");
  own.set_backend_pattern_config(BackendPatternConfig({"Erf", "Add", "Mul"}));
  const auto find = [](const char* name) -> const CleanupPass& {
    return *std::ranges::find(cleanup_passes(), std::string_view(name), &CleanupPass::name);
  };
  REQUIRE(find("gelu").swallows == std::vector<std::string_view>{"Mul", "Erf"});
  GraphBuilder g(20);
  const ValueId x = g.input("x", kShape);
  const ValueId erf = g.node("Erf", {g.node("Mul", {x, scalar(g, 0.70710678f)})});
  const ValueId bell = g.node("Add", {erf, scalar(g, 1)});
  g.output(g.node("Mul", {g.node("Mul", {x, bell}), scalar(g, 0.5f)}));
  Graph graph = g.build(), other = g.build();
  for (Graph* each : {&graph, &other}) infer_types(*each);
  clean_up(graph, own);
  clean_up(other, backend(kDefaultBackend));
  CHECK(ops_of(graph) == "Mul Erf Add Mul Mul");
  CHECK(ops_of(other) == "Gelu");
}

}  // namespace
}  // namespace eightfold
