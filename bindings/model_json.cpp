// ModelInfo: versions, interface, number of nodes by operator, number of weights.
#include "bindings/model_json.h"

#include <nlohmann/json.hpp>
#include <span>

#include "core/tensor.h"

namespace eightfold::bindings {
namespace {

using Json = nlohmann::ordered_json;

bool is_integer_op(const Node& node) {
  return node.op_type.starts_with("QLinear") || node.is("QGemm", kMicrosoftDomain);
}

bool is_pair_op(const Node& node) {
  return node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear";
}

Json dim_json(const Dim& dim) {
  if (dim.known()) return dim.value;
  return dim.name.empty() ? Json(nullptr) : Json(dim.name);
}

Json value_json(const Value& value) {
  Json dims = nullptr;
  if (value.type.dims) {
    dims = Json::array();
    for (const Dim& dim : *value.type.dims) dims.push_back(dim_json(dim));
  }
  return {{"name", value.name}, {"type", dtype_name(value.type.dtype)}, {"dims", dims}};
}

Json values_json(const Graph& graph, std::span<const ValueId> ids) {
  Json list = Json::array();
  for (ValueId id : ids) list.push_back(value_json(graph.value(id)));
  return list;
}

Json ops_json(const Graph& graph) {
  std::map<std::string, int> counts;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    ++counts[node.domain.empty() ? node.op_type : node.domain + ":" + node.op_type];
  }
  return counts;
}

int64_t parameter_count(const Graph& graph) {
  int64_t count = 0;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (const Tensor* tensor = graph.constant(id)) count += tensor->size();
  }
  return count;
}

Json metadata_json(const ModelInfo& model) {
  Json metadata = Json::object();
  for (const auto& [key, text] : model.metadata) metadata[key] = text;
  return metadata;
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

std::string model_info_json(const Graph& graph) {
  const ModelInfo& model = graph.model();
  Json opsets = Json::object();
  for (const auto& [domain, version] : model.opsets) opsets[domain] = version;
  const Json info{{"irVersion", model.ir_version},
                  {"opsets", opsets},
                  {"producer", model.producer_name},
                  {"inputs", values_json(graph, graph.required_inputs())},
                  {"outputs", values_json(graph, graph.outputs)},
                  {"ops", ops_json(graph)},
                  {"parameters", parameter_count(graph)},
                  {"stage", stage_name(stage_of(graph))},
                  {"metadata", metadata_json(model)}};
  // Names of a model may hold any bytes; those that are not UTF-8 are replaced.
  return info.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace eightfold::bindings
