// See constant.h: ModelProto.ir_version decides what a listed initializer means.
#include "ir/constant.h"

#include <algorithm>

namespace eightfold {

bool is_overridable(const Graph& graph, ValueId id) {
  constexpr int64_t kFirstWithDefaults = 4;
  if (graph.constant(id) == nullptr || graph.model().ir_version < kFirstWithDefaults) return false;
  return std::find(graph.inputs.begin(), graph.inputs.end(), id) != graph.inputs.end();
}

const Tensor* fixed_constant(const Graph& graph, ValueId id) {
  return is_overridable(graph, id) ? nullptr : graph.constant(id);
}

}  // namespace eightfold
