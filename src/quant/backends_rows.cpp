// See backends_rows.h.
#include "quant/backends_rows.h"

namespace eightfold {
namespace {

std::string fused(std::string_view op) { return "eightfold:" + std::string(op); }

// How fusers name a layer.
struct Layer {
  const char *op, *fuser;
  bool is_quantized;
};
constexpr Layer kLayers[] = {
    {"Conv", "conv", true},
    {"ConvTranspose", "convtranspose", false},  // no integer kernel
    {"Gemm", "linear", true},
};

void add_activations(BackendConfig& config, const char* layer, const std::string& fuser,
                     std::string_view dtypes) {
  const std::string op = layer;
  add_fusion(config, op + " Relu", fuser + "_relu", fused(op), dtypes);
  add_fusion(config, op + " Clip", fuser + "_clip", fused(op), dtypes);
}

void add_constants(BackendConfig& config, const Layer& layer, const char* op, const char* fuser) {
  BackendPatternConfig row;
  row.set_fuser_method(std::string(layer.fuser) + fuser);
  add_either_side(config, op, Pattern::of(layer.op), row);
}

}  // namespace

BackendPatternConfig forward_row(std::string_view ops, std::string_view dtypes) {
  const std::vector<std::string_view> words = words_of(ops);
  BackendPatternConfig row(std::vector<std::string>(words.begin(), words.end()));
  return row.set_dtype_configs(dtypes_of(dtypes));
}

BackendPatternConfig nested_row(Pattern pattern, std::string_view dtypes) {
  BackendPatternConfig row;
  return row.set_pattern_complex_format(std::move(pattern)).set_dtype_configs(dtypes_of(dtypes));
}

void add_ops(BackendConfig& config, std::string_view ops, std::string_view dtypes,
             ObservationType observation, QuantizeWhen when) {
  if (dtypes.empty()) return;
  for (std::string_view op : words_of(ops)) {
    config.set_backend_pattern_config(
        forward_row(op, dtypes).set_observation_type(observation).set_quantize_when(when));
  }
}

void add_fusion(BackendConfig& config, std::string_view ops, std::string fuser, std::string module,
                std::string_view dtypes) {
  config.set_backend_pattern_config(forward_row(ops, dtypes)
                                        .set_fuser_method(std::move(fuser))
                                        .set_fused_module(std::move(module)));
}

void add_either_side(BackendConfig& config, const std::string& op, const Pattern& inner,
                     const BackendPatternConfig& row, const std::string& outer) {
  const Pattern any = Pattern::match_all();
  for (const char* side : {"first", "last"}) {
    const bool is_left = side == std::string_view("first");
    Pattern pattern = Pattern::of(op, is_left ? std::vector{inner, any} : std::vector{any, inner});
    if (!outer.empty()) pattern = Pattern::of(outer, {std::move(pattern)});
    BackendPatternConfig copy = row;
    copy.set_pattern_complex_format(std::move(pattern)).set_root_node_getter(side);
    config.set_backend_pattern_config(std::move(copy));
  }
}

void add_matmul_add(BackendConfig& config) {
  BackendPatternConfig row;
  row.set_fuser_method("matmul_add");
  add_either_side(config, "Add", Pattern::of("MatMul"), row);
}

void add_embedding(BackendConfig& config, std::string_view dtypes) {
  Pattern table;
  table.kind = Pattern::Kind::kConstant;
  config.set_backend_pattern_config(nested_row(Pattern::of("Gather", {table}), dtypes)
                                        .set_root_node_getter("anchor")
                                        .set_input_type_to_index({{"weight", 0}})
                                        .set_root_module("Gather")
                                        .set_reference_quantized_module("Gather"));
}

void add_onnx_fusions(BackendConfig& config, std::string_view layer_dtypes,
                      std::string_view binary_dtypes) {
  for (const Layer& layer : kLayers) {
    const std::string op = layer.op, fuser = layer.fuser;
    add_fusion(config, op + " BatchNormalization Relu", fuser + "_bn_relu", fused(op));
    add_fusion(config, op + " BatchNormalization", fuser + "_bn", "");
    add_constants(config, layer, "Add", "_add_const");
    add_constants(config, layer, "Mul", "_mul_const");
    add_activations(config, layer.op, fuser, layer.is_quantized ? layer_dtypes : "");
  }
  add_activations(config, "Add", "add", binary_dtypes);
  add_activations(config, "Mul", "mul", binary_dtypes);
  for (const char* activation : {"MatMul Relu", "MatMul Clip"}) {
    config.set_backend_pattern_config(forward_row(activation, layer_dtypes));
  }
  add_matmul_add(config);
  for (const char* conv : {"Conv", "eightfold:Conv"}) {
    config.set_backend_pattern_config(forward_row("Pad " + std::string(conv))
                                          .set_fuser_method("pad_into_conv")
                                          .set_root_node_getter("anchor"));
  }
  for (const char* pool : {"MaxPool", "AveragePool"}) {
    config.set_backend_pattern_config(forward_row("Pad " + std::string(pool))
                                          .set_fuser_method("pad_into_pool")
                                          .set_root_node_getter("anchor"));
  }
}

}  // namespace eightfold
