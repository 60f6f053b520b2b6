// A QDQ group: one float op, the DequantizeLinear nodes before it, an optional
// clamp (fused, or a Relu / Clip node) and the QuantizeLinear nodes after it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"
#include "quant/lower_operands.h"
#include "quant/unfold.h"

namespace eightfold {

struct Group {
  NodeId node = kNone;
  const OpDef* def = nullptr;
  std::vector<std::optional<Operand>> inputs;   // by input index; none: absent or not data
  std::vector<std::optional<Operand>> outputs;  // by output index; none: not produced
  std::vector<NodeId> tail;                     // clamp and Q nodes, replaced with the op
  Clamp clamp;                                  // of output 0
  // The node's fused activation is no clamp: the int8 operator applies it to its float sums.
  bool keeps_activation = false;

  const Operand& output() const { return *outputs[0]; }
};

// The group around a node; nullopt with a sentence in `why` when it is not complete.
std::optional<Group> collect_group(Graph& graph, NodeId node, std::string* why);

// Bounds of the clamp in quantized units of output 0, and whether they bind at all.
struct IntegerClamp {
  int64_t lo, hi;
  bool binds;
};
IntegerClamp integer_clamp(const Graph& graph, Clamp clamp, const Operand& output);

}  // namespace eightfold
