// Opset upgrades: every breaking change in ONNX's history has a step, steps give the stated form,
// and an upgraded graph computes what the old one computed.
#include <catch_amalgamated.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/upgrade.h"
#include "ops/upgrade_steps.h"
#include "support/data_files.h"
#include "support/graph_builder.h"
#include "support/op_runner.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// One node on `shape`, at an old opset.
struct OldNode {
  GraphBuilder g;
  ValueId x, y;
  OldNode(int64_t opset, const std::string& op, Shape shape, std::vector<Attribute> attributes,
          const std::vector<Tensor>& constants = {}, DType dtype = DType::kFloat32)
      : g(opset), x(g.input("x", shape, dtype)) {
    std::vector<ValueId> inputs{x};
    for (const Tensor& tensor : constants) inputs.push_back(g.constant(tensor));
    y = g.node(op, inputs, {.attributes = std::move(attributes), .name = "n"});
    g.output(y);
  }
  Graph upgraded(int64_t to) { return upgrade_opset(g.graph(), to); }
};

// The only node of a graph as text, constants printed in place.
std::string line(const Graph& graph) {
  REQUIRE(graph.nodes().size() == 1);
  verify(graph);
  const Node& node = graph.node(graph.nodes()[0]);
  std::string text = node.op_type + "(";
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (i) text += ", ";
    const Tensor* constant = graph.constant(node.input(i));
    if (node.input(i) == kNone) {
      text += "-";
    } else if (!constant) {
      text += "x";
    } else if (constant->dtype() == DType::kInt64) {
      text += shape_text(constant->data<int64_t>());
    } else if (constant->dtype() == DType::kFloat32) {
      text += "f32" + shape_text(constant->shape());
      for (const float value : constant->data<float>()) text += " " + std::to_string(value);
    } else {
      text += std::string(dtype_name(constant->dtype()));
    }
  }
  const std::string full = to_text(graph, graph.nodes()[0]);
  const size_t attributes = full.find(" {");
  return text + ")" + (attributes == std::string::npos ? "" : full.substr(attributes));
}

std::string refusal(OldNode old, int64_t to) {
  try {
    old.upgraded(to);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUnsupportedModel);
    CHECK(error.node() == "n");
    return error.message();
  }
  return {};
}

Attribute ints_of(std::string name, std::vector<int64_t> values) {
  return {std::move(name), std::move(values)};
}

}  // namespace

TEST_CASE("every breaking change of the specification has a step", "[ops][upgrade]") {
  const auto bytes = read_file(source_folder() + "/tests/golden/upgrade/breaking_changes.json");
  const auto changes = nlohmann::json::parse(bytes.begin(), bytes.end());
  std::set<std::pair<std::string, int64_t>> steps;
  for (const UpgradeStep& step : upgrade_steps()) {
    steps.emplace(std::string(step.op_type), step.to);
  }
  CHECK(changes.size() > 50);
  for (const auto& change : changes) {
    const std::string op = change["op"];
    const int64_t to = change["to"];
    if (to > kNewestUpgrade) continue;
    INFO(op << " at opset " << to << ": " << change["what"].get<std::string>());
    const bool every = change["what"] == "-consumed_inputs";  // dropped from every operator
    CHECK(steps.contains({every ? std::string(kEveryOp) : op, to}));
  }
}

