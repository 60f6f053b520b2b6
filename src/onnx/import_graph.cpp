// GraphProto -> Graph.
//
// Two passes: every name of the graph is declared first (inputs, initializers,
// constants, node outputs), then the nodes are linked, so the file's node order
// does not matter. A name a body does not declare is looked up in the graphs
// around it and becomes a captured value; a body's name that would shadow an
// outer one is made unique, because captured values are found by name.
#include <algorithm>

#include "core/error.h"
#include "onnx/fields.h"
#include "onnx/import_context.h"
#include "onnx/proto.h"
#include "onnx/read_type.h"

namespace eightfold {
namespace {

// Nodes, initializers and value descriptions of one graph; large models have some ten thousand.
constexpr int64_t kMaxGraphFields = 2'000'000;

struct GraphFields {
  std::vector<ValueInfo> inputs, outputs, value_infos;
  std::vector<std::string_view> nodes, initializers, sparse_initializers;
};

class GraphBuilder {
 public:
  GraphBuilder(ImportContext& context, GraphBuilder* outer, FramePtr frame, int depth, Graph graph)
      : context_(context),
        outer_(outer),
        frame_(std::move(frame)),
        depth_(depth),
        graph_(std::move(graph)) {}

  Graph build(std::string_view bytes);

 private:
  GraphFields read_fields(std::string_view bytes);
  std::vector<NodeRecord> read_records(const GraphFields& fields);
  void declare_inputs(const GraphFields& fields);
  void declare_initializers(const GraphFields& fields);
  void declare_outputs(const std::vector<NodeRecord>& records);
  bool declare_constant(const NodeRecord& record);
  void set_types(const GraphFields& fields);
  void add_node(NodeRecord record);
  void add_outputs(const GraphFields& fields);

  ValueId define(const std::string& name);  // throws when the name is taken
  void set_constant(ValueId id, NamedConstant constant);
  Attribute read_attribute_of(const AttributeRef& ref, std::vector<ValueId>* captures);
  ValueId resolve(const std::string& name);  // kNone when nobody declares it
  bool known_outside(const std::string& name) const;
  std::string free_name(const std::string& name) const;

