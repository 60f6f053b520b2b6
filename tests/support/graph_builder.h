// Builds a graph in one line per node.
//
//   GraphBuilder g;
//   const auto x = g.input("x", {1, 3, 8, 8});
//   const auto y = g.node("Relu", {x});
//   g.output(y);
//   Session session(g.build());
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace eightfold::test {

class GraphBuilder {
 public:
  explicit GraphBuilder(int64_t opset = 21) { graph_.model().opsets[""] = opset; }

  GraphBuilder& opset(std::string domain, int64_t version) {
    graph_.model().opsets[std::move(domain)] = version;
    return *this;
  }

  // A dim < 0 is free; free_dims names it.
  ValueId input(std::string name, const Shape& shape, DType dtype = DType::kFloat32) {
    const ValueId id = graph_.add_value(std::move(name), {dtype, to_dims(shape), {}});
    for (Dim& dim : *graph_.value(id).type.dims) {
      if (dim.value < 0) dim = {-1, "N"};
    }
    graph_.inputs.push_back(id);
    return id;
  }

  ValueId constant(Tensor tensor, std::string name = "c") {
    return graph_.add_initializer(graph_.unique_name(name), std::move(tensor));
  }

  struct Extra {
    std::vector<Attribute> attributes = {};
    std::string domain = {};
    std::string name = {};
  };
  // The outputs are named "<op>_<n>_0" and so on.
  std::vector<ValueId> nodes(std::string op, std::vector<ValueId> inputs, size_t outputs,
                             Extra extra) {
    Node node;
    node.op_type = std::move(op);
    node.domain = std::move(extra.domain);
    node.attributes = std::move(extra.attributes);
    const std::string index = std::to_string(graph_.nodes().size());
    node.name = extra.name.empty() ? node.op_type + "_" + index : std::move(extra.name);
    std::vector<ValueId> ids;
    for (size_t i = 0; i < outputs; ++i) {
      ids.push_back(graph_.add_value(graph_.unique_name(node.name + "_" + std::to_string(i))));
    }
    graph_.add_node(std::move(node), std::move(inputs), ids);
    return ids;
  }
  ValueId node(std::string op, std::vector<ValueId> inputs, Extra extra) {
    return nodes(std::move(op), std::move(inputs), 1, std::move(extra))[0];
  }
  ValueId node(std::string op, std::vector<ValueId> inputs) {
    return node(std::move(op), std::move(inputs), Extra{});
  }
  ValueId node(std::string op, std::vector<ValueId> inputs, std::vector<Attribute> attributes) {
    return node(std::move(op), std::move(inputs), Extra{std::move(attributes)});
  }

  void output(ValueId id) { graph_.outputs.push_back(id); }
  Graph& graph() { return graph_; }
  Graph build() { return graph_; }

 private:
  Graph graph_;
};

}  // namespace eightfold::test
