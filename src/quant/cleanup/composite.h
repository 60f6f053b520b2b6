// One operator in place of several: plain ONNX where the opset of the file has it, else the same
// operator in our own domain, which export writes out in parts again (quant/unfold_composites.h).
#pragma once

#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

// The node that made the last value becomes the composite: it keeps its name and its output.
void become(Graph& graph, NodeId anchor, std::string_view op_type, std::vector<ValueId> inputs,
            std::vector<Attribute> attributes = {});

// Visits nodes backwards, so that the whole is seen before its parts; counts the finds.
int at_each_end(Graph& graph, bool (*find)(Graph&, NodeId));

// Whether the node is a plain one that makes float32, of these operators.
bool makes_floats(const Graph& graph, NodeId node, std::initializer_list<std::string_view> ops);

}  // namespace eightfold
