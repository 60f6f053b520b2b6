// prepare: decides per node of the fused graph whether it is quantized, how, and why not; gives
// every value that will be integers a slot, and runs the observers of weights.
//
//   output  DIFFERENT: a slot of its own   SHARE: its input's slot   NOT_OBSERVED: none
// Source: PyTorch's prepare_fx (spec-facts 2.3, 2.4), in ONNX terms. Two deviations: a node whose
// observer has fixed parameters has them on its output alone (the input is observed as the global
// QConfig says), and op types of a fused node's members that have no entry have no say.
#include <algorithm>
#include <map>

#include "ops/op.h"
#include "quant/data_inputs.h"
#include "quant/dtype_support.h"
#include "quant/prepare_modes.h"
#include "quant/prepare_neighbours.h"
#include "quant/prepare_patterns.h"
#include "quant/prepare_places.h"
#include "quant/prepare_qconfigs.h"
#include "quant/prepare_refusals.h"
#include "quant/prepare_slots.h"
#include "quant/prepare_weights.h"
#include "quant/route.h"
#include "quant/unfold.h"

namespace eightfold {
namespace {

constexpr auto kShare = ObservationType::kOutputShareObserverWithInput;
constexpr auto kNotObserved = ObservationType::kInputOutputNotObserved;

// A constant operand is known whole: its range is its own, not an estimate.
ObserverSpec constant_spec(ObserverSpec activation) {
  activation.observer = "MinMaxObserver";
  return activation;
}

bool has_constant_bias(const Graph& graph, NodeId id, const OpDef* def) {
  const Node& node = graph.node(id);
  for (size_t i = 0; def != nullptr && i < node.inputs().size(); ++i) {
    if (def->role(i) == Role::kBias && graph.constant(node.input(i)) != nullptr) return true;
  }
  return false;
}

class Preparer {
 public:
  explicit Preparer(PreparedModel& model, const BackendConfig& backend)
      : model_(model),
        graph_(model.graph),
        patterns_(graph_, model.qconfig_mapping, backend, model.custom),
        neighbours_(graph_, patterns_),
        qconfigs_(graph_, patterns_, model.custom),
        slots_(model),
        weights_(model),
        places_(model, slots_, weights_) {}

  void run() {
    const std::vector<NodeId> nodes(graph_.nodes().begin(), graph_.nodes().end());
    for (NodeId id : nodes) {
      NodePlan plan;
      plan.root = plan.anchor = id;
      plan.near_misses = patterns_.near_misses(id);
      plan.query = qconfigs_.query_of(id);
      plan.standalone = patterns_.is_standalone(id);
      plan.reason = decide(id, plan);
      plan.quantized = plan.reason.empty();
      if (!plan.quantized) remark(id, plan.reason);
      model_.plans.emplace(id, std::move(plan));
    }
    observe_interface();
    slots_.compact();
  }

 private:
  // Empty when the node is quantized; its slots are then made.
  std::string decide(NodeId id, NodePlan& plan) {
    if (std::string reason = qconfigs_.why_not_traced(id); !reason.empty()) return reason;
    const Claim* claim = patterns_.claim_of(id);
    if (claim != nullptr && claim->root != id && is_quantized(claim->root)) {
      return finish_claim(id, *claim, plan);
    }
    const MaybeQConfig qconfig = qconfigs_.find(id, plan.query);
    if (qconfigs_.is_custom(id)) return decide_custom(id, qconfig, plan);
    const OpDef* def = find_op(graph_, graph_.node(id));
    if (std::string reason = why_float(graph_, id, def); !reason.empty()) return reason;
    const bool is_root = claim != nullptr && claim->root == id;
    const BackendPatternConfig* config = is_root ? claim->config : patterns_.single(id);
    if (config == nullptr) return why_unclaimed(id, plan);
    if (!qconfig) return "the QConfigMapping has no QConfig for it";
    plan.pattern = to_text(config->pattern());
    if (is_root) plan.anchor = claim->anchor;
    plan.qconfig = *qconfig;
    plan.reference = reference_of(id, *config);
    return decide_by(id, *config, def, plan);
  }

