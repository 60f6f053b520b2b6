// The presets: what a target can do, as tables of operator names.
//
// wasm         our own kernels: uint8 or int8 activations, int8 weights, int32 accumulators
// onnxruntime  the groups that ONNX Runtime's QDQ selectors turn into integer kernels
// Whether an output shares its input's parameters is the OpDef row's word, unless a table here
// overrides it. To add a preset: a function that fills a BackendConfig, and a row of kPresets.
#include <array>

#include "core/error.h"
#include "quant/backend_config.h"

namespace eightfold {
namespace {

using Names = std::vector<const char*>;

DTypeConfig static_config(DType activation) {
  DTypeConfig config;
  config.input.dtype = config.output.dtype = activation;
  config.weight.dtype = DType::kInt8;
  config.bias = DType::kFloat32;
  return config;
}

// In order of preference.
std::vector<DTypeConfig> eight_bit() {
  return {static_config(DType::kUint8), static_config(DType::kInt8)};
}

void add_ops(BackendConfig& config, const Names& ops,
             std::optional<ObservationType> observation = std::nullopt) {
  const bool share = observation == ObservationType::kOutputShareObserverWithInput;
  for (const char* op : ops) {
    BackendPatternConfig row;
    row.set_pattern({op});
    if (observation) row.observation_type = *observation;
    row.dtype_configs = eight_bit();
    row.set_quantize_when(share ? QuantizeWhen::kInputQuantized : QuantizeWhen::kBetweenQuantized);
    config.set_backend_pattern_config(std::move(row));
  }
}

void add_fusion(BackendConfig& config, Pattern pattern, std::string fuser,
                std::string root_getter = "") {
  BackendPatternConfig row;
  row.set_pattern_complex_format(std::move(pattern));
  row.fuser_method = std::move(fuser);
  row.root_node_getter = std::move(root_getter);
  config.set_backend_pattern_config(std::move(row));
}

// An activation after a layer: fused where possible, else observed behind the activation.
void add_activations(BackendConfig& config, const char* layer, const std::string& fuser) {
  for (const auto& [op, suffix] : {std::pair("Relu", "_relu"), std::pair("Clip", "_clip")}) {
    BackendPatternConfig row;
    row.set_pattern({layer, op});
    row.dtype_configs = eight_bit();
    if (!fuser.empty()) row.fuser_method = fuser + suffix;
    config.set_backend_pattern_config(std::move(row));
  }
}

// Folding and fusing serve every target alike.
void add_layer_fusions(BackendConfig& config, const char* layer, const std::string& fuser) {
  add_fusion(config, Pattern::forward({layer, "BatchNormalization", "Relu"}), fuser + "_bn_relu");
  add_fusion(config, Pattern::forward({layer, "BatchNormalization"}), fuser + "_bn");
  for (const auto& [op, suffix] :
       {std::pair("Add", "_add_const"), std::pair("Mul", "_mul_const")}) {
    const Pattern any = Pattern::match_all();
    add_fusion(config, Pattern::of(op, {Pattern::of(layer), any}), fuser + suffix, "first");
    add_fusion(config, Pattern::of(op, {any, Pattern::of(layer)}), fuser + suffix);
  }
  add_activations(config, layer, fuser);
}

void add_fusions(BackendConfig& config) {
  add_layer_fusions(config, "Conv", "conv");
  add_layer_fusions(config, "ConvTranspose", "convtranspose");
  add_layer_fusions(config, "Gemm", "linear");
  add_activations(config, "Add", "add");
  add_activations(config, "Mul", "mul");
  add_activations(config, "MatMul", "");
  const Pattern any = Pattern::match_all();
  add_fusion(config, Pattern::of("Add", {Pattern::of("MatMul"), any}), "matmul_add", "first");
  add_fusion(config, Pattern::of("Add", {any, Pattern::of("MatMul")}), "matmul_add");
  for (const char* conv : {"Conv", "eightfold:Conv"}) {
    add_fusion(config, Pattern::forward({"Pad", conv}), "pad_into_conv", "anchor");
  }
  for (const char* pool : {"MaxPool", "AveragePool"}) {
    add_fusion(config, Pattern::forward({"Pad", pool}), "pad_into_pool", "anchor");
  }
}

constexpr auto kOwnOutput = ObservationType::kOutputUseDifferentObserverAsInput;

// ConvTranspose has no int8 kernel yet: it is fused, and runs in float.
BackendConfig wasm() {
  BackendConfig config("exact8");
  add_fusions(config);
  add_ops(config, {"Conv", "eightfold:Conv", "Gemm", "eightfold:Gemm", "MatMul", "Add", "Mul",
                   "eightfold:Add", "eightfold:Mul", "LeakyRelu", "Sigmoid", "AveragePool",
                   "GlobalAveragePool"});
  add_ops(config, {"Concat"}, kOwnOutput);
  add_ops(config, {"Relu",         "Clip",      "MaxPool",   "Reshape",  "Flatten",
                   "Squeeze",      "Unsqueeze", "Transpose", "Slice",    "Split",
                   "Gather",       "Expand",    "Tile",      "Pad",      "DepthToSpace",
                   "SpaceToDepth", "Resize",    "Upsample",  "Identity", "Dropout"},
          ObservationType::kOutputShareObserverWithInput);
  return config;
}

BackendConfig onnxruntime() {
  BackendConfig config("onnxruntime");
  add_fusions(config);
  add_ops(config, {"Conv", "eightfold:Conv", "Gemm", "eightfold:Gemm", "MatMul", "Add", "Mul",
                   "eightfold:Add", "eightfold:Mul", "LeakyRelu", "Sigmoid", "Softmax",
                   "AveragePool", "GlobalAveragePool"});
  add_ops(config, {"Concat"}, kOwnOutput);
  add_ops(config, {"MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice",
                   "Split", "Gather", "Expand", "DepthToSpace", "Resize"},
          ObservationType::kOutputShareObserverWithInput);
  return config;
}

const std::array<BackendConfig, 2>& presets() {
  static const std::array<BackendConfig, 2> all{wasm(), onnxruntime()};
  return all;
}

}  // namespace

const BackendConfig& backend(std::string_view name) {
  std::string known;
  for (const BackendConfig& preset : presets()) {
    if (preset.name() == name || (name == "wasm" && preset.name() == "exact8")) return preset;
    known += (known.empty() ? "" : ", ") + preset.name();
  }
  throw Error(ErrorCode::kInvalidConfig, "there is no backend named '" + std::string(name) + "'",
              "known are " + known);
}

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const BackendConfig& preset : presets()) names.push_back(preset.name());
  return names;
}

}  // namespace eightfold
