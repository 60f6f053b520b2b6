// hard_swish_as_products: HardSwish in operators that have integer forms.
//
//   pattern graph: HardSwish alone.  y = (x * Clip(x + 3, 0, 6)) * (1 / 6)
// Refuses what is not float32. Source: ONNX HardSwish, opset 14: x * max(0, min(1, x / 6 + 0.5)).
#include "quant/fusers/fuser.h"
#include "quant/insert_nodes.h"

namespace eightfold {
namespace {

Verdict check(const Graph& graph, const Match& match) {
  const DType dtype = graph.value(graph.node(match.anchor).output(0)).type.dtype;
  if (dtype == DType::kFloat32) return accepted();
  return refused("the value is " + std::string(dtype_name(dtype)) + ", not float32");
}

void rewrite(Graph& graph, const Match& match) {
  const ValueId x = graph.node(match.anchor).input(0);
  Inserter insert(graph, match.anchor);
  const ValueId shifted = insert.node("Add", {x, insert.scalar("three", 3)});
  const ValueId gate =
      insert.node("Clip", {shifted, insert.scalar("zero", 0), insert.scalar("six", 6)});
  const ValueId product = insert.node("Mul", {x, gate});
  insert.last("Mul", {product, insert.scalar("sixth", 1.0f / 6)});
}

}  // namespace

std::vector<Fuser> hard_swish_fusers() {
  return {{"hard_swish_as_products", FuserPhase::kFold, check, rewrite}};
}

}  // namespace eightfold
