// A graph as text, one line per node: for goldens, failures and the page.
//   conv1: y[1,8,26,26] = Conv(x[1,1,28,28], w, b) {strides=[1, 1]}
#pragma once

#include <string>

#include "ir/graph.h"

namespace eightfold {

std::string to_text(const Graph& graph);
std::string to_text(const Graph& graph, NodeId node);

}  // namespace eightfold
