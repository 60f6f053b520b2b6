// convert: PreparedModel -> reference quantized model, the QDQ graph.
//
// Every observed value gets one QuantizeLinear and one DequantizeLinear, every
// weight an int8 initializer with a DequantizeLinear, every bias an int32
// initializer of scale s_x * s_w; the ops between them stay float. A value made
// by a quantized op is read by everyone after its pair; a graph input or a
// value of a float op stays float for its float users. A range narrower than its dtype is kept by a
// Clip in front of the QuantizeLinear, which integer kernels take in as a clamp.
#include <algorithm>
#include <compare>
#include <map>

#include "ops/upgrade.h"
#include "pattern/match.h"
#include "quant/convert_interface.h"
#include "quant/convert_modes.h"
#include "quant/convert_pairs.h"
#include "quant/convert_places.h"
#include "quant/convert_weights.h"
#include "quant/identity.h"
#include "quant/prepare_places.h"
#include "quant/prepare_weights.h"
#include "quant/route.h"
#include "quant/unfold.h"

namespace eightfold {
namespace {

// Per-axis QuantizeLinear needs opset 13. Ids of an upgraded graph differ, names of values do not.
constexpr int64_t kQdqOpset = 13;
constexpr int64_t kFourBitOpset = 21;

int64_t opset_for(const PreparedModel& model) {
  for (const ObserverSlot& slot : model.weight_slots) {
    if (slot.spec.dtype == DType::kUint4 || slot.spec.dtype == DType::kInt4) return kFourBitOpset;
  }
  return kQdqOpset;
}

PreparedModel rebase(const PreparedModel& model, Graph graph) {
  PreparedModel rebased = model;
  const auto same_value = [&](ValueId id) { return graph.find_value(model.graph.value(id).name); };
  const auto same_node = [&](NodeId id) {
    if (id == kNone) return kNone;
    const auto outputs = model.graph.node(id).outputs();
    const ValueId output = outputs.empty() || outputs[0] == kNone ? kNone : same_value(outputs[0]);
    return output == kNone ? kNone : graph.value(output).producer();
  };
  rebased.slot_of.clear();
  rebased.consumer_slot_of.clear();
  rebased.plans.clear();
  rebased.bias_correction.clear();
  rebased.rounded_weight.clear();
  for (const auto& [value, slot] : model.slot_of) rebased.slot_of[same_value(value)] = slot;
  for (const auto& [key, slot] : model.consumer_slot_of) {
    rebased.consumer_slot_of[{same_node(key.first), same_value(key.second)}] = slot;
  }
  for (const auto& [node, plan] : model.plans) {
    NodePlan& moved = rebased.plans[same_node(node)] = plan;
    moved.root = same_node(plan.root);
    moved.anchor = same_node(plan.anchor);
  }
  for (const auto& [node, shift] : model.bias_correction) {
    rebased.bias_correction[same_node(node)] = shift;
  }
  for (const auto& [node, weight] : model.rounded_weight) {
    rebased.rounded_weight[same_node(node)] = weight;
  }
  rebased.slot_of.erase(kNone);
  rebased.plans.erase(kNone);
  rebased.bias_correction.erase(kNone);
  rebased.rounded_weight.erase(kNone);
  rebased.graph = std::move(graph);
  return rebased;
}

// Nodes that the narrowed mapping has no QConfig for go back to float, whole patterns at a time.
void narrow(PreparedModel& model, const QConfigMapping& mapping) {
  check_narrowed(model.qconfig_mapping, mapping);
  for (const auto& [id, plan] : model.plans) {
    if (!plan.quantized || plan.standalone || mapping.find(plan.query)) continue;
    const NodeId root = plan.root;
    for (auto& [other, member] : model.plans) {
      if (!member.quantized || (other != id && member.root != root)) continue;
      member.quantized = false;
      member.reason = "the QConfigMapping given to convert has no QConfig for it";
    }
  }
}

class Converter {
 public:
  Converter(PreparedModel model, const ConvertOptions& options, Remarks* remarks)
      : model_(std::move(model)), graph_(model_.graph), options_(options), remarks_(remarks) {}

