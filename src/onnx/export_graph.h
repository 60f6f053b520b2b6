// Graph -> GraphProto.
#pragma once

#include "ir/graph.h"
#include "onnx/onnx.h"
#include "onnx/write.h"

namespace eightfold {

// Appends the fields of the graph to `message`, whose bytes end `out`. Captured values and bodies
// are written by name; large initializers to `external`, unless it is null. Throws kInvalidState at
// a node of the eightfold domain.
void write_graph(Writer& message, std::vector<uint8_t>& out, const Graph& graph, int depth,
                 ExternalOutput* external);

}  // namespace eightfold
