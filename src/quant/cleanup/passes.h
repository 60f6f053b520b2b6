// The passes of the cleanup, each in the file of its name's subject. A pass changes the graph where
// its pattern fits and returns how often it did; types are inferred before it runs. None changes
// what the graph computes by more than the rounding of float32.
#pragma once

#include "ir/graph.h"

namespace eightfold {

int fold_shapes(Graph& graph);          // fold_shapes.cpp
int remove_no_ops(Graph& graph);        // no_ops.cpp
int unpack_sequences(Graph& graph);     // sequences.cpp
int merge_transposes(Graph& graph);     // chains.cpp
int merge_views(Graph& graph);          // chains.cpp
int merge_constants(Graph& graph);      // duplicates.cpp
int merge_equal_nodes(Graph& graph);    // duplicates.cpp
int convolve_transposed(Graph& graph);  // transposed.cpp

// Several operators that say in parts what one operator says.
int find_hard_swish(Graph& graph);    // hard_activations.cpp
int find_hard_sigmoid(Graph& graph);  // hard_activations.cpp
int find_swish(Graph& graph);         // smooth_activations.cpp
int find_gelu(Graph& graph);          // smooth_activations.cpp
int find_layer_norm(Graph& graph);    // norms.cpp
int find_rms_norm(Graph& graph);      // norms.cpp

}  // namespace eightfold
