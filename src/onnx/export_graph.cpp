// Nodes, attributes, initializers and value descriptions, in this fixed order.
#include "onnx/export_graph.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

constexpr int kMaxNesting = 128;
// Before this version initializers had to be listed among the graph's inputs; constants that are
// not listed are written as Constant nodes there.
constexpr int64_t kFreeInitializersIrVersion = 4;

void append_raw(std::vector<uint8_t>& out, std::string_view raw) {
  out.insert(out.end(), raw.begin(), raw.end());
}

class GraphWriter {
 public:
  GraphWriter(std::vector<uint8_t>& out, const Graph& graph, int depth, ExternalOutput* external)
      : out_(out), graph_(graph), depth_(depth), external_(external) {
    if (depth > kMaxNesting) {
      throw Error(ErrorCode::kLimitExceeded, "subgraphs are nested too deep to be written");
    }
    free_initializers_ = graph.model().ir_version >= kFreeInitializersIrVersion;
    name_values();
  }

  void write(Writer& message) {
    write_constants(message);
    for (NodeId id : graph_.nodes()) write_node(message, id);
    write_text(message, proto::graph::kName, graph_.name.empty() ? "graph" : graph_.name);
    write_initializers(message);
    write_text(message, proto::graph::kDocString, graph_.doc_string);
    write_interface(message);
    write_inner_types(message);
    append_raw(out_, graph_.raw);
  }

 private:
  // Values without a name get one of their own.
  void name_values() {
    std::set<std::string> taken;
    for (ValueId id = 0; id < graph_.value_count(); ++id) {
      std::string name = graph_.value(id).name;
      if (name.empty()) {
        name = graph_.unique_name("value_" + std::to_string(id));
        while (taken.contains(name)) name += "_";
      }
      taken.insert(name);
      names_.push_back(std::move(name));
    }
  }
  std::string_view name(ValueId id) const {
    return id == kNone ? std::string_view() : names_[static_cast<size_t>(id)];
  }
  void add_name(Writer& message, uint32_t field, ValueId id) const {
    message.add_string(field, name(id).data(), name(id).size());
  }
  bool is_input(ValueId id) const {
    return std::find(graph_.inputs.begin(), graph_.inputs.end(), id) != graph_.inputs.end();
  }

  // Passes leave constants behind that nothing uses any more; they are not written.
  bool is_constant_in_use(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.is_constant() && (!value.uses().empty() || is_input(id) || graph_.is_output(id));
  }
  bool is_initializer(ValueId id) const {
    return is_constant_in_use(id) && (free_initializers_ || is_input(id));
  }

  void write_initializers(Writer& message) const {
    for (ValueId id = 0; id < graph_.value_count(); ++id) {
      if (!is_initializer(id)) continue;
      const Value& value = graph_.value(id);
      write_tensor(message, proto::graph::kInitializer, name(id), value.doc_string,
                   *value.initializer, external_);
    }
  }

  void write_constants(Writer& message) const {
    for (ValueId id = 0; id < graph_.value_count(); ++id) {
      if (is_constant_in_use(id) && !is_initializer(id)) write_constant(message, id);
    }
  }

  void write_constant(Writer& message, ValueId id) const {
    Writer node(message, proto::graph::kNode);
    add_name(node, proto::node::kOutput, id);
    write_text(node, proto::node::kOpType, "Constant");
    write_text(node, proto::node::kDocString, graph_.value(id).doc_string);
    Writer attribute(node, proto::node::kAttribute);
    write_text(attribute, proto::attribute::kName, "value");
    write_tensor(attribute, proto::attribute::kT, {}, {}, *graph_.value(id).initializer);
    attribute.add_int32(proto::attribute::kType, proto::attribute::kKindTensor);
  }

  void write_interface(Writer& message) const {
    for (ValueId id : graph_.inputs) {
      write_value_info(message, proto::graph::kInput, name(id), graph_.value(id));
    }
    for (ValueId id : graph_.outputs) {
      write_value_info(message, proto::graph::kOutput, name(id), graph_.value(id));
    }
  }

  void write_inner_types(Writer& message) const {
    for (ValueId id = 0; id < graph_.value_count(); ++id) {
      const Value& value = graph_.value(id);
      const bool inner = value.producer() != kNone && !graph_.is_output(id);
      const bool typed = value.type.dtype != DType::kUndefined || !value.type.raw.empty();
      if (inner && typed) write_value_info(message, proto::graph::kValueInfo, name(id), value);
    }
  }

