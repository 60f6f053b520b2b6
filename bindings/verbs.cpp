// See verbs.h. Remarks travel along: a result carries those of all verbs before it.
#include "bindings/verbs.h"

#include <emscripten/heap.h>
#include <malloc.h>

#include <algorithm>

#include "bindings/convert.h"
#include "bindings/model_info.h"
#include "bindings/operators.h"
#include "core/error.h"
#include "ir/text.h"
#include "kernels/kernels.h"
#include "onnx/onnx.h"
#include "quant/config_json.h"
#include "quant/explain.h"
#include "quant/fusing.h"
#include "quant/quantize_options.h"
#include "quant/report.h"

namespace eightfold::bindings {
namespace {

using emscripten::val;

constexpr double kMostMinBytes = 9007199254740992;  // 2^53

// Appends what the verb had to say to what was said before.
template <typename Verb>
ModelHandle with_remarks(const Remarks& before, Verb&& verb) {
  ModelHandle result{.graph = {}, .remarks = before};
  result.graph = verb(&result.remarks);
  return result;
}

}  // namespace

ModelHandle fuse_model(const ModelHandle& model, const std::string& backend_json,
                       const std::string& custom_json) {
  const BackendConfig backend = backend_from_json(backend_json);
  Fusing fusing(model.graph, backend, {}, fuse_custom_config_from_json(custom_json));
  fusing.next_round();  // to the end: there are no functions of the caller's to ask for
  return with_remarks(model.remarks, [&](Remarks* remarks) { return fusing.finish(remarks); });
}

PreparedHandle prepare_model(const ModelHandle& fused, const std::string& backend_json,
                             const std::string& options_json) {
  const BackendConfig backend = backend_from_json(backend_json);
  const PrepareOptions options = prepare_options_from_json(options_json, backend, fused.graph);
  PreparedModel model = prepare(fused.graph, options.qconfig_mapping, backend, options.custom);
  return {std::make_shared<PreparedModel>(std::move(model)), fused.remarks};
}

ModelHandle convert_model(const PreparedHandle& prepared, const std::string& options_json) {
  const ConvertOptions options = convert_options_from_json(options_json);
  return with_remarks(prepared.remarks,
                      [&](Remarks* remarks) { return convert(*prepared.model, options, remarks); });
}

std::string explain_model(const ModelHandle& model, const std::string& backend_json,
                          const std::string& options_json) {
  if (stage_of(model.graph) == Stage::kQuantized || stage_of(model.graph) == Stage::kLowered) {
    return to_json(explain_file(model.graph), /*indent=*/-1);
  }
  const BackendConfig backend = backend_from_json(backend_json);
  // Nodes to exclude are named as in the fused model.
  const bool is_fused = model.graph.stage != Stage::kFloat;
  const Graph fused = is_fused ? model.graph : fuse(model.graph, backend);
  const PrepareOptions options = prepare_options_from_json(options_json, backend, fused);
  return to_json(explain(model.graph, options.qconfig_mapping, backend, options.custom),
                 /*indent=*/-1);
}

ModelHandle lower_model(const ModelHandle& quantized) {
  return with_remarks(quantized.remarks,
                      [&](Remarks* remarks) { return lower(quantized.graph, remarks); });
}

ModelHandle to_qdq_model(const ModelHandle& quantized) {
  return with_remarks(quantized.remarks,
                      [&](Remarks* remarks) { return to_qdq(quantized.graph, remarks); });
}

ModelHandle to_qoperator_model(const ModelHandle& lowered) {
  return with_remarks(lowered.remarks,
                      [&](Remarks* remarks) { return to_qoperator(lowered.graph, remarks); });
}

val model_info(const ModelHandle& model) { return model_info_to_js(model.graph); }
std::string model_stage(const ModelHandle& model) {
  return std::string(stage_name(stage_of(model.graph)));
}
std::string model_text(const ModelHandle& model) { return to_text(model.graph); }
double model_file_bytes(const ModelHandle& model) { return model.file_bytes; }

val save(const ModelHandle& model) {
  if (model.graph.stage == Stage::kFused) return bytes_to_js(save_onnx(unfold(model.graph)));
  return bytes_to_js(save_onnx(model.graph));
}

// Written twice: the file itself is small, and so the second one is allocated once.
val save_files(const ModelHandle& model, const std::string& location, double min_bytes) {
  if (location.empty() || !(min_bytes >= 0 && min_bytes <= kMostMinBytes)) {
    throw Error(ErrorCode::kInvalidConfig,
                "a second file needs a location, and minBytes of 0 or more");
  }
  const Graph graph = model.graph.stage == Stage::kFused ? unfold(model.graph) : Graph(model.graph);
  ExternalOutput external{location, static_cast<int64_t>(min_bytes), {}, 0};
  save_onnx(graph, &external);
  val data = val::global("Uint8Array").new_(static_cast<double>(external.size));
  external.write = [&](int64_t offset, std::span<const uint8_t> bytes) {
    data.call<void>("set", val(emscripten::typed_memory_view(bytes.size(), bytes.data())),
                    static_cast<double>(offset));
  };
  val files = val::object();
  files.set("model", bytes_to_js(save_onnx(graph, &external)));
  files.set("externalData", data);
  return files;
}

CalibratorHandle make_calibrator(const PreparedHandle& prepared) {
  return CalibratorHandle(prepared.model);
}
BiasCorrectorHandle make_bias_corrector(const PreparedHandle& prepared) {
  return BiasCorrectorHandle(prepared.model);
}
ComparatorHandle make_comparator(const ModelHandle& reference, const ModelHandle& quantized) {
  return {std::make_unique<Comparator>(reference.graph, quantized.graph)};
}

ModelHandle prepared_graph(const PreparedHandle& prepared) {
  return {prepared.model->graph, prepared.remarks};
}
int prepared_samples(const PreparedHandle& prepared) { return prepared.model->samples; }

std::string report(const PreparedHandle& prepared, const ModelHandle& lowered,
                   const ComparatorHandle* comparator, const val& sample, double float_bytes,
                   double int8_bytes) {
  ReportInputs inputs;
  inputs.prepared = prepared.model.get();
  inputs.lowered = &lowered.graph;
  if (comparator) inputs.comparison = &comparator->worker->result();
  inputs.remarks = lowered.remarks;
  inputs.sample = feeds_from_js(sample);
  inputs.float_bytes = static_cast<int64_t>(float_bytes);
  inputs.int8_bytes = static_cast<int64_t>(int8_bytes);
  return to_json(make_report(inputs), /*indent=*/-1);
}

val list_backends() { return names_to_js(backend_names()); }
val list_observers() { return names_to_js(observer_names()); }
val list_qconfigs() { return names_to_js(qconfig_names()); }
std::string backend_json(const std::string& name) { return to_json(backend(name), /*indent=*/-1); }

val list_error_codes() {
  val codes = val::array();
#define EIGHTFOLD_LIST(name, text, meaning) codes.call<void>("push", std::string(text));
  EIGHTFOLD_ERROR_CODES(EIGHTFOLD_LIST)
#undef EIGHTFOLD_LIST
  return codes;
}

std::string isa() { return std::string(isa_name(current_isa())); }
void choose_isa(const std::string& name) { set_isa(name); }

val list_operators() { return operators_to_js(all_ops()); }

double heap_bytes() { return static_cast<double>(emscripten_get_heap_size()); }
double allocated_bytes() { return static_cast<double>(static_cast<size_t>(mallinfo().uordblks)); }

}  // namespace eightfold::bindings