  Graph run() {
    const std::vector<NodeId> nodes(graph_.nodes().begin(), graph_.nodes().end());
    for (NodeId id : nodes) graph_.node(id).name = display_name(graph_, id);
    for (NodeId id : nodes) {
      if (is_observed_twin(id)) settle_places(id);
      if (is_quantized(id)) convert_node(id);
    }
    for (const auto& [value, slot] : model_.slot_of) convert_value(value, slot);
    for (const auto& [key, slot] : model_.consumer_slot_of) {
      if (is_quantized(key.first)) convert_for_consumer(key.first, key.second, slot);
    }
    for (NodeId id : nodes) {
      if (is_quantized(id) && model_.plans.at(id).is_custom) convert_custom(id);
    }
    convert_interface();
    drop_unused_constants(graph_);
    // Parameters of a quantized model fit each other: no caller may override one of them.
    std::erase_if(graph_.inputs, [&](ValueId id) { return graph_.value(id).is_constant(); });
    update_imports(graph_);
    graph_.stage = Stage::kQuantized;
    if (narrow_ranges_ > 0 && remarks_ != nullptr) {
      remarks_->push_back(
          {graph_.name, "", "rewritten",
           std::to_string(narrow_ranges_) +
               " values use a part of their dtype's range; a Clip in the file keeps "
               "other runtimes to it"});
    }
    return std::move(graph_);
  }

 private:
  bool is_quantized(NodeId id) const {
    const auto plan = model_.plans.find(id);
    return plan != model_.plans.end() && plan->second.quantized;
  }

  const QParams& slot_qparams(int slot) {
    auto [entry, fresh] = qparams_.try_emplace(slot);
    if (!fresh) return entry->second;
    const Observer& observer = *model_.slots[static_cast<size_t>(slot)].observer;
    if (!observer.observed()) {
      throw Error(ErrorCode::kInvalidState, "the model is not calibrated",
                  "run calibrate with at least one sample before convert");
    }
    return entry->second = observer.qparams();
  }

  QParamValues slot_values(int slot, std::string_view base) {
    auto [entry, fresh] = slot_values_.try_emplace(slot);
    if (fresh) entry->second = add_qparams(graph_, base, slot_qparams(slot));
    return entry->second;
  }

  // ---- nodes
  void convert_node(NodeId id) {
    const NodePlan& plan = model_.plans.at(id);
    if (!plan.reference.empty()) set_identity(graph_.node(id), plan.reference);
    if (plan.root != kNone && plan.root != id) return;
    switch (plan.mode) {
      case QuantMode::kStatic: return convert_weights(id);
      case QuantMode::kFloat16: return store_weight_as_half(graph_, id, plan.weight_input);
      case QuantMode::kWeightOnly: return write_stored_weight(id, plan);
      case QuantMode::kDynamic:
        if (!plan.weight_slots.empty()) return convert_placed_dynamically(id);
        write_stored_weight(id, plan);
        quantize_dynamically(graph_, id, dynamic_inputs_);
        return;
    }
  }

  // A weight that is multiplied in float, or by values whose scale is not known yet: no bias goes
  // with it.
  void write_stored_weight(NodeId id, const NodePlan& plan) {
    if (plan.weight_slot < 0) return;
    QParams qparams =
        model_.weight_slots[static_cast<size_t>(plan.weight_slot)].observer->qparams();
    if (plan.mode == QuantMode::kDynamic) prefer_unsigned_weight(graph_.node(id), qparams);
    write_weight(id, static_cast<size_t>(plan.weight_input), qparams);
  }

  // Quantized in, quantized out: its inputs lose their dequantize, its outputs have no quantize.
  void convert_custom(NodeId id) {
    connect_quantized(graph_, id);
    const std::string identity = op_identity(graph_.node(id));
    const auto& mapping = options_.custom.observed_to_quantized_mapping;
    const auto to = std::ranges::find(mapping, identity, &ModuleMapping::value_type::first);
    const bool is_placed = place_slots_.contains(id);
    if (is_placed && (to == mapping.end() || to->second == integers_of(form_of(id)))) {
      return convert_placed(id);
    }
    if (to != mapping.end()) set_identity(graph_.node(id), to->second);
  }

