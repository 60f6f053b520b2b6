// Weights that the file lists among the graph inputs, out of habit or on purpose.
//
// Before IR version 4 every initializer had to be listed, and some exporters kept doing so.
// When all weights, biases and parameters of the graph are listed they are taken for the
// constants they are, and leave the inputs. When only some are, the listing means that a
// caller may override those: they stay, and nothing is folded into them.
#pragma once

#include "quant/route.h"

namespace eightfold {

void settle_listed_weights(Graph& graph, Remarks* remarks);

}  // namespace eightfold
