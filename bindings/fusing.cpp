// See fusing.h.
#include "bindings/fusing.h"

#include <cmath>
#include <map>

#include "bindings/convert.h"
#include "pattern/match.h"
#include "quant/config_json.h"
#include "quant/fuse_getters.h"

namespace eightfold::bindings {
namespace {

using emscripten::val;

// ---------------------------------------------------------------- out
val tensor_to_js(const std::string& name, const Tensor& tensor) {
  return tensors_to_js({{name, tensor}})[0];
}

template <typename List>
val list_to_js(const List& list) {
  val out = val::array();
  for (const auto& item : list) {
    if constexpr (std::is_same_v<std::decay_t<decltype(item)>, std::string>) {
      out.call<void>("push", item);
    } else {
      out.call<void>("push", static_cast<double>(item));
    }
  }
  return out;
}

// undefined for what a view does not show: bodies and lists of tensors.
val attribute_to_js(const Attribute& attribute) {
  const auto& value = attribute.value;
  if (const auto* whole = std::get_if<int64_t>(&value)) return val(static_cast<double>(*whole));
  if (const auto* real = std::get_if<float>(&value)) return val(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return val(*text);
  if (const auto* tensor = std::get_if<Tensor>(&value))
    return tensor_to_js(attribute.name, *tensor);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) return list_to_js(*list);
  if (const auto* list = std::get_if<std::vector<float>>(&value)) return list_to_js(*list);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return list_to_js(*list);
  return val::undefined();
}

// A constant or an input of the model that a pattern matched: it has a name, and no operator.
val value_view(const Graph& graph, const MatchedNode& matched) {
  val view = val::object();
  const Tensor* constant = graph.constant(matched.value);
  const std::string& name = graph.value(matched.value).name;
  val initializers = val::object();
  if (constant != nullptr) initializers.set("0", tensor_to_js(name, *constant));
  view.set("name", name);
  view.set("opType", std::string(constant != nullptr ? "constant" : ""));
  view.set("attributes", val::object());
  view.set("inputs", val::array());
  view.set("initializers", initializers);
  view.set("matchAll", matched.match_all);
  return view;
}

val view_of(const Graph& graph, const MatchedNode& matched) {
  if (matched.node == kNone) return value_view(graph, matched);
  const Node& node = graph.node(matched.node);
  val view = val::object();
  val attributes = val::object(), inputs = val::array(), initializers = val::object();
  for (const Attribute& attribute : node.attributes) {
    const val shown = attribute_to_js(attribute);
    if (!shown.isUndefined()) attributes.set(attribute.name, shown);
  }
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const ValueId input = node.input(i);
    inputs.call<void>("push", input == kNone ? std::string() : graph.value(input).name);
    const Tensor* constant = graph.constant(input);
    if (constant == nullptr) continue;
    initializers.set(std::to_string(i), tensor_to_js(graph.value(input).name, *constant));
  }
  view.set("name", display_name(graph, matched.node));
  view.set("opType", op_identity(node));
  view.set("attributes", attributes);
  view.set("inputs", inputs);
  view.set("initializers", initializers);
  view.set("matchAll", matched.match_all);
  return view;
}

val shape_of(const MatchedNode& tree, const std::map<const MatchedNode*, int>& indexes) {
  if (tree.args.empty()) return val(indexes.at(&tree));
  val list = val::array();
  list.call<void>("push", indexes.at(&tree));
  for (const MatchedNode& arg : tree.args) list.call<void>("push", shape_of(arg, indexes));
  return list;
}

val question_to_js(const Graph& graph, const Question& question) {
  const BackendPatternConfig& config = *question.config;
  const bool is_graph = config.format() == BackendPatternConfig::Format::kGraph;
  const bool is_forward = config.format() == BackendPatternConfig::Format::kForward;
  std::map<const MatchedNode*, int> indexes;
  val nodes = val::array(), by_name = val::object();
  for (const MatchedNode* node : match_nodes(question.match)) {
    const int index = static_cast<int>(indexes.size());
    indexes[node] = index;
    nodes.call<void>("push", view_of(graph, *node));
    if (is_graph && !node->name.empty()) by_name.set(node->name, index);
  }
  val object = val::object();
  object.set("pattern", std::string(is_graph ? "graph" : is_forward ? "forward" : "complex"));
  object.set("nodes", nodes);
  object.set("shape", is_graph ? by_name : shape_of(question.match.tree, indexes));
  object.set("asksRoot", question.asks_root);
  object.set("asksExtraInputs", question.asks_extra_inputs);
  object.set("asksFuser", question.asks_fuser);
  object.set("rootNodeGetter", config.root_node_getter);
  object.set("extraInputsGetter", config.extra_inputs_getter);
  object.set("fuserMethod", config.fuser_method);
  return object;
}

// ---------------------------------------------------------------- in; JavaScript has checked types
std::vector<std::string> keys_of(const val& object) {
  return emscripten::vecFromJSArray<std::string>(val::global("Object").call<val>("keys", object));
}

Tensor tensor_of(const val& wire) {
  val list = val::array();
  list.call<void>("push", wire);
  return feeds_from_js(list)[0].tensor;
}

bool all_whole(const std::vector<double>& numbers) {
  for (double number : numbers) {
    if (number != std::floor(number)) return false;
  }
  return true;
}

// Numbers are whole unless one of them is not: ONNX has both kinds, JavaScript one.
Attribute attribute_of(const std::string& name, const val& value) {
  const std::string kind = value.typeOf().as<std::string>();
  if (kind == "string") return {name, value.as<std::string>()};
  if (kind == "number") {
    const double number = value.as<double>();
    if (all_whole({number})) return {name, static_cast<int64_t>(number)};
    return {name, static_cast<float>(number)};
  }
  if (!value.isArray()) return {name, tensor_of(value)};
  if (value["length"].as<int>() > 0 && value[0].isString()) {
    return {name, emscripten::vecFromJSArray<std::string>(value)};
  }
  const auto numbers = emscripten::vecFromJSArray<double>(value);
  if (all_whole(numbers)) return {name, std::vector<int64_t>(numbers.begin(), numbers.end())};
  return {name, std::vector<float>(numbers.begin(), numbers.end())};
}

FusedNode fused_of(const val& object) {
  FusedNode fused;
  fused.op = object["opType"].as<std::string>();
  const val attributes = object["attributes"], initializers = object["initializers"];
  for (const std::string& name : keys_of(attributes)) {
    fused.attributes.push_back(attribute_of(name, attributes[name]));
  }
  fused.removed_attributes = emscripten::vecFromJSArray<std::string>(object["removeAttributes"]);
  for (const std::string& index : keys_of(initializers)) {
    fused.initializers[std::stoi(index)] = tensor_of(initializers[index]);
  }
  return fused;
}

Reply reply_of(const val& object) {
  Reply reply;
  const int root = object["root"].as<int>();
  if (root >= 0) reply.root = static_cast<size_t>(root);
  for (int index : emscripten::vecFromJSArray<int>(object["extraInputs"])) {
    reply.extra_inputs.push_back(static_cast<size_t>(index));
  }
  if (!object["fused"].isNull()) reply.fused = fused_of(object["fused"]);
  reply.refusal = object["refusal"].as<std::string>();
  return reply;
}

}  // namespace

FusingHandle start_fusing(const ModelHandle& model, const std::string& backend_json,
                          const std::string& custom_json, const val& functions) {
  const BackendConfig backend = backend_from_json(backend_json);
  return {std::make_unique<Fusing>(model.graph, backend,
                                   emscripten::vecFromJSArray<std::string>(functions),
                                   fuse_custom_config_from_json(custom_json)),
          model.remarks};
}

bool next_round(FusingHandle& handle) { return handle.worker->next_round(); }

val questions(const FusingHandle& handle) {
  val list = val::array();
  for (const Question& question : handle.worker->questions()) {
    list.call<void>("push", question_to_js(handle.worker->graph(), question));
  }
  return list;
}

void answer(FusingHandle& handle, const val& replies) {
  std::vector<Reply> list;
  const size_t count = replies["length"].as<size_t>();
  for (size_t i = 0; i < count; ++i) list.push_back(reply_of(replies[i]));
  handle.worker->answer(list);
}

ModelHandle finish_fusing(FusingHandle& handle) {
  ModelHandle result{.graph = {}, .remarks = handle.remarks};
  result.graph = handle.worker->finish(&result.remarks);
  return result;
}

}  // namespace eightfold::bindings