  // ---- ops with places of their own inside (ops/place_form.h)
  bool is_observed_twin(NodeId id) const {
    const OpDef* def = find_op(graph_, graph_.node(id));
    return def && def->places && def->domain == kEightfoldDomain;
  }
  const PlaceForm& form_of(NodeId id) const { return *find_op(graph_, graph_.node(id))->places; }

  static std::string integers_of(const PlaceForm& form) {
    return std::string(form.integers.domain) + ":" + std::string(form.integers.op_type);
  }

  // Its inner places are outputs no longer. Where it is not quantized, it is the float op again.
  void settle_places(NodeId id) {
    const PlaceForm& form = form_of(id);
    std::vector<int> slots;
    for (const PlaceRow& place : form.places) slots.push_back(place_slot(model_, id, place));
    for (size_t i = static_cast<size_t>(form.outputs); i < graph_.node(id).outputs().size(); ++i) {
      model_.slot_of.erase(graph_.node(id).output(i));
    }
    drop_place_outputs(graph_, id, form);
    if (is_quantized(id)) {
      place_slots_[id] = std::move(slots);
    } else {
      graph_.node(id).domain.clear();
    }
  }

  std::map<int, QParams> weight_qparams(NodeId id) const {
    std::map<int, QParams> qparams;
    for (const auto& [input, slot] : model_.plans.at(id).weight_slots) {
      qparams[input] = model_.weight_slots[static_cast<size_t>(slot)].observer->qparams();
    }
    return qparams;
  }

  void add_weights(NodeId id, const std::map<int, QParams>& qparams, PlacedParams& params) const {
    for (const auto& [input, weight] : qparams) {
      const ValueId value = graph_.node(id).input(static_cast<size_t>(input));
      params.weights[input] = place_weight(*graph_.constant(value), weight);
    }
  }

  void convert_placed(NodeId id) {
    const PlaceForm& form = form_of(id);
    std::vector<float> scales;
    for (int slot : place_slots_.at(id)) scales.push_back(slot_qparams(slot).scale[0]);
    std::map<int, QParams> weights = weight_qparams(id);
    remark_enlarged(id, fit_bias(graph_, id, form, scales, weights));
    PlacedParams params;
    add_weights(id, weights, params);
    for (size_t i = 0; i < form.places.size(); ++i) {
      params.places.push_back(slot_values(
          place_slots_.at(id)[i], graph_.node(id).name + "_" + std::string(form.places[i].path)));
    }
    write_placed(graph_, id, form, form.integers, params);
  }

  void convert_placed_dynamically(NodeId id) {
    PlacedParams params;
    add_weights(id, weight_qparams(id), params);
    write_placed(graph_, id, form_of(id), form_of(id).dynamic, params);
  }

  void convert_interface() {
    const auto values_of = [&](ValueId value) {
      const auto slot = model_.slot_of.find(value);
      if (slot == model_.slot_of.end()) {
        throw Error(ErrorCode::kInternal, "a quantized input or output was not observed");
      }
      return BorderParams{slot_values(slot->second, graph_.value(value).name),
                          slot_qparams(slot->second).dtype};
    };
    const std::vector<ValueId> inputs = graph_.required_inputs();
    for (int index : model_.custom.input_quantized_indexes) {
      const ValueId input = inputs[static_cast<size_t>(index)];
      quantize_input(graph_, input, values_of(input));
    }
    for (int index : model_.custom.output_quantized_indexes) {
      const ValueId output = graph_.outputs[static_cast<size_t>(index)];
      quantize_output(graph_, static_cast<size_t>(index), values_of(output));
    }
  }

  // ---- activations
  void convert_value(ValueId value, int slot) {
    const NodeId producer = graph_.value(value).producer();
    if (producer != kNone && is_quantized(producer)) return convert_produced(value, slot);
    convert_incoming(value, slot);
  }

