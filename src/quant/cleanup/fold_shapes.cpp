// Shape and Size of what is known, whole or in part, become constants; what is computed from them
// is then folded as any constant is.
//
//   Shape(x), every dimension known        Gather or Slice of Shape(x), those it takes known
#include <algorithm>

#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"

namespace eightfold {
namespace {

// The dims that a Shape node gives, with its start and end; nullopt when the rank is not known.
std::optional<Dims> dims_given(const Graph& graph, const Node& shape) {
  const auto& dims = graph.value(shape.input(0)).type.dims;
  if (!dims) return std::nullopt;
  const auto rank = static_cast<int64_t>(dims->size());
  const auto bound = [&](const char* name, int64_t fallback) {
    const int64_t at = shape.int_attribute(name, fallback);
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t start = bound("start", 0), end = std::max(start, bound("end", rank));
  return Dims(dims->begin() + start, dims->begin() + end);
}

// The dims that a node which reads a shape takes of it; nullopt where that is not known.
std::optional<Dims> dims_taken(const Graph& graph, const Node& node) {
  if (node.is("Shape")) return dims_given(graph, node);
  const Node* shape = made_by(graph, node.input(0), "Shape");
  const auto dims = shape == nullptr ? std::nullopt : dims_given(graph, *shape);
  if (!dims) return std::nullopt;
  const auto rank = static_cast<int64_t>(dims->size());
  Dims taken;
  if (node.is("Gather")) {
    const auto indices = constant_ints(graph, node.input(1));
    if (!indices) return std::nullopt;
    for (int64_t index : *indices) {
      const int64_t at = index < 0 ? index + rank : index;
      if (at < 0 || at >= rank) return std::nullopt;  // running it says so
      taken.push_back((*dims)[static_cast<size_t>(at)]);
    }
    return taken;
  }
  const auto ints = [&](const char* name, size_t input) {
    return node.inputs().size() > 1 ? constant_ints(graph, node.input(input))
                                    : std::optional(node.ints_attribute(name));
  };
  const auto starts = ints("starts", 1), ends = ints("ends", 2);
  const bool has_steps = node.input(4) != kNone && constant_ints(graph, node.input(4)) !=
                                                       std::optional(std::vector<int64_t>{1});
  if (!starts || !ends || starts->size() != 1 || ends->size() != 1 || has_steps) {
    return std::nullopt;
  }
  const auto bound = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  for (int64_t i = bound((*starts)[0]); i < bound((*ends)[0]); ++i) {
    taken.push_back((*dims)[static_cast<size_t>(i)]);
  }
  return taken;
}

std::optional<Tensor> known_result(const Graph& graph, const Node& node) {
  if (node.is("Size")) {
    const auto shape = known_shape(graph.value(node.input(0)).type);
    return shape ? std::optional(Tensor::of<int64_t>({}, {element_count(*shape)})) : std::nullopt;
  }
  const bool reads_shape = node.is("Shape") || node.is("Gather") || node.is("Slice");
  if (!reads_shape) return std::nullopt;
  const auto taken = dims_taken(graph, node);
  if (!taken || !std::ranges::all_of(*taken, &Dim::known)) return std::nullopt;
  std::vector<int64_t> values;
  for (const Dim& dim : *taken) values.push_back(dim.value);
  const Tensor* indices = node.is("Gather") ? graph.constant(node.input(1)) : nullptr;
  Shape shape = indices ? indices->shape() : Shape{static_cast<int64_t>(values.size())};
  return Tensor::of<int64_t>(std::move(shape), values);
}

}  // namespace

int fold_shapes(Graph& graph) {
  int folded = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const Node& node = graph.node(id);
    const ValueId output = node.output(0);
    if (output == kNone || node.input(0) == kNone || graph.is_output(output)) continue;
    auto result = known_result(graph, node);
    if (!result) continue;
    graph.erase_node(id);
    graph.value(output).type = {DType::kInt64, to_dims(result->shape()), {}};
    graph.value(output).initializer = std::move(*result);
    ++folded;
  }
  return folded;
}

}  // namespace eightfold
