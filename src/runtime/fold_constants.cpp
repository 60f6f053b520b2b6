// Constant folding in one pass over the topological order, again after each inlined branch.
#include "runtime/fold_constants.h"

#include <algorithm>

#include "ir/constant.h"
#include "ops/op.h"
#include "runtime/inline_if.h"
#include "runtime/session.h"

namespace eightfold {
namespace {

bool foldable(const Graph& graph, const Node& node) {
  const OpDef* op = find_op(graph, node);
  if (!op || !op->run || node.has_bodies()) return false;
  return std::ranges::all_of(
      node.inputs(), [&](ValueId input) { return input == kNone || fixed_constant(graph, input); });
}

bool is_pair(const Node& node) {
  return node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear";
}

void fold(Graph& graph, NodeId id, const FoldOptions& options) {
  const Node& node = graph.node(id);
  if (!foldable(graph, node) || (options.keeps_pairs && is_pair(node))) return;
  if (std::ranges::any_of(node.outputs(), [&](ValueId output) {
        return output != kNone && graph.is_output(output);
      })) {
    return;
  }
  std::vector<Tensor> inputs;
  for (ValueId input : node.inputs()) {
    inputs.push_back(input == kNone ? Tensor{} : *fixed_constant(graph, input));
  }
  std::vector<Tensor> results = run_node(graph, id, inputs);
  for (const Tensor& result : results) {
    if (!is_tensor(result.dtype())) return;  // a file cannot hold it
    if (static_cast<int64_t>(result.size_bytes()) > options.limit_bytes) return;
  }
  const std::vector<ValueId> outputs(node.outputs().begin(), node.outputs().end());
  graph.erase_node(id);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == kNone) continue;
    Value& value = graph.value(outputs[i]);
    value.type = {results[i].dtype(), to_dims(results[i].shape()), {}};
    value.initializer = std::move(results[i]);
  }
}

}  // namespace

Graph fold_constants(const Graph& graph, const FoldOptions& options) {
  Graph folded = graph;
  do {
    const std::vector<NodeId> order(folded.nodes().begin(), folded.nodes().end());
    for (NodeId id : order) fold(folded, id, options);
  } while (inline_constant_if(folded) > 0);
  return folded;
}

}  // namespace eightfold