  ImportContext& context_;
  GraphBuilder* outer_;
  FramePtr frame_;
  int depth_;
  Graph graph_;
  std::map<std::string, ValueId> ids_;
  std::vector<ValueId> captured_;  // values of the outer graph that this body uses
};

Graph GraphBuilder::build(std::string_view bytes) {
  context_.check_nesting(depth_);
  const GraphFields fields = read_fields(bytes);
  std::vector<NodeRecord> records = read_records(fields);
  declare_inputs(fields);
  declare_initializers(fields);
  std::erase_if(records, [&](const NodeRecord& record) { return declare_constant(record); });
  declare_outputs(records);
  set_types(fields);
  for (NodeRecord& record : records) add_node(std::move(record));
  add_outputs(fields);
  graph_.sort_topologically();
  return std::move(graph_);
}

GraphFields GraphBuilder::read_fields(std::string_view bytes) {
  GraphFields out;
  int64_t count = 0;
  for (Fields fields(bytes); fields.next();) {
    if (++count > kMaxGraphFields) {
      throw Error(ErrorCode::kLimitExceeded, "the graph has too many nodes and values");
    }
    switch (fields.number()) {
      case proto::graph::kNode: out.nodes.push_back(fields.bytes()); break;
      case proto::graph::kName: graph_.name = fields.text(); break;
      case proto::graph::kInitializer: out.initializers.push_back(fields.bytes()); break;
      case proto::graph::kSparseInitializer:
        out.sparse_initializers.push_back(fields.bytes());
        break;
      case proto::graph::kDocString: graph_.doc_string = fields.text(); break;
      case proto::graph::kInput: out.inputs.push_back(read_value_info(fields.bytes())); break;
      case proto::graph::kOutput: out.outputs.push_back(read_value_info(fields.bytes())); break;
      case proto::graph::kValueInfo:
        out.value_infos.push_back(read_value_info(fields.bytes()));
        break;
      default: graph_.raw += fields.whole();
    }
  }
  return out;
}

std::vector<NodeRecord> GraphBuilder::read_records(const GraphFields& fields) {
  std::vector<NodeRecord> direct, expanded;
  for (std::string_view bytes : fields.nodes) {
    direct.push_back(read_node(bytes, frame_));
    if (frame_) context_.count_inlined();
  }
  for (std::string_view bytes : fields.sparse_initializers) {
    direct.push_back(sparse_constant(bytes, frame_));
  }
  if (context_.functions.empty()) return direct;
  for (const NodeRecord& record : direct) {
    context_.names.insert(record.outputs.begin(), record.outputs.end());
  }
  for (NodeRecord& record : direct) expand(std::move(record), depth_, context_, &expanded);
  return expanded;
}

void GraphBuilder::declare_inputs(const GraphFields& fields) {
  for (const ValueInfo& info : fields.inputs) {
    if (info.name.empty()) throw_damaged("a graph input has no name");
    const ValueId id = define(renamed(frame_, info.name));
    graph_.value(id).type = info.type;
    graph_.value(id).doc_string = info.doc_string;
    graph_.inputs.push_back(id);
  }
}

// Runs right after declare_inputs: what is known and not constant is an input listed with its
// default.
void GraphBuilder::declare_initializers(const GraphFields& fields) {
  for (std::string_view bytes : fields.initializers) {
    NamedConstant constant = read_tensor(bytes, context_.tensors);
    if (constant.name.empty()) throw_damaged("an initializer has no name");
    const std::string name = renamed(frame_, constant.name);
    const auto known = ids_.find(name);
    const bool listed = known != ids_.end() && !graph_.value(known->second).is_constant();
    set_constant(listed ? known->second : define(name), std::move(constant));
  }
}

// Constant nodes become initializers; false for other nodes and for sparse constants.
bool GraphBuilder::declare_constant(const NodeRecord& record) {
  if (!record.node.is("Constant") || record.outputs.size() != 1 || record.outputs[0].empty()) {
    return false;
  }
  try {
    std::optional<Tensor> data = constant_data(record, context_);
    if (!data) return false;
    set_constant(define(record.outputs[0]), {{}, record.node.doc_string, std::move(*data)});
    return true;
  } catch (const Error& error) {
    throw error.at(place_name(record), record.node.op_type);
  }
}

void GraphBuilder::declare_outputs(const std::vector<NodeRecord>& records) {
  for (const NodeRecord& record : records) {
    try {
      for (const std::string& output : record.outputs) {
        if (!output.empty()) define(output);
      }
    } catch (const Error& error) {
      throw error.at(place_name(record), record.node.op_type);
    }
  }
}

void GraphBuilder::set_types(const GraphFields& fields) {
  for (const auto* infos : {&fields.outputs, &fields.value_infos}) {
    for (const ValueInfo& info : *infos) {
      const auto known = ids_.find(renamed(frame_, info.name));
      if (known == ids_.end()) continue;
      Value& value = graph_.value(known->second);
      if (value.type == ValueType{}) value.type = info.type;
      if (value.doc_string.empty()) value.doc_string = info.doc_string;
    }
  }
}

void GraphBuilder::set_constant(ValueId id, NamedConstant constant) {
  Value& value = graph_.value(id);
  value.type = {constant.tensor.dtype(), to_dims(constant.tensor.shape()), {}};
  if (!constant.doc_string.empty()) value.doc_string = std::move(constant.doc_string);
  value.initializer = std::move(constant.tensor);
}

Attribute GraphBuilder::read_attribute_of(const AttributeRef& ref, std::vector<ValueId>* captures) {
  return read_attribute(ref, context_, [&](std::string_view bytes, const FramePtr& frame) {
    GraphBuilder body(context_, this, frame, depth_ + 1, graph_.make_body());
    Graph graph = body.build(bytes);
    for (ValueId id : body.captured_) {
      if (std::find(captures->begin(), captures->end(), id) == captures->end()) {
        captures->push_back(id);
      }
    }
    return graph;
  });
}

void GraphBuilder::add_node(NodeRecord record) {
  const std::string place = place_name(record);
  const std::string op_type = record.node.op_type;
  try {
    std::vector<ValueId> inputs, outputs, captures;
    for (const std::string& name : record.inputs) {
      inputs.push_back(name.empty() ? kNone : resolve(name));
      if (name.empty() || inputs.back() != kNone) continue;
      throw Error(ErrorCode::kInvalidGraph,
                  "the input '" + name + "' is neither produced nor given anywhere",
                  "the model was cut out of a larger one or is damaged");
    }
    for (const std::string& name : record.outputs) {
      outputs.push_back(name.empty() ? kNone : ids_.at(name));
    }
    for (const AttributeRef& ref : record.attributes) {
      record.node.attributes.push_back(read_attribute_of(ref, &captures));
    }
    const NodeId id =
        graph_.add_node(std::move(record.node), std::move(inputs), std::move(outputs));
    if (!captures.empty()) graph_.set_captures(id, std::move(captures));
  } catch (const Error& error) {
    throw error.at(place, op_type);
  }
}

void GraphBuilder::add_outputs(const GraphFields& fields) {
  for (const ValueInfo& info : fields.outputs) {
    const ValueId id = info.name.empty() ? kNone : resolve(renamed(frame_, info.name));
    if (id == kNone) {
      throw Error(ErrorCode::kInvalidGraph,
                  "the graph output '" + info.name + "' is never produced");
    }
    graph_.outputs.push_back(id);
  }
}

// ------------------------------------------------------------------ names
ValueId GraphBuilder::define(const std::string& name) {
  const auto [entry, added] = ids_.emplace(name, kNone);
  if (!added) {
    throw Error(ErrorCode::kInvalidGraph, "the value '" + name + "' is defined twice",
                "every value of a graph needs a name of its own");
  }
  entry->second = graph_.add_value(free_name(name));
  return entry->second;
}

ValueId GraphBuilder::resolve(const std::string& name) {
  const auto known = ids_.find(name);
  if (known != ids_.end()) return known->second;
  const ValueId outside = outer_ ? outer_->resolve(name) : kNone;
  if (outside == kNone) return kNone;
  const Value& value = outer_->graph_.value(outside);
  const ValueId id = graph_.add_captured(value.name, value.type);
  ids_.emplace(name, id);
  captured_.push_back(outside);
  return id;
}

bool GraphBuilder::known_outside(const std::string& name) const {
  for (const GraphBuilder* scope = outer_; scope; scope = scope->outer_) {
    if (scope->graph_.find_value(name) != kNone) return true;
  }
  return false;
}

std::string GraphBuilder::free_name(const std::string& name) const {
  std::string candidate = name;
  for (int i = 1; known_outside(candidate) || graph_.find_value(candidate) != kNone; ++i) {
    candidate = name + "_" + std::to_string(i);
  }
  return candidate;
}

}  // namespace

Graph read_graph(std::string_view bytes, Graph empty, ImportContext& context) {
  return GraphBuilder(context, nullptr, nullptr, 0, std::move(empty)).build(bytes);
}

}  // namespace eightfold
