// Which QConfigs a backend takes: dtype configs and their constraints against PyTorch's own answers
// (tests/golden/fx: `decisions`). A row is one operator through prepare and convert.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ops/op.h"
#include "quant/route.h"
#include "support/fx_golden.h"
#include "support/graph_builder.h"
#include "support/random_tensor.h"

namespace eightfold {
namespace {

using namespace test;

Graph graph_of(const std::string& op) {
  GraphBuilder builder(17);
  const ValueId x = builder.input("x", {2, 6});
  if (op == "Gemm") {
    const ValueId weight = builder.constant(random_tensor({4, 6}, 1));
    const ValueId bias = builder.constant(random_tensor({4}, 2));
    builder.output(builder.node("Gemm", {x, weight, bias}, {{"transB", int64_t{1}}}));
  } else {
    builder.output(builder.node(op, {x}));
  }
  Graph graph = builder.build();
  infer_types(graph);
  return graph;
}

BackendConfig backend_of(const std::string& op, const Json& dtypes) {
  BackendPatternConfig config(op.c_str());
  if (op == "Gemm") config.set_root_module(op).set_reference_quantized_module(op);
  return BackendConfig("one").set_backend_pattern_config(
      config.set_dtype_configs(fx_dtypes(dtypes)));
}

// Activations are quantized and dequantized by nodes, constants only dequantized.
std::string text_of(bool quantized, size_t observers, int64_t quantize, int64_t dequantize,
                    bool weight) {
  return (quantized ? "quantized, " : "float, ") + std::to_string(observers) + " observers, " +
         std::to_string(quantize) + " quantize, " + std::to_string(dequantize) + " dequantize" +
         (weight ? ", weight quantized" : "");
}

std::string decide(const std::string& op, const BackendConfig& backend, const QConfig& qconfig,
                   std::string* reason) {
  PreparedModel model = prepare(graph_of(op), QConfigMapping().set_global(qconfig), backend);
  const NodePlan& plan = model.plans.begin()->second;
  *reason = plan.reason;
  Calibrator(model).observe({{"x", Tensor::of<float>({2, 6}, std::vector<float>(12, 1.0f))}});
  const Graph reference = convert(model);
  int64_t quantize = 0, dequantize = 0;
  bool weight = false;
  for (NodeId id : reference.nodes()) {
    const Node& node = reference.node(id);
    if (node.is("QuantizeLinear")) ++quantize;
    if (!node.is("DequantizeLinear")) continue;
    const Tensor* constant = reference.constant(node.input(0));
    if (constant == nullptr) ++dequantize;
    weight = weight || (constant != nullptr && constant->rank() == 2);
  }
  return text_of(plan.quantized, model.slots.size(), quantize, dequantize, weight);
}

std::string golden_text(const Json& row) {
  return text_of(row["quantized"], row["observers"], row["quantize"], row["dequantize"],
                 row.value("weightQuantized", false));
}

TEST_CASE("a backend takes the QConfigs that PyTorch's takes", "[fx]") {
  const std::string left_float = text_of(false, 0, 0, 0, false);
  const std::string quantized = text_of(true, 2, 2, 2, true);
  const std::string held = "weights of layers are held against dtypes and constraints too";
  const std::string unnamed = "a dtype that is not named is any; PyTorch's weight stays float";
  GoldenRows rows("decisions", {{"Gemm, weight alone outside", left_float, held},
                                {"Gemm, weight alone smaller", left_float, held},
                                {"Gemm, another weight dtype", left_float, held},
                                {"Gemm, no weight named", quantized, unnamed},
                                {"Gemm, all null", quantized, unnamed}});
  for (const Json& row : fx_section("decisions")) {
    const std::string op = row["op"], test = row["test"], what = row["case"];
    const QConfig qconfig = fx_qconfig(row["qconfig"]);
    std::string reason;
    const std::string ours = decide(op, backend_of(op, row["dtypes"]), qconfig, &reason);
    INFO("PyTorch's test: " << (test.empty() ? "none" : test) << "; our reason: " << reason);
    rows.compare(op + ", " + what, ours, golden_text(row));
    if (test == "test_qnnpack_backend_config") {
      rows.compare("preset, " + what, decide(op, backend("qnnpack"), qconfig, &reason),
                   golden_text(row));
    }
  }
  rows.finish(31 + 2, 5);
}

}  // namespace
}  // namespace eightfold
