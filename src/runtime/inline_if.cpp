// See inline_if.h. Values of the branch get names that no other body uses, because bodies find
// what they capture by name.
#include "runtime/inline_if.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "ir/constant.h"

namespace eightfold {
namespace {

using Names = std::map<std::string, std::string, std::less<>>;

template <typename Call>
void for_bodies(const Node& node, Call&& call) {
  for (const Attribute& attribute : node.attributes) {
    if (const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
      call(attribute.name, **body);
    }
  }
}

void collect_names(const Graph& graph, std::set<std::string>& names) {
  for (NodeId id : graph.nodes()) {
    for_bodies(graph.node(id), [&](const std::string&, const Graph& body) {
      for (ValueId value = 0; value < body.value_count(); ++value) {
        if (!body.value(value).captured) names.insert(body.value(value).name);
      }
      collect_names(body, names);
    });
  }
}

// Bodies of a node that moved capture values under their new names.
void rename_captures(Node& node, const Names& renamed) {
  const Node before = node;
  for_bodies(before, [&](const std::string& attribute, const Graph& body) {
    Graph copy = body;
    for (ValueId id = 0; id < copy.value_count(); ++id) {
      if (!copy.value(id).captured) continue;
      const auto found = renamed.find(copy.value(id).name);
      if (found != renamed.end()) copy.rename_value(id, found->second);
    }
    for (NodeId id : copy.nodes()) rename_captures(copy.node(id), renamed);
    node.set_attribute(attribute, std::make_shared<const Graph>(std::move(copy)));
  });
}

class Inlining {
 public:
  Inlining(Graph& graph, NodeId id, Attribute::GraphPtr branch)
      : graph_(graph), branch_(std::move(branch)), name_(graph.node(id).name) {
    const auto made = graph.node(id).outputs();
    outputs_.assign(made.begin(), made.end());
    const auto order = graph.nodes();
    for (size_t i = 0; i + 1 < order.size(); ++i) {
      if (order[i] == id) next_ = order[i + 1];
    }
    graph.erase_node(id);
    collect_names(graph, taken_);
    collect_names(*branch_, taken_);
  }

  void run() {
    std::vector<std::pair<ValueId, ValueId>> copies;  // outputs that no node of the branch names
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i] == kNone) continue;
      const ValueId inner = branch_->outputs[i];
      const bool made = branch_->value(inner).producer() != kNone;
      if (!made || !values_.emplace(inner, outputs_[i]).second) {
        copies.emplace_back(inner, outputs_[i]);
      }
    }
    for (ValueId id = 0; id < branch_->value_count(); ++id) map_value(id);
    for (NodeId id : branch_->nodes()) move_node(id);
    for (const auto& [from, to] : copies) {
      Node node;
      node.op_type = "Identity";
      node.name = name_;
      add(std::move(node), {values_.at(from)}, {to});
    }
  }

 private:
  void map_value(ValueId id) {
    const Value& value = branch_->value(id);
    if (value.captured) {
      values_[id] = graph_.find_value(value.name);
      return;
    }
    if (!values_.contains(id)) {
      std::string name = value.name;
      for (int i = 1; graph_.find_value(name) != kNone || taken_.contains(name); ++i) {
        name = value.name + "_" + std::to_string(i);
      }
      const ValueId outer = graph_.add_value(std::move(name), value.type);
      graph_.value(outer).initializer = value.initializer;
      graph_.value(outer).doc_string = value.doc_string;
      values_[id] = outer;
    }
    renamed_[value.name] = graph_.value(values_[id]).name;
  }

  std::vector<ValueId> mapped(std::span<const ValueId> inner) const {
    std::vector<ValueId> outer;
    for (ValueId id : inner) outer.push_back(id == kNone ? kNone : values_.at(id));
    return outer;
  }

  void move_node(NodeId inner_id) {
    const Node& inner = branch_->node(inner_id);
    Node node;  // without the links of the branch
    node.name = inner.name.empty() ? name_ + "/" + display_name(*branch_, inner_id) : inner.name;
    node.domain = inner.domain;
    node.op_type = inner.op_type;
    node.attributes = inner.attributes;
    node.doc_string = inner.doc_string;
    node.raw = inner.raw;
    rename_captures(node, renamed_);
    const NodeId id = add(std::move(node), mapped(inner.inputs()), mapped(inner.outputs()));
    if (!inner.captures().empty()) graph_.set_captures(id, mapped(inner.captures()));
  }

  NodeId add(Node node, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
    if (next_ == kNone)
      return graph_.add_node(std::move(node), std::move(inputs), std::move(outputs));
    return graph_.insert_before(next_, std::move(node), std::move(inputs), std::move(outputs));
  }

  Graph& graph_;
  Attribute::GraphPtr branch_;
  std::string name_;
  std::vector<ValueId> outputs_;
  NodeId next_ = kNone;
  std::set<std::string> taken_;
  std::map<ValueId, ValueId> values_;  // of the branch -> of the graph
  Names renamed_;
};

// The branch that the node always takes; null when that is not known.
Attribute::GraphPtr taken_branch(const Graph& graph, const Node& node) {
  if (!node.is("If")) return nullptr;
  const Tensor* condition = fixed_constant(graph, node.input(0));
  if (!condition || condition->dtype() != DType::kBool || condition->size() != 1) return nullptr;
  const bool flag = condition->data<bool>()[0];
  const Attribute* found = node.find_attribute(flag ? "then_branch" : "else_branch");
  const auto* branch = found ? std::get_if<Attribute::GraphPtr>(&found->value) : nullptr;
  if (!branch || (*branch)->outputs.size() != node.outputs().size()) return nullptr;
  return (*branch)->inputs.empty() ? *branch : nullptr;
}

}  // namespace

int inline_constant_if(Graph& graph) {
  int inlined = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const Attribute::GraphPtr branch = taken_branch(graph, graph.node(id));
    if (!branch) continue;
    Inlining(graph, id, branch).run();
    ++inlined;
  }
  return inlined;
}

}  // namespace eightfold
