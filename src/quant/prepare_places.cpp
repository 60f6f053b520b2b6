// See prepare_places.h.
#include "quant/prepare_places.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "quant/convert_places.h"

namespace eightfold {
namespace {

ObserverSpec default_spec(const PlaceRow& place, const QConfig& qconfig) {
  ObserverSpec spec;
  if (place.dtype == DType::kUndefined) {
    spec = qconfig.activation;
    // What the cell itself makes takes the whole range of its type.
    if (place.output >= 0) {
      spec.quant_range.reset();
      spec.reduce_range = false;
    }
    return spec;
  }
  spec.dtype = place.dtype;
  spec.scale = place.scale > 0 ? place.scale : spec.scale;
  spec.zero_point = place.zero_point;
  spec.observer = place.scale > 0 ? "FixedQParamsObserver" : "MinMaxObserver";
  if (place.scale > 0) return spec;
  spec.qscheme = QScheme::kPerTensorSymmetric;
  // 16 bits have room to spare: a stream may go on for longer than calibration saw it.
  constexpr int64_t kRoom = 4;
  const QRange full = full_range(spec.dtype);
  spec.quant_range = QRange{full.quant_min / kRoom, full.quant_max / kRoom};
  return spec;
}

// The observers of all places, in order.
std::vector<ObserverSpec> specs_of(const Node& node, const PlaceForm& form,
                                   const QConfig& qconfig) {
  std::vector<ObserverSpec> specs;
  for (const PlaceRow& place : form.places) {
    const ObserverSpec* own = qconfig.part(place.path);
    if (!own && !place.also.empty()) own = qconfig.part(place.also);
    specs.push_back(own               ? *own
                    : place.like >= 0 ? specs[static_cast<size_t>(place.like)]
                                      : default_spec(place, qconfig));
    if (fits(place.types, specs.back().dtype) && !is_per_channel(specs.back().qscheme)) continue;
    throw Error(ErrorCode::kInvalidConfig,
                "the place '" + std::string(place.path) + "' of " + node.op_type + " cannot be " +
                    std::string(dtype_name(specs.back().dtype)),
                place.types == PlaceTypes::kBytes      ? "it takes uint8 or int8, per tensor"
                : place.types == PlaceTypes::kUnsigned ? "it takes uint8 or uint16, per tensor"
                                                       : "it takes 8 or 16 bits, per tensor");
  }
  return specs;
}

void check_parts(const Node& node, const PlaceForm& form, const QConfig& qconfig) {
  for (const auto& [path, spec] : qconfig.parts) {
    if (std::ranges::find(form.places, path, &PlaceRow::path) != form.places.end()) continue;
    std::string known;
    for (const PlaceRow& place : form.places) {
      if (&place != &*std::ranges::find(form.places, place.path, &PlaceRow::path)) continue;
      known += (known.empty() ? "" : ", ") + std::string(place.path);
    }
    throw Error(ErrorCode::kInvalidConfig, node.op_type + " has no place '" + path + "'",
                "it has " + known);
  }
}

}  // namespace

void separate_place_inputs(Graph& graph) {
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const OpDef* def = find_op(graph, graph.node(id));
    if (!def || !def->places) continue;
    std::vector<ValueId> seen;
    for (const PlaceRow& place : def->places->places) {
      if (place.input < 0) continue;
      const auto input = static_cast<size_t>(place.input);
      const ValueId value = graph.node(id).input(input);
      if (value == kNone || std::ranges::find(seen, value) == seen.end()) {
        seen.push_back(value);
        continue;
      }
      const std::string name = graph.unique_name(graph.value(value).name + "_copy");
      if (const Tensor* constant = graph.constant(value)) {
        const Tensor copy = *constant;
        graph.set_input(id, input, graph.add_initializer(name, copy));
        continue;
      }
      const ValueType type = graph.value(value).type;
      const ValueId copy = graph.add_value(name, type);
      Node identity;
      identity.name = name;
      identity.op_type = "Identity";
      graph.insert_before(id, std::move(identity), {value}, {copy});
      graph.set_input(id, input, copy);
    }
  }
}

