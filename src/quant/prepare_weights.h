// The weight of a quantized node: its observer, run once in prepare.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "ops/op.h"
#include "quant/route.h"

namespace eightfold {

class WeightTable {
 public:
  explicit WeightTable(PreparedModel& model) : model_(model) {}
  // Index into weight_slots of the observer of the constant at that input, made by the qconfig
  // along the row's output-channel axis (the rows of an embedding's table); nodes that share
  // weight, axis and spec share it. Throws kInvalidData.
  int observe(NodeId node, const OpDef& def, size_t input, const ObserverSpec& spec);
  // Of a weight [D, N, K] of an op with places: along its D * N rows.
  int observe_rows(NodeId node, size_t input, const ObserverSpec& spec);

 private:
  PreparedModel& model_;
  std::map<std::tuple<ValueId, int, std::string>, int> known_;
};

// Feeds a constant to an observer.
void observe_constant(Observer& observer, const Tensor& constant);

// The observer of a weight whose output channels lie along `axis` (-1: none), after it has seen it;
// a bound on the weights' sums is kept.
std::shared_ptr<Observer> observe_weight(const ObserverSpec& spec, const Tensor& weight, int axis);

}  // namespace eightfold
