// See routed.h.
#include "support/routed.h"

#include <algorithm>
#include <cmath>

#include "ir/verify.h"
#include "quant/lower_operands.h"
#include "support/hand_prepared.h"
#include "support/op_runner.h"

namespace eightfold::test {

RouteOptions route_options(std::string_view preset) {
  return {get_default_qconfig_mapping(preset), backend(preset)};
}

RouteOptions route_options(std::string_view preset, const QConfig& global) {
  return {qconfig_mapping_around(global, preset), backend(preset)};
}

RouteOptions full_range(std::string_view preset) {
  return route_options(preset, default_qconfig());
}

Feeds feeds_for(const Graph& graph, uint32_t seed) {
  Feeds feeds;
  for (ValueId id : graph.required_inputs()) {
    const Value& value = graph.value(id);
    Shape shape;
    for (const Dim& dim : *value.type.dims) shape.push_back(dim.known() ? dim.value : 2);
    if (is_float(value.type.dtype)) {
      Tensor numbers = noise(shape, -2, 2, ++seed);
      if (value.type.dtype != DType::kFloat32) numbers = cast(numbers, value.type.dtype);
      feeds.push_back({value.name, std::move(numbers)});
      continue;
    }
    Tensor counted = Tensor::allocate(value.type.dtype, shape);
    if (value.type.dtype == DType::kInt64) {
      int64_t next = 0;
      for (int64_t& index : counted.mutable_data<int64_t>()) index = next++;
    } else {
      uint8_t next = 0;
      auto* bytes = static_cast<uint8_t*>(counted.mutable_raw());
      for (size_t i = 0; i < counted.size_bytes(); ++i) bytes[i] = next++;
    }
    feeds.push_back({value.name, std::move(counted)});
  }
  return feeds;
}

Routed route(const Graph& graph, const RouteOptions& options) {
  Routed routed;
  routed.source = graph;
  routed.fused = fuse(graph, options.backend, &routed.remarks);
  verify(routed.fused);
  routed.prepared = prepare(routed.fused, options.mapping, options.backend, options.prepare);
  routed.remarks.insert(routed.remarks.end(), routed.prepared.remarks.begin(),
                        routed.prepared.remarks.end());
  routed.sample = feeds_for(graph);
  Calibrator(routed.prepared).observe(routed.sample);
  routed.quantized = convert(routed.prepared, options.convert, &routed.remarks);
  verify(routed.quantized);
  routed.lowered = lower(routed.quantized, &routed.remarks);
  verify(routed.lowered);
  return routed;
}

int Routed::slot(const std::string& value) const {
  const auto found = prepared.slot_of.find(prepared.graph.find_value(value));
  return found == prepared.slot_of.end() ? -1 : found->second;
}

const ObserverSpec& Routed::spec(const std::string& value) const {
  INFO(value);
  REQUIRE(slot(value) >= 0);
  return prepared.slots[static_cast<size_t>(slot(value))].spec;
}

const NodePlan& Routed::plan(const std::string& value) const {
  INFO(value);
  const ValueId id = prepared.graph.find_value(value);
  REQUIRE(id != kNone);
  return prepared.plans.at(prepared.graph.value(id).producer());
}

Pairs pairs(const Graph& graph) {
  Pairs found;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    found.quantize += is_quantize(node) || node.is("DynamicQuantizeLinear") ? 1 : 0;
    found.dequantize += is_dequantize(node) && graph.constant(node.input(0)) == nullptr ? 1 : 0;
  }
  return found;
}

std::ostream& operator<<(std::ostream& out, const Pairs& pairs) {
  return out << pairs.quantize << " quantize, " << pairs.dequantize << " dequantize";
}

OpCounts compute_ops(const Graph& graph) {
  OpCounts counts;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    if (!is_quantize(node) && !is_dequantize(node)) ++counts[node.op_type];
  }
  return counts;
}

namespace {

// The scale that output values are multiples of; the largest of the graph where it is not the last
// thing that happens to them.
float step_of(const Graph& graph, ValueId output) {
  const Node* last = graph.producer(output);
  if (last != nullptr && is_dequantize(*last) && graph.constant(last->input(1)) != nullptr) {
    return graph.constant(last->input(1))->data<float>()[0];
  }
  float largest = 0;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    const Tensor* scale = is_dequantize(node) ? graph.constant(node.input(1)) : nullptr;
    if (scale == nullptr || graph.constant(node.input(0)) != nullptr) continue;
    largest = std::max(largest, scale->data<float>()[0]);
  }
  return largest;
}

}  // namespace

std::string lowered_apart(const Routed& routed, float steps) {
  const auto want = Session(routed.quantized).run(routed.sample);
  const auto got = Session(routed.lowered).run(routed.sample);
  for (size_t i = 0; i < want.size(); ++i) {
    const Tensor &a = want[i].tensor, &b = got[i].tensor;
    if (a.shape() != b.shape() || a.dtype() != b.dtype()) return want[i].name + ": another type";
    if (a.dtype() != DType::kFloat32) continue;
    const float step = step_of(routed.quantized, routed.quantized.outputs[i]);
    for (size_t e = 0; e < static_cast<size_t>(a.size()); ++e) {
      const float x = a.data<float>()[e], y = b.data<float>()[e];
      // Float sums of the reference may stand on a tie.
      if (std::fabs(x - y) <= steps * step * 1.001f + 1e-5f * (1 + std::fabs(x))) continue;
      return want[i].name + "[" + std::to_string(e) + "]: " + std::to_string(y) + " instead of " +
             std::to_string(x) + ", one step is " + std::to_string(step);
    }
  }
  return {};
}

std::string bytes_apart(const Graph& a, const Graph& b, const Feeds& feeds) {
  const auto left = Session(a).run(feeds), right = Session(b).run(feeds);
  if (left.size() != right.size()) return "another number of outputs";
  for (size_t i = 0; i < left.size(); ++i) {
    const Tensor &x = left[i].tensor, &y = right[i].tensor;
    const auto* bytes = static_cast<const uint8_t*>(x.raw());
    const bool same =
        left[i].name == right[i].name && x.dtype() == y.dtype() &&
        x.size_bytes() == y.size_bytes() &&
        std::equal(bytes, bytes + x.size_bytes(), static_cast<const uint8_t*>(y.raw()));
    if (!same) return left[i].name + " differs";
  }
  return {};
}

std::string lines(const Graph& graph) {
  std::string text;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    std::string made, read;
    for (ValueId value : node.outputs()) {
      made += (made.empty() ? "" : ", ") + (value == kNone ? "-" : graph.value(value).name);
    }
    for (ValueId value : node.inputs()) {
      if (graph.constant(value) != nullptr) continue;
      read += (read.empty() ? "" : ", ") + (value == kNone ? "-" : graph.value(value).name);
    }
    text += made + " = " + node.op_type + "(" + read + ")\n";
  }
  return text;
}

}  // namespace eightfold::test
