// Writes nodes before one that stays: an operator in parts. Nodes and values are named
// after its value.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

class Inserter {
 public:
  Inserter(Graph& graph, NodeId before) : graph_(graph), before_(before) {}

  ValueId scalar(const char* what, float value) {
    return graph_.add_initializer(name_of(what), Tensor::scalar(value));
  }
  ValueId ints(const char* what, std::vector<int64_t> values) {
    const auto count = static_cast<int64_t>(values.size());
    return graph_.add_initializer(name_of(what), Tensor::of<int64_t>({count}, values));
  }
  // Its value has the type of what the node that stays makes.
  ValueId node(const char* op_type, std::vector<ValueId> inputs,
               std::vector<Attribute> attributes = {}) {
    const ValueType type = graph_.value(graph_.node(before_).output(0)).type;
    const ValueId output = graph_.add_value(name_of(op_type), type);
    Node node;
    node.op_type = op_type;
    node.name = graph_.value(output).name;
    node.attributes = std::move(attributes);
    graph_.insert_before(before_, std::move(node), std::move(inputs), {output});
    return output;
  }
  // What the node that stays is from here on.
  void last(const char* op_type, std::vector<ValueId> inputs) {
    Node& node = graph_.node(before_);
    node.op_type = op_type;
    node.domain.clear();
    node.attributes.clear();
    graph_.set_inputs(before_, std::move(inputs));
  }

 private:
  std::string name_of(const char* what) const {
    const ValueId made = graph_.node(before_).output(0);
    return graph_.unique_name(graph_.value(made).name + "_" + what);
  }

  Graph& graph_;
  NodeId before_;
};

}  // namespace eightfold
