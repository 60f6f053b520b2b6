// Options of prepare, as JSON text, to a QConfigMapping.
//
// Either the short form of QuantizationOptions {observer, perTensor, activations, exclude}, or
// {qconfigMapping: {global, objectType, moduleNameRegex, moduleName, moduleNameObjectTypeOrder}}
// with QConfigs {activation: {observer, dtype, ...}, weight: {...}} or null for "leave float".
#pragma once

#include <string>

#include "ir/graph.h"
#include "quant/qconfig.h"

namespace eightfold::bindings {

// Throws kInvalidConfig on unknown keys, names and values, and on an `exclude` entry that is
// neither a node nor an op type of the graph.
QConfigMapping mapping_from_json(const std::string& text, const Graph& fused);

}  // namespace eightfold::bindings
