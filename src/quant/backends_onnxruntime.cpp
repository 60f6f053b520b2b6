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

constexpr const char* kDTypes[kOnnxColumns] = {"W8 I8 DYN8 DYN16 F16 WOI8", "D8 DI8",
                                               "WO8 WO4 WOI8", "DYN8"};
constexpr auto kBetween = QuantizeWhen::kBetweenQuantized;
constexpr auto kAlone = QuantizeWhen::kDynamicAlone;
constexpr auto kAfter = QuantizeWhen::kInputQuantized;

constexpr Row kRewrites[] = {
    folded_row("[HardSwish] [eightfold:HardSwish]", "hard_swish_as_products"),
    folded_row("[ReduceMean]", "reduce_mean_as_global_average_pool"),
    folded_row("[Sub]", "sub_const_as_add"),
};
constexpr Row kRows[] = {
    ops_row(kLayers, "Conv eightfold:Conv Gemm eightfold:Gemm MatMul", Trait::kOwn, kAlone),
    ops_row(kOthers, "Add Mul eightfold:Add eightfold:Mul Where", Trait::kOwn, kBetween),
    ops_row(kOthers, "Concat LeakyRelu Sigmoid Softmax AveragePool GlobalAveragePool", Trait::kOwn,
            kAfter),
    ops_row(kOthers,
            "MaxPool Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Gather Expand "
            "DepthToSpace [Resize?mode=nearest]",
            Trait::kShare, kAfter),
    ops_row(kRecurrent, "LSTM"),
    table_row(kTables),
};

}  // namespace

void fill_onnxruntime(BackendConfig& config) {
  add_rows(config, kRewrites, kDTypes);
  add_rows(config, onnx_fusion_rows(), kDTypes);
  add_rows(config, kRows, kDTypes);
}

}  // namespace eightfold
