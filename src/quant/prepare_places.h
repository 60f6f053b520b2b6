// Preparing an op with places of its own inside (ops/place_form.h): each place gets a slot, by the
// nested QConfig or its default, and the node becomes its observed twin, which gives the values of
// its inner places as outputs. So calibration taps them like any other value.
#pragma once

#include <functional>
#include <string>

#include "ops/op.h"
#include "quant/prepare_slots.h"
#include "quant/prepare_weights.h"

namespace eightfold {

// Two places that read one value need two: the later ones read a copy. Before slots are given.
void separate_place_inputs(Graph& graph);

class PlaceTable {
 public:
  PlaceTable(PreparedModel& model, SlotTable& slots, WeightTable& weights)
      : model_(model), slots_(slots), weights_(weights) {}

  // Statically. Empty, or why the node stays float; then nothing is changed. `in_integers`: whether
  // a value comes in integers anyway. Throws kInvalidConfig on parts that the op does not have.
  std::string observe(NodeId node, const OpDef& def, NodePlan& plan,
                      const std::function<bool(ValueId)>& in_integers);
  // Its weights alone, where all else is quantized as it runs.
  std::string observe_weights(NodeId node, const OpDef& def, NodePlan& plan);

 private:
  PreparedModel& model_;
  SlotTable& slots_;
  WeightTable& weights_;
};

// The slot of a place of an observed node; -1: it has none.
int place_slot(const PreparedModel& model, NodeId node, const PlaceRow& place);

}  // namespace eightfold
