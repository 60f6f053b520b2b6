// Links between nodes and values, and the edits that keep them true.
#include "ir/graph.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace eightfold {

Dims to_dims(std::span<const int64_t> shape) {
  Dims dims;
  dims.reserve(shape.size());
  for (int64_t dim : shape) dims.push_back({dim, {}});
  return dims;
}

std::optional<Shape> known_shape(const ValueType& type) {
  if (!type.dims) return std::nullopt;
  Shape shape;
  for (const Dim& dim : *type.dims) {
    if (!dim.known()) return std::nullopt;
    shape.push_back(dim.value);
  }
  return shape;
}

std::string_view stage_name(Stage stage) {
  switch (stage) {
    case Stage::kFloat: return "float";
    case Stage::kFused: return "fused";
    case Stage::kQuantized: return "quantized";
    case Stage::kLowered: return "lowered";
  }
  return "float";
}

Graph::Graph() : model_(std::make_shared<ModelInfo>()) {}
Graph::~Graph() = default;
Graph::Graph(Graph&& other) noexcept = default;

Graph::Graph(const Graph& other)
    : name(other.name),
      doc_string(other.doc_string),
      raw(other.raw),
      stage(other.stage),
      inputs(other.inputs),
      outputs(other.outputs),
      model_(std::make_shared<ModelInfo>(*other.model_)),
      values_(other.values_),
      names_(other.names_),
      order_(other.order_) {
  nodes_.reserve(other.nodes_.size());
  for (const auto& node : other.nodes_) {
    nodes_.push_back(node ? std::make_unique<Node>(*node) : nullptr);
  }
}

Graph& Graph::operator=(Graph other) noexcept {
  swap(other);
  return *this;
}

void Graph::swap(Graph& other) noexcept {
  std::swap(name, other.name);
  std::swap(doc_string, other.doc_string);
  std::swap(raw, other.raw);
  std::swap(stage, other.stage);
  std::swap(inputs, other.inputs);
  std::swap(outputs, other.outputs);
  std::swap(model_, other.model_);
  std::swap(values_, other.values_);
  std::swap(names_, other.names_);
  std::swap(nodes_, other.nodes_);
  std::swap(order_, other.order_);
}

int64_t Graph::opset(std::string_view domain) const {
  const auto& opsets = model_->opsets;
  auto found = opsets.find(domain);
  if (found == opsets.end() && domain.empty()) found = opsets.find(std::string_view("ai.onnx"));
  return found == opsets.end() ? 0 : found->second;
}

ValueId Graph::add_value(std::string name, ValueType type) {
  if (!name.empty() && names_.contains(name)) name = unique_name(name);
  const auto id = static_cast<ValueId>(values_.size());
  Value value;
  value.name = name;
  value.type = std::move(type);
  values_.push_back(std::move(value));
  if (!name.empty()) names_.emplace(std::move(name), id);
  return id;
}

ValueId Graph::add_initializer(std::string name, Tensor tensor) {
  const ValueId id = add_value(std::move(name), {tensor.dtype(), to_dims(tensor.shape()), {}});
  value(id).initializer = std::move(tensor);
  return id;
}

ValueId Graph::add_captured(std::string name, ValueType type) {
  const ValueId id = add_value(std::move(name), std::move(type));
  value(id).captured = true;
  return id;
}

ValueId Graph::find_value(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? kNone : found->second;
}

void Graph::rename_value(ValueId id, std::string name) {
  Value& renamed = value(id);
  if (renamed.name == name) return;
  if (names_.contains(name)) {
    throw Error(ErrorCode::kInvalidGraph, "the value name '" + name + "' is taken");
  }
  names_.erase(renamed.name);
  names_.emplace(name, id);
  renamed.name = std::move(name);
}

std::string Graph::unique_name(std::string_view base) const {
  std::string candidate(base);
  for (int i = 1; names_.contains(candidate); ++i) {
    candidate = std::string(base) + "_" + std::to_string(i);
  }
  return candidate;
}

