// The configs as JSON, both ways (docs: one schema for files, C++ and JavaScript; keys camelCase).
//
//   BackendConfig config = backend_from_json(text);      to_json(config)
// *_from_json throws kInvalidConfig, and nothing else, for what is wrong with the text; the message
// begins with the place: "configs[2].dtypeConfigs[0].inputDtype.dtype: unknown dtype 'int9'".
// Unknown keys are errors; a key that is null is as good as missing (a QConfig may be null: do not
// quantize). `indent`: spaces per level, -1 for all on one line.
#pragma once

#include <string>
#include <string_view>

#include "quant/backend_config.h"
#include "quant/custom_config.h"
#include "quant/qconfig.h"

namespace eightfold {

DTypeConfig dtype_config_from_json(std::string_view text);
BackendPatternConfig backend_pattern_config_from_json(std::string_view text);
// Of a BackendConfig, or of the name of a preset.
BackendConfig backend_from_json(std::string_view text);

// Fields that are not given are those of default_qconfig()'s activation.
ObserverSpec observer_spec_from_json(std::string_view text);
// Of a QConfig, null, or one of qconfig_names(). What is not given is as in default_qconfig().
MaybeQConfig qconfig_from_json(std::string_view text);
QConfigMapping qconfig_mapping_from_json(std::string_view text);

PrepareCustomConfig prepare_custom_config_from_json(std::string_view text);
ConvertCustomConfig convert_custom_config_from_json(std::string_view text);
FuseCustomConfig fuse_custom_config_from_json(std::string_view text);

std::string to_json(const DTypeConfig& config, int indent = 2);
// Throws kInvalidConfig for a pattern in complex format that holds what only a graph can say in
// JSON: flags, names, conditions on attributes.
std::string to_json(const BackendPatternConfig& config, int indent = 2);
std::string to_json(const BackendConfig& config, int indent = 2);
std::string to_json(const ObserverSpec& spec, int indent = 2);
std::string to_json(const MaybeQConfig& qconfig, int indent = 2);
std::string to_json(const QConfigMapping& mapping, int indent = 2);
std::string to_json(const PrepareCustomConfig& config, int indent = 2);
std::string to_json(const ConvertCustomConfig& config, int indent = 2);
std::string to_json(const FuseCustomConfig& config, int indent = 2);

}  // namespace eightfold