  void write_node(Writer& parent, NodeId id) {
    const Node& node = graph_.node(id);
    if (node.domain == kEightfoldDomain) {
      throw Error(ErrorCode::kInvalidState,
                  "the graph still holds an operator of Eightfold's own domain",
                  "turn it into plain ONNX first: to_qdq, to_qoperator or unfold")
          .at(display_name(graph_, id), node.op_type);
    }
    Writer message(parent, proto::graph::kNode);
    for (ValueId input : node.inputs()) add_name(message, proto::node::kInput, input);
    for (ValueId output : node.outputs()) add_name(message, proto::node::kOutput, output);
    write_text(message, proto::node::kName, node.name);
    write_text(message, proto::node::kOpType, node.op_type);
    for (const Attribute& attribute : node.attributes) write_attribute(message, attribute);
    write_text(message, proto::node::kDocString, node.doc_string);
    write_text(message, proto::node::kDomain, node.domain);
    append_raw(out_, node.raw);
  }

  void write_attribute(Writer& node, const Attribute& attribute) {
    Writer message(node, proto::node::kAttribute);
    write_text(message, proto::attribute::kName, attribute.name);
    std::visit([&](const auto& value) { write_value(message, value); }, attribute.value);
  }

  void write_kind(Writer& message, proto::attribute::Kind kind) const {
    message.add_int32(proto::attribute::kType, kind);
  }
  void write_value(Writer& message, int64_t value) {
    message.add_int64(proto::attribute::kI, value);
    write_kind(message, proto::attribute::kKindInt);
  }
  void write_value(Writer& message, float value) {
    message.add_float(proto::attribute::kF, value);
    write_kind(message, proto::attribute::kKindFloat);
  }
  void write_value(Writer& message, const std::string& value) {
    message.add_bytes(proto::attribute::kS, value);
    write_kind(message, proto::attribute::kKindString);
  }
  void write_value(Writer& message, const Tensor& value) {
    write_tensor(message, proto::attribute::kT, {}, {}, value);
    write_kind(message, proto::attribute::kKindTensor);
  }
  void write_body(Writer& message, uint32_t field, const Graph& body) {
    Writer graph(message, field);
    GraphWriter(out_, body, depth_ + 1, external_).write(graph);
  }
  void write_value(Writer& message, const Attribute::GraphPtr& value) {
    write_body(message, proto::attribute::kG, *value);
    write_kind(message, proto::attribute::kKindGraph);
  }
  void write_value(Writer& message, const std::vector<int64_t>& values) {
    for (int64_t value : values) message.add_int64(proto::attribute::kInts, value);
    write_kind(message, proto::attribute::kKindInts);
  }
  void write_value(Writer& message, const std::vector<float>& values) {
    for (float value : values) message.add_float(proto::attribute::kFloats, value);
    write_kind(message, proto::attribute::kKindFloats);
  }
  void write_value(Writer& message, const std::vector<std::string>& values) {
    for (const std::string& value : values) message.add_bytes(proto::attribute::kStrings, value);
    write_kind(message, proto::attribute::kKindStrings);
  }
  void write_value(Writer& message, const std::vector<Tensor>& values) {
    for (const Tensor& value : values) {
      write_tensor(message, proto::attribute::kTensors, {}, {}, value);
    }
    write_kind(message, proto::attribute::kKindTensors);
  }
  void write_value(Writer& message, const std::vector<Attribute::GraphPtr>& values) {
    for (const auto& value : values) write_body(message, proto::attribute::kGraphs, *value);
    write_kind(message, proto::attribute::kKindGraphs);
  }
  void write_value(Writer&, const Attribute::Raw& value) { append_raw(out_, value.bytes); }

  std::vector<uint8_t>& out_;
  const Graph& graph_;
  int depth_;
  ExternalOutput* external_;
  bool free_initializers_ = true;
  std::vector<std::string> names_;
};

}  // namespace

void write_graph(Writer& message, std::vector<uint8_t>& out, const Graph& graph, int depth,
                 ExternalOutput* external) {
  GraphWriter(out, graph, depth, external).write(message);
}

}  // namespace eightfold