TEST_CASE("the form of each step", "[ops][upgrade]") {
  struct Row {
    OldNode old;
    int64_t to;
    const char* form;
  };
  const Tensor scale2 = f32({4}, {1, 1, 2, 2});
  const Tensor scale_half = f32({4}, {1, 1, 0.5f, 0.5f});
  Row rows[] = {
      {{3, "Concat", {2, 2}, {}}, 4, "Concat(x) {axis=1}"},
      {{4, "Reshape", {2, 2}, {ints_of("shape", {4})}}, 5, "Reshape(x, [4])"},
      {{5, "Cast", {2}, {{"to", "FLOAT16"}}}, 6, "Cast(x) {to=10}"},
      {{5, "Relu", {2}, {ints_of("consumed_inputs", {0})}}, 6, "Relu(x)"},
      {{5, "Selu", {2}, {}}, 6, "Selu(x) {alpha=1.67320001, gamma=1.05069995}"},
      {{5, "Tile", {2, 3}, {}, {i64({}, {4}), i64({}, {1})}}, 6, "Tile(x, [1, 4])"},
      {{1, "LpPool", {1, 1, 4}, {{"p", 2.0f}}}, 2, "LpPool(x) {p=2}"},
      {{1, "Pad", {2}, {ints_of("paddings", {1, 1})}}, 2, "Pad(x) {pads=[1,1]}"},
      {{6,
        "Add",
        {2, 3, 4},
        {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}},
        {f32({3}, {1, 2, 3})}},
       7,
       "Add(x, f32[3, 1] 1.000000 2.000000 3.000000)"},
      {{6, "Add", {2, 3}, {{"broadcast", int64_t{1}}}, {f32({3}, {1, 2, 3})}},
       7,
       "Add(x, f32[3] 1.000000 2.000000 3.000000)"},
      {{6, "PRelu", {1, 2, 4, 4}, {}, {f32({2}, {1, 2})}},
       7,
       "PRelu(x, f32[2, 1, 1] 1.000000 2.000000)"},
      {{6, "PRelu", {1, 2, 4, 4}, {}, {f32({1}, {1})}}, 7, "PRelu(x, f32[1] 1.000000)"},
      {{6, "Dropout", {2}, {{"is_test", int64_t{1}}}}, 7, "Dropout(x)"},
      {{6,
        "Upsample",
        {1, 1, 2, 2},
        {{"height_scale", 2.0f}, {"width_scale", 3.0f}, {"mode", "bilinear"}}},
       7,
       "Upsample(x) {mode=\"linear\", scales=[1,1,2,3]}"},
      {{8, "Upsample", {1, 1, 2, 2}, {{"scales", floats({1, 1, 2, 2})}}},
       9,
       "Upsample(x, f32[4] 1.000000 1.000000 2.000000 2.000000)"},
      {{9, "Upsample", {1, 1, 2, 2}, {}, {scale2}},
       11,
       "Resize(x, f32[0], f32[4] 1.000000 1.000000 2.000000 2.000000) "
       "{coordinate_transformation_mode=\"asymmetric\", mode=\"nearest\", nearest_mode=\"floor\"}"},
      {{10, "Resize", {1, 1, 4, 4}, {}, {scale_half}},
       11,
       "Resize(x, f32[0], f32[4] 1.000000 1.000000 0.500000 0.500000) "
       "{coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"ceil\"}"},
      {{9, "Slice", {4}, {ints_of("starts", {1}), ints_of("ends", {3})}}, 10, "Slice(x, [1], [3])"},
      {{9, "Slice", {4}, {ints_of("starts", {1}), ints_of("ends", {3}), ints_of("axes", {0})}},
       10,
       "Slice(x, [1], [3], [0])"},
      {{9, "TopK", {4}, {{"k", int64_t{2}}}}, 10, "TopK(x, [2])"},
      {{10, "Pad", {2}, {ints_of("pads", {1, 1}), {"value", 0.5f}, {"mode", "constant"}}},
       11,
       "Pad(x, [1, 1], f32[] 0.500000) {mode=\"constant\"}"},
      {{10, "Clip", {2}, {{"max", 6.0f}}}, 11, "Clip(x, -, f32[] 6.000000)"},
      {{10, "Clip", {2}, {{"min", 0.0f}}, {}, DType::kFloat64}, 11, "Clip(x, float64)"},
      {{11, "Dropout", {2}, {{"ratio", 0.25f}}}, 12, "Dropout(x, f32[] 0.250000)"},
      {{12, "Squeeze", {1, 2}, {ints_of("axes", {0})}}, 13, "Squeeze(x, [0])"},
      {{12, "Unsqueeze", {2}, {ints_of("axes", {0})}}, 13, "Unsqueeze(x, [0])"},
      {{12, "ReduceSum", {2}, {ints_of("axes", {0}), {"keepdims", int64_t{0}}}},
       13,
       "ReduceSum(x, [0]) {keepdims=0}"},
      {{12, "ReduceMean", {2}, {ints_of("axes", {0})}}, 13, "ReduceMean(x) {axes=[0]}"},
      {{17, "ReduceMean", {2}, {ints_of("axes", {0})}}, 18, "ReduceMean(x, [0])"},
      {{12, "Split", {2}, {ints_of("split", {2})}}, 18, "Split(x, [2])"},
      {{17, "Split", {2}, {}}, 18, "Split(x) {num_outputs=1}"},
      {{12, "Softmax", {2, 3}, {}}, 13, "Softmax(x) {axis=-1}"},
      {{12, "LogSoftmax", {2, 3, 4}, {{"axis", int64_t{2}}}}, 13, "LogSoftmax(x) {axis=-1}"},
      {{10, "Scatter", {2}, {}}, 11, "ScatterElements(x)"},
      {{15, "RoiAlign", {1, 1, 4, 4}, {}},
       16,
       "RoiAlign(x) {coordinate_transformation_mode=\"output_half_pixel\"}"},
      {{19, "GridSample", {1, 1, 4, 4}, {{"mode", "bicubic"}}},
       20,
       "GridSample(x) {mode=\"cubic\"}"},
      {{19, "DFT", {1, 4, 1}, {}}, 20, "DFT(x, -, [1])"},
      {{7, "Relu", {2}, {}}, 21, "Relu(x)"},
  };
  for (Row& row : rows) {
    const Graph graph = row.old.upgraded(row.to);
    CHECK(line(graph) == row.form);
    CHECK(graph.opset() == row.to);
  }
}

