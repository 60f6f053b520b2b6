// Rows that presets share. Operators and dtypes come as words in one string, so that a preset reads
// as a table; a row without dtypes is a fusion alone.
#pragma once

#include <string>
#include <string_view>

#include "quant/backend_config.h"
#include "quant/backends_dtypes.h"

namespace eightfold {

inline constexpr auto kOwn = ObservationType::kOutputUseDifferentObserverAsInput;
inline constexpr auto kShare = ObservationType::kOutputShareObserverWithInput;
inline constexpr auto kNotObserved = ObservationType::kInputOutputNotObserved;

// A pattern with its dtypes: one op or a forward tuple; the nested format.
BackendPatternConfig forward_row(std::string_view ops, std::string_view dtypes = {});
BackendPatternConfig nested_row(Pattern pattern, std::string_view dtypes = {});

// One row per operator; none without dtypes.
void add_ops(BackendConfig& config, std::string_view ops, std::string_view dtypes,
             ObservationType observation, QuantizeWhen when = QuantizeWhen::kAlways);

// A forward tuple that a fuser joins. `module`: what it becomes, "" where that is an op of ONNX.
void add_fusion(BackendConfig& config, std::string_view ops, std::string fuser, std::string module,
                std::string_view dtypes = {});

// (op, inner, MatchAllNode) and (op, MatchAllNode, inner), as the input of `outer` where there is
// one; the root is in `inner`. `row`: all but the pattern.
void add_either_side(BackendConfig& config, const std::string& op, const Pattern& inner,
                     const BackendPatternConfig& row, const std::string& outer = {});

// MatMul with a constant matrix and the Add of a vector behind it: how Linear is often exported.
void add_matmul_add(BackendConfig& config);

// Gather of rows of a constant table; the row of Gather itself is for what is computed.
void add_embedding(BackendConfig& config, std::string_view dtypes);

// For targets that run graphs of ONNX. BatchNormalization, sums and products with constants, and
// activations become part of the layer before them, Pad of the Conv behind it: exact in float.
void add_onnx_fusions(BackendConfig& config, std::string_view layer_dtypes,
                      std::string_view binary_dtypes);

}  // namespace eightfold
