// PyTorch's backends (spec-facts 2.10) in ONNX terms: native, fbgemm, x86, qnnpack, onednn,
// tensorrt, executorch.
//
// What PyTorch lists as module, function and method is one identity of ONNX, so its duplicates
// collapse: Conv is Conv1d to Conv3d and F.conv1d to F.conv3d; Gemm, and MatMul with a constant
// matrix, are Linear; Clip is Hardtanh, ReLU6 and clamp. A fused module is the op of our own
// domain, its activation an attribute: eightfold:Conv is ConvReLU. eightfold:ConvBn and the domain
// eightfold.qat are modules of training: no graph has them before that. A BatchNormalization that
// cannot be folded is quantized apart from its layer, so the rows that fold have no dtypes.
#include <span>

#include "core/error.h"
#include "quant/backends_families.h"
#include "quant/backends_rows.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- the table of 2.10
// One column per list of dtypes; "": the backend does not know these ops.
struct Columns {
  std::string_view name;
  const char *conv, *linear, *binary, *concat, *own, *fixed, *share, *shapes, *layer_norm,
      *recurrent, *embedding;
};
constexpr const char* kLinear = "W8 DYN8 DYN16";
constexpr const char* kRecurrent = "DYN8 DYN16";
constexpr const char* kEmbedding = "WO8 WO4";
constexpr const char* kXnnpack = "DS8 D8";
constexpr Columns kColumns[] = {
    {"native", "W8", kLinear, "D8", "D8", "D8", "D8", "D8", "D8", "IO8", kRecurrent, kEmbedding},
    {"fbgemm", "W8", kLinear, "D8", "D8", "D8", "D8", "D8", "D8", "", kRecurrent, kEmbedding},
    {"x86", "W8", kLinear, "W8", "D8", "D8", "W8", "D8", "D8", "", kRecurrent, kEmbedding},
    {"qnnpack", "QS8 W8", "QS8 W8 DYN8 DYN16", kXnnpack, kXnnpack, kXnnpack, kXnnpack, kXnnpack, "",
     "", kRecurrent, kEmbedding},
    {"onednn", "W8", "W8 DYN8", "D8", "D8", "D8", "D8", "D8", "", "IO8", "DYN8", "WOI8"},
    {"tensorrt", "I8", "I8", "I8", "DI8", "", "", "DI8", "DI8", "", "", ""},
};

const Columns& columns_of(std::string_view name) {
  for (const Columns& row : kColumns) {
    if (row.name == name) return row;
  }
  throw Error(ErrorCode::kInternal, "no dtypes for the backend '" + std::string(name) + "'");
}

constexpr const char* kShareOps =
    "AveragePool GlobalAveragePool MaxPool Relu Clip Identity DepthToSpace SpaceToDepth Resize "
    "Upsample Flatten ReduceMean Slice Split Gather Expand Tile Transpose Squeeze Unsqueeze "
    "Reshape";
constexpr const char* kOwnOps =
    "Elu LeakyRelu HardSwish PRelu InstanceNormalization GroupNormalization Dropout";

// ---------------------------------------------------------------- layers
// A module and the root module that it wraps; that is its own reference module, between a
// DequantizeLinear and a QuantizeLinear.
void add_module(BackendConfig& config, BackendPatternConfig row, const std::string& root,
                std::string_view qat = {}) {
  config.set_backend_pattern_config(
      row.set_root_module(root).set_reference_quantized_module(root).set_qat_module(
          std::string(qat)));
}

std::string in_training(const std::string& op) { return "eightfold.qat:" + op; }

// Conv and Linear have the same forms: plain, with an activation, with BatchNormalization, and each
// of these in training.
void add_layer(BackendConfig& config, const std::string& op, std::string_view dtypes) {
  const std::string fused = "eightfold:" + op;
  for (const auto& [module, qat] :
       {std::pair(op, in_training(op)), std::pair(fused, in_training(op)),
        std::pair(fused + "Bn", in_training(op + "Bn"))}) {
    add_module(config, forward_row(module, dtypes), op, qat);
    add_module(config, forward_row(qat, dtypes), op);
  }
}

void add_conv(BackendConfig& config, std::string_view dtypes) {
  add_layer(config, "Conv", dtypes);
  add_fusion(config, "Conv Relu", "conv_relu", "eightfold:Conv", dtypes);
  add_fusion(config, "Conv BatchNormalization", "conv_bn", "eightfold:ConvBn");
  add_fusion(config, "Conv BatchNormalization Relu", "conv_bn_relu", "eightfold:ConvBn");
}

void add_conv_transpose(BackendConfig& config, std::string_view dtypes) {
  add_module(config, forward_row("ConvTranspose", dtypes), "ConvTranspose");
  add_fusion(config, "ConvTranspose BatchNormalization", "convtranspose_bn", "");
}

// Linear without a bias is a MatMul with a constant matrix: of its inputs one is data.
void add_matmul(BackendConfig& config, std::string_view dtypes) {
  const Pattern matmul = Pattern::of("MatMul", {Pattern::match_all()});
  add_module(config, nested_row(matmul, dtypes).set_root_node_getter("anchor"), "MatMul",
             in_training("MatMul"));
  add_matmul_add(config);
}

