// prepare: decides per node of the fused graph whether it runs on integers, and why not; gives
// every value that will be integers a slot, and runs the observers of weights.
//
//   output  kDifferentFromInput: a slot of its own   kSameAsInput: its input's slot
//           kFixed: constants of the operator        kNotObserved: none
// Source: PyTorch's prepare_fx (spec-facts 2.3, 2.4), in ONNX terms.
#include <map>

#include "ops/op.h"
#include "quant/data_inputs.h"
#include "quant/dtype_support.h"
#include "quant/prepare_neighbours.h"
#include "quant/prepare_patterns.h"
#include "quant/prepare_refusals.h"
#include "quant/prepare_slots.h"
#include "quant/prepare_weights.h"
#include "quant/route.h"

namespace eightfold {
namespace {

Observation observation_of(const OpDef& def, const BackendPatternConfig& config) {
  if (!config.observation_type || def.observation.kind == Observation::kFixed) {
    return def.observation;
  }
  switch (*config.observation_type) {
    case ObservationType::kOutputUseDifferentObserverAsInput:
      return {Observation::kDifferentFromInput};
    case ObservationType::kOutputShareObserverWithInput: return {Observation::kSameAsInput};
    case ObservationType::kInputOutputNotObserved: break;
  }
  return {Observation::kNotObserved};
}

// The row states fixed parameters for uint8; int8 is the same range moved by 128.
ObserverSpec output_spec(const Observation& observation, const ObserverSpec& activation) {
  if (observation.kind != Observation::kFixed) return activation;
  ObserverSpec spec;
  spec.observer = "FixedQParamsObserver";
  spec.dtype = activation.dtype;
  spec.scale = observation.scale;
  spec.zero_point = observation.zero_point - (activation.dtype == DType::kInt8 ? 128 : 0);
  return spec;
}

// A constant operand is known whole: its range is its own, not an estimate.
ObserverSpec constant_spec(ObserverSpec activation) {
  activation.observer = "MinMaxObserver";
  return activation;
}

class Preparer {
 public:
  Preparer(PreparedModel& model, const QConfigMapping& mapping, const BackendConfig& backend)
      : model_(model),
        graph_(model.graph),
        mapping_(mapping),
        backend_(backend),
        patterns_(graph_, backend),
        neighbours_(graph_, patterns_),
        slots_(model),
        weights_(model) {}

  void run() {
    for (NodeId id : graph_.nodes()) {
      NodePlan plan;
      plan.reason = decide(id, plan);
      plan.quantized = plan.reason.empty();
      if (!plan.quantized) remark(id, plan.reason);
      model_.plans.emplace(id, std::move(plan));
    }
    slots_.compact();
  }

 private:
  // Empty when the node runs on integers; its slots are then made.
  std::string decide(NodeId id, NodePlan& plan) {
    const Node& node = graph_.node(id);
    const MaybeQConfig qconfig = qconfig_of(id);
    if (const auto* chain = patterns_.chain_to(id); chain && is_quantized(chain->root)) {
      return finish_chain(*chain, plan);
    }
    const OpDef* def = find_op(graph_, node);
    if (std::string reason = why_float(graph_, id, def); !reason.empty()) return reason;
    const auto* chain = patterns_.chain_from(id);
    const BackendPatternConfig* config = patterns_.single(node);
    if (config == nullptr) {
      return "the backend '" + backend_.name() + "' has no integer form of " + op_name(node);
    }
    if (!qconfig) return "the QConfigMapping excludes it";
    const Observation observation = observation_of(*def, *config);
    if (observation.kind == Observation::kNotObserved) return "it is not observed";
    const ObserverSpec output = output_spec(observation, qconfig->activation);
    const int weight = constant_weight_input(graph_, id, *def);
    plan.qconfig = *qconfig;
    plan.pattern = to_text(chain ? chain->config->pattern : config->pattern);
    std::string reason = why_unsupported(*config, *qconfig, output, weight >= 0);
    if (reason.empty()) reason = why_neighbours_refuse(id, observation, weight >= 0);
    if (reason.empty()) reason = why_inputs_differ(id, qconfig->activation.dtype);
    if (reason.empty()) reason = observe_inputs(id, *def, weight, plan);
    if (reason.empty() && chain == nullptr) observe_outputs(id, observation, output);
    return reason;
  }

  static std::string op_name(const Node& node) {
    return node.domain.empty() ? node.op_type : node.domain + ":" + node.op_type;
  }

  // The nearest name that a user can give: the path above, the name, and the occurrence.
  MaybeQConfig qconfig_of(NodeId id) {
    QConfigMapping::Query query;
    query.name = display_name(graph_, id);
    query.op = op_name(graph_.node(id));
    const size_t cut = query.name.find_last_of("./");
    if (cut != std::string::npos) query.module = query.name.substr(0, cut);
    query.index_in_module = occurrences_[{query.module, query.op}]++;
    return mapping_.find(query);
  }

  bool is_quantized(NodeId id) const {
    const auto plan = model_.plans.find(id);
    return plan != model_.plans.end() && plan->second.quantized;
  }

