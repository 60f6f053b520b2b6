// What a JavaScript handle holds. Handles own their part; results of a verb share weights with what
// they were made from, and stay valid when that is deleted.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ir/graph.h"
#include "onnx/onnx.h"
#include "quant/compare.h"
#include "quant/route.h"
#include "runtime/session.h"

namespace eightfold::bindings {

// A graph of any stage, and what the verbs so far had to say.
struct ModelHandle {
  static constexpr bool kIsHandle = true;
  Graph graph;
  Remarks remarks;
  double file_bytes = 0;  // of the file it was loaded from; 0 when it was made by a verb
};

// A model whose external data is still to be read: `parts` in the order of the file.
struct LoadingHandle {
  static constexpr bool kIsHandle = true;
  Graph graph;
  std::vector<ExternalPart> parts;
  double file_bytes = 0;
};

// Calibrators write to the model that they were made from, so it is shared with them.
struct PreparedHandle {
  static constexpr bool kIsHandle = true;
  std::shared_ptr<PreparedModel> model;
  Remarks remarks;  // of the verbs before prepare
};

// Advances in steps of one node. `Worker` is Calibrator or BiasCorrector.
template <typename Worker>
struct PassHandle {
  static constexpr bool kIsHandle = true;
  explicit PassHandle(std::shared_ptr<PreparedModel> prepared)
      : model(std::move(prepared)), worker(std::make_unique<Worker>(*model)) {}
  std::shared_ptr<PreparedModel> model;
  std::unique_ptr<Worker> worker;
};
using CalibratorHandle = PassHandle<Calibrator>;
using BiasCorrectorHandle = PassHandle<BiasCorrector>;

struct ComparatorHandle {
  static constexpr bool kIsHandle = true;
  std::unique_ptr<Comparator> worker;
};

struct SessionHandle {
  static constexpr bool kIsHandle = true;
  std::unique_ptr<Session> worker;
};

}  // namespace eightfold::bindings
