// load_onnx: ModelProto, what surrounds the graph, and the order of the import.
#include <new>
#include <utility>

#include "core/error.h"
#include "ir/verify.h"
#include "onnx/fields.h"
#include "onnx/import_context.h"
#include "onnx/not_onnx.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

struct ModelFields {
  ModelInfo info;
  std::string_view graph;
  bool has_graph = false;
  std::vector<std::string_view> functions;
};

void read_opset(std::string_view bytes, ModelInfo* info) {
  std::string domain;
  int64_t version = 0;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::opset::kDomain) domain = canonical_domain(fields.text());
    if (fields.number() == proto::opset::kVersion) version = fields.int64();
  }
  const auto [entry, added] = info->opsets.emplace(domain, version);
  if (!added && entry->second != version) {
    throw Error(ErrorCode::kInvalidModel,
                "the model imports two versions of the operators '" + domain + "'");
  }
}

std::pair<std::string, std::string> read_entry(std::string_view bytes) {
  std::pair<std::string, std::string> entry;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::entry::kKey) entry.first = fields.text();
    if (fields.number() == proto::entry::kValue) entry.second = fields.text();
  }
  return entry;
}

ModelFields read_model(std::string_view bytes) {
  ModelFields model;
  ModelInfo& info = model.info;
  info.ir_version = 0;
  for (Fields fields(bytes); fields.next();) {
    switch (fields.number()) {
      case proto::model::kIrVersion: info.ir_version = fields.int64(); break;
      case proto::model::kProducerName: info.producer_name = fields.text(); break;
      case proto::model::kProducerVersion: info.producer_version = fields.text(); break;
      case proto::model::kDomain: info.domain = fields.text(); break;
      case proto::model::kModelVersion: info.model_version = fields.int64(); break;
      case proto::model::kDocString: info.doc_string = fields.text(); break;
      case proto::model::kGraph:
        model.graph = fields.bytes();
        model.has_graph = true;
        break;
      case proto::model::kOpsetImport: read_opset(fields.bytes(), &info); break;
      case proto::model::kMetadataProps: info.metadata.push_back(read_entry(fields.bytes())); break;
      case proto::model::kFunctions: model.functions.push_back(fields.bytes()); break;
      default: info.raw += fields.whole();
    }
  }
  return model;
}

// Models from before IR version 3 had no opset_import and meant version 1.
void check_model(std::string_view bytes, ModelFields* model) {
  if (!model->has_graph) throw_not_onnx(bytes, "it has no graph");
  ModelInfo& info = model->info;
  if (info.ir_version < 1) throw_not_onnx(bytes, "it has no IR version");
  if (!info.opsets.empty()) return;
  if (info.ir_version >= 3) {
    throw Error(ErrorCode::kInvalidModel, "the model does not say which operator set it uses",
                "export it again; opset_import is required since IR version 3");
  }
  info.opsets[""] = 1;
}

void collect_domains(const Graph& graph, std::set<std::string>* domains) {
  for (NodeId id : graph.nodes()) {
    domains->insert(graph.node(id).domain);
    for (const Attribute& attribute : graph.node(id).attributes) {
      if (const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
        collect_domains(**body, domains);
      }
    }
  }
}

// The domains of inlined functions have no operators left.
void drop_function_domains(const ImportContext& context, Graph* graph) {
  std::set<std::string> used;
  if (!context.functions.empty()) collect_domains(*graph, &used);
  for (const auto& [key, function] : context.functions) {
    const std::string& domain = std::get<0>(key);
    if (!domain.empty() && !used.contains(domain)) graph->model().opsets.erase(domain);
  }
}

Graph import_model(std::string_view bytes, std::shared_ptr<const void> owner,
                   const ImportOptions& options) {
  ModelFields model;
  try {
    model = read_model(bytes);
  } catch (const Error& error) {
    throw_not_onnx(bytes, error.message());
  }
  check_model(bytes, &model);
  ImportContext context(options, {bytes, std::move(owner), &options.external_data});
  context.opsets = model.info.opsets;
  for (std::string_view function : model.functions) add_function(function, context);
  model.info.opsets = context.opsets;

  Graph empty;
  empty.model() = std::move(model.info);
  Graph graph = read_graph(model.graph, std::move(empty), context);
  drop_function_domains(context, &graph);
  verify(graph);
  return graph;
}

}  // namespace

Graph load_onnx(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner,
                const ImportOptions& options) {
  if (bytes.empty()) {
    throw Error(ErrorCode::kInvalidModel, "the file is empty", "download or export it again");
  }
  try {
    const auto* data = reinterpret_cast<const char*>(bytes.data());
    return import_model({data, bytes.size()}, std::move(owner), options);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kOutOfMemory, "not enough memory to load the model");
  }
}

Graph load_onnx(std::vector<uint8_t> bytes, const ImportOptions& options) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  const std::span<const uint8_t> view(*owner);
  return load_onnx(view, std::move(owner), options);
}

}  // namespace eightfold
