// The options of prepare and convert as JSON, as the bindings and a recipe give them.
//
//   prepare   short  {mode?: "static" | "dynamic" | "weight_only" | "float16", observer?,
//                     perTensor?: bool, activations?: "uint8" | "int8", exclude?: [node or op],
//                     exact?: [node or op]}
//             long   {qconfigMapping}              and with either form  prepareCustomConfig?
//   convert   {qconfigMapping?, convertCustomConfig?}
// The short form starts from the QConfig that the backend's kernels want; what `exact` names gets
// the one of exact8.
#pragma once

#include <string_view>

#include "ir/graph.h"
#include "quant/backend_config.h"
#include "quant/route.h"

namespace eightfold {

struct PrepareOptions {
  QConfigMapping qconfig_mapping;
  PrepareCustomConfig custom;
};

// Throws kInvalidConfig with the place of the fault first, as config_json.h does; also for an
// `exclude` entry that is neither a node nor an op type of the fused model.
PrepareOptions prepare_options_from_json(std::string_view text, const BackendConfig& backend,
                                         const Graph& fused);
ConvertOptions convert_options_from_json(std::string_view text);

}  // namespace eightfold