  std::string why_unclaimed(NodeId id, const NodePlan& plan) const {
    const Node& node = graph_.node(id);
    std::string reason = "the backend '" + patterns_.scope_of(id).backend->name() +
                         "' has no pattern for " + op_identity(node);
    if (!plan.near_misses.empty()) {
      reason += "; " + plan.near_misses[0].pattern + " came close: " + plan.near_misses[0].reason;
    }
    return reason;
  }

  std::string decide_by(NodeId id, const BackendPatternConfig& config, const OpDef* def,
                        NodePlan& plan) {
    ObservationType observation = observation_of(id, config);
    if (observation == kNotObserved) return "it is not observed";
    if (plan.qconfig.activation.observer == "ReuseInputObserver") {
      observation = kShare;
      if (std::string reason = reuse_input(id, plan); !reason.empty()) return reason;
    }
    if (config.quantize_when == QuantizeWhen::kDynamicAlone && plan.anchor == id &&
        mode_of(plan.qconfig) == QuantMode::kStatic && stands_alone(id)) {
      const QConfig kept = plan.qconfig;
      plan.qconfig.activation = named_qconfig("per_channel_dynamic_qconfig").activation;
      if (std::string reason = decide_with(id, config, def, observation, plan); reason.empty()) {
        return reason;
      }
      plan.qconfig = kept;
    }
    return decide_with(id, config, def, observation, plan);
  }

  std::string decide_with(NodeId id, const BackendPatternConfig& config, const OpDef* def,
                          ObservationType observation, NodePlan& plan) {
    const int weight = weight_input(id, config, *def, plan.qconfig);
    plan.weight_input = weight;
    const QConfigUse use{plan.qconfig, weight >= 0, has_constant_bias(graph_, id, def)};
    std::string reason = why_unsupported(config, use);
    const auto mode = mode_of(plan.qconfig);
    if (reason.empty() && !mode) reason = "its QConfig quantizes nothing";
    if (!reason.empty()) return reason;
    plan.mode = *mode;
    reason = why_no_form(graph_.node(id), def, plan.mode, weight);
    if (reason.empty() && def->places &&
        (plan.mode == QuantMode::kStatic || plan.mode == QuantMode::kDynamic)) {
      return observe_places(id, *def, plan);
    }
    if (reason.empty() && plan.mode == QuantMode::kStatic) {
      reason = why_neighbours_refuse(id, observation, config.quantize_when, weight >= 0);
    }
    if (reason.empty()) reason = observe(id, *def, weight, plan);
    if (reason.empty() && plan.mode == QuantMode::kStatic && plan.anchor == id) {
      observe_outputs(id, observation, plan);
    }
    if (reason.empty()) observations_[id] = observation;
    return reason;
  }

  ObservationType observation_of(NodeId id, const BackendPatternConfig& config) const {
    const auto& by_count = config.num_tensor_args_to_observation_type;
    if (by_count.empty()) return config.effective_observation_type();
    const std::vector<ValueId> data = data_inputs(graph_, id);
    // A constant of one element is a scalar, not a tensor.
    const auto count = static_cast<int>(std::ranges::count_if(data, [&](ValueId value) {
      const Tensor* constant = graph_.constant(value);
      return constant == nullptr || constant->size() != 1;
    }));
    const auto found = by_count.find(count);
    if (found != by_count.end()) return found->second;
    throw Error(ErrorCode::kInvalidConfig,
                "num_tensor_args_to_observation_type of " + to_text(config.pattern()) +
                    " has no entry for " + std::to_string(count) + " tensors",
                "add one for each number of inputs that are no constants")
        .at(display_name(graph_, id), graph_.node(id).op_type);
  }

