// What a model is, as the JavaScript object ModelInfo of bindings/js/types.ts.
#pragma once

#include <emscripten/val.h>

#include "ir/graph.h"

namespace eightfold::bindings {

// The stage of the graph; a graph fresh from a file is judged by the operators it holds.
Stage stage_of(const Graph& graph);
emscripten::val model_info_to_js(const Graph& graph);

}  // namespace eightfold::bindings
