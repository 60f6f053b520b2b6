// Sequences that are packed and unpacked in the graph, as exporters write tuples: SequenceAt of
// SequenceConstruct at a constant position is the value that was packed there. Values packed
// several times over come out one round after the other. Source: ONNX SequenceConstruct,
// SequenceAt.
#include <optional>
#include <vector>

#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"

namespace eightfold {

int unpack_sequences(Graph& graph) {
  int found = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const Node& at = graph.node(id);
    if (!at.is("SequenceAt")) continue;
    const Node* packed = made_by(graph, at.input(0), "SequenceConstruct");
    const auto position = constant_ints(graph, at.input(1));
    if (!packed || !position || position->size() != 1) continue;
    const auto count = static_cast<int64_t>(packed->inputs().size());
    const int64_t index = (*position)[0] < 0 ? (*position)[0] + count : (*position)[0];
    if (index < 0 || index >= count) continue;  // an error when it runs
    found += bypass(graph, id, packed->input(static_cast<size_t>(index))) ? 1 : 0;
  }
  return found;
}

}  // namespace eightfold
