// NodeProto -> NodeRecord: names renamed by the frame, attribute references resolved.
#include "core/error.h"
#include "onnx/fields.h"
#include "onnx/import_context.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

// Adds the attribute, or what it refers to in the function call; nothing if that was not given.
void add_attribute(std::string_view bytes, NodeRecord* record) {
  std::string name, reference;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::attribute::kName) name = fields.text();
    if (fields.number() == proto::attribute::kRefAttrName) reference = fields.text();
  }
  if (reference.empty()) {
    record->attributes.push_back({std::move(name), bytes, record->frame});
    return;
  }
  if (!record->frame) throw_damaged("attribute '" + name + "' refers to a function's attribute");
  const auto actual = record->frame->attributes.find(reference);
  if (actual == record->frame->attributes.end()) return;
  record->attributes.push_back({std::move(name), actual->second.bytes, actual->second.frame});
}

}  // namespace

std::string Frame::rename(const std::string& name) const {
  if (name.empty()) return name;
  const auto formal = names.find(name);
  return formal == names.end() ? prefix + name : formal->second;
}

std::string renamed(const FramePtr& frame, const std::string& name) {
  return frame ? frame->rename(name) : name;
}

std::string canonical_domain(std::string domain) {
  return domain == "ai.onnx" ? std::string() : domain;
}

std::string place_name(const NodeRecord& record) {
  if (!record.node.name.empty() || record.outputs.empty()) return record.node.name;
  return record.outputs[0];
}

NodeRecord read_node(std::string_view bytes, const FramePtr& frame) {
  NodeRecord record;
  record.frame = frame;
  Node& node = record.node;
  std::vector<std::string_view> attributes;
  for (Fields fields(bytes); fields.next();) {
    switch (fields.number()) {
      case proto::node::kInput: record.inputs.push_back(renamed(frame, fields.text())); break;
      case proto::node::kOutput: record.outputs.push_back(renamed(frame, fields.text())); break;
      case proto::node::kName: node.name = fields.text(); break;
      case proto::node::kOpType: node.op_type = fields.text(); break;
      case proto::node::kAttribute: attributes.push_back(fields.bytes()); break;
      case proto::node::kDocString: node.doc_string = fields.text(); break;
      case proto::node::kDomain: node.domain = canonical_domain(fields.text()); break;
      case proto::node::kOverload: record.overload = fields.text(); break;
      default: node.raw += fields.whole();
    }
  }
  if (frame && !node.name.empty()) node.name = frame->prefix + node.name;
  if (node.op_type.empty()) {
    throw Error(ErrorCode::kInvalidModel, "node '" + place_name(record) + "' has no op_type");
  }
  try {
    for (std::string_view attribute : attributes) add_attribute(attribute, &record);
  } catch (const Error& error) {
    throw error.at(place_name(record), node.op_type);
  }
  return record;
}

}  // namespace eightfold
