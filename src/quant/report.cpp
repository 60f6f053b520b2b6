// Gathers what prepare planned, lower did and compare measured (see report.h).
#include "quant/report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quant/convert_weights.h"
#include "quant/lower_operands.h"

namespace eightfold {
namespace {

bool runs_on_integers(const Graph& graph, const Node& node) {
  if (int8_operands(node) != QuantizedOperands::kNone) return true;
  const auto integer = [&](ValueId id) {
    return id != kNone && is_quantized_int8(graph.value(id).type.dtype);
  };
  const ValueId output = node.output(0);
  const bool sums = output != kNone && graph.value(output).type.dtype == DType::kInt32;
  return !is_quantize(node) && !is_dequantize(node) && integer(node.input(0)) &&
         (integer(output) || sums);
}

std::map<std::string, bool> integer_nodes(const Graph& lowered) {
  Graph typed = lowered;
  infer_types(typed);
  std::map<std::string, bool> by_name;
  for (NodeId id : typed.nodes()) {
    by_name[display_name(typed, id)] = runs_on_integers(typed, typed.node(id));
  }
  return by_name;
}

// The last word on a node: lower's remark if it has one, else prepare's plan.
std::string reason_for(const ReportInputs& inputs, NodeId id, const std::string& name) {
  for (auto remark = inputs.remarks.rbegin(); remark != inputs.remarks.rend(); ++remark) {
    if (remark->node == name && remark->kind == "float") return remark->reason;
  }
  const auto plan = inputs.prepared->plans.find(id);
  if (plan == inputs.prepared->plans.end()) return "";
  const bool stored = plan->second.quantized && (plan->second.mode == QuantMode::kWeightOnly ||
                                                 plan->second.mode == QuantMode::kFloat16);
  return stored ? "only its weight is stored smaller, it computes in float" : plan->second.reason;
}

std::string weight_scheme(const PreparedModel& prepared, NodeId id) {
  const auto plan = prepared.plans.find(id);
  if (plan == prepared.plans.end()) return "";
  int slot = plan->second.weight_slot;
  if (slot < 0 && !plan->second.weight_slots.empty()) {
    slot = plan->second.weight_slots.begin()->second;
  }
  if (slot < 0) return "";
  const ObserverSpec& spec = prepared.weight_slots[static_cast<size_t>(slot)].spec;
  return std::string(dtype_name(spec.dtype)) +
         (is_per_channel(spec.qscheme) ? " per channel" : " per tensor") +
         (is_symmetric(spec.qscheme) ? ", symmetric" : ", affine");
}

std::optional<double> measured(const ErrorSums& error) {
  const double sqnr = error.sqnr_db();
  return std::isnan(sqnr) ? std::nullopt : std::optional(sqnr);
}

std::optional<double> sqnr_of(const Comparison* comparison, const std::string& value) {
  if (!comparison) return std::nullopt;
  for (const LayerError& layer : comparison->layers) {
    if (layer.value == value) return measured(layer.error);
  }
  return std::nullopt;
}

}  // namespace

bool computes(const Graph& graph, NodeId id) {
  const ValueId output = graph.node(id).output(0);
  if (output == kNone) return false;
  const DType dtype = graph.value(output).type.dtype;
  return dtype == DType::kUndefined || is_float(dtype);
}

std::vector<int64_t> count_macs(const Graph& graph, const Feeds& sample) {
  Graph typed = graph;
  for (const NamedTensor& feed : sample) {
    const ValueId id = typed.find_value(feed.name);
    if (id != kNone) typed.value(id).type.dims = to_dims(feed.tensor.shape());
  }
  // Types that an earlier inference wrote for other shapes must not linger.
  for (NodeId id : typed.nodes()) {
    for (ValueId output : typed.node(id).outputs()) {
      if (output != kNone) typed.value(output).type.dims.reset();
    }
  }
  infer_types(typed);
  std::vector<int64_t> macs(static_cast<size_t>(graph.node_slots()), 0);
  const auto shapes = [&](std::span<const ValueId> ids) -> std::optional<std::vector<Shape>> {
    std::vector<Shape> list;
    for (ValueId id : ids) {
      if (id == kNone) {
        list.emplace_back();
        continue;
      }
      const auto shape = known_shape(typed.value(id).type);
      if (!shape) return std::nullopt;
      list.push_back(*shape);
    }
    return list;
  };
  for (NodeId id : typed.nodes()) {
    const Node& node = typed.node(id);
    const OpDef* def = find_op(typed, node);
    if (!def || !def->macs) continue;
    const auto in = shapes(node.inputs());
    const auto out = shapes(node.outputs());
    if (in && out) macs[static_cast<size_t>(id)] = def->macs(node, *in, *out);
  }
  return macs;
}

Report make_report(const ReportInputs& inputs) {
  const Graph& graph = inputs.prepared->graph;
  const std::map<std::string, bool> integers = integer_nodes(*inputs.lowered);
  const std::vector<int64_t> macs = count_macs(graph, inputs.sample);
  Report report;
  report.float_bytes = inputs.float_bytes;
  report.int8_bytes = inputs.int8_bytes;
  report.calibration_samples = inputs.prepared->samples;
  report.remarks = inputs.prepared->remarks;
  report.remarks.insert(report.remarks.end(), inputs.remarks.begin(), inputs.remarks.end());
  for (NodeId id : graph.nodes()) {
    if (!computes(graph, id)) continue;
    LayerReport layer;
    layer.node = display_name(graph, id);
    layer.op_type = graph.node(id).op_type;
    layer.output = graph.value(graph.node(id).output(0)).name;
    layer.macs = macs[static_cast<size_t>(id)];
    const auto lowered = integers.find(layer.node);
    const auto plan = inputs.prepared->plans.find(id);
    // A quantized node that is gone was absorbed or became nothing on integers.
    layer.int8 = lowered != integers.end()
                     ? lowered->second
                     : plan != inputs.prepared->plans.end() && plan->second.quantized;
    if (layer.int8) {
      layer.weight_scheme = weight_scheme(*inputs.prepared, id);
    } else {
      layer.reason = reason_for(inputs, id, layer.node);
    }
    layer.sqnr = sqnr_of(inputs.comparison, layer.output);
    report.macs += layer.macs;
    report.int8_macs += layer.int8 ? layer.macs : 0;
    report.layers.push_back(std::move(layer));
  }
  if (inputs.comparison) {
    report.compared_samples = inputs.comparison->samples;
    for (const OutputError& output : inputs.comparison->outputs) {
      report.outputs.push_back(
          {output.name, measured(output.error), output.error.max_error, output.argmax_agreement()});
    }
  }
  return report;
}

}  // namespace eightfold
