// exact8, fast8, turbo: our own kernels, whose conditions are constraints like any other.
//
//   exact8  uint8 or int8 activations, int8 weights: sums in 32 bits, nothing to keep
//   fast8   the same activations; the weights of each pair bounded, so that 16-bit sums of two
//           products are exact
//   turbo   uint8 in 0..127; the weights of each four bounded, so that sums of four are
// In order of preference: a layer whose QConfig does not keep a bound runs by exact8's conditions
// (performance.md 5.3).
#include "quant/backends_families.h"
#include "quant/backends_rows.h"

namespace eightfold {
namespace {

struct Columns {
  std::string_view name;
  const char* dtypes[kOnnxColumns];  // layers, others, tables, recurrent
};
constexpr const char* kCells = "W8 I8 DYN8";
constexpr Columns kColumns[] = {
    {"exact8", {"W8 I8 DYN8 DYN16 F16 WOI8", "D8 DI8", "WO8 WO4 WOI8", kCells}},
    {"fast8", {"PAIR8 PAIRI8 W8 I8 DYN8 DYN16 F16 WOI8", "D8 DI8", "WO8 WO4 WOI8", kCells}},
    {"turbo", {"QUAD7 W8 I8 DYN8 DYN16 F16 WOI8", "D7 D8 DI8", "WO8 WO4 WOI8", kCells}},
};

constexpr auto kBetween = QuantizeWhen::kBetweenQuantized;
constexpr auto kAlone = QuantizeWhen::kDynamicAlone;
constexpr auto kAfter = QuantizeWhen::kInputQuantized;
constexpr Row kRows[] = {
    ops_row(kLayers, "Conv eightfold:Conv Gemm eightfold:Gemm MatMul", Trait::kOwn, kAlone),
    ops_row(kOthers, "Add Mul eightfold:Add eightfold:Mul", Trait::kOwn, kBetween),
    ops_row(kOthers,
            "LeakyRelu Sigmoid AveragePool GlobalAveragePool HardSwish eightfold:HardSwish "
            "HardSigmoid PRelu BatchNormalization",
            Trait::kOwn, kAfter),
    ops_row(kOthers,
            "Concat Relu Clip MaxPool Reshape Flatten Squeeze Unsqueeze Transpose Slice Split "
            "Gather Expand Tile Pad DepthToSpace SpaceToDepth Resize Upsample Identity Dropout",
            Trait::kShare, kAfter),
    ops_row(kRecurrent, "LSTM GRU RNN"),
    table_row(kTables),
};

// Not of exact8, whose files run on integers elsewhere too: there a convolution ends in a pair.
constexpr Row kSloped[] = {
    fused_row(kLayers, "Conv>LeakyRelu", "conv_leaky_relu", "eightfold:Conv"),
    fused_row(kLayers, "Conv>PRelu", "conv_prelu", "eightfold:Conv"),
};

// No dynamic form, and no kernel that keeps the bounds: its own dtypes, the same for all three.
constexpr const char* kTransposedDTypes[] = {"W8 I8 F16 WOI8"};
constexpr Row kTransposed[] = {ops_row(kLayers, "ConvTranspose eightfold:ConvTranspose")};

}  // namespace

void fill_wasm(BackendConfig& config) {
  for (const Columns& preset : kColumns) {
    if (preset.name != config.name()) continue;
    add_rows(config, onnx_fusion_rows(), preset.dtypes);
    if (preset.name != "exact8") add_rows(config, kSloped, preset.dtypes);
    add_rows(config, kRows, preset.dtypes);
    add_rows(config, kTransposed, kTransposedDTypes);
  }
}

}  // namespace eightfold
