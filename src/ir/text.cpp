// Lines of a graph. Attributes are printed in name order, so that texts compare.
#include "ir/text.h"

#include <algorithm>

#include "core/heap_sort.h"
#include "ir/text_tensor.h"

namespace eightfold {
namespace {

template <typename List, typename Each>
std::string join(const List& list, const char* separator, Each each) {
  std::string text;
  bool first = true;
  for (const auto& item : list) {
    if (!first) text += separator;
    text += each(item);
    first = false;
  }
  return text;
}

std::string dim_text(const Dim& dim) {
  if (dim.known()) return std::to_string(dim.value);
  return dim.name.empty() ? "?" : dim.name;
}

std::string name_of(const Graph& graph, ValueId id) {
  if (id == kNone) return "-";
  const std::string& name = graph.value(id).name;
  return name.empty() ? "%" + std::to_string(id) : name;
}

std::string typed_name(const Graph& graph, ValueId id) {
  if (id == kNone) return "-";
  const std::string type = to_text(graph.value(id).type);
  return name_of(graph, id) + (type == "?" ? "" : " " + type);
}

bool in_use(const Graph& graph, ValueId id) {
  const auto& inputs = graph.inputs;
  return !graph.value(id).uses().empty() || graph.is_output(id) ||
         std::find(inputs.begin(), inputs.end(), id) != inputs.end();
}

void append_graph(const Graph& graph, const std::string& indent, std::string* out);

// Attribute values; bodies are printed below the node.
struct ValueText {
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(float value) const { return number_text(value); }
  std::string operator()(const std::string& value) const { return string_text(value); }
  std::string operator()(const Tensor& value) const { return tensor_text(value); }
  std::string operator()(const Attribute::GraphPtr&) const { return "body"; }
  std::string operator()(const Attribute::Raw& value) const {
    return "raw(" + std::to_string(value.bytes.size()) + " bytes)";
  }
  template <typename T>
  std::string operator()(const std::vector<T>& values) const {
    return "[" + join(values, ",", [&](const T& value) { return (*this)(value); }) + "]";
  }
};

std::string attributes_text(const Node& node) {
  if (node.attributes.empty()) return {};
  std::vector<const Attribute*> sorted;
  for (const Attribute& attribute : node.attributes) sorted.push_back(&attribute);
  heap_sort(sorted, [](const Attribute* a, const Attribute* b) { return a->name < b->name; });
  return " {" +
         join(sorted, ", ",
              [](const Attribute* attribute) {
                return attribute->name + "=" + std::visit(ValueText(), attribute->value);
              }) +
         "}";
}

void append_body(const std::string& name, const Graph& body, const std::string& indent,
                 std::string* out) {
  *out += indent + name + ":\n";
  append_graph(body, indent + "  ", out);
}

void append_bodies(const Node& node, const std::string& indent, std::string* out) {
  for (const Attribute& attribute : node.attributes) {
    if (const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
      append_body(attribute.name, **body, indent, out);
    } else if (const auto* bodies =
                   std::get_if<std::vector<Attribute::GraphPtr>>(&attribute.value)) {
      for (const auto& each : *bodies) append_body(attribute.name, *each, indent, out);
    }
  }
}

std::string node_line(const Graph& graph, NodeId id, const std::string& shown_name) {
  const Node& node = graph.node(id);
  const auto output = [&](ValueId value) { return typed_name(graph, value); };
  const auto input = [&](ValueId value) { return name_of(graph, value); };
  std::string line = shown_name + ": " + join(node.outputs(), ", ", output) + " = ";
  if (!node.domain.empty()) line += node.domain + ":";
  return line + node.op_type + "(" + join(node.inputs(), ", ", input) + ")" + attributes_text(node);
}

void append_graph(const Graph& graph, const std::string& indent, std::string* out) {
  for (ValueId id : graph.inputs) *out += indent + "input " + typed_name(graph, id) + "\n";
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Tensor* constant = in_use(graph, id) ? graph.constant(id) : nullptr;
    if (constant) *out += indent + name_of(graph, id) + " = " + tensor_text(*constant) + "\n";
  }
  int64_t index = 0;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    // As display_name, without its search for the index.
    const std::string shown =
        node.name.empty() ? node.op_type + "_" + std::to_string(index) : node.name;
    ++index;
    *out += indent + node_line(graph, id, shown) + "\n";
    append_bodies(node, indent + "  ", out);
  }
  for (ValueId id : graph.outputs) *out += indent + "output " + typed_name(graph, id) + "\n";
}

}  // namespace

std::string to_text(const ValueType& type) {
  if (!type.raw.empty()) return "(not a tensor)";
  if (type.dtype == DType::kUndefined && !type.dims) return "?";
  std::string text(type.dtype == DType::kUndefined ? "?" : dtype_name(type.dtype));
  if (type.dims) text += "[" + join(*type.dims, ",", dim_text) + "]";
  return text;
}

std::string to_text(const Graph& graph) {
  std::string out = "graph " + graph.name + " (" + std::string(stage_name(graph.stage));
  for (const auto& [domain, version] : graph.model().opsets) {
    out += ", " + (domain.empty() ? "ai.onnx" : domain) + " " + std::to_string(version);
  }
  out += ")\n";
  append_graph(graph, "  ", &out);
  return out;
}

std::string to_text(const Graph& graph, NodeId node) {
  std::string out = node_line(graph, node, display_name(graph, node)) + "\n";
  append_bodies(graph.node(node), "  ", &out);
  out.pop_back();
  return out;
}

}  // namespace eightfold
