// Graph: the one representation of a model at every stage of the route.
//
// A Graph is a list of nodes in topological order over a table of values. Ids
// are stable for the life of the graph; links (producer, uses) are kept by the
// graph itself, so node inputs and outputs change through its methods only.
// Copying a Graph copies structure and shares tensors. Bodies of If, Loop and
// Scan are graph attributes; what they use of the outer scope is listed in
// Node::captures of the node that owns them and counts as a use.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace eightfold {

class Graph;

using ValueId = int32_t;
using NodeId = int32_t;
inline constexpr int32_t kNone = -1;  // an absent optional input, no producer

// Our own domain: fused float ops and lowered int8 ops (see docs/ARCHITECTURE.md).
inline constexpr std::string_view kEightfoldDomain = "eightfold";
inline constexpr std::string_view kMicrosoftDomain = "com.microsoft";

// A dimension is known (>= 0), or named, or unknown (value < 0, empty name).
struct Dim {
  int64_t value = -1;
  std::string name;
  bool known() const { return value >= 0; }
  bool operator==(const Dim&) const = default;
};
using Dims = std::vector<Dim>;

// What is known of a value before it is computed. `dims` absent: unknown rank.
struct ValueType {
  DType dtype = DType::kUndefined;
  std::optional<Dims> dims;
  std::string raw;  // the encoded TypeProto when it is not a tensor (sequence, map, ...)
  bool operator==(const ValueType&) const = default;
};
Dims to_dims(std::span<const int64_t> shape);
std::optional<Shape> known_shape(const ValueType& type);  // nullopt unless every dim is known

struct Attribute {
  // Undecoded protobuf bytes of an attribute kind that is carried through unchanged.
  struct Raw {
    std::string bytes;
  };
  using GraphPtr = std::shared_ptr<const Graph>;
  std::string name;
  std::variant<int64_t, float, std::string, Tensor, GraphPtr, std::vector<int64_t>,
               std::vector<float>, std::vector<std::string>, std::vector<Tensor>,
               std::vector<GraphPtr>, Raw>
      value;
};

struct Node {
  std::string name;
  std::string domain;  // "" is ai.onnx
  std::string op_type;
  std::vector<Attribute> attributes;
  std::string doc_string;
  std::string raw;  // unknown or unused protobuf fields, carried through

  std::span<const ValueId> inputs() const { return inputs_; }    // kNone where absent
  std::span<const ValueId> outputs() const { return outputs_; }  // kNone where not produced
  std::span<const ValueId> captures() const { return captures_; }
  ValueId input(size_t i) const { return i < inputs_.size() ? inputs_[i] : kNone; }
  ValueId output(size_t i) const { return i < outputs_.size() ? outputs_[i] : kNone; }
  bool is(std::string_view op, std::string_view in_domain = "") const {
    return op_type == op && domain == in_domain;
  }

  const Attribute* find_attribute(std::string_view name) const;
  bool has_attribute(std::string_view name) const { return find_attribute(name) != nullptr; }
  bool has_bodies() const;  // a graph among the attributes
  // Typed access with a default; throws kInvalidAttribute when the kind differs.
  int64_t int_attribute(std::string_view name, int64_t fallback) const;
  float float_attribute(std::string_view name, float fallback) const;
  std::string string_attribute(std::string_view name, std::string_view fallback) const;
  std::vector<int64_t> ints_attribute(std::string_view name,
                                      std::vector<int64_t> fallback = {}) const;
  std::vector<float> floats_attribute(std::string_view name,
                                      std::vector<float> fallback = {}) const;
  const Tensor* tensor_attribute(std::string_view name) const;             // null when absent
  void set_attribute(std::string name, decltype(Attribute::value) value);  // adds or replaces
  void remove_attribute(std::string_view name);

 private:
  friend class Graph;
  std::vector<ValueId> inputs_, outputs_, captures_;
};

struct Use {
  NodeId node = kNone;
  int32_t index = 0;  // position among the inputs, or inputs + captures
  bool operator==(const Use&) const = default;
};

struct Value {
  std::string name;
  ValueType type;
  std::optional<Tensor> initializer;  // constant data
  bool captured = false;              // belongs to an outer graph, found there by name
  std::string doc_string;

  NodeId producer() const { return producer_; }
  std::span<const Use> uses() const { return uses_; }
  bool is_constant() const { return initializer.has_value(); }

 private:
  friend class Graph;
  NodeId producer_ = kNone;
  std::vector<Use> uses_;
};

enum class Stage : uint8_t { kFloat, kFused, kQuantized, kLowered };
std::string_view stage_name(Stage stage);