  // The pair takes over the value itself, so every user, body and graph output reads it.
  void convert_produced(ValueId value, int slot) {
    const NodeId producer = graph_.value(value).producer();
    const std::string name = graph_.value(value).name;
    const ValueId raw =
        graph_.add_value(graph_.unique_name(name + "_float"), graph_.value(value).type);
    const auto outputs = graph_.node(producer).outputs();
    const auto index = std::find(outputs.begin(), outputs.end(), value) - outputs.begin();
    graph_.set_output(producer, static_cast<size_t>(index), raw);

    const QParamValues params = slot_values(slot, name);
    if (model_.plans.at(producer).is_custom) {
      graph_.value(raw).type.dtype = slot_qparams(slot).dtype;
      graph_.rename_value(raw, graph_.unique_name(name + "_quantized"));
      add_dequantize(graph_, {.after = producer}, raw, params, -1, value, name);
      return;
    }
    const ValueId in_range = keeps_range(producer, slot) ? raw : clip_to_range(raw, slot, name);
    const ValueId quantized = add_quantize(graph_, {.after = graph_.value(in_range).producer()},
                                           in_range, params, slot_qparams(slot).dtype, name);
    add_dequantize(graph_, {.after = graph_.value(quantized).producer()}, quantized, params, -1,
                   value, name);
    read_shapes_from(value, quantized);
    if (is_pinned(value)) return;
    graph_.rename_value(value, graph_.unique_name(name + "_dequantized"));
    graph_.rename_value(raw, name);
  }

  // The op hands on values of the slot that it reads, so they lie in its range already.
  bool keeps_range(NodeId producer, int slot) const {
    const OpDef* def = find_op(graph_, graph_.node(producer));
    if (def == nullptr || def->observation.kind != Observation::kSameAsInput) return false;
    const ValueId input = model_.graph.node(producer).input(0);
    return input != kNone && input_slot(model_, producer, input) == slot;
  }

  // x where the parameters use their dtype's whole range; else Clip(x) to what they can say.
  ValueId clip_to_range(ValueId x, int slot, const std::string& name) {
    const QParams& qparams = slot_qparams(slot);
    const QRange full = full_range(qparams.dtype);
    if (qparams.quant_min <= full.quant_min && qparams.quant_max >= full.quant_max) return x;
    ++narrow_ranges_;
    return add_range_clip(graph_, {.after = graph_.value(x).producer()}, x, qparams, name);
  }

  // A name that the world outside or a body knows must stay with the value.
  bool is_pinned(ValueId value) const {
    if (graph_.is_output(value)) return true;
    for (const Use& use : graph_.value(value).uses()) {
      if (use.index >= static_cast<int32_t>(graph_.node(use.node).inputs().size())) return true;
    }
    return false;
  }

  // A value of a float op, an input or a constant: a pair for the quantized nodes that read it.
  void convert_incoming(ValueId value, int slot) {
    add_pair_for(quantized_users(value), value, slot, graph_.value(value).name);
  }

  // A consumer with parameters of its own: one more pair, beside that of the value.
  void convert_for_consumer(NodeId consumer, ValueId value, int slot) {
    std::vector<Use> users;
    for (const Use& use : graph_.value(value).uses()) {
      if (use.node == consumer) users.push_back(use);
    }
    add_pair_for(users, value, slot,
                 graph_.value(value).name + "_for_" + graph_.node(consumer).name);
  }

  // What is constant is quantized here and now. `name` is a copy: values move as more are added.
  void add_pair_for(const std::vector<Use>& users, ValueId value, int slot, std::string name) {
    if (users.empty()) return;
    const QParamValues params = slot_values(slot, name);
    const ValueType type = graph_.value(value).type;
    if (const Tensor* constant = graph_.constant(value)) {
      Tensor integers = quantize_weight(*constant, slot_qparams(slot));
      const ValueId quantized = graph_.add_initializer(name + "_quantized", std::move(integers));
      attach_dequantize({.before = first_of(users)}, quantized, params, users, type, name);
      return;
    }
    const ValueId in_range = clip_to_range(value, slot, name);
    const ValueId quantized = add_quantize(graph_, {.after = graph_.value(in_range).producer()},
                                           in_range, params, slot_qparams(slot).dtype, name);
    attach_dequantize({.after = graph_.value(quantized).producer()}, quantized, params, users, type,
                      name);
  }

  void attach_dequantize(Place place, ValueId quantized, QParamValues params,
                         const std::vector<Use>& users, ValueType type, const std::string& name) {
    const ValueId output = graph_.add_value(name + "_dequantized", std::move(type));
    add_dequantize(graph_, place, quantized, params, -1, output, name);
    for (const Use& use : users) {
      graph_.set_input(use.node, static_cast<size_t>(use.index), output);
    }
  }