  // By the row's roles, or as the backend counts them: the table of an embedding is a weight where
  // it is not observed as data.
  int weight_input(NodeId id, const BackendPatternConfig& config, const OpDef& def,
                   const QConfig& qconfig) const {
    const auto index = config.input_type_to_index.find("weight");
    if (index == config.input_type_to_index.end()) return constant_weight_input(graph_, id, def);
    const auto input = static_cast<size_t>(index->second);
    const bool is_data =
        def.role(input) == Role::kActivation && mode_of(qconfig) == QuantMode::kStatic;
    const Tensor* weight = graph_.constant(graph_.node(id).input(input));
    const bool fits = weight != nullptr && weight->dtype() == DType::kFloat32;
    return fits && !is_data ? index->second : -1;
  }

  // The root module is swapped for the reference module of its backend at convert.
  std::string reference_of(NodeId id, const BackendPatternConfig& config) const {
    const std::string identity = op_identity(graph_.node(id));
    if (config.root_module.empty() || config.root_module != identity) return {};
    const std::string* reference = patterns_.scope_of(id).backend->reference_of(config.root_module);
    return reference == nullptr || *reference == identity ? std::string() : *reference;
  }

  std::string reuse_input(NodeId id, NodePlan& plan) const {
    const ValueId input = data_inputs(graph_, id)[0];
    const int slot = slots_.read_by(id, input);
    if (slot < 0 || !comes_in_integers(input)) {
      return "it reuses its input's observer, and its input '" + graph_.value(input).name +
             "' has none";
    }
    plan.qconfig.activation = model_.slots[static_cast<size_t>(slot)].spec;
    return {};
  }

  // A layer with float ops before it and behind it, that would be static and is free to choose.
  bool stands_alone(NodeId id) const {
    if (!neighbours_.is_weighted(id) || !neighbours_.feeds_floats(id)) return false;
    const ValueId data = graph_.node(id).input(0);
    return !comes_in_integers(data) && graph_.value(data).producer() != kNone;
  }

  bool is_quantized(NodeId id) const {
    const auto plan = model_.plans.find(id);
    return plan != model_.plans.end() && plan->second.quantized;
  }

  // Made by an integer op, so that it is there in integers anyway: in 8 bits, which ops that pass
  // them on take. The 16 bits of a cell state would be lost on them.
  bool comes_in_integers(ValueId value) const {
    const NodeId producer = graph_.value(value).producer();
    if (producer == kNone || !is_quantized(producer)) return false;
    const ObserverSlot* slot = slots_.find(value);
    return slot != nullptr && is_quantized_int8(slot->spec.dtype);
  }

  // The other nodes of a pattern such as (Relu, Conv): the anchor's output is observed, what lies
  // between is not.
  std::string finish_claim(NodeId id, const Claim& claim, NodePlan& plan) {
    const NodePlan& root = model_.plans.at(claim.root);
    plan.qconfig = root.qconfig;
    plan.pattern = root.pattern;
    plan.mode = root.mode;
    plan.root = claim.root;
    plan.anchor = claim.anchor;
    if (id == claim.anchor && root.mode == QuantMode::kStatic) {
      const ObservationType observation = observations_.at(claim.root);
      const int input = slots_.read_by(claim.root, shared_input(claim.root));
      if (observation == kShare && input >= 0) {
        slots_.join(graph_.node(id).output(0), input);
      } else {
        observe_outputs(id, observation, plan);
      }
    }
    return {};
  }

  std::string why_neighbours_refuse(NodeId id, ObservationType observation, QuantizeWhen when,
                                    bool has_weight) const {
    if (has_weight || when == QuantizeWhen::kAlways || when == QuantizeWhen::kDynamicAlone)
      return {};
    const std::vector<ValueId> data = data_inputs(graph_, id);
    if (observation == kShare) {
      if (comes_in_integers(data[0])) return {};
      return "its input '" + graph_.value(data[0]).name + "' is not quantized";
    }
    const bool from_integers = std::ranges::any_of(data, [&](ValueId value) {
      return comes_in_integers(value) || neighbours_.feeds_weighted(value);
    });
    if (!from_integers) return "no input of it is quantized, so integers would gain nothing";
    if (when == QuantizeWhen::kBetweenQuantized && !neighbours_.leads_to_layer(id)) {
      return "no integer layer comes after it, so integers would lose precision and gain nothing";
    }
    return {};
  }

