// onnxruntime: the groups that the QDQ selectors of ONNX Runtime 1.30 turn into integer kernels, as
// measured (peers.md 1.7, 2.3).
//
// What would run in float between its pairs is not quantized: ConvTranspose, Tanh, Elu, LayerNorm,
// Resize that interpolates. What has an equivalent that fuses is rewritten to it. Sigmoid and
// Softmax take any parameters.
#include "quant/backends_families.h"
#include "quant/backends_rows.h"

namespace eightfold {
namespace {

constexpr const char* kLayers = "W8 I8 DYN8 DYN16 F16 WOI8";
constexpr const char* kOthers = "D8 DI8";

PatternGraph graph_of_one(Pattern node) {
  PatternGraph graph;
  graph.nodes.emplace_back("node", PatternNode{std::move(node), {}});
  graph.outputs = {"node"};
  return graph;
}

void add_rewrite(BackendConfig& config, const char* op, const char* fuser) {
  BackendPatternConfig row;
  row.set_pattern_graph(graph_of_one(Pattern::of(op))).set_fuser_method(fuser);
  config.set_backend_pattern_config(std::move(row));
}

// Resize by the nearest element keeps its range; "nearest" is the default mode.
void add_resize(BackendConfig& config) {
  Pattern resize = Pattern::of("Resize");
  resize.attributes.push_back({"mode", {std::monostate(), "nearest"}});
  BackendPatternConfig row;
  row.set_pattern_graph(graph_of_one(std::move(resize)))
      .set_observation_type(kShare)
      .set_dtype_configs(dtypes_of(kOthers))
      .set_quantize_when(QuantizeWhen::kInputQuantized);
  config.set_backend_pattern_config(std::move(row));
}

}  // namespace

void fill_onnxruntime(BackendConfig& config) {
  add_rewrite(config, "HardSwish", "hard_swish_as_products");
  add_rewrite(config, "ReduceMean", "reduce_mean_as_global_average_pool");
  add_rewrite(config, "Sub", "sub_const_as_add");
  add_onnx_fusions(config, kLayers, kOthers);
  add_ops(config, "Conv eightfold:Conv Gemm eightfold:Gemm MatMul", kLayers, kOwn);
  add_ops(config, "Add Mul eightfold:Add eightfold:Mul Concat Where", kOthers, kOwn,
          QuantizeWhen::kBetweenQuantized);
  add_ops(config, "LeakyRelu Sigmoid Softmax AveragePool GlobalAveragePool", kOthers, kOwn,
          QuantizeWhen::kInputQuantized);
  add_ops(config,
          "MaxPool Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Gather Expand "
          "DepthToSpace",
          kOthers, kShare, QuantizeWhen::kInputQuantized);
  add_resize(config);
  add_embedding(config, "WO8 WO4 WOI8");
}

}  // namespace eightfold
