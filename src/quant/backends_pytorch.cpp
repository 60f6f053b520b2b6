// PyTorch's backends (spec-facts 2.10) in ONNX terms: native, fbgemm, x86, qnnpack, onednn,
// tensorrt, executorch.
//
// What PyTorch lists as module, function and method is one identity of ONNX, so its duplicates
// collapse: Conv is Conv1d to Conv3d and F.conv1d to F.conv3d; Gemm, and MatMul with a constant
// matrix, are Linear; Clip is Hardtanh, ReLU6 and clamp. A fused module is the op of our own
// domain, its activation an attribute: eightfold:Conv is ConvReLU. eightfold:ConvBn and the domain
// eightfold.qat are modules of training: no graph has them before that. What cannot be folded or
// fused is quantized apart from its layer, so most rows that fuse have no dtypes.
#include "quant/backends_families.h"
#include "quant/backends_rows.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- the table of 2.10
enum Column : uint8_t {
  kConv,
  kLinear,
  kBinary,
  kConcat,
  kOwn,
  kFixed,
  kShare,
  kShapes,
  kLayerNorm,
  kRecurrent,
  kTable,
  kColumnCount
};
struct Columns {
  std::string_view name;
  const char* dtypes[kColumnCount];  // "": the backend does not know these ops
};
constexpr const char *kDynamic = "DYN8 DYN16", *kAnyLinear = "W8 DYN8 DYN16";
constexpr const char *kXnnpack = "DS8 D8", *kWeight = "WO8 WO4";
constexpr Columns kColumns[] = {
    {"native", {"W8", kAnyLinear, "D8", "D8", "D8", "D8", "D8", "D8", "IO8", kDynamic, kWeight}},
    {"fbgemm", {"W8", kAnyLinear, "D8", "D8", "D8", "D8", "D8", "D8", "", kDynamic, kWeight}},
    {"x86", {"W8", kAnyLinear, "W8", "D8", "D8", "W8", "D8", "D8", "", kDynamic, kWeight}},
    {"qnnpack",
     {"QS8 W8", "QS8 W8 DYN8 DYN16", kXnnpack, kXnnpack, kXnnpack, kXnnpack, kXnnpack, "", "",
      kDynamic, kWeight}},
    {"onednn", {"W8", "W8 DYN8", "D8", "D8", "D8", "D8", "D8", "", "IO8", "DYN8", "WOI8"}},
    {"tensorrt", {"I8", "I8", "I8", "DI8", "", "", "DI8", "DI8", "", "", ""}},
    {"executorch",
     {"QS8 W8", "QS8 W8 DYN8 DYNS8 DYN16", "DS8 W8", kXnnpack, kXnnpack, "", kXnnpack, "", "", "",
      "WO8"}},
};

// ---------------------------------------------------------------- rows
constexpr Row module_row(uint8_t column, const char* pattern, const char* root,
                         const char* qat = "", const char* getter = "") {
  return {.column = column, .patterns = pattern, .root = root, .qat = qat, .getter = getter};
}

