// sub_const_as_add: x - c becomes x + (-c), for targets that add integers and do not subtract them.
//
//   pattern graph: Sub alone. Exact: IEEE 754 defines x - c as x + (-c)
// Not meant for a difference of two computed values. Refuses a constant that comes first, is not
// float32 or may be overridden.
#include "ir/constant.h"
#include "quant/fusers/fuser.h"

namespace eightfold {
namespace {

Verdict check(const Graph& graph, const Match& match) {
  const Node& sub = graph.node(match.anchor);
  if (graph.constant(sub.input(0)) != nullptr) return refused("it subtracts from a constant");
  if (graph.constant(sub.input(1)) == nullptr) return not_meant();
  const Tensor* subtrahend = fixed_constant(graph, sub.input(1));
  if (subtrahend == nullptr) {
    return refused("the constant is a graph input that a caller may override");
  }
  if (subtrahend->dtype() != DType::kFloat32) {
    return refused("the constant is " + std::string(dtype_name(subtrahend->dtype())) +
                   ", not float32");
  }
  return accepted();
}

void rewrite(Graph& graph, const Match& match) {
  const ValueId subtrahend = graph.node(match.anchor).input(1);
  Tensor negated = *graph.constant(subtrahend);
  for (float& value : negated.mutable_data<float>()) value = -value;
  const std::string name = graph.value(subtrahend).name + "_negated";
  const ValueId addend = graph.add_initializer(graph.unique_name(name), std::move(negated));
  graph.node(match.anchor).op_type = "Add";
  graph.set_input(match.anchor, 1, addend);
}

}  // namespace

std::vector<Fuser> sub_fusers() {
  return {{"sub_const_as_add", FuserPhase::kFold, check, rewrite}};
}

}  // namespace eightfold
