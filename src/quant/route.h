// The verbs of the route, in order. Each takes its input and returns the next thing.
//
//   Graph(Float) --fuse--> Graph(Fused) --prepare--> PreparedModel --calibrate-->
//   PreparedModel --convert--> Graph(Quantized, QDQ) --lower--> Graph(Lowered)
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "quant/backend_config.h"
#include "quant/custom_config.h"
#include "quant/observer.h"
#include "quant/qconfig.h"
#include "runtime/session.h"

namespace eightfold {

// ---------------------------------------------------------------- report rows
// Why something is as it is: fused, refused, left float, shared.
struct Remark {
  std::string node, op_type;
  std::string kind;    // "fused", "not_fused", "float", "rewritten", ...
  std::string reason;  // a sentence
};
using Remarks = std::vector<Remark>;

// ---------------------------------------------------------------- fuse
// Folds and fuses by the backend's patterns. Removes nothing whose value is a graph output. For
// fusers and getters of the caller's own see quant/fusing.h.
Graph fuse(const Graph& graph, const BackendConfig& backend, Remarks* remarks = nullptr);

// ---------------------------------------------------------------- prepare
// One slot per set of values that share quantization parameters.
struct ObserverSlot {
  ObserverSpec spec;
  std::shared_ptr<Observer> observer;
};

// A pattern that came close at a node and did not fit, for explain.
struct NearPattern {
  std::string pattern;  // (Relu, (BatchNormalization, Conv))
  std::string reason;   // a sentence
};

// How a quantized node takes its operands.
enum class QuantMode : uint8_t {
  kStatic,      // inputs and outputs by their slots, weight and bias as integers
  kDynamic,     // the first input by its range in each run, float output, integer weight
  kWeightOnly,  // the weight alone is stored as integers
  kFloat16,     // the weight is stored as float16
};
std::string_view quant_mode_name(QuantMode mode);  // "static", "dynamic", "weight only", "float16"

// What prepare decided for a node of the fused graph.
struct NodePlan {
  bool quantized = false;
  QuantMode mode = QuantMode::kStatic;
  std::string reason;   // when it stays float
  std::string pattern;  // the backend pattern that claimed it
  std::vector<NearPattern> near_misses;
  NodeId root = kNone, anchor = kNone;  // of that match; the node itself, or kNone, for a single op
  std::string reference;  // identity that it takes in the reference model; "": its own
  bool is_custom =
      false;  // a custom module: its inputs are quantized only, its outputs dequantized
  QConfig qconfig;
  QConfigMapping::Query query;  // how the mapping was asked for it
  bool standalone = false;      // of a standalone module, which has a mapping of its own
  int weight_input = -1;        // index of the constant weight among its inputs; -1: none
  int weight_slot = -1;         // into weight_slots: observer of the weight, already run
  // Of an op with places (ops/place_form.h): weight input -> weight slot.
  std::map<int, int> weight_slots;
};

struct PreparedModel {
  Graph graph;  // stage kFused
  std::vector<ObserverSlot> slots;
  std::map<ValueId, int> slot_of;  // activation values -> slot
  // A consumer that needs another dtype or observer than the value's own slot has its own.
  std::map<std::pair<NodeId, ValueId>, int> consumer_slot_of;
  // As prepare was given it: convert accepts a narrowed one.
  QConfigMapping qconfig_mapping;
  PrepareCustomConfig custom;
  std::vector<ObserverSlot> weight_slots;
  std::map<NodeId, NodePlan> plans;
  Remarks remarks;
  int samples = 0;  // calibrated so far

  // Per quantized layer and output channel: added to the float bias at convert. Keyed by node.
  std::map<NodeId, std::vector<float>> bias_correction;
  // Per quantized layer: its float weight moved onto the int8 grid, so that convert rounds it to
  // just these integers. Keyed by node.
  std::map<NodeId, Tensor> rounded_weight;
};

// The slot through which a consumer reads a value: its own, or the value's; -1 when there is none.
int input_slot(const PreparedModel& model, NodeId consumer, ValueId value);

PreparedModel prepare(const Graph& fused, const QConfigMapping& mapping,
                      const BackendConfig& backend, const PrepareCustomConfig& custom = {});

// ---------------------------------------------------------------- calibrate
// Streams samples through the float graph and feeds the observers; one sample is a sequence of
// steps of one node each:  c.start(feeds); while (c.step()) {}  Throws kInvalidData on NaN, naming
// the node.
class Calibrator {
 public:
  explicit Calibrator(PreparedModel& model);
  ~Calibrator();
  void start(const Feeds& feeds);
  bool step();
  void observe(const Feeds& feeds);  // all steps

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Empirical bias correction: one more pass over the same data, after calibration. Rounds the
// weights of each layer so that their error at the mean input vanishes, then takes per channel the
// mean of (float output - output with quantized weight and input).
class BiasCorrector {
 public:
  explicit BiasCorrector(PreparedModel& model);
  ~BiasCorrector();
  void start(const Feeds& feeds);
  bool step();
  void observe(const Feeds& feeds);
  void finish();  // writes model.rounded_weight and model.bias_correction

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---------------------------------------------------------------- convert and lower
// Reference quantized model: float ops between DequantizeLinear and QuantizeLinear, int8 weights,
// int32 biases with scale s_x * s_w. Throws kInvalidState when nothing was calibrated.
struct ConvertOptions {
  // Narrows that of prepare: null entries leave their nodes float (check_narrowed).
  std::optional<QConfigMapping> qconfig_mapping;
  ConvertCustomConfig custom;
};
Graph convert(const PreparedModel& model, const ConvertOptions& options,
              Remarks* remarks = nullptr);
Graph convert(const PreparedModel& model, Remarks* remarks = nullptr);

// QDQ groups become int8 operators; also for QDQ files made elsewhere. What has no int8 form stays
// between DequantizeLinear and QuantizeLinear, with a remark.
Graph lower(const Graph& quantized, Remarks* remarks = nullptr);
// Whether lower has something to do: DequantizeLinear nodes.
bool has_pairs(const Graph& graph);

// ---------------------------------------------------------------- export forms
// Nodes of the eightfold domain unfolded into plain ONNX (Conv with activation -> Conv, Relu ...),
// opset raised where the content needs it.
Graph to_qdq(const Graph& quantized, Remarks* remarks = nullptr);
Graph to_qoperator(const Graph& lowered, Remarks* remarks = nullptr);
Graph unfold(const Graph& graph);  // the table itself; identity on plain ONNX

}  // namespace eightfold
