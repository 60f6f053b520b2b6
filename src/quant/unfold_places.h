// Integer ops with places of their own (ops/place_form.h) in files: dequantize - the float op -
// quantize, which any runtime runs, and the parameters of all places in the model's metadata, by
// which lower makes the integer op again. Of dynamic ops of our own: the float op with dequantized
// weights.
//
//   eightfold.places:<node>   x uint8 0.01 128; state.0 uint8 0.0078125 128; linear uint16 ...
//   eightfold.places:<node>   dynamic
//
// Values of 16 bits, the cell state, are float in the file.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// False, with the graph as it was, for all other ops.
bool unfold_places(Graph& graph, NodeId node);

// Looks at a float op: where the file says what its places are, and its pairs and weights agree, it
// is the integer op again, and the entry is gone.
void restore_places(Graph& graph, NodeId node);

}  // namespace eightfold
