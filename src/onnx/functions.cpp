// Model-local functions: FunctionProto and its inlining, record by record.
//
// A call becomes the function's nodes; formal names become actual ones, local
// names get the call's prefix, attribute references are already resolved by
// read_node. Calls inside functions expand the same way, with both the depth
// and the number of nodes limited, since ten lines can ask for 2^64 nodes.
#include <algorithm>

#include "core/error.h"
#include "onnx/fields.h"
#include "onnx/import_context.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

constexpr int64_t kMaxInlinedNodes = 200'000;

std::pair<std::string, int64_t> read_opset(std::string_view bytes) {
  std::pair<std::string, int64_t> opset;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::opset::kDomain) opset.first = canonical_domain(fields.text());
    if (fields.number() == proto::opset::kVersion) opset.second = fields.int64();
  }
  return opset;
}

std::string attribute_name(std::string_view bytes) {
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::attribute::kName) return fields.text();
  }
  return {};
}

// The model states one version per domain; a function may only agree with it.
void check_opsets(const std::string& name, const Function& function, ImportContext& context) {
  for (const auto& [domain, version] : function.opsets) {
    const auto [model, added] = context.opsets.emplace(domain, version);
    if (added || model->second == version) continue;
    throw Error(ErrorCode::kUnsupportedModel,
                "function '" + name + "' uses version " + std::to_string(version) +
                    " of the operators '" + (domain.empty() ? "ai.onnx" : domain) +
                    "', the model version " + std::to_string(model->second),
                "inline the model's functions before, for example with onnx.inliner");
  }
}

// A prefix that no value of the model begins with.
std::string unique_prefix(const std::string& base, ImportContext& context) {
  int64_t& i = context.calls[base];
  for (;; ++i) {
    std::string prefix = base + (i ? "_" + std::to_string(i) : "") + "/";
    const auto next = context.names.lower_bound(prefix);
    if (next != context.names.end() && next->starts_with(prefix)) continue;
    context.names.insert(prefix);
    return prefix;
  }
}

FramePtr make_frame(const NodeRecord& call, const Function& function, ImportContext& context) {
  auto frame = std::make_shared<Frame>();
  const std::string& name = call.node.name;
  frame->prefix = unique_prefix(name.empty() ? call.node.op_type : name, context);
  for (size_t i = 0; i < function.outputs.size(); ++i) {
    const bool given = i < call.outputs.size() && !call.outputs[i].empty();
    if (given) frame->names[function.outputs[i]] = call.outputs[i];
  }
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    frame->names[function.inputs[i]] = i < call.inputs.size() ? call.inputs[i] : "";
  }
  for (const auto& [attribute, bytes] : function.defaults) {
    frame->attributes[attribute] = {attribute, bytes, nullptr};
  }
  for (const AttributeRef& given : call.attributes) frame->attributes[given.name] = given;
  return frame;
}

// A function may hand an input straight to an output.
void pass_through(const NodeRecord& call, const Function& function, std::vector<NodeRecord>* out) {
  for (size_t i = 0; i < function.outputs.size() && i < call.outputs.size(); ++i) {
    const auto& formals = function.inputs;
    const auto same = std::find(formals.begin(), formals.end(), function.outputs[i]);
    const auto input = static_cast<size_t>(same - formals.begin());
    if (same == formals.end() || input >= call.inputs.size() || call.outputs[i].empty()) continue;
    NodeRecord identity;
    identity.node.op_type = "Identity";
    identity.inputs = {call.inputs[input]};
    identity.outputs = {call.outputs[i]};
    out->push_back(std::move(identity));
  }
}

void check_call(const NodeRecord& call, const Function& function) {
  if (call.inputs.size() <= function.inputs.size() &&
      call.outputs.size() <= function.outputs.size()) {
    return;
  }
  throw Error(ErrorCode::kInvalidModel, "a call with more inputs or outputs than the function has")
      .at(place_name(call), call.node.op_type);
}

}  // namespace

void ImportContext::check_nesting(int depth) const {
  if (depth <= options.max_nesting) return;
  throw Error(ErrorCode::kLimitExceeded, "subgraphs or functions are nested more than " +
                                             std::to_string(options.max_nesting) + " deep");
}

void ImportContext::count_inlined() {
  if (++inlined_nodes <= kMaxInlinedNodes) return;
  throw Error(ErrorCode::kLimitExceeded, "the model's functions expand to more than " +
                                             std::to_string(kMaxInlinedNodes) + " nodes");
}

void add_function(std::string_view bytes, ImportContext& context) {
  Function function;
  std::string domain, name, overload;
  for (Fields fields(bytes); fields.next();) {
    switch (fields.number()) {
      case proto::function::kName: name = fields.text(); break;
      case proto::function::kDomain: domain = canonical_domain(fields.text()); break;
      case proto::function::kOverload: overload = fields.text(); break;
      case proto::function::kInput: function.inputs.push_back(fields.text()); break;
      case proto::function::kOutput: function.outputs.push_back(fields.text()); break;
      case proto::function::kNode: function.nodes.push_back(fields.bytes()); break;
      case proto::function::kOpsetImport:
        function.opsets.push_back(read_opset(fields.bytes()));
        break;
      case proto::function::kAttributeProto:
        function.defaults[attribute_name(fields.bytes())] = fields.bytes();
        break;
      default: break;
    }
  }
  check_opsets(name, function, context);
  if (!context.functions.emplace(FunctionKey{domain, name, overload}, std::move(function)).second) {
    throw Error(ErrorCode::kInvalidModel, "the function '" + name + "' is defined twice");
  }
}

void expand(NodeRecord record, int depth, ImportContext& context, std::vector<NodeRecord>* out) {
  const auto found = context.functions.empty()
                         ? context.functions.end()
                         : context.functions.find(FunctionKey{
                               record.node.domain, record.node.op_type, record.overload});
  if (found == context.functions.end()) {
    out->push_back(std::move(record));
    return;
  }
  const Function& function = found->second;
  check_call(record, function);
  context.check_nesting(depth);
  const FramePtr frame = make_frame(record, function, context);
  for (std::string_view bytes : function.nodes) {
    context.count_inlined();
    expand(read_node(bytes, frame), depth + 1, context, out);
  }
  pass_through(record, function, out);
}

}  // namespace eightfold