  NodeId first_of(const std::vector<Use>& users) const {
    for (NodeId id : graph_.nodes()) {
      if (std::any_of(users.begin(), users.end(), [&](Use use) { return use.node == id; })) {
        return id;
      }
    }
    return kNone;
  }

  // Inputs of quantized nodes that take data (not shapes, bounds and the like).
  std::vector<Use> quantized_users(ValueId value) const {
    std::vector<Use> users;
    for (const Use& use : graph_.value(value).uses()) {
      const Node& node = graph_.node(use.node);
      if (!is_quantized(use.node)) continue;
      if (use.index >= static_cast<int32_t>(node.inputs().size())) continue;
      const OpDef* def = find_op(graph_, node);
      if (!def) {
        // Only a custom module may be an operator that is not known: all it reads is data.
        users.push_back(use);
        continue;
      }
      if (model_.consumer_slot_of.contains({use.node, value})) continue;
      const NodePlan& plan = model_.plans.at(use.node);
      if (plan.mode != QuantMode::kStatic) continue;
      const Role role = def->role(static_cast<size_t>(use.index));
      if (role == Role::kActivation || role == Role::kWeight) users.push_back(use);
    }
    return users;
  }

  // Shape queries look at the integers: their pair would be work for nothing.
  void read_shapes_from(ValueId value, ValueId quantized) {
    const std::vector<Use> uses(graph_.value(value).uses().begin(),
                                graph_.value(value).uses().end());
    for (const Use& use : uses) {
      const Node& node = graph_.node(use.node);
      const OpDef* def = find_op(graph_, node);
      const bool is_query = def && use.index < static_cast<int32_t>(node.inputs().size()) &&
                            def->role(static_cast<size_t>(use.index)) == Role::kMetadata;
      if (is_query) graph_.set_input(use.node, static_cast<size_t>(use.index), quantized);
    }
  }

  // ---- weights
  void convert_weights(NodeId id) {
    const int slot = model_.plans.at(id).weight_slot;
    if (slot < 0) return;
    QParams weight_qparams;
    if (fold_gemm_factors(graph_, id)) {
      const ObserverSpec& spec = model_.weight_slots[static_cast<size_t>(slot)].spec;
      const Tensor& scaled = *graph_.constant(graph_.node(id).input(1));
      weight_qparams = observe_weight(spec, scaled, spec.ch_axis)->qparams();
    } else {
      weight_qparams = model_.weight_slots[static_cast<size_t>(slot)].observer->qparams();
    }
    const auto weighted = weighted_node(graph_, id);
    if (!weighted) {
      throw Error(ErrorCode::kInvalidState, "a node planned as quantized has no constant weight",
                  "prepare the model again")
          .at(graph_.node(id).name, graph_.node(id).op_type);
    }
    std::optional<std::vector<float>> bias = corrected_bias(id, *weighted);
    const bool has_bias =
        bias && std::any_of(bias->begin(), bias->end(), [](float b) { return b != 0.0f; });
    const int slot_of_input = input_slot(model_, id, graph_.node(id).input(0));
    const bool writes_bias = weighted->bias_input && slot_of_input >= 0 && bias &&
                             (has_bias || graph_.node(id).input(*weighted->bias_input) != kNone);
    if (writes_bias) {
      const float input_scale = slot_qparams(slot_of_input).scale[0];
      guard_bias(id, *weighted, *bias, input_scale, weight_qparams);
      write_bias(id, *weighted, *bias, bias_scales(input_scale, weight_qparams));
    }
    write_weight(id, weighted->weight_input, weight_qparams);
  }

  std::optional<std::vector<float>> corrected_bias(NodeId id, const WeightedNode& weighted) const {
    auto bias = bias_vector(graph_, id, weighted);
    const auto shift = model_.bias_correction.find(id);
    if (!bias || shift == model_.bias_correction.end()) return bias;
    for (size_t c = 0; c < bias->size() && c < shift->second.size(); ++c) {
      (*bias)[c] += shift->second[c];
    }
    return bias;
  }

