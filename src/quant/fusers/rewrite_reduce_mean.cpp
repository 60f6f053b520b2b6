// reduce_mean_as_global_average_pool: the mean over all spatial axes, as exporters write it.
//
//   pattern graph: ReduceMean alone.  [N, C, spatial...], axes = all spatial ones
//   keepdims 1: GlobalAveragePool; keepdims 0: GlobalAveragePool, Flatten to [N, C]
// Refuses other axes, axes that are computed, unknown rank, what is not float32.
// Source: ONNX ReduceMean, opset 1 to 18 (axes are an input from 18 on).
#include <algorithm>
#include <optional>

#include "core/heap_sort.h"
#include "ir/constant.h"
#include "quant/fusers/fuser.h"

namespace eightfold {
namespace {

constexpr int64_t kAxesAreInput = 18;

// Sorted, counted from the front; nullopt when they are not known.
std::optional<std::vector<int64_t>> axes_of(const Graph& graph, const Node& mean, int64_t rank) {
  std::vector<int64_t> axes = mean.ints_attribute("axes");
  if (graph.opset() >= kAxesAreInput) {
    const Tensor* given = fixed_constant(graph, mean.input(1));
    if (given == nullptr && mean.input(1) != kNone) return std::nullopt;
    if (given != nullptr && given->dtype() != DType::kInt64) return std::nullopt;
    if (given != nullptr) axes.assign(given->data<int64_t>().begin(), given->data<int64_t>().end());
  }
  for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  heap_sort(axes);
  return axes;
}

bool are_all_spatial(const std::vector<int64_t>& axes, int64_t rank) {
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<int64_t>(i) + 2) return false;
  }
  return rank >= 3 && static_cast<int64_t>(axes.size()) == rank - 2;
}

Verdict check(const Graph& graph, const Match& match) {
  const Node& mean = graph.node(match.anchor);
  const ValueType& type = graph.value(mean.input(0)).type;
  if (type.dtype != DType::kFloat32) {
    return refused("the value is " + std::string(dtype_name(type.dtype)) + ", not float32");
  }
  if (!type.dims) return refused("the rank of its input is not known");
  const auto rank = static_cast<int64_t>(type.dims->size());
  const auto axes = axes_of(graph, mean, rank);
  if (!axes) return refused("its axes are computed");
  if (!are_all_spatial(*axes, rank)) {
    return refused("it takes the mean over other axes than the spatial ones");
  }
  return accepted();
}

void rewrite(Graph& graph, const Match& match) {
  const NodeId id = match.anchor;
  const bool keeps_dims = graph.node(id).int_attribute("keepdims", 1) != 0;
  const ValueId x = graph.node(id).input(0), y = graph.node(id).output(0);
  Node& node = graph.node(id);
  node.attributes.clear();
  node.op_type = "GlobalAveragePool";
  graph.set_inputs(id, {x});
  if (keeps_dims) return;
  ValueType type = graph.value(x).type;
  for (size_t i = 2; i < type.dims->size(); ++i) (*type.dims)[i] = {1, {}};
  const ValueId pooled =
      graph.add_value(graph.unique_name(graph.value(y).name + "_pooled"), std::move(type));
  Node flatten;
  flatten.op_type = "Flatten";
  flatten.name = graph.node(id).name + "_Flatten";
  graph.set_output(id, 0, pooled);
  graph.insert_after(id, std::move(flatten), {pooled}, {y});
}

}  // namespace

std::vector<Fuser> reduce_mean_fusers() {
  return {{"reduce_mean_as_global_average_pool", FuserPhase::kFold, check, rewrite}};
}

}  // namespace eightfold
