// exact8, fast8, turbo: our own kernels, whose conditions are constraints like any other.
//
//   exact8  uint8 or int8 activations, int8 weights: sums in 32 bits, nothing to keep
//   fast8   the same activations; the weights of each pair bounded, so that 16-bit sums of two
//           products are exact
//   turbo   uint8 in 0..127; the weights of each four bounded, so that sums of four are
// In order of preference: a layer whose QConfig does not keep a bound runs by exact8's conditions
// (performance.md 5.3). ConvTranspose has no int8 kernel: it is fused, and runs in float.
#include "core/error.h"
#include "quant/backends_families.h"
#include "quant/backends_rows.h"

namespace eightfold {
namespace {

struct Columns {
  std::string_view name;
  const char *layers, *others;
};
constexpr Columns kColumns[] = {
    {"exact8", "W8 I8 DYN8 DYN16 F16 WOI8", "D8 DI8"},
    {"fast8", "PAIR8 PAIRI8 W8 I8 DYN8 DYN16 F16 WOI8", "D8 DI8"},
    {"turbo", "QUAD7 W8 I8 DYN8 DYN16 F16 WOI8", "D7 D8 DI8"},
};

const Columns& columns_of(std::string_view name) {
  for (const Columns& row : kColumns) {
    if (row.name == name) return row;
  }
  throw Error(ErrorCode::kInternal, "no dtypes for the backend '" + std::string(name) + "'");
}

}  // namespace

void fill_wasm(BackendConfig& config) {
  const auto& [name, layers, others] = columns_of(config.name());
  add_onnx_fusions(config, layers, others);
  add_ops(config, "Conv eightfold:Conv Gemm eightfold:Gemm MatMul", layers, kOwn);
  add_ops(config, "Add Mul eightfold:Add eightfold:Mul Concat", others, kOwn,
          QuantizeWhen::kBetweenQuantized);
  add_ops(config, "LeakyRelu Sigmoid AveragePool GlobalAveragePool", others, kOwn,
          QuantizeWhen::kInputQuantized);
  add_ops(config,
          "Relu Clip MaxPool Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Gather Expand "
          "Tile Pad DepthToSpace SpaceToDepth Resize Upsample Identity Dropout",
          others, kShare, QuantizeWhen::kInputQuantized);
  add_embedding(config, "WO8 WO4 WOI8");
}

}  // namespace eightfold