  void guard_bias(NodeId id, const WeightedNode& weighted, const std::vector<float>& bias,
                  float input_scale, QParams& qparams) {
    const Tensor& weight = *graph_.constant(graph_.node(id).input(weighted.weight_input));
    const int64_t per_channel = weight.size() / std::max<int64_t>(weighted.channels, 1);
    remark_enlarged(id, enlarge_scales_for_bias(qparams, bias, input_scale, per_channel));
  }

  void remark_enlarged(NodeId id, int enlarged) {
    if (enlarged == 0 || !remarks_) return;
    remarks_->push_back({graph_.node(id).name, graph_.node(id).op_type, "rewritten",
                         "the scales of " + std::to_string(enlarged) +
                             " weight channels were enlarged so that the bias fits int32"});
  }

  void write_weight(NodeId id, size_t weight_input, const QParams& qparams) {
    const ValueId weight = graph_.node(id).input(weight_input);
    const auto rounded = model_.rounded_weight.find(id);
    const bool is_own = rounded != model_.rounded_weight.end();
    auto [entry, fresh] = shared_weights_.try_emplace(
        {weight, is_own ? id : kNone, qparams.dtype, qparams.scale, qparams.zero_point}, kNone);
    ValueId& shared = entry->second;
    if (fresh) {
      const std::string name = graph_.value(weight).name;
      const QParamValues params = add_qparams(graph_, name, qparams);
      const Tensor& values = is_own ? rounded->second : *graph_.constant(weight);
      const ValueId quantized =
          graph_.add_initializer(name + "_quantized", quantize_weight(values, qparams));
      shared = graph_.add_value(name + "_dequantized", graph_.value(weight).type);
      add_dequantize(graph_, {.before = id}, quantized, params, qparams.axis, shared, name);
    }
    graph_.set_input(id, weight_input, shared);
  }

  void write_bias(NodeId id, const WeightedNode& weighted, const std::vector<float>& bias,
                  std::vector<float> scales) {
    const ValueId old = graph_.node(id).input(*weighted.bias_input);
    const std::string name = old == kNone ? graph_.node(id).name + "_bias" : graph_.value(old).name;
    const Shape shape = scales.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(scales.size())};
    QParamValues params;
    const ValueId quantized =
        graph_.add_initializer(name + "_quantized", quantize_bias(bias, scales));
    params.scale = graph_.add_initializer(name + "_scale", Tensor::of<float>(shape, scales));
    const ValueId output = graph_.add_value(name + "_dequantized",
                                            {DType::kFloat32, Dims{{weighted.channels, {}}}, {}});
    add_dequantize(graph_, {.before = id}, quantized, params, scales.size() == 1 ? -1 : 0, output,
                   name);
    graph_.set_input(id, *weighted.bias_input, output);
  }

  PreparedModel model_;
  Graph graph_;
  const ConvertOptions& options_;
  Remarks* remarks_;
  int narrow_ranges_ = 0;
  DynamicInputs dynamic_inputs_;
  std::map<NodeId, std::vector<int>> place_slots_;  // of nodes with places, in their order
  std::map<int, QParams> qparams_;
  std::map<int, QParamValues> slot_values_;
  // One int8 copy for all nodes that share a float weight, its scales and its rounding.
  struct WeightKey {
    ValueId weight;
    NodeId rounded_for;
    DType dtype;
    std::vector<float> scale;
    std::vector<int32_t> zero_point;
    auto operator<=>(const WeightKey&) const = default;
  };
  std::map<WeightKey, ValueId> shared_weights_;
};

}  // namespace

Graph convert(const PreparedModel& model, const ConvertOptions& options, Remarks* remarks) {
  PreparedModel narrowed = model;
  if (options.qconfig_mapping) narrow(narrowed, *options.qconfig_mapping);
  const int64_t opset = opset_for(model);
  const bool is_quantized =
      std::ranges::any_of(narrowed.plans, [](const auto& plan) { return plan.second.quantized; });
  if (model.graph.opset() >= opset || !is_quantized) {
    return Converter(std::move(narrowed), options, remarks).run();
  }
  PreparedModel rebased = rebase(narrowed, upgrade_opset(model.graph, opset));
  return Converter(std::move(rebased), options, remarks).run();
}

Graph convert(const PreparedModel& model, Remarks* remarks) { return convert(model, {}, remarks); }

}  // namespace eightfold