void add_linear_fusions(BackendConfig& config, std::string_view dtypes) {
  PatternGraph without_bias;
  without_bias.nodes = {{"relu", {Pattern::of("Relu"), {"linear"}}},
                        {"linear", {Pattern::of("MatMul"), {"x"}}},
                        {"x", {Pattern::match_all(), {}}}};
  without_bias.outputs = {"relu"};
  BackendPatternConfig row;
  row.set_pattern_graph(std::move(without_bias)).set_root_node_getter("linear");
  config.set_backend_pattern_config(row.set_dtype_configs(dtypes_of(dtypes)));
  add_fusion(config, "Gemm Relu", "linear_relu", "eightfold:Gemm", dtypes);
  add_fusion(config, "Gemm BatchNormalization", "linear_bn", "eightfold:GemmBn");
}

// onednn alone: what is added to a Conv, in either order, with or without BatchNormalization and
// Relu; LeakyRelu and Tanh behind Linear. (Gemm, BatchNormalization, LeakyRelu) needs no row: the
// first two are folded before activations are looked at. A sum that cannot be fused is quantized
// apart from the Conv, so those rows have no dtypes either.
void add_onednn(BackendConfig& config, const Columns& columns) {
  const Pattern conv = Pattern::of("Conv");
  for (const Pattern& layer : {conv, Pattern::of("BatchNormalization", {conv})}) {
    BackendPatternConfig row;
    row.set_extra_inputs_getter("match_all").set_fused_module("eightfold:ConvAdd");
    add_either_side(config, "Add", layer, row.set_fuser_method("conv_add"));
    add_either_side(config, "Add", layer, row.set_fuser_method("conv_add_relu"), "Relu");
  }
  add_module(config, forward_row("eightfold:ConvAdd", columns.conv), "Conv");
  add_fusion(config, "Gemm LeakyRelu", "linear_leaky_relu", "eightfold:Gemm", columns.linear);
  add_fusion(config, "Gemm Tanh", "linear_tanh", "eightfold:Gemm", columns.linear);
}

// ---------------------------------------------------------------- all else
// With one tensor the other operand is a scalar, and the output shares the observer of the input.
void add_binary(BackendConfig& config, const std::string& op, std::string_view dtypes,
                const std::string& fuser) {
  const auto add = [&](BackendPatternConfig row) {
    row.set_num_tensor_args_to_observation_type({{0, kOwn}, {1, kShare}, {2, kOwn}});
    config.set_backend_pattern_config(std::move(row));
  };
  BackendPatternConfig with_relu = forward_row(op + " Relu", dtypes);
  if (!fuser.empty()) {
    with_relu.set_fuser_method(fuser).set_fused_module("eightfold:" + op);
    add(forward_row("eightfold:" + op, dtypes));
  }
  add(std::move(with_relu));
  add(forward_row(op, dtypes));
}

void add_fixed(BackendConfig& config, std::string_view ops, std::string_view dtypes, float scale,
               int32_t zero_point) {
  if (dtypes.empty()) return;
  for (std::string_view op : words_of(ops)) {
    BackendPatternConfig row = forward_row(op);
    row.set_dtype_configs(with_fixed_qparams(dtypes_of(dtypes), scale, zero_point));
    config.set_backend_pattern_config(std::move(row));
  }
}

void add_recurrent(BackendConfig& config, std::string_view dtypes) {
  if (dtypes.empty()) return;
  for (const char* op : {"LSTM", "GRU", "RNN"}) add_module(config, forward_row(op, dtypes), op);
}

}  // namespace

void fill_pytorch(BackendConfig& config) {
  const Columns& columns = columns_of(config.name());
  add_conv(config, columns.conv);
  add_conv_transpose(config, columns.conv);
  add_layer(config, "Gemm", columns.linear);
  add_matmul(config, columns.linear);
  add_linear_fusions(config, columns.linear);
  add_binary(config, "Add", columns.binary, "add_relu");
  add_binary(config, "Mul", columns.binary, "mul_relu");
  add_ops(config, "MatMul", columns.binary, kOwn);
  add_ops(config, "Concat", columns.concat, kShare);
  add_ops(config, kOwnOps, columns.own, kOwn);
  add_fixed(config, "HardSigmoid Sigmoid Softmax", columns.fixed, 1.0f / 256, 0);
  add_fixed(config, "Tanh", columns.fixed, 2.0f / 256, 128);
  add_ops(config, kShareOps, columns.share, kShare);
  add_ops(config, "Shape Size", columns.shapes, kNotObserved);
  add_ops(config, "BatchNormalization", columns.own, kOwn);
  if (*columns.own) {
    config.set_backend_pattern_config(forward_row("BatchNormalization Relu", columns.own));
  }
  add_ops(config, "LayerNormalization", columns.layer_norm, kOwn);
  add_recurrent(config, columns.recurrent);
  if (*columns.embedding) add_embedding(config, columns.embedding);
  if (config.name() == "onednn") add_onednn(config, columns);
}

void fill_executorch(BackendConfig& config) {
  const char *conv = "QS8 W8", *linear = "QS8 W8 DYN8 DYNS8 DYN16", *binary = "DS8 W8";
  add_module(config, forward_row("Gemm", linear), "Gemm", in_training("Gemm"));
  add_module(config, forward_row(in_training("Gemm"), linear), "Gemm");
  add_matmul(config, linear);
  add_conv(config, conv);
  add_binary(config, "Add", binary, "add_relu");
  add_binary(config, "Sub", binary, "");
  add_binary(config, "Mul", binary, "mul_relu");
  add_ops(config,
          "Flatten GlobalAveragePool Elu Clip MaxPool Pad Relu LeakyRelu ReduceMean Transpose "
          "Squeeze Reshape Concat",
          kXnnpack, kShare);
  add_ops(config, "BatchNormalization", kXnnpack, kOwn);
  add_embedding(config, "WO8");
}

}  // namespace eightfold
