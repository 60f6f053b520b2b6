// The verbs of the route on handles: thin, so that the table (embind.cpp) is only a table.
// All of them throw eightfold::Error; guard.h turns it into JavaScript's.
#pragma once

#include <emscripten/val.h>

#include <string>

#include "bindings/handles.h"

namespace eightfold::bindings {

// Configs and options cross as JSON text: quant/config_json.h, quant/quantize_options.h.
ModelHandle fuse_model(const ModelHandle& model, const std::string& backend_json,
                       const std::string& custom_json);
PreparedHandle prepare_model(const ModelHandle& fused, const std::string& backend_json,
                             const std::string& options_json);
ModelHandle convert_model(const PreparedHandle& prepared, const std::string& options_json);
// Of a float model, or of a fused one; JSON of an Explanation.
std::string explain_model(const ModelHandle& model, const std::string& backend_json,
                          const std::string& options_json);
ModelHandle lower_model(const ModelHandle& quantized);
ModelHandle to_qdq_model(const ModelHandle& quantized);
ModelHandle to_qoperator_model(const ModelHandle& lowered);

emscripten::val model_info(const ModelHandle& model);
std::string model_stage(const ModelHandle& model);
std::string model_text(const ModelHandle& model);
double model_file_bytes(const ModelHandle& model);
emscripten::val save(const ModelHandle& model);
// {model, externalData}: tensors of at least `min_bytes` in a file of this name.
emscripten::val save_files(const ModelHandle& model, const std::string& location, double min_bytes);

CalibratorHandle make_calibrator(const PreparedHandle& prepared);
BiasCorrectorHandle make_bias_corrector(const PreparedHandle& prepared);
ComparatorHandle make_comparator(const ModelHandle& reference, const ModelHandle& quantized);
// The graph that prepare works on, for comparing with it.
ModelHandle prepared_graph(const PreparedHandle& prepared);
int prepared_samples(const PreparedHandle& prepared);

// Report of bindings/js; `comparator` may be null. `sample` gives shapes for counting MACs.
std::string report(const PreparedHandle& prepared, const ModelHandle& lowered,
                   const ComparatorHandle* comparator, const emscripten::val& sample,
                   double float_bytes, double int8_bytes);

// What the instance is and holds.
emscripten::val list_backends();
emscripten::val list_observers();
emscripten::val list_qconfigs();
std::string backend_json(const std::string& name);  // of a preset
emscripten::val list_error_codes();
emscripten::val list_operators();
std::string isa();
void choose_isa(const std::string& name);
double heap_bytes();
double allocated_bytes();

}  // namespace eightfold::bindings