TEST_CASE("a second operand that is computed is unsqueezed", "[ops][upgrade]") {
  GraphBuilder g(6);
  const ValueId a = g.input("a", {2, 3, 4, 5}), b = g.input("b", {3, 4});
  g.output(g.node("Mul", {a, b}, {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}}));
  const Graph seven = upgrade_opset(g.graph(), 7);
  REQUIRE(seven.nodes().size() == 2);
  CHECK(seven.node(seven.nodes()[0]).ints_attribute("axes") == std::vector<int64_t>{2});
  const Graph thirteen = upgrade_opset(g.graph(), 13);  // later steps see the new node
  const Node& unsqueeze = thirteen.node(thirteen.nodes()[0]);
  CHECK(unsqueeze.op_type == "Unsqueeze");
  CHECK(thirteen.constant(unsqueeze.input(1))->data<int64_t>()[0] == 2);
  verify(thirteen);
}

TEST_CASE("parameters per group become parameters per channel", "[ops][upgrade]") {
  OldNode old(18, "GroupNormalization", {1, 6, 3}, {{"num_groups", int64_t{2}}},
              {f32({2}, {2, 3}), f32({2}, {5, 7})});
  const Graph newer = old.upgraded(21);
  verify(newer);
  const Node& node = newer.node(newer.nodes()[0]);
  CHECK(std::ranges::equal(newer.constant(node.input(1))->data<float>(),
                           std::vector<float>{2, 2, 2, 3, 3, 3}));
  CHECK(std::ranges::equal(newer.constant(node.input(2))->data<float>(),
                           std::vector<float>{5, 5, 5, 7, 7, 7}));
  CHECK(refusal({18,
                 "GroupNormalization",
                 {1, 6, 3},
                 {{"num_groups", int64_t{2}}},
                 {f32({3}, {2, 3, 4}), f32({2}, {5, 7})}},
                21) != "");
}

TEST_CASE("Softmax over several axes is flattened and restored", "[ops][upgrade]") {
  OldNode old(11, "Softmax", {2, 3, 4}, {});
  const Graph graph = old.upgraded(13);
  verify(graph);
  std::string ops;
  for (NodeId id : graph.nodes()) ops += graph.node(id).op_type + " ";
  CHECK(ops == "Shape Flatten Softmax Reshape ");
  CHECK(graph.value(graph.outputs[0]).name == old.g.graph().value(old.y).name);
}