std::string PlaceTable::observe_weights(NodeId id, const OpDef& def, NodePlan& plan) {
  if (!bias_fits(model_.graph, id, *def.places)) {
    throw Error(ErrorCode::kInvalidShape, "its weights and its bias do not fit together")
        .at(display_name(model_.graph, id), def.op_type);
  }
  for (size_t i = 0; i < model_.graph.node(id).inputs().size(); ++i) {
    if (def.role(i) != Role::kWeight) continue;
    const int slot = weights_.observe_rows(id, i, plan.qconfig.weight);
    plan.weight_slots[static_cast<int>(i)] = slot;
    const QParams qparams = model_.weight_slots[static_cast<size_t>(slot)].observer->qparams();
    const bool is_symmetric =
        qparams.dtype == DType::kInt8 &&
        std::ranges::all_of(qparams.zero_point, [](int32_t z) { return z == 0; });
    if (!is_symmetric) return "its kernels take symmetric int8 weights";
  }
  return {};
}

std::string PlaceTable::observe(NodeId id, const OpDef& def, NodePlan& plan,
                                const std::function<bool(ValueId)>& in_integers) {
  Graph& graph = model_.graph;
  const PlaceForm& form = *def.places;
  if (std::string reason = form.integers.why_not(graph.node(id)); !reason.empty()) return reason;
  check_parts(graph.node(id), form, plan.qconfig);
  const std::vector<ObserverSpec> specs = specs_of(graph.node(id), form, plan.qconfig);
  for (size_t i = 0; i < specs.size(); ++i) {
    const PlaceRow& place = form.places[i];
    const Tensor* constant =
        place.input < 0 ? nullptr
                        : graph.constant(graph.node(id).input(static_cast<size_t>(place.input)));
    if (constant) observe_constant(*make_observer(specs[i]), *constant);  // it may refuse
  }
  if (std::string reason = observe_weights(id, def, plan); !reason.empty()) return reason;

  graph.node(id).domain = std::string(kEightfoldDomain);
  for (size_t i = 0; i < specs.size(); ++i) {
    const PlaceRow& place = form.places[i];
    int slot = -1;
    if (place.output >= 0) {
      const auto output = static_cast<size_t>(place.output);
      if (graph.node(id).output(output) == kNone) {
        const std::string name = display_name(graph, id) + "_" + std::string(place.path);
        graph.set_output(id, output,
                         graph.add_value(graph.unique_name(name), {DType::kFloat32, {}, {}}));
      }
      const ValueId value = graph.node(id).output(output);
      const bool shares = place.like >= 0 && specs[i] == specs[static_cast<size_t>(place.like)];
      if (shares) {
        slot = place_slot(model_, id, form.places[static_cast<size_t>(place.like)]);
        slots_.join(value, slot);
      } else {
        slot = slots_.observe(value, specs[i]);
      }
    }
    const ValueId last =
        place.last < 0 ? kNone : graph.node(id).output(static_cast<size_t>(place.last));
    if (last != kNone) slots_.join(last, slot);
    const ValueId input =
        place.input < 0 ? kNone : graph.node(id).input(static_cast<size_t>(place.input));
    if (input == kNone) continue;
    if (slot >= 0) {
      slots_.read_as(id, input, slot);
    } else {
      slot = slots_.observe_for(id, input, specs[i], in_integers(input));
    }
    const Tensor* constant = graph.constant(input);
    if (constant) observe_constant(*model_.slots[static_cast<size_t>(slot)].observer, *constant);
  }
  return {};
}

int place_slot(const PreparedModel& model, NodeId id, const PlaceRow& place) {
  const Node& node = model.graph.node(id);
  if (place.output < 0) return input_slot(model, id, node.input(static_cast<size_t>(place.input)));
  const auto found = model.slot_of.find(node.output(static_cast<size_t>(place.output)));
  return found == model.slot_of.end() ? -1 : found->second;
}

}  // namespace eightfold