// What surrounds the main graph of a model file; shared by a graph and its bodies.
struct ModelInfo {
  int64_t ir_version = 8;
  std::map<std::string, int64_t, std::less<>> opsets;  // domain -> version
  std::string producer_name, producer_version, domain, doc_string;
  int64_t model_version = 0;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string raw;  // ModelProto fields that are carried through unchanged
};

class Graph {
 public:
  Graph();
  Graph(const Graph& other);
  Graph(Graph&& other) noexcept;
  Graph& operator=(Graph other) noexcept;
  ~Graph();

  std::string name, doc_string, raw;
  Stage stage = Stage::kFloat;

  ModelInfo& model() { return *model_; }
  const ModelInfo& model() const { return *model_; }
  int64_t opset(std::string_view domain = "") const;  // 0 when the domain is not imported

  // ---- values
  ValueId add_value(std::string name, ValueType type = {});  // name made unique when taken
  ValueId add_initializer(std::string name, Tensor tensor);
  ValueId add_captured(std::string name, ValueType type = {});
  Value& value(ValueId id) { return values_[static_cast<size_t>(id)]; }
  const Value& value(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  int32_t value_count() const { return static_cast<int32_t>(values_.size()); }
  ValueId find_value(std::string_view name) const;  // kNone when there is none
  void rename_value(ValueId id, std::string name);  // throws kInvalidGraph when taken
  std::string unique_name(std::string_view base) const;
  const Tensor* constant(ValueId id) const;  // null for kNone and for non-constants

  // ---- the interface
  std::vector<ValueId> inputs, outputs;  // inputs may include initializers (old opsets)
  // Inputs a caller must feed: those without an initializer.
  std::vector<ValueId> required_inputs() const;
  bool is_output(ValueId id) const;

  // ---- nodes
  std::span<const NodeId> nodes() const { return order_; }  // topological order
  Node& node(NodeId id) { return *nodes_[static_cast<size_t>(id)]; }
  const Node& node(NodeId id) const { return *nodes_[static_cast<size_t>(id)]; }
  bool alive(NodeId id) const { return id >= 0 && nodes_[static_cast<size_t>(id)] != nullptr; }
  int32_t node_slots() const { return static_cast<int32_t>(nodes_.size()); }
  // Appends at the end of the order, or right before / after `before` / `after`.
  NodeId add_node(Node node, std::vector<ValueId> inputs, std::vector<ValueId> outputs);
  NodeId insert_before(NodeId before, Node node, std::vector<ValueId> inputs,
                       std::vector<ValueId> outputs);
  NodeId insert_after(NodeId after, Node node, std::vector<ValueId> inputs,
                      std::vector<ValueId> outputs);
  void set_input(NodeId id, size_t index, ValueId value);  // grows the list with kNone
  void set_inputs(NodeId id, std::vector<ValueId> inputs);
  void set_output(NodeId id, size_t index, ValueId value);
  void set_outputs(NodeId id, std::vector<ValueId> outputs);
  void set_captures(NodeId id, std::vector<ValueId> captures);
  void erase_node(NodeId id);  // its outputs lose their producer; uses of them stay

  // Every use of `from` (and, if asked, its place among the graph outputs) becomes `to`.
  struct ReplaceOptions {
    bool graph_outputs = true;
  };
  void replace_uses(ValueId from, ValueId to, ReplaceOptions options);
  void replace_uses(ValueId from, ValueId to) { replace_uses(from, to, {}); }

  // Number of distinct consumer nodes, plus one if the value is a graph output.
  int user_count(ValueId id) const;
  // Producer node of a value, null when it is an input or a constant.
  const Node* producer(ValueId id) const;

  // Restores topological order; throws kInvalidGraph naming a node on a cycle.
  void sort_topologically();
  // Erases nodes none of whose outputs is used; returns how many.
  int remove_dead_nodes();

  // Bodies share the ModelInfo of their model.
  Graph make_body() const;
  void share_model(const Graph& parent) { model_ = parent.model_; }

 private:
  NodeId place(Node node, std::vector<ValueId> inputs, std::vector<ValueId> outputs,
               size_t position);
  size_t position_of(NodeId id) const;
  void link(NodeId id);
  void unlink(NodeId id);
  void swap(Graph& other) noexcept;

  std::shared_ptr<ModelInfo> model_;
  std::vector<Value> values_;
  std::map<std::string, ValueId, std::less<>> names_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<NodeId> order_;
};

// The name shown for a node: its own, or "<op_type>_<index in graph order>" when it has none.
std::string display_name(const Graph& graph, NodeId id);

}  // namespace eightfold