TEST_CASE("training outputs are taken off when nobody uses them", "[ops][upgrade]") {
  const auto graph = [](bool used) {
    GraphBuilder g(9);
    const ValueId x = g.input("x", {1, 2, 4, 4});
    std::vector<ValueId> inputs{x};
    for (int i = 0; i < 4; ++i) inputs.push_back(g.constant(f32({2}, {1, 1})));
    const auto outputs = g.nodes("BatchNormalization", inputs, 5, {.name = "n"});
    g.output(outputs[0]);
    if (used) g.output(outputs[1]);
    return g.build();
  };
  const Graph upgraded = upgrade_opset(graph(false), 14);
  CHECK(upgraded.node(upgraded.nodes()[0]).outputs().size() == 1);
  verify(upgraded);
  CHECK_THROWS_AS(upgrade_opset(graph(true), 14), Error);
}

TEST_CASE("what has no newer form is refused by name", "[ops][upgrade]") {
  CHECK(refusal({8, "Scan", {2}, {}}, 9).find("Scan changed its meaning") != std::string::npos);
  CHECK(refusal({8, "BatchNormalization", {1, 2}, {{"spatial", int64_t{0}}}}, 9) != "");
  CHECK(refusal({6, "Dropout", {2}, {{"is_test", int64_t{0}}}}, 7) != "");
  CHECK(refusal({5, "Cast", {2}, {{"to", "QUATERNION"}}}, 6) != "");
  CHECK(refusal({10, "Resize", {1, 1, 4, 4}, {}, {f32({4}, {1, 1, 2, 0.5f})}}, 11) != "");
  CHECK(refusal({1, "LpPool", {1, 1, 4}, {{"p", 1.5f}}}, 2) != "");
}

TEST_CASE("nothing to do, and nothing that could be done", "[ops][upgrade]") {
  OldNode old(13, "Relu", {2}, {});
  std::vector<std::string> notes;
  CHECK(to_text(upgrade_opset(old.g.graph(), 11, &notes)) == to_text(old.g.graph()));
  CHECK(notes.empty());
  CHECK_THROWS_AS(upgrade_opset(old.g.graph(), kNewestUpgrade + 1), Error);
  OldNode clip(10, "Clip", {2}, {{"max", 6.0f}});
  upgrade_opset(clip.g.graph(), 13, &notes);
  CHECK(notes == std::vector<std::string>{"n (Clip) rewritten to the form of opset 11"});
  CHECK(line(clip.g.graph()) == "Clip(x) {max=6}");  // the old graph stays as it was
}

TEST_CASE("bodies are upgraded and share the model's versions", "[ops][upgrade]") {
  OldNode inner(10, "Clip", {2}, {{"min", 0.0f}});
  GraphBuilder g(10);
  const ValueId c = g.input("c", {}, DType::kBool);
  Graph body(inner.g.graph());
  body.share_model(g.graph());
  const auto held = std::make_shared<const Graph>(std::move(body));
  g.output(g.node("If", {c}, {{"then_branch", held}, {"else_branch", held}}));
  const Graph graph = upgrade_opset(g.graph(), 13);
  const auto& branch = *std::get<Attribute::GraphPtr>(
      graph.node(graph.nodes()[0]).find_attribute("then_branch")->value);
  CHECK(line(branch) == "Clip(x, f32[] 0.000000)");
  CHECK(branch.opset() == 13);
}

TEST_CASE("the IR version rises, and listed weights stay constants", "[ops][upgrade]") {
  OldNode old(8, "Mul", {2}, {}, {f32({2}, {1, 2})});
  old.g.graph().inputs.push_back(old.g.graph().find_value("c"));
  old.g.graph().model().ir_version = 3;
  const Graph graph = old.upgraded(13);
  CHECK(graph.model().ir_version == 7);
  CHECK(graph.inputs == std::vector<ValueId>{old.x});
}
