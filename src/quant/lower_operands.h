// What surrounds a node of a QDQ graph: the integer side of its inputs and outputs.
//
//   data --DequantizeLinear(scale, zero_point)--> input of a float op
//   output of a float op --QuantizeLinear(scale, zero_point)--> data
//
// Files made elsewhere are met here too: absent zero points are made explicit,
// constant Q nodes are computed, equal Q nodes of one value become one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ops/op.h"
#include "ops/quantized_operands.h"  // integers_of

namespace eightfold {

struct Operand {
  NodeId node = kNone;  // the DequantizeLinear or QuantizeLinear
  ValueId data = kNone, scale = kNone, zero_point = kNone;
  DType dtype = DType::kUndefined;
  int axis = -1;  // -1: per tensor; counted from the front
  bool per_tensor() const { return axis < 0; }
};

bool is_quantize(const Node& node);
bool is_dequantize(const Node& node);
// How an int8 operator (QLinearConv, QGemm, ... in any domain) takes its operands; kNone for all
// other nodes. Read from the rows that name their int8 form.
QuantizedOperands int8_operands(const Node& node);

// The operand behind a float value that a DequantizeLinear made; nullopt when it was not made so,
// or when its parameters are not constants.
std::optional<Operand> dequantized_operand(Graph& graph, ValueId value);
// The operand after a float value whose one user is a QuantizeLinear; else nullopt and `why`.
std::optional<Operand> quantized_operand(Graph& graph, ValueId value, std::string* why);
// The operand that a QuantizeLinear node writes.
std::optional<Operand> written_operand(Graph& graph, NodeId quantize);

bool same_params(const Graph& graph, const Operand& a, const Operand& b);
float scale_of(const Graph& graph, const Operand& operand);         // per tensor
int32_t zero_point_of(const Graph& graph, const Operand& operand);  // per tensor

// Puts a graph from elsewhere into the form that lowering reads.
void normalize_pairs(Graph& graph);
// Q(DQ(x)) with equal parameters is x.
void drop_round_trips(Graph& graph);

}  // namespace eightfold
