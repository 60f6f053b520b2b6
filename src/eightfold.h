// Eightfold: a float ONNX model in, a verified int8 model out. The header a C++ user includes.
//
// The verbs in order; each takes its input and returns the next thing, the float graph stays:
//
//   using namespace eightfold;
//   const BackendConfig& target = backend("wasm");
//   Graph graph = load_onnx(bytes);                                  // any opset, any encoding
//   Graph fused = fuse(graph, target);                               // Conv, BN, Relu -> one
//
//   QConfigMapping mapping;                                          // who gets which observers
//   mapping.set_global(default_qconfig());
//   mapping.set_module_name("head", std::nullopt);                   // this one stays float
//   PreparedModel model = prepare(fused, mapping, target);
//
//   Calibrator calibrator(model);                                    // streams; constant memory
//   for (const Feeds& sample : samples) calibrator.observe(sample);
//   BiasCorrector corrector(model);                                  // one more pass
//   for (const Feeds& sample : samples) corrector.observe(sample);
//   corrector.finish();
//
//   Remarks remarks;                                                 // what stays float, and why
//   Graph quantized = convert(model, &remarks);                      // reference model: QDQ
//   Graph lowered = lower(quantized, &remarks);                      // int8 operators
//
//   std::vector<uint8_t> qdq = save_onnx(to_qdq(quantized));         // runs in onnxruntime-web
//   std::vector<uint8_t> qoperator = save_onnx(to_qoperator(lowered));
//
//   Session session(lowered);                                        // and here
//   std::vector<NamedTensor> outputs = session.run({{"input", tensor}});
//
//   Comparator comparator(model.graph, lowered);                     // is it still right?
//   for (const Feeds& sample : tests) comparator.observe(sample);
//   Report report = make_report({.prepared = &model, .lowered = &lowered,
//                                .comparison = &comparator.result(), .remarks = remarks});
//
// Everything a user can get wrong ends as an Error with a code, the node and a hint.
#pragma once

#include "core/error.h"            // Error, its codes
#include "core/qparams.h"          // QParams, the scalar formulas
#include "core/tensor.h"           // Tensor
#include "ir/graph.h"              // Graph
#include "ir/text.h"               // a graph as text
#include "ir/verify.h"             // its invariants
#include "onnx/onnx.h"             // load_onnx, save_onnx
#include "ops/op.h"                // the table of operators
#include "quant/backend_config.h"  // BackendConfig, presets
#include "quant/compare.h"         // Comparator
#include "quant/config_json.h"     // the configs as JSON
#include "quant/observer.h"        // Observer
#include "quant/qconfig.h"         // QConfig, QConfigMapping
#include "quant/report.h"          // Report
#include "quant/route.h"           // fuse, prepare, calibrate, convert, lower, export forms
#include "runtime/session.h"       // Session
