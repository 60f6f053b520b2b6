// hard_swish_as_products: HardSwish in operators that have integer forms.
//
//   pattern graph: HardSwish alone.  y = (x * Clip(x + 3, 0, 6)) * (1 / 6)
// Refuses what is not float32. Source: ONNX HardSwish, opset 14: x * max(0, min(1, x / 6 + 0.5)).
#include "quant/fusers/fuser.h"

namespace eightfold {
namespace {

Verdict check(const Graph& graph, const Match& match) {
  const DType dtype = graph.value(graph.node(match.anchor).output(0)).type.dtype;
  if (dtype == DType::kFloat32) return accepted();
  return refused("the value is " + std::string(dtype_name(dtype)) + ", not float32");
}

// Puts nodes before one that stays, each with a value of that node's type.
class Inserter {
 public:
  Inserter(Graph& graph, NodeId before) : graph_(graph), before_(before) {}

  ValueId scalar(const char* what, float value) {
    return graph_.add_initializer(name_of(what), Tensor::scalar(value));
  }
  ValueId node(const char* op_type, std::vector<ValueId> inputs) {
    Node node;
    node.op_type = op_type;
    node.name = graph_.node(before_).name + "_" + op_type;
    const ValueType type = graph_.value(graph_.node(before_).output(0)).type;
    const ValueId output = graph_.add_value(name_of(op_type), type);
    graph_.insert_before(before_, std::move(node), std::move(inputs), {output});
    return output;
  }

 private:
  std::string name_of(const char* what) const {
    const ValueId made = graph_.node(before_).output(0);
    return graph_.unique_name(graph_.value(made).name + "_" + what);
  }

  Graph& graph_;
  NodeId before_;
};

void rewrite(Graph& graph, const Match& match) {
  const ValueId x = graph.node(match.anchor).input(0);
  Inserter insert(graph, match.anchor);
  const ValueId shifted = insert.node("Add", {x, insert.scalar("three", 3)});
  const ValueId gate =
      insert.node("Clip", {shifted, insert.scalar("zero", 0), insert.scalar("six", 6)});
  const ValueId product = insert.node("Mul", {x, gate});
  graph.node(match.anchor).op_type = "Mul";
  graph.set_inputs(match.anchor, {product, insert.scalar("sixth", 1.0f / 6)});
}

}  // namespace

std::vector<Fuser> hard_swish_fusers() {
  return {{"hard_swish_as_products", FuserPhase::kFold, check, rewrite}};
}

}  // namespace eightfold
