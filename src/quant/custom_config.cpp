// See custom_config.h.
#include "quant/custom_config.h"

#include <algorithm>

#include "core/error.h"
#include "ops/op.h"

namespace eightfold {
namespace {

void map_module(ModuleMapping& mapping, std::string from, std::string to) {
  from = plain_identity(std::move(from));
  to = plain_identity(std::move(to));
  const auto known = std::find_if(mapping.begin(), mapping.end(),
                                  [&](auto& entry) { return entry.first == from; });
  if (known == mapping.end()) {
    mapping.emplace_back(std::move(from), std::move(to));
  } else {
    known->second = std::move(to);
  }
}

std::vector<int> checked_indexes(std::vector<int> indexes) {
  for (int index : indexes) {
    if (index < 0) {
      throw Error(ErrorCode::kInvalidConfig, "a quantized index is " + std::to_string(index),
                  "indexes count the inputs or outputs of the model from 0");
    }
  }
  return indexes;
}

}  // namespace

PrepareCustomConfig& PrepareCustomConfig::set_standalone_module(StandaloneModule module) {
  if (module.name.empty() == module.op.empty()) {
    throw Error(ErrorCode::kInvalidConfig,
                "a standalone module is named by a path or by an op, one of the two");
  }
  if (!module.op.empty()) module.op = plain_identity(std::move(module.op));
  const auto known = std::find_if(
      standalone_modules.begin(), standalone_modules.end(),
      [&](const auto& other) { return other.name == module.name && other.op == module.op; });
  if (known == standalone_modules.end()) {
    standalone_modules.push_back(std::move(module));
  } else {
    *known = std::move(module);
  }
  return *this;
}
PrepareCustomConfig& PrepareCustomConfig::set_float_to_observed_mapping(std::string from,
                                                                        std::string to) {
  map_module(float_to_observed_mapping, std::move(from), std::move(to));
  return *this;
}
PrepareCustomConfig& PrepareCustomConfig::set_non_traceable_module_names(
    std::vector<std::string> paths) {
  non_traceable_module_names = std::move(paths);
  return *this;
}
PrepareCustomConfig& PrepareCustomConfig::set_non_traceable_module_classes(
    std::vector<std::string> ops) {
  for (std::string& op : ops) op = plain_identity(std::move(op));
  non_traceable_module_classes = std::move(ops);
  return *this;
}
PrepareCustomConfig& PrepareCustomConfig::set_input_quantized_indexes(std::vector<int> indexes) {
  input_quantized_indexes = checked_indexes(std::move(indexes));
  return *this;
}
PrepareCustomConfig& PrepareCustomConfig::set_output_quantized_indexes(std::vector<int> indexes) {
  output_quantized_indexes = checked_indexes(std::move(indexes));
  return *this;
}
PrepareCustomConfig& PrepareCustomConfig::set_preserved_attributes(std::vector<std::string> names) {
  preserved_attributes = std::move(names);
  return *this;
}

ConvertCustomConfig& ConvertCustomConfig::set_observed_to_quantized_mapping(std::string from,
                                                                            std::string to) {
  map_module(observed_to_quantized_mapping, std::move(from), std::move(to));
  return *this;
}
ConvertCustomConfig& ConvertCustomConfig::set_preserved_attributes(std::vector<std::string> names) {
  preserved_attributes = std::move(names);
  return *this;
}

PrepareCustomConfig default_prepare_custom_config() {
  PrepareCustomConfig config;
  for (const OpDef* def : all_ops()) {
    if (!def->places || !def->domain.empty()) continue;
    const std::string op(def->op_type);
    config.set_float_to_observed_mapping(op, std::string(kEightfoldDomain) + ":" + op);
  }
  return config;
}

ConvertCustomConfig default_convert_custom_config() {
  ConvertCustomConfig config;
  for (const OpDef* def : all_ops()) {
    if (!def->places || def->domain != kEightfoldDomain) continue;
    config.set_observed_to_quantized_mapping(
        std::string(def->domain) + ":" + std::string(def->op_type),
        std::string(def->quantized.domain) + ":" + std::string(def->quantized.op_type));
  }
  return config;
}

FuseCustomConfig& FuseCustomConfig::set_preserved_attributes(std::vector<std::string> names) {
  preserved_attributes = std::move(names);
  return *this;
}

}  // namespace eightfold
