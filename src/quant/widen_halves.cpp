// See widen_halves.h.
#include "quant/widen_halves.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/cast.h"
#include "ops/op.h"

namespace eightfold {
namespace {

using Names = std::map<std::string, std::string, std::less<>>;  // of values, as captured -> now

bool is_half(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBfloat16; }

// Attributes that name the type of an output.
bool names_dtype(const Attribute& attribute) {
  return attribute.name == "to" || attribute.name == "dtype" || attribute.name == "output_dtype";
}

Tensor widened(const Tensor& tensor) {
  Tensor wide = Tensor::allocate(DType::kFloat32, tensor.shape());
  void* data = const_cast<void*>(tensor.raw());
  cast_elements({tensor.dtype(), Layout::kPlain, tensor.shape(), data},
                {DType::kFloat32, Layout::kPlain, wide.shape(), wide.mutable_raw()});
  return wide;
}

bool holds_halves(const Graph& graph);

bool holds_halves(const Node& node) {
  return std::ranges::any_of(node.attributes, [](const Attribute& attribute) {
    if (const auto* tensor = std::get_if<Tensor>(&attribute.value)) return is_half(tensor->dtype());
    if (const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
      return holds_halves(**body);
    }
    const auto* named = std::get_if<int64_t>(&attribute.value);
    return named && names_dtype(attribute) && is_half(static_cast<DType>(*named));
  });
}

bool holds_halves(const Graph& graph) {
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (is_half(graph.value(id).type.dtype)) return true;
    if (const Tensor* constant = graph.constant(id)) {
      if (is_half(constant->dtype())) return true;
    }
  }
  return std::ranges::any_of(graph.nodes(),
                             [&](NodeId id) { return holds_halves(graph.node(id)); });
}

Node cast_node(const std::string& name, DType to) {
  Node node;
  node.name = name;
  node.op_type = "Cast";
  node.set_attribute("to", static_cast<int64_t>(to));
  return node;
}

// The value that takes the place of `id` inside of the graph.
ValueId add_wide(Graph& graph, ValueId id, Names& names) {
  const std::string name = graph.value(id).name;
  const ValueId wide = graph.add_value(graph.unique_name(name + "_float32"), graph.value(id).type);
  graph.value(wide).type.dtype = DType::kFloat32;
  const std::vector<Use> uses(graph.value(id).uses().begin(), graph.value(id).uses().end());
  for (const Use& use : uses) {
    const Node& user = graph.node(use.node);
    const size_t index = static_cast<size_t>(use.index), inputs = user.inputs().size();
    if (index < inputs) {
      graph.set_input(use.node, index, wide);
    } else {  // bodies follow when their captured values get the new name
      std::vector<ValueId> captures(user.captures().begin(), user.captures().end());
      captures[index - inputs] = wide;
      graph.set_captures(use.node, std::move(captures));
    }
  }
  names.emplace(name, graph.value(wide).name);
  return wide;
}

// Inputs, also those with a default, and constants that are outputs: the caller knows their type.
void cast_inputs(Graph& graph, Names& names) {
  std::vector<ValueId> kept = graph.inputs;
  for (ValueId output : graph.outputs) {
    if (graph.constant(output) && std::ranges::count(kept, output) == 0) kept.push_back(output);
  }
  for (ValueId id : kept) {
    if (!is_half(graph.value(id).type.dtype) || graph.value(id).uses().empty()) continue;
    const ValueId wide = add_wide(graph, id, names);
    Node cast = cast_node(graph.value(wide).name, DType::kFloat32);
    graph.insert_before(graph.nodes().front(), std::move(cast), {id}, {wide});
  }
}

void cast_outputs(Graph& graph, Names& names) {
  for (ValueId id : graph.outputs) {
    const Value& value = graph.value(id);
    const NodeId producer = value.producer();
    if (!is_half(value.type.dtype) || producer == kNone || graph.node(producer).is("Cast"))
      continue;
    const auto made = graph.node(producer).outputs();
    const auto index = static_cast<size_t>(std::ranges::find(made, id) - made.begin());
    const DType dtype = value.type.dtype;
    const ValueId wide = add_wide(graph, id, names);
    graph.set_output(producer, index, wide);
    graph.add_node(cast_node(graph.value(wide).name, dtype), {wide}, {id});
  }
}

// Everything but what stands between the graph and its caller.
void widen(Graph& graph, const Names& names, const std::vector<ValueId>& kept) {
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    Value& value = graph.value(id);
    if (value.captured) {
      if (const auto found = names.find(value.name); found != names.end()) {
        graph.rename_value(id, found->second);
      }
    }
    if (std::ranges::count(kept, id) != 0) continue;
    if (is_half(value.type.dtype)) value.type.dtype = DType::kFloat32;
    if (value.initializer && is_half(value.initializer->dtype())) {
      value.initializer = widened(*value.initializer);
    }
  }
  for (NodeId id : graph.nodes()) {
    Node& node = graph.node(id);
    if (node.is("Cast") && std::ranges::count(kept, node.output(0)) != 0) continue;
    for (Attribute& attribute : node.attributes) {
      if (auto* tensor = std::get_if<Tensor>(&attribute.value)) {
        if (is_half(tensor->dtype())) *tensor = widened(*tensor);
      } else if (auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
        auto wide = std::make_shared<Graph>(**body);
        wide->share_model(graph);
        widen(*wide, names, {});
        *body = std::move(wide);
      } else if (auto* dtype = std::get_if<int64_t>(&attribute.value)) {
        if (names_dtype(attribute) && is_half(static_cast<DType>(*dtype))) {
          *dtype = static_cast<int64_t>(DType::kFloat32);
        }
      }
    }
  }
}

}  // namespace

bool widen_halves(Graph& graph) {
  if (!holds_halves(graph)) return false;
  infer_types(graph);
  Names names;
  cast_inputs(graph, names);
  cast_outputs(graph, names);
  std::vector<ValueId> kept = graph.inputs;
  kept.insert(kept.end(), graph.outputs.begin(), graph.outputs.end());
  widen(graph, names, kept);
  infer_types(graph);
  return true;
}

}  // namespace eightfold
