// PrepareCustomConfig, ConvertCustomConfig, FuseCustomConfig: what a model needs beside its
// QConfigMapping (spec-facts 2.4, 5.3).
//
// In ONNX terms a module path is a node's name split at '/' and '.': a path names the node itself
// and every node under it. A class is an op identity, "domain:op_type".
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quant/backend_config.h"
#include "quant/qconfig.h"

namespace eightfold {

// A part of the model that is prepared as a unit, with a mapping (and a target) of its own.
struct StandaloneModule {
  std::string name;  // a path prefix; "" where `op` is given
  std::string op;    // or every node of this identity
  QConfigMapping qconfig_mapping;
  std::optional<BackendConfig> backend_config;  // default: that of the model
  bool operator==(const StandaloneModule&) const = default;
};

// A module of the float graph with an observed and a quantized form of its own: its inputs are
// quantized only, its outputs dequantized only.
using ModuleMapping = std::vector<std::pair<std::string, std::string>>;  // class -> class

class PrepareCustomConfig {
 public:
  PrepareCustomConfig& set_standalone_module(StandaloneModule module);  // replaces that of its name
  PrepareCustomConfig& set_float_to_observed_mapping(std::string from, std::string to);
  PrepareCustomConfig& set_non_traceable_module_names(std::vector<std::string> paths);
  PrepareCustomConfig& set_non_traceable_module_classes(std::vector<std::string> ops);
  PrepareCustomConfig& set_input_quantized_indexes(std::vector<int> indexes);
  PrepareCustomConfig& set_output_quantized_indexes(std::vector<int> indexes);
  PrepareCustomConfig& set_preserved_attributes(std::vector<std::string> names);

  std::vector<StandaloneModule> standalone_modules;
  ModuleMapping float_to_observed_mapping;
  std::vector<std::string> non_traceable_module_names, non_traceable_module_classes;
  std::vector<int> input_quantized_indexes, output_quantized_indexes;
  std::vector<std::string> preserved_attributes;
  bool operator==(const PrepareCustomConfig&) const = default;
};

class ConvertCustomConfig {
 public:
  ConvertCustomConfig& set_observed_to_quantized_mapping(std::string from, std::string to);
  ConvertCustomConfig& set_preserved_attributes(std::vector<std::string> names);

  ModuleMapping observed_to_quantized_mapping;
  std::vector<std::string> preserved_attributes;
  bool operator==(const ConvertCustomConfig&) const = default;
};

// Every op with places of its own (ops/place_form.h) to its observed twin, and that to its integer
// op. Where a backend has dtypes for such an op this needs no saying; elsewhere it does.
PrepareCustomConfig default_prepare_custom_config();
ConvertCustomConfig default_convert_custom_config();

class FuseCustomConfig {
 public:
  FuseCustomConfig& set_preserved_attributes(std::vector<std::string> names);

  std::vector<std::string> preserved_attributes;
  bool operator==(const FuseCustomConfig&) const = default;
};

}  // namespace eightfold
