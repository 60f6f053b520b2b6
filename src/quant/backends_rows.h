// Presets as data: rows of patterns in text, and one place that makes BackendPatternConfigs of
// them. So a backend costs the module some hundred bytes of text, and no code.
//
//   patterns   blank-separated, each with the rest of the row:
//              Conv                        one op
//              Conv>Relu                   a forward tuple
//              (Relu,(Add,*,Conv))         nested; * is MatchAllNode, # a constant
//              [HardSwish]                 a graph of this node alone: what a rewrite matches
//              [Resize?mode=nearest]       where this attribute is absent or has this value
//   column     which list of dtypes of the preset (backends_dtypes.h) the row takes; a row whose
//   list
//              is empty is left out. kFusesOnly: no dtypes, for fusing alone
#pragma once

#include <span>

#include "quant/backend_config.h"

namespace eightfold {

inline constexpr uint8_t kFusesOnly = 255;

enum class Trait : uint8_t {
  kOwn,    // the output has an observer of its own
  kShare,  // that of its input
  kNotObserved,
  kByTensors,  // its own with two tensors; with one and a scalar, that of the input
  kFixed,      // scale 1 / 256, zero point 0, for what is uint8
  kFixedTanh,  // 2 / 256, 128
  kTable,      // its own; input 0 is the weight
};

struct Row {
  uint8_t column;
  const char* patterns;
  Trait trait = Trait::kOwn;
  QuantizeWhen when = QuantizeWhen::kAlways;
  const char* fuser = "";
  const char* module = "";  // fused
  const char* root = "";    // root module, and its own reference module
  const char* qat = "";
  const char* getter = "";  // root node
  const char* extra = "";   // extra inputs getter
};

// Operators that are quantized.
constexpr Row ops_row(uint8_t column, const char* ops, Trait trait = Trait::kOwn,
                      QuantizeWhen when = QuantizeWhen::kAlways) {
  return {.column = column, .patterns = ops, .trait = trait, .when = when};
}
// Quantized as one where it is not fused.
constexpr Row fused_row(uint8_t column, const char* patterns, const char* fuser, const char* module,
                        Trait trait = Trait::kOwn) {
  return {column, patterns, trait, QuantizeWhen::kAlways, fuser, module};
}
// Rows of a constant table, gathered; the row of Gather itself is for what is computed.
constexpr Row table_row(uint8_t column) {
  return {.column = column,
          .patterns = "(Gather,#)",
          .trait = Trait::kTable,
          .root = "Gather",
          .getter = "anchor"};
}
// Fused, or quantized apart.
constexpr Row folded_row(const char* patterns, const char* fuser, const char* module = "",
                         const char* getter = "") {
  return {.column = kFusesOnly,
          .patterns = patterns,
          .fuser = fuser,
          .module = module,
          .getter = getter};
}

// `columns`: the preset's lists of dtypes. Throws kInternal on text that is no pattern.
void add_rows(BackendConfig& config, std::span<const Row> rows,
              std::span<const char* const> columns);

// ---------------------------------------------------------------- tables that families share
enum OnnxColumn : uint8_t { kLayers, kOthers, kTables, kRecurrent, kOnnxColumns };
// For targets that run graphs of ONNX. BatchNormalization, sums and products with constants, and
// activations become part of the layer before them, Pad of the Conv behind it: exact in float.
std::span<const Row> onnx_fusion_rows();

}  // namespace eightfold