  // Fixed parameters are those of what comes out.
  const ObserverSpec& input_spec(NodeId id, const NodePlan& plan) const {
    if (plan.qconfig.activation.observer != "FixedQParamsObserver") return plan.qconfig.activation;
    const auto& global = patterns_.scope_of(id).mapping->global();
    return global && *global ? (*global)->activation : plan.qconfig.activation;
  }

  std::string observe(NodeId id, const OpDef& def, int weight, NodePlan& plan) try {
    if (weight >= 0 && plan.mode != QuantMode::kFloat16) {
      plan.weight_slot =
          weights_.observe(id, def, static_cast<size_t>(weight), plan.qconfig.weight);
    }
    if (plan.mode == QuantMode::kStatic) observe_inputs(id, plan.qconfig, input_spec(id, plan));
    return {};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidData) throw;
    return "a constant of it cannot be quantized: " + error.message();
  }

  std::string observe_places(NodeId id, const OpDef& def, NodePlan& plan) try {
    if (plan.mode == QuantMode::kDynamic) {
      std::string reason = def.places->dynamic.why_not(graph_.node(id));
      return reason.empty() ? places_.observe_weights(id, def, plan) : reason;
    }
    plan.is_custom = true;
    return places_.observe(id, def, plan, [&](ValueId value) { return comes_in_integers(value); });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidData) throw;
    return "a constant of it cannot be quantized: " + error.message();
  }

  // The parts of a nested QConfig of any op: "inputs.0", "outputs.1".
  const ObserverSpec& input_part(NodeId id, ValueId value, const QConfig& qconfig,
                                 const ObserverSpec& standard) const {
    if (qconfig.parts.empty()) return standard;
    const auto inputs = graph_.node(id).inputs();
    const auto index = std::ranges::find(inputs, value) - inputs.begin();
    const ObserverSpec* part = qconfig.part("inputs." + std::to_string(index));
    return part ? *part : standard;
  }
  static const ObserverSpec& output_part(size_t index, const QConfig& qconfig) {
    const ObserverSpec* part = qconfig.part("outputs." + std::to_string(index));
    return part ? *part : qconfig.activation;
  }

  void observe_inputs(NodeId id, const QConfig& qconfig, const ObserverSpec& standard) {
    const std::vector<ValueId> data = data_inputs(graph_, id);
    const auto spec_of = [&](ValueId value) -> const ObserverSpec& {
      return input_part(id, value, qconfig, standard);
    };
    // Constants first: they may refuse, and then nothing must be observed.
    for (ValueId value : data) {
      const Tensor* constant = graph_.constant(value);
      if (constant == nullptr) continue;
      observe_constant(*make_observer(constant_spec(spec_of(value))), *constant);
    }
    for (ValueId value : data) {
      const ObserverSpec& spec = spec_of(value);
      const ObserverSpec of_constant = constant_spec(spec);
      const Tensor* constant = graph_.constant(value);
      if (constant == nullptr) {
        slots_.observe_for(id, value, spec, comes_in_integers(value));
        continue;
      }
      const int slot = slots_.observe_for(id, value, of_constant, false);
      Observer& observer = *model_.slots[static_cast<size_t>(slot)].observer;
      if (!observer.observed()) observe_constant(observer, *constant);
    }
  }

  // Whose slot the output shares: the first input that is computed. A constant has its own.
  ValueId shared_input(NodeId id) const {
    const std::vector<ValueId> data = data_inputs(graph_, id);
    const auto computed = std::ranges::find_if(
        data, [&](ValueId value) { return graph_.constant(value) == nullptr; });
    return computed == data.end() ? data[0] : *computed;
  }