constexpr Row kConvRows[] = {
    module_row(kConv, "Conv", "Conv", "eightfold.qat:Conv"),
    module_row(kConv, "eightfold:Conv", "Conv", "eightfold.qat:Conv"),
    module_row(kConv, "eightfold:ConvBn", "Conv", "eightfold.qat:ConvBn"),
    module_row(kConv, "eightfold.qat:Conv eightfold.qat:ConvBn", "Conv"),
    fused_row(kConv, "Conv>Relu", "conv_relu", "eightfold:Conv"),
    folded_row("Conv>BatchNormalization", "conv_bn", "eightfold:ConvBn"),
    folded_row("Conv>BatchNormalization>Relu", "conv_bn_relu", "eightfold:ConvBn"),
};
// MatMul with a constant matrix, one of whose inputs is data, is Linear without a bias.
constexpr Row kLinearRows[] = {
    module_row(kLinear, "Gemm", "Gemm", "eightfold.qat:Gemm"),
    module_row(kLinear, "eightfold.qat:Gemm", "Gemm"),
    module_row(kLinear, "(MatMul,*)", "MatMul", "eightfold.qat:MatMul", "anchor"),
    module_row(kLinear, "eightfold.qat:MatMul", "MatMul"),
    folded_row("(Add,MatMul,*)", "matmul_add", "", "first"),
    folded_row("(Add,*,MatMul)", "matmul_add"),
};
// With one tensor the other operand is a scalar.
constexpr Row kBinaryRows[] = {
    ops_row(kBinary, "Add Mul eightfold:Add eightfold:Mul", Trait::kByTensors),
    fused_row(kBinary, "Add>Relu", "add_relu", "eightfold:Add", Trait::kByTensors),
    fused_row(kBinary, "Mul>Relu", "mul_relu", "eightfold:Mul", Trait::kByTensors),
};
constexpr Row kNativeRows[] = {
    module_row(kConv, "ConvTranspose", "ConvTranspose"),
    folded_row("ConvTranspose>BatchNormalization", "convtranspose_bn"),
    module_row(kLinear, "eightfold:Gemm", "Gemm", "eightfold.qat:Gemm"),
    module_row(kLinear, "eightfold:GemmBn", "Gemm", "eightfold.qat:GemmBn"),
    module_row(kLinear, "eightfold.qat:GemmBn", "Gemm"),
    fused_row(kLinear, "Gemm>Relu", "linear_relu", "eightfold:Gemm"),
    folded_row("Gemm>BatchNormalization", "linear_bn", "eightfold:GemmBn"),
    {.column = kLinear, .patterns = "(Relu,(MatMul,*))", .getter = "innermost"},
    ops_row(kBinary, "MatMul"),
    ops_row(kConcat, "Concat", Trait::kShare),
    ops_row(kOwn,
            "Elu LeakyRelu HardSwish eightfold:HardSwish PRelu InstanceNormalization "
            "GroupNormalization Dropout BatchNormalization BatchNormalization>Relu"),
    ops_row(kFixed, "HardSigmoid Sigmoid Softmax", Trait::kFixed),
    ops_row(kFixed, "Tanh", Trait::kFixedTanh),
    ops_row(kShare,
            "AveragePool GlobalAveragePool MaxPool Relu Clip Identity DepthToSpace SpaceToDepth "
            "Resize Upsample Flatten ReduceMean Slice Split Gather Expand Tile Transpose Squeeze "
            "Unsqueeze Reshape",
            Trait::kShare),
    ops_row(kShapes, "Shape Size", Trait::kNotObserved),
    ops_row(kLayerNorm, "LayerNormalization"),
    module_row(kRecurrent, "LSTM", "LSTM"),
    module_row(kRecurrent, "GRU", "GRU"),
    module_row(kRecurrent, "RNN", "RNN"),
    table_row(kTable),
};

// onednn alone: what is added to a Conv, in either order, with or without BatchNormalization and
// Relu; LeakyRelu and Tanh behind Linear. (Gemm, BatchNormalization, LeakyRelu) needs no row: the
// first two are folded before activations are looked at.
constexpr Row residual_row(const char* patterns, const char* fuser, const char* getter) {
  Row row = folded_row(patterns, fuser, "eightfold:ConvAdd", getter);
  row.extra = "match_all";
  return row;
}
constexpr Row kOnednnRows[] = {
    residual_row("(Add,Conv,*) (Add,(BatchNormalization,Conv),*)", "conv_add", "first"),
    residual_row("(Add,*,Conv) (Add,*,(BatchNormalization,Conv))", "conv_add", "last"),
    residual_row("(Relu,(Add,Conv,*)) (Relu,(Add,(BatchNormalization,Conv),*))", "conv_add_relu",
                 "first"),
    residual_row("(Relu,(Add,*,Conv)) (Relu,(Add,*,(BatchNormalization,Conv)))", "conv_add_relu",
                 "last"),
    module_row(kConv, "eightfold:ConvAdd", "Conv"),
    fused_row(kLinear, "Gemm>LeakyRelu", "linear_leaky_relu", "eightfold:Gemm"),
    fused_row(kLinear, "Gemm>Tanh", "linear_tanh", "eightfold:Gemm"),
};

constexpr Row kExecutorchRows[] = {
    ops_row(kBinary, "Sub Sub>Relu", Trait::kByTensors),
    ops_row(kShare,
            "Flatten GlobalAveragePool Elu Clip MaxPool Pad Relu LeakyRelu ReduceMean Transpose "
            "Squeeze Reshape Concat",
            Trait::kShare),
    ops_row(kOwn, "BatchNormalization"),
    table_row(kTable),
};

}  // namespace

void fill_pytorch(BackendConfig& config) {
  const std::string& name = config.name();
  for (const Columns& preset : kColumns) {
    if (preset.name != name) continue;
    for (std::span<const Row> rows :
         {std::span<const Row>(kConvRows), std::span<const Row>(kLinearRows),
          std::span<const Row>(kBinaryRows),
          name == "executorch" ? std::span<const Row>(kExecutorchRows)
                               : std::span<const Row>(kNativeRows)}) {
      add_rows(config, rows, preset.dtypes);
    }
    if (name == "onednn") add_rows(config, kOnednnRows, preset.dtypes);
  }
}

}  // namespace eightfold
