// save_onnx: ModelProto around the graph. The same graph always gives the same bytes.
#include <algorithm>

#include "core/error.h"
#include "onnx/export_graph.h"
#include "onnx/onnx.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

constexpr size_t kMaxFileBytes = 0x7fffffff;  // protobuf's limit of one message

void visit_graphs(const Graph& graph, const std::function<void(const Graph&)>& visit) {
  visit(graph);
  for (NodeId id : graph.nodes()) {
    for (const Attribute& attribute : graph.node(id).attributes) {
      if (const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
        visit_graphs(**body, visit);
      } else if (const auto* bodies =
                     std::get_if<std::vector<Attribute::GraphPtr>>(&attribute.value)) {
        for (const auto& each : *bodies) visit_graphs(*each, visit);
      }
    }
  }
}

// The model's imports, and version 1 of every other domain that a node uses.
std::map<std::string, int64_t> all_opsets(const Graph& graph) {
  std::map<std::string, int64_t> opsets(graph.model().opsets.begin(), graph.model().opsets.end());
  opsets.erase(std::string(kEightfoldDomain));
  visit_graphs(graph, [&](const Graph& each) {
    for (NodeId id : each.nodes()) {
      const Node& node = each.node(id);
      const bool added = opsets.emplace(node.domain, 1).second;
      if (added && node.domain.empty()) {
        throw Error(ErrorCode::kInvalidState, "the graph imports no ai.onnx operators")
            .at(display_name(each, id), node.op_type);
      }
    }
  });
  return opsets;
}

size_t estimated_bytes(const Graph& graph) {
  size_t bytes = 4096;
  visit_graphs(graph, [&](const Graph& each) {
    bytes += 256 * (static_cast<size_t>(each.value_count()) + each.nodes().size());
    for (ValueId id = 0; id < each.value_count(); ++id) {
      if (const Tensor* constant = each.constant(id)) bytes += constant->size_bytes();
    }
  });
  return bytes;
}

void write_opset(Writer& model, const std::string& domain, int64_t version) {
  Writer message(model, proto::model::kOpsetImport);
  message.add_string(proto::opset::kDomain, domain);
  message.add_int64(proto::opset::kVersion, version);
}

void write_metadata(Writer& model, const std::pair<std::string, std::string>& entry) {
  Writer message(model, proto::model::kMetadataProps);
  message.add_string(proto::entry::kKey, entry.first);
  message.add_string(proto::entry::kValue, entry.second);
}

}  // namespace

std::vector<uint8_t> save_onnx(const Graph& graph, ExternalOutput* external) {
  const ModelInfo& info = graph.model();
  const auto opsets = all_opsets(graph);
  std::vector<uint8_t> out;
  if (external) {
    external->size = 0;
  } else {
    out.reserve(std::min(estimated_bytes(graph), kMaxFileBytes));
  }
  Writer model(out);
  model.add_int64(proto::model::kIrVersion, info.ir_version);
  write_text(model, proto::model::kProducerName, info.producer_name);
  write_text(model, proto::model::kProducerVersion, info.producer_version);
  write_text(model, proto::model::kDomain, info.domain);
  if (info.model_version != 0) model.add_int64(proto::model::kModelVersion, info.model_version);
  write_text(model, proto::model::kDocString, info.doc_string);
  {
    Writer message(model, proto::model::kGraph);
    write_graph(message, out, graph, 0, external);
  }
  for (const auto& [domain, version] : opsets) write_opset(model, domain, version);
  for (const auto& entry : info.metadata) write_metadata(model, entry);
  out.insert(out.end(), info.raw.begin(), info.raw.end());
  if (out.size() > kMaxFileBytes) {
    throw Error(ErrorCode::kLimitExceeded, "an ONNX file can hold no more than 2 GiB",
                "write the weights to a second file: saveExternal");
  }
  return out;
}

}  // namespace eightfold