  void observe_outputs(NodeId id, ObservationType observation, const NodePlan& plan) {
    const Node& node = graph_.node(id);
    if (observation != kShare) {
      ObserverSpec spec = output_part(0, plan.qconfig);
      spec.negative_gain = neighbours_.negative_gain(node.output(0));
      slots_.observe(node.output(0), spec);
      return;
    }
    const ValueId first = shared_input(id);
    for (ValueId value : data_inputs(graph_, id)) {
      if (graph_.constant(value) == nullptr) slots_.share(value, first);
    }
    const int slot = slots_.read_by(id, first);
    for (ValueId output : node.outputs()) {
      const bool same = output != kNone && graph_.value(output).type.dtype == DType::kFloat32;
      if (same || output == node.output(0)) slots_.join(output, slot);
    }
  }

  // ---- custom modules: quantized in, quantized out, whatever the backend knows
  std::string decide_custom(NodeId id, const MaybeQConfig& qconfig, NodePlan& plan) {
    if (!qconfig) return "the QConfigMapping has no QConfig for it";
    plan.qconfig = *qconfig;
    if (mode_of(*qconfig) != QuantMode::kStatic) {
      return "a custom module needs a statically quantized QConfig";
    }
    plan.pattern = "custom module " + op_identity(graph_.node(id));
    if (const OpDef* def = find_op(graph_, graph_.node(id)); qconfigs_.is_twin(id, def)) {
      const std::string reason = why_float(graph_, id, def);
      return reason.empty() ? observe_places(id, *def, plan) : reason;
    }
    plan.is_custom = true;
    for (ValueId value : data_inputs(graph_, id)) {
      if (graph_.constant(value) != nullptr) continue;
      const ObserverSpec& spec = input_part(id, value, *qconfig, qconfig->activation);
      slots_.observe_for(id, value, spec, comes_in_integers(value));
    }
    const auto outputs = graph_.node(id).outputs();
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] != kNone) slots_.observe(outputs[i], output_part(i, *qconfig));
    }
    qconfigs_.make_observed(graph_, id);
    return {};
  }

  // ---- inputs and outputs of the model that are integers outside
  void observe_interface() {
    const auto observe_all = [&](const std::vector<int>& indexes,
                                 const std::vector<ValueId>& values, const char* what) {
      for (int index : indexes) {
        if (static_cast<size_t>(index) >= values.size()) {
          throw Error(ErrorCode::kInvalidConfig, std::string("the model has no ") + what +
                                                     " of index " + std::to_string(index));
        }
        observe_at_border(values[static_cast<size_t>(index)], what);
      }
    };
    observe_all(model_.custom.input_quantized_indexes, graph_.required_inputs(), "input");
    observe_all(model_.custom.output_quantized_indexes, graph_.outputs, "output");
  }

  void observe_at_border(ValueId value, const char* what) {
    if (slots_.find(value) != nullptr) return;
    const auto& global = model_.qconfig_mapping.global();
    const DType dtype = graph_.value(value).type.dtype;
    if (!global || !*global || mode_of(**global) != QuantMode::kStatic || !is_float(dtype)) {
      throw Error(ErrorCode::kInvalidConfig,
                  std::string("the ") + what + " '" + graph_.value(value).name +
                      "' is declared quantized, and no static QConfig says how",
                  "a quantized input or output must be float and needs a global QConfig");
    }
    slots_.observe(value, (*global)->activation);
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
  Graph& graph_;
  PatternTable patterns_;
  Neighbours neighbours_;
  QConfigTable qconfigs_;
  SlotTable slots_;
  WeightTable weights_;
  PlaceTable places_;
  std::map<NodeId, ObservationType> observations_;
};

}  // namespace

PreparedModel prepare(const Graph& fused, const QConfigMapping& mapping,
                      const BackendConfig& backend, const PrepareCustomConfig& custom) {
  if (fused.stage != Stage::kFloat && fused.stage != Stage::kFused) {
    throw Error(ErrorCode::kInvalidState, "prepare takes a float graph, not a " +
                                              std::string(stage_name(fused.stage)) + " one");
  }
  PreparedModel model;
  model.graph = fused;
  model.graph.stage = Stage::kFused;
  model.qconfig_mapping = mapping;
  model.custom = custom;
  infer_types(model.graph);
  separate_place_inputs(model.graph);
  Preparer(model, backend).run();
  update_imports(model.graph);
  return model;
}

}  // namespace eightfold
