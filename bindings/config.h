// Options of prepare, a JavaScript object, to a QConfigMapping.
//
// Either the short form of QuantizationOptions {observer, perTensor, activations, exclude}, or
// {qconfigMapping: {global, objectType, moduleNameRegex, moduleName, moduleNameObjectTypeOrder}}
// with QConfigs {activation: {observer, dtype, ...}, weight: {...}} or null for "leave float".
#pragma once

#include <emscripten/val.h>

#include "ir/graph.h"
#include "quant/qconfig.h"

namespace eightfold::bindings {

// Throws kInvalidConfig on unknown keys, names and values, and on an `exclude` entry that is
// neither a node nor an op type of the graph.
QConfigMapping mapping_from_js(const emscripten::val& options, const Graph& fused);

// A QConfig; fields that are not given keep their defaults.
MaybeQConfig qconfig_from_js(const emscripten::val& object);

}  // namespace eightfold::bindings
