// What a model is, as JSON text: ModelInfo of bindings/js/types.ts.
#pragma once

#include <string>

#include "ir/graph.h"

namespace eightfold::bindings {

// The stage of the graph; a graph fresh from a file is judged by the operators it holds.
Stage stage_of(const Graph& graph);
std::string model_info_json(const Graph& graph);

}  // namespace eightfold::bindings
