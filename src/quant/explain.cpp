// See explain.h.
#include "quant/explain.h"

#include <algorithm>
#include <array>
#include <map>

#include "pattern/match.h"
#include "quant/data_inputs.h"
#include "quant/explain_kernel.h"
#include "quant/fusing.h"
#include "quant/report.h"

namespace eightfold {
namespace {

// A lowering needs parameters; which ones does not matter to what becomes of a node.
void observe_something(PreparedModel& model) {
  std::array<float, 2> values{-1.0f, 1.0f};
  for (const ObserverSlot& slot : model.slots) {
    if (slot.observer->observed()) continue;
    slot.observer->observe({DType::kFloat32, Layout::kPlain, Shape{2}, values.data()});
  }
}

// The lowered nodes by name, and why lower left some of them float.
struct Lowered {
  Graph graph;
  std::map<std::string, NodeId> by_name;
  std::map<std::string, std::string> reasons;
};

Lowered lowered_of(const PreparedModel& model) {
  Lowered lowered;
  Remarks remarks;
  lowered.graph = lower(convert(model), &remarks);
  infer_types(lowered.graph);
  for (NodeId id : lowered.graph.nodes()) {
    lowered.by_name.try_emplace(display_name(lowered.graph, id), id);
  }
  for (const Remark& remark : remarks) {
    if (remark.kind == "float") lowered.reasons[remark.node] = remark.reason;
  }
  return lowered;
}

class Explainer {
 public:
  Explainer(const Graph& graph, const QConfigMapping& mapping, const BackendConfig& backend,
            const PrepareCustomConfig& custom)
      : fusing_(graph, backend) {
    fusing_.next_round();
    out_.backend = backend.name();
    model_ = prepare(fusing_.finish(&out_.remarks), mapping, backend, custom);
    out_.remarks.insert(out_.remarks.end(), model_.remarks.begin(), model_.remarks.end());
    observe_something(model_);
    lowered_ = lowered_of(model_);
  }

  Explanation run() {
    for (NodeId id : model_.graph.nodes()) {
      out_.nodes.push_back(explain(id));
      out_.nodes.back().makes_data = computes(model_.graph, id);
      if (!out_.nodes.back().makes_data) continue;
      ++(out_.nodes.back().quantized ? out_.quantized : out_.float_nodes);
    }
    return std::move(out_);
  }

 private:
  NodeExplanation explain(NodeId id) {
    const NodePlan& plan = model_.plans.at(id);
    const Node& node = model_.graph.node(id);
    NodeExplanation row;
    row.node = display_name(model_.graph, id);
    row.op_type = op_identity(node);
    row.quantized = plan.quantized;
    row.mode = plan.quantized ? std::string(quant_mode_name(plan.mode)) : "float";
    row.pattern = plan.pattern;
    row.reason = plan.reason;
    const auto members = fusing_.members().find(row.node);
    if (members != fusing_.members().end()) row.members = members->second;
    for (const Fusing::Miss& miss : fusing_.misses()) {
      if (miss.node == row.node) row.near_misses.push_back(miss.near);
    }
    row.near_misses.insert(row.near_misses.end(), plan.near_misses.begin(), plan.near_misses.end());
    if (plan.quantized) {
      observe(id, plan, row);
      row.dtypes = dtypes_of(row, plan);
    }
    run_as(row);
    return row;
  }

  // ---- observers
  void observe(NodeId id, const NodePlan& plan, NodeExplanation& row) const {
    const Node& node = model_.graph.node(id);
    if (plan.mode == QuantMode::kStatic) {
      for (ValueId input : data_inputs(model_.graph, id)) {
        add(row, input, "input", input_slot(model_, id, input));
      }
    } else if (plan.mode == QuantMode::kDynamic) {
      row.observed.push_back({.value = model_.graph.value(node.input(0)).name,
                              .role = "input",
                              .observer = "PlaceholderObserver",
                              .dtype = std::string(dtype_name(plan.qconfig.activation.dtype)),
                              .shared_with = {}});
    }
    if (plan.weight_input >= 0) add_weight(row, node, plan);
    for (ValueId output : node.outputs()) {
      const auto slot = model_.slot_of.find(output);
      if (output != kNone && slot != model_.slot_of.end()) add(row, output, "output", slot->second);
    }
  }