  // Made by an integer op, so that it is there in integers anyway.
  bool comes_in_integers(ValueId value) const {
    const NodeId producer = graph_.value(value).producer();
    return producer != kNone && is_quantized(producer) && slots_.find(value) != nullptr;
  }

  // The activation of a chain such as (Relu, Conv): clamps what the root computes.
  std::string finish_chain(const PatternTable::Chain& chain, NodePlan& plan) {
    const NodePlan& root = model_.plans.at(chain.root);
    plan.qconfig = root.qconfig;
    plan.pattern = root.pattern;
    slots_.observe(graph_.node(chain.anchor).output(0), root.qconfig.activation);
    return {};
  }

  std::string why_neighbours_refuse(NodeId id, const Observation& observation, bool has_weight) {
    if (has_weight) return {};
    const std::vector<ValueId> data = data_inputs(graph_, id);
    if (observation.kind == Observation::kSameAsInput) {
      if (comes_in_integers(data[0])) return {};
      return "its input '" + graph_.value(data[0]).name + "' is not quantized";
    }
    bool from_integers = false, has_constant = false;
    for (ValueId value : data) {
      from_integers =
          from_integers || comes_in_integers(value) || neighbours_.feeds_weighted(value);
      has_constant = has_constant || graph_.constant(value) != nullptr;
    }
    if (!from_integers) return "no input of it is quantized, so integers would gain nothing";
    if (has_constant && !neighbours_.reaches_weighted(id)) {
      return "it scales or shifts a result by a constant, with no integer layer after it";
    }
    return {};
  }

  std::string why_inputs_differ(NodeId id, DType dtype) const {
    for (ValueId value : data_inputs(graph_, id)) {
      const ObserverSlot* slot = slots_.find(value);
      if (slot == nullptr || slot->spec.dtype == dtype) continue;
      return "its input '" + graph_.value(value).name + "' is quantized as " +
             std::string(dtype_name(slot->spec.dtype)) + " for another node";
    }
    return {};
  }

  std::string observe_inputs(NodeId id, const OpDef& def, int weight, NodePlan& plan) try {
    const Node& node = graph_.node(id);
    if (weight >= 0) {
      plan.weight_slot =
          weights_.observe(id, def, node.input(static_cast<size_t>(weight)), plan.qconfig.weight);
    }
    // Constants first: they may refuse, and then nothing must be observed.
    for (ValueId value : data_inputs(graph_, id)) {
      const Tensor* constant = graph_.constant(value);
      if (constant == nullptr || slots_.find(value) != nullptr) continue;
      const ObserverSpec spec = constant_spec(plan.qconfig.activation);
      const auto trial = make_observer(spec);
      observe_constant(*trial, *constant);
      const int slot = slots_.observe(value, spec);
      observe_constant(*model_.slots[static_cast<size_t>(slot)].observer, *constant);
    }
    for (ValueId value : data_inputs(graph_, id)) slots_.observe(value, plan.qconfig.activation);
    return {};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidData) throw;
    return "a constant of it cannot be quantized: " + error.message();
  }

  void observe_outputs(NodeId id, const Observation& observation, const ObserverSpec& spec) {
    const Node& node = graph_.node(id);
    if (observation.kind != Observation::kSameAsInput) {
      ObserverSpec scaled = spec;
      scaled.negative_gain = neighbours_.negative_gain(node.output(0));
      slots_.observe(node.output(0), scaled);
      return;
    }
    const std::vector<ValueId> data = data_inputs(graph_, id);
    for (size_t i = 1; i < data.size(); ++i) slots_.share(data[i], data[0]);
    for (ValueId output : node.outputs()) {
      const bool same = output != kNone && graph_.value(output).type.dtype == DType::kFloat32;
      if (same || output == node.output(0)) slots_.share(output, data[0]);
    }
  }

  void remark(NodeId id, const std::string& reason) {
    const Node& node = graph_.node(id);
    const ValueId output = node.output(0);
    const bool makes_data = output != kNone && is_float(graph_.value(output).type.dtype);
    if (makes_data) {
      model_.remarks.push_back({display_name(graph_, id), node.op_type, "float", reason});
    }
  }

  PreparedModel& model_;
  const Graph& graph_;
  const QConfigMapping& mapping_;
  const BackendConfig& backend_;
  PatternTable patterns_;
  Neighbours neighbours_;
  SlotTable slots_;
  WeightTable weights_;
  std::map<std::pair<std::string, std::string>, int> occurrences_;
};

}  // namespace

PreparedModel prepare(const Graph& fused, const QConfigMapping& mapping,
                      const BackendConfig& backend) {
  if (fused.stage != Stage::kFloat && fused.stage != Stage::kFused) {
    throw Error(ErrorCode::kInvalidState, "prepare takes a float graph, not a " +
                                              std::string(stage_name(fused.stage)) + " one");
  }
  PreparedModel model;
  model.graph = fused;
  model.graph.stage = Stage::kFused;
  infer_types(model.graph);
  Preparer(model, mapping, backend).run();
  return model;
}

}  // namespace eightfold
