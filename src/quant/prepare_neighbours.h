// What a node's surroundings say about running it on integers: an op that has no weight pays
// only between integer ops, since it would otherwise need a pair of its own on either side.
#pragma once

#include <vector>

#include "ir/graph.h"
#include "quant/prepare_patterns.h"

namespace eightfold {

class Neighbours {
 public:
  Neighbours(const Graph& graph, const PatternTable& patterns);

  // A layer with a weight that the backend can run on integers.
  bool is_weighted(NodeId node) const { return weighted_[static_cast<size_t>(node)]; }
  // A layer, or a product of two computed values, comes later on some path of operators that the
  // backend can run on integers.
  bool leads_to_layer(NodeId node) const { return leads_[static_cast<size_t>(node)]; }
  // Float ops alone read what the node makes, be it behind ops that only move it.
  bool feeds_floats(NodeId node) const { return feeds_floats_[static_cast<size_t>(node)]; }
  // Such a layer takes this value as its data.
  bool feeds_weighted(ValueId value) const;
  // How much an error of a negative element shrinks in all that reads the value
  // (OpDef::negative_gain).
  float negative_gain(ValueId value) const;

 private:
  const Graph& graph_;
  std::vector<bool> weighted_, leads_, feeds_floats_;
};

}  // namespace eightfold