const Tensor* Graph::constant(ValueId id) const {
  if (id == kNone || !value(id).initializer) return nullptr;
  return &*value(id).initializer;
}

std::vector<ValueId> Graph::required_inputs() const {
  std::vector<ValueId> required;
  for (ValueId id : inputs) {
    if (!value(id).is_constant()) required.push_back(id);
  }
  return required;
}

bool Graph::is_output(ValueId id) const {
  return std::find(outputs.begin(), outputs.end(), id) != outputs.end();
}

NodeId Graph::add_node(Node node, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
  return place(std::move(node), std::move(inputs), std::move(outputs), order_.size());
}

NodeId Graph::insert_before(NodeId before, Node node, std::vector<ValueId> inputs,
                            std::vector<ValueId> outputs) {
  return place(std::move(node), std::move(inputs), std::move(outputs), position_of(before));
}

NodeId Graph::insert_after(NodeId after, Node node, std::vector<ValueId> inputs,
                           std::vector<ValueId> outputs) {
  return place(std::move(node), std::move(inputs), std::move(outputs), position_of(after) + 1);
}

NodeId Graph::place(Node node, std::vector<ValueId> inputs, std::vector<ValueId> outputs,
                    size_t position) {
  const auto id = static_cast<NodeId>(nodes_.size());
  node.inputs_ = std::move(inputs);
  node.outputs_ = std::move(outputs);
  nodes_.push_back(std::make_unique<Node>(std::move(node)));
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(position), id);
  link(id);
  return id;
}

size_t Graph::position_of(NodeId id) const {
  const auto found = std::find(order_.begin(), order_.end(), id);
  if (found == order_.end()) throw Error(ErrorCode::kInternal, "node is not in the graph");
  return static_cast<size_t>(found - order_.begin());
}

void Graph::link(NodeId id) {
  const Node& linked = node(id);
  int32_t index = 0;
  for (ValueId input : linked.inputs_) {
    if (input != kNone) value(input).uses_.push_back({id, index});
    ++index;
  }
  for (ValueId capture : linked.captures_) value(capture).uses_.push_back({id, index++});
  for (ValueId output : linked.outputs_) {
    if (output == kNone) continue;
    if (value(output).producer_ != kNone) {
      throw Error(ErrorCode::kInvalidGraph, "value '" + value(output).name + "' is produced twice")
          .at(linked.name, linked.op_type);
    }
    value(output).producer_ = id;
  }
}

void Graph::unlink(NodeId id) {
  const Node& unlinked = node(id);
  const auto drop_uses = [&](ValueId used) {
    if (used == kNone) return;
    std::erase_if(value(used).uses_, [&](const Use& use) { return use.node == id; });
  };
  for (ValueId input : unlinked.inputs_) drop_uses(input);
  for (ValueId capture : unlinked.captures_) drop_uses(capture);
  for (ValueId output : unlinked.outputs_) {
    if (output != kNone && value(output).producer_ == id) value(output).producer_ = kNone;
  }
}

void Graph::set_input(NodeId id, size_t index, ValueId new_input) {
  unlink(id);
  auto& list = node(id).inputs_;
  if (list.size() <= index) list.resize(index + 1, kNone);
  list[index] = new_input;
  link(id);
}

void Graph::set_inputs(NodeId id, std::vector<ValueId> new_inputs) {
  unlink(id);
  node(id).inputs_ = std::move(new_inputs);
  link(id);
}

void Graph::set_output(NodeId id, size_t index, ValueId new_output) {
  unlink(id);
  auto& list = node(id).outputs_;
  if (list.size() <= index) list.resize(index + 1, kNone);
  list[index] = new_output;
  link(id);
}

void Graph::set_outputs(NodeId id, std::vector<ValueId> new_outputs) {
  unlink(id);
  node(id).outputs_ = std::move(new_outputs);
  link(id);
}

void Graph::set_captures(NodeId id, std::vector<ValueId> captures) {
  unlink(id);
  node(id).captures_ = std::move(captures);
  link(id);
}

