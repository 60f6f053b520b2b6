// What the parts of the importer share while one file is read.
//
// A NodeRecord is a NodeProto before its names become values. A Frame is one
// call of a model-local function: it renames the function's names into those of
// the calling graph, so that after inlining only plain records are left.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "ir/graph.h"
#include "onnx/onnx.h"
#include "onnx/read_tensor.h"

namespace eightfold {

struct Frame;
using FramePtr = std::shared_ptr<const Frame>;

// An attribute still encoded, and the frame its bodies' names belong to.
struct AttributeRef {
  std::string name;
  std::string_view bytes;
  FramePtr frame;
};

struct Frame {
  std::string prefix;                        // of names that are local to the call
  std::map<std::string, std::string> names;  // formal -> actual ("" when not given)
  std::map<std::string, AttributeRef> attributes;
  std::string rename(const std::string& name) const;
};
// The name as the calling graph knows it; `frame` may be null.
std::string renamed(const FramePtr& frame, const std::string& name);

struct NodeRecord {
  Node node;  // without attributes
  std::string overload;
  std::vector<std::string> inputs, outputs;  // renamed
  std::vector<AttributeRef> attributes;      // references resolved
  FramePtr frame;
};

struct Function {
  std::vector<std::string> inputs, outputs;
  std::vector<std::string_view> nodes;
  std::map<std::string, std::string_view> defaults;  // attribute_proto
  std::vector<std::pair<std::string, int64_t>> opsets;
};
using FunctionKey = std::tuple<std::string, std::string, std::string>;  // domain, name, overload

struct ImportContext {
  ImportContext(const ImportOptions& import_options, TensorSource source)
      : options(import_options), tensors(std::move(source)) {}

  const ImportOptions& options;
  TensorSource tensors;
  std::map<FunctionKey, Function> functions;
  std::map<std::string, int64_t, std::less<>> opsets;  // of the model
  std::set<std::string> names;  // taken by values and frames; kept when there are functions
  std::map<std::string, int64_t> calls;  // of functions, by the name of the calling node
  int64_t inlined_nodes = 0;
  std::map<const char*, Tensor> shared_tensors;  // decoded inside functions, by position

  void check_nesting(int depth) const;  // throws kLimitExceeded past options.max_nesting
  void count_inlined();                 // throws kLimitExceeded past a fixed number of nodes
};

// read_node.cpp
NodeRecord read_node(std::string_view bytes, const FramePtr& frame);
// "ai.onnx" is the empty domain.
std::string canonical_domain(std::string domain);
// The name of a node in errors: its own, or its first output's.
std::string place_name(const NodeRecord& record);

// functions.cpp
void add_function(std::string_view bytes, ImportContext& context);
// Appends `record`, or what it expands to when it calls a model-local function.
void expand(NodeRecord record, int depth, ImportContext& context, std::vector<NodeRecord>* out);

// read_attribute.cpp
using BodyReader = std::function<Graph(std::string_view bytes, const FramePtr& frame)>;
Attribute read_attribute(const AttributeRef& ref, ImportContext& context, const BodyReader& body);
// Data of a Constant node; nullopt for a sparse constant, which stays a node.
std::optional<Tensor> constant_data(const NodeRecord& record, ImportContext& context);
// A sparse initializer as a Constant node with a sparse_value; it is named like its values.
NodeRecord sparse_constant(std::string_view bytes, const FramePtr& frame);

// import_graph.cpp
Graph read_graph(std::string_view bytes, Graph empty, ImportContext& context);

}  // namespace eightfold
