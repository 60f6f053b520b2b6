// run_node: one node on constant inputs, for folding.
#include <utility>

#include "ops/evaluate.h"
#include "runtime/session.h"

namespace eightfold {

std::vector<Tensor> run_node(const Graph& graph, NodeId id, std::span<const Tensor> inputs) {
  const Node& node = graph.node(id);
  const OpDef* op = find_op(graph, node);
  if (!op || !op->run) {
    throw Error(ErrorCode::kUnsupportedOp, "no implementation of " + node.op_type)
        .at(display_name(graph, id), node.op_type);
  }
  std::vector<Operand> operands;
  std::vector<const Tensor*> constants;
  std::vector<ValueType> types;
  for (const Tensor& input : inputs) {
    operands.push_back(Operand::of(input));
    constants.push_back(input.defined() ? &input : nullptr);
    types.push_back({input.dtype(), {}, {}});
    if (input.defined()) types.back().dims = to_dims(input.shape());
  }
  const int64_t opset = graph.opset(node.domain);
  const OpState packed = pack_node(*op, node, opset, constants, types);
  std::vector<Tensor> results;
  for (const Operand& output : evaluate({*op, node, opset, packed.get()}, operands)) {
    results.push_back(output.present() ? with_layout(output, Layout::kPlain).tensor : Tensor{});
  }
  return results;
}

}  // namespace eightfold
