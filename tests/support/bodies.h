// Bodies of If, Loop and Scan for the graphs of a test.
//
//   BodyBuilder body(g.graph());
//   const auto i = body.input("i", {}, DType::kInt64);
//   body.output(body.node("Add", {i, body.capture(x)}));
//   add_control(g, "Loop", {m, kNone}, 1, {{"body", &body}});
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/graph_builder.h"

namespace eightfold::test {

// A GraphBuilder whose graph is a body of `outer`; names are made unique by a prefix.
class BodyBuilder : public GraphBuilder {
 public:
  BodyBuilder(Graph& outer, std::string prefix) : outer_(outer), prefix_(std::move(prefix)) {
    graph() = outer.make_body();
  }

  ValueId input(const std::string& name, const Shape& shape, DType dtype = DType::kFloat32) {
    return GraphBuilder::input(prefix_ + name, shape, dtype);
  }
  // An input of which only the dtype is declared.
  ValueId free_input(const std::string& name, DType dtype = DType::kFloat32) {
    const ValueId id = GraphBuilder::input(prefix_ + name, {}, dtype);
    graph().value(id).type.dims.reset();
    return id;
  }
  ValueId constant(Tensor tensor) {
    return graph().add_initializer(graph().unique_name(prefix_ + "c"), std::move(tensor));
  }
  ValueId node(std::string op, std::vector<ValueId> inputs,
               std::vector<Attribute> attributes = {}) {
    const std::string name = prefix_ + op + std::to_string(graph().nodes().size());
    return GraphBuilder::node(std::move(op), std::move(inputs),
                              Extra{std::move(attributes), {}, name});
  }
  // A value of the outer graph, here.
  ValueId capture(ValueId outside) {
    const Value& value = outer_.value(outside);
    if (const ValueId known = graph().find_value(value.name); known != kNone) return known;
    captures.push_back(outside);
    return graph().add_captured(value.name, value.type);
  }
  Attribute::GraphPtr done() const { return std::make_shared<const Graph>(graph_copy()); }

  std::vector<ValueId> captures;  // of the outer graph

 private:
  Graph graph_copy() const { return const_cast<BodyBuilder*>(this)->build(); }

  Graph& outer_;
  std::string prefix_;
};

struct NamedBody {
  std::string attribute;
  const BodyBuilder* body;
};

// A node with bodies, and with what they capture.
inline std::vector<ValueId> add_control(GraphBuilder& g, const std::string& op,
                                        std::vector<ValueId> inputs, size_t outputs,
                                        const std::vector<NamedBody>& bodies,
                                        std::vector<Attribute> attributes = {}) {
  std::vector<ValueId> captures;
  for (const NamedBody& named : bodies) {
    attributes.push_back({named.attribute, named.body->done()});
    for (ValueId id : named.body->captures) {
      if (std::ranges::find(captures, id) == captures.end()) captures.push_back(id);
    }
  }
  Node node;
  node.op_type = op;
  node.name = op + "_" + std::to_string(g.graph().nodes().size());
  node.attributes = std::move(attributes);
  std::vector<ValueId> ids;
  for (size_t i = 0; i < outputs; ++i) {
    ids.push_back(g.graph().add_value(g.graph().unique_name(node.name + "_" + std::to_string(i))));
  }
  const NodeId id = g.graph().add_node(std::move(node), std::move(inputs), ids);
  g.graph().set_captures(id, std::move(captures));
  return ids;
}

}  // namespace eightfold::test