void Graph::erase_node(NodeId id) {
  unlink(id);
  order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(position_of(id)));
  nodes_[static_cast<size_t>(id)].reset();
}

void Graph::replace_uses(ValueId from, ValueId to, ReplaceOptions options) {
  const std::vector<Use> uses(value(from).uses_);
  for (const Use& use : uses) {
    Node& user = node(use.node);
    const auto index = static_cast<size_t>(use.index);
    if (index < user.inputs_.size()) {
      user.inputs_[index] = to;
    } else {
      // A body finds captured values by name, so it cannot follow a replacement.
      throw Error(ErrorCode::kInternal, "a captured value cannot be replaced")
          .at(user.name, user.op_type);
    }
    value(to).uses_.push_back(use);
  }
  value(from).uses_.clear();
  if (options.graph_outputs) std::replace(outputs.begin(), outputs.end(), from, to);
}

int Graph::user_count(ValueId id) const {
  std::set<NodeId> users;
  for (const Use& use : value(id).uses()) users.insert(use.node);
  return static_cast<int>(users.size()) + (is_output(id) ? 1 : 0);
}

const Node* Graph::producer(ValueId id) const {
  if (id == kNone || value(id).producer() == kNone) return nullptr;
  return &node(value(id).producer());
}

void Graph::sort_topologically() {
  // Kahn's algorithm; ready nodes leave in their present order, so a sorted
  // graph is left as it is.
  std::map<NodeId, int> waiting;
  std::set<std::pair<size_t, NodeId>> ready;
  std::vector<size_t> rank(nodes_.size(), 0);
  for (size_t i = 0; i < order_.size(); ++i) rank[static_cast<size_t>(order_[i])] = i;
  const auto each_dependency = [&](NodeId id, auto&& visit) {
    for (ValueId input : node(id).inputs_) {
      if (input != kNone && value(input).producer_ != kNone) visit(value(input).producer_);
    }
    for (ValueId capture : node(id).captures_) {
      if (value(capture).producer_ != kNone) visit(value(capture).producer_);
    }
  };
  for (NodeId id : order_) {
    int count = 0;
    each_dependency(id, [&](NodeId) { ++count; });
    waiting[id] = count;
    if (count == 0) ready.insert({rank[static_cast<size_t>(id)], id});
  }
  std::vector<NodeId> sorted;
  sorted.reserve(order_.size());
  while (!ready.empty()) {
    const NodeId id = ready.begin()->second;
    ready.erase(ready.begin());
    sorted.push_back(id);
    for (ValueId output : node(id).outputs_) {
      if (output == kNone) continue;
      for (const Use& use : value(output).uses_) {
        if (--waiting[use.node] == 0) ready.insert({rank[static_cast<size_t>(use.node)], use.node});
      }
    }
  }
  if (sorted.size() != order_.size()) {
    for (NodeId id : order_) {
      if (waiting[id] > 0) {
        throw Error(ErrorCode::kInvalidGraph, "the graph has a cycle",
                    "the file is damaged: a node depends on its own output")
            .at(node(id).name, node(id).op_type);
      }
    }
  }
  order_ = std::move(sorted);
}

int Graph::remove_dead_nodes() {
  int removed = 0;
  for (size_t i = order_.size(); i-- > 0;) {
    const NodeId id = order_[i];
    const auto& outs = node(id).outputs_;
    const bool used = std::any_of(outs.begin(), outs.end(), [&](ValueId output) {
      return output != kNone && (!value(output).uses_.empty() || is_output(output));
    });
    if (used) continue;
    erase_node(id);
    ++removed;
  }
  return removed;
}

Graph Graph::make_body() const {
  Graph body;
  body.model_ = model_;
  return body;
}

std::string display_name(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.name.empty()) return node.name;
  const auto order = graph.nodes();
  const auto found = std::find(order.begin(), order.end(), id);
  return node.op_type + "_" + std::to_string(found - order.begin());
}

}  // namespace eightfold
