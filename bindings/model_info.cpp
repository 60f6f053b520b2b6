// ModelInfo: versions, interface, number of nodes by operator, number of weights.
#include "bindings/model_info.h"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bindings/convert.h"
#include "core/tensor.h"
#include "ops/op.h"

namespace eightfold::bindings {
namespace {

using emscripten::val;

bool is_integer_op(const Node& node) {
  return node.op_type.starts_with("QLinear") || node.is("QGemm", kMicrosoftDomain);
}

bool is_pair_op(const Node& node) {
  return node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear";
}

val dim_to_js(const Dim& dim) {
  if (dim.known()) return val(static_cast<double>(dim.value));
  return dim.name.empty() ? val::null() : val(dim.name);
}

val value_to_js(const Value& value) {
  val dims = val::null();
  if (value.type.dims) {
    dims = val::array();
    for (const Dim& dim : *value.type.dims) dims.call<void>("push", dim_to_js(dim));
  }
  val object = val::object();
  object.set("name", value.name);
  object.set("type", std::string(dtype_name(value.type.dtype)));
  object.set("dims", dims);
  return object;
}

val values_to_js(const Graph& graph, std::span<const ValueId> ids) {
  val list = val::array();
  for (ValueId id : ids) list.call<void>("push", value_to_js(graph.value(id)));
  return list;
}

// The nodes of a graph and of the bodies in it.
void visit_nodes(const Graph& graph, const std::function<void(const Graph&, NodeId)>& visit) {
  for (NodeId id : graph.nodes()) {
    visit(graph, id);
    for (const Attribute& attribute : graph.node(id).attributes) {
      const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value);
      if (body) visit_nodes(**body, visit);
    }
  }
}

val ops_to_js(const Graph& graph) {
  std::map<std::string, int> counts;
  visit_nodes(graph, [&](const Graph& at, NodeId id) {
    const Node& node = at.node(id);
    ++counts[node.domain.empty() ? node.op_type : node.domain + ":" + node.op_type];
  });
  val object = val::object();
  for (const auto& [op, count] : counts) object.set(op, count);
  return object;
}

// [{domain, opType, opset, nodes}]: what a session would refuse.
val unsupported_to_js(const Graph& graph) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> found;
  visit_nodes(graph, [&](const Graph& at, NodeId id) {
    const Node& node = at.node(id);
    const OpDef* op = find_op(at, node);
    if (op && op->infer && op->run) return;
    found[{node.domain, node.op_type}].push_back(display_name(at, id));
  });
  val list = val::array();
  for (const auto& [op, nodes] : found) {
    val object = val::object();
    object.set("domain", op.first);
    object.set("opType", op.second);
    object.set("opset", static_cast<double>(graph.opset(op.first)));
    object.set("nodes", names_to_js(nodes));
    list.call<void>("push", object);
  }
  return list;
}

double parameter_count(const Graph& graph) {
  double count = 0;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (const Tensor* tensor = graph.constant(id)) count += static_cast<double>(tensor->size());
  }
  return count;
}

template <typename Pairs>
val pairs_to_js(const Pairs& pairs) {
  val object = val::object();
  for (const auto& [key, text] : pairs) object.set(key, text);
  return object;
}

val opsets_to_js(const ModelInfo& model) {
  val object = val::object();
  for (const auto& [domain, version] : model.opsets) {
    object.set(domain, static_cast<double>(version));
  }
  return object;
}

}  // namespace

Stage stage_of(const Graph& graph) {
  if (graph.stage != Stage::kFloat) return graph.stage;
  bool pairs = false;
  for (NodeId id : graph.nodes()) {
    if (is_integer_op(graph.node(id))) return Stage::kLowered;
    pairs = pairs || is_pair_op(graph.node(id));
  }
  return pairs ? Stage::kQuantized : Stage::kFloat;
}

val model_info_to_js(const Graph& graph) {
  const ModelInfo& model = graph.model();
  val info = val::object();
  info.set("irVersion", static_cast<double>(model.ir_version));
  info.set("opsets", opsets_to_js(model));
  info.set("producer", model.producer_name);
  info.set("inputs", values_to_js(graph, graph.required_inputs()));
  info.set("outputs", values_to_js(graph, graph.outputs));
  info.set("ops", ops_to_js(graph));
  info.set("unsupported", unsupported_to_js(graph));
  info.set("parameters", parameter_count(graph));
  info.set("stage", std::string(stage_name(stage_of(graph))));
  info.set("metadata", pairs_to_js(model.metadata));
  return info;
}

}  // namespace eightfold::bindings