  void add(NodeExplanation& row, ValueId value, const char* role, int slot) const {
    if (slot < 0) return;
    ObservedValue seen = described(model_.slots[static_cast<size_t>(slot)].spec);
    seen.value = model_.graph.value(value).name;
    seen.role = role;
    seen.slot = slot;
    for (const auto& [other, other_slot] : model_.slot_of) {
      if (other_slot == slot && other != value) {
        seen.shared_with.push_back(model_.graph.value(other).name);
      }
    }
    row.observed.push_back(std::move(seen));
  }

  void add_weight(NodeExplanation& row, const Node& node, const NodePlan& plan) const {
    ObservedValue seen = described(plan.qconfig.weight);
    if (plan.weight_slot >= 0) {
      seen = described(model_.weight_slots[static_cast<size_t>(plan.weight_slot)].spec);
    }
    seen.value = model_.graph.value(node.input(static_cast<size_t>(plan.weight_input))).name;
    seen.role = "weight";
    row.observed.push_back(std::move(seen));
  }

  static ObservedValue described(const ObserverSpec& spec) {
    ObservedValue seen;
    seen.observer = spec.observer;
    seen.dtype = std::string(dtype_name(spec.dtype));
    if (is_float(spec.dtype)) return seen;
    const QRange range = spec.range();
    seen.quant_min = range.quant_min;
    seen.quant_max = range.quant_max;
    return seen;
  }

  // ---- one line each
  std::string dtypes_of(const NodeExplanation& row, const NodePlan& plan) const {
    std::string in, weight, out;
    for (const ObservedValue& seen : row.observed) {
      if (seen.role == "input" && in.empty()) in = seen.dtype;
      if (seen.role == "weight") weight = seen.dtype;
      if (seen.role == "output" && out.empty()) out = seen.dtype;
    }
    if (plan.mode == QuantMode::kDynamic) in += " (chosen in each run)";
    std::string text = (in.empty() ? "float32" : in) + " -> " + (out.empty() ? "float32" : out);
    if (weight.empty()) return text;
    text += ", weight " + weight;
    if (plan.weight_slot < 0) return text;
    const ObserverSpec& spec = model_.weight_slots[static_cast<size_t>(plan.weight_slot)].spec;
    return text + (is_per_channel(spec.qscheme) ? " per channel" : " per tensor");
  }

  void run_as(NodeExplanation& row) const {
    const auto found = lowered_.by_name.find(row.node);
    row.runs_as = row.op_type;
    if (found == lowered_.by_name.end()) return;
    row.runs_as = lowered_.graph.node(found->second).op_type;
    row.kernel = kernel_of(lowered_.graph, found->second);
    const auto reason = lowered_.reasons.find(row.node);
    if (row.reason.empty() && reason != lowered_.reasons.end()) {
      row.reason = "between its pairs it runs in float: " + reason->second;
    }
  }

  Fusing fusing_;
  Explanation out_;
  PreparedModel model_;
  Lowered lowered_;
};

}  // namespace

Explanation explain(const Graph& graph, const QConfigMapping& mapping, const BackendConfig& backend,
                    const PrepareCustomConfig& custom) {
  return Explainer(graph, mapping, backend, custom).run();
}

std::string to_text(const Explanation& explanation) {
  std::string text = explanation.backend + ": " + std::to_string(explanation.quantized) +
                     " nodes quantized, " + std::to_string(explanation.float_nodes) + " float\n";
  for (const NodeExplanation& node : explanation.nodes) {
    text += node.node + "  " + node.op_type + "  " + node.mode;
    if (!node.dtypes.empty()) text += "  " + node.dtypes;
    if (!node.pattern.empty()) text += "  by " + node.pattern;
    text += "  runs as " + node.runs_as;
    if (!node.kernel.empty()) text += " (" + node.kernel + ")";
    text += "\n";
    if (!node.reason.empty()) text += "    " + node.reason + "\n";
    for (const NearPattern& near : node.near_misses) {
      text += "    not " + near.pattern + ": " + near.reason + "\n";
    }
  }
  return text;
}

}  // namespace eightfold
