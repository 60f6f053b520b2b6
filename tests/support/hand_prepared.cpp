// Graphs and PreparedModels made by hand (see hand_prepared.h).
#include "support/hand_prepared.h"

#include <algorithm>
#include <cmath>

#include "ops/op.h"
#include "quant/convert_weights.h"

namespace eightfold::test {

Sketch::Sketch(int64_t opset) { graph.model().opsets[""] = opset; }

ValueId Sketch::input(const std::string& name, Shape shape) {
  const ValueId id = graph.add_value(name, {DType::kFloat32, to_dims(shape), {}});
  graph.inputs.push_back(id);
  return id;
}

ValueId Sketch::constant(const std::string& name, Tensor tensor) {
  return graph.add_initializer(name, std::move(tensor));
}

ValueId Sketch::node(const std::string& op, std::vector<ValueId> inputs,
                     std::vector<Attribute> attributes, const std::string& output,
                     const std::string& domain) {
  const std::string name = output.empty() ? op + std::to_string(graph.node_slots()) : output;
  const ValueId value = graph.add_value(name);
  Node node;
  node.name = "node_" + name;
  node.op_type = op;
  node.domain = domain;
  node.attributes = std::move(attributes);
  graph.add_node(std::move(node), std::move(inputs), {value});
  return value;
}

Graph Sketch::finish(std::vector<ValueId> outputs) {
  graph.outputs = std::move(outputs);
  infer_types(graph);
  return graph;
}

HandPrepared::HandPrepared(Graph graph, Stage stage) {
  graph.stage = stage;
  model.graph = std::move(graph);
  model.samples = 1;
}

HandPrepared& HandPrepared::observe(const std::string& value, float scale, int32_t zero_point,
                                    DType dtype) {
  const QRange range = full_range(dtype);
  QParams qparams{{scale}, {zero_point}, -1, dtype, range.quant_min, range.quant_max};
  model.slot_of[model.graph.find_value(value)] = static_cast<int>(model.slots.size());
  ObserverSpec spec;
  spec.dtype = dtype;
  model.slots.push_back({spec, std::make_shared<KnownObserver>(spec, std::move(qparams))});
  return *this;
}

HandPrepared& HandPrepared::share(const std::string& value, const std::string& with) {
  model.slot_of[model.graph.find_value(value)] = model.slot_of.at(model.graph.find_value(with));
  return *this;
}

HandPrepared& HandPrepared::quantize(const std::string& output, bool per_channel) {
  const NodeId id = producer_of(model.graph, output);
  NodePlan plan;
  plan.quantized = true;
  if (const auto weighted = weighted_node(model.graph, id)) {
    const Tensor& weight = *model.graph.constant(model.graph.node(id).input(1));
    ObserverSpec spec;
    spec.observer = per_channel ? "PerChannelMinMaxObserver" : "MinMaxObserver";
    spec.dtype = DType::kInt8;
    spec.qscheme = per_channel ? QScheme::kPerChannelSymmetric : QScheme::kPerTensorSymmetric;
    spec.ch_axis = weighted->axis;
    plan.weight_slot = static_cast<int>(model.weight_slots.size());
    model.weight_slots.push_back(
        {spec, std::make_shared<KnownObserver>(
                   spec, weight_qparams(weight, per_channel ? weighted->axis : -1))});
  }
  model.plans[id] = std::move(plan);
  return *this;
}

QParams weight_qparams(const Tensor& weight, int axis) {
  const ChannelWalk walk(weight.shape(), axis);
  std::vector<float> largest(static_cast<size_t>(walk.channels), 1e-6f);
  walk.each([&](int64_t flat, int64_t channel) {
    float& most = largest[static_cast<size_t>(channel)];
    most = std::max(most, std::fabs(weight.data<float>()[static_cast<size_t>(flat)]));
  });
  for (float& most : largest) most /= 127.5f;
  std::vector<int32_t> zeros(largest.size(), 0);
  return {largest, zeros, axis, DType::kInt8, -128, 127};
}

NodeId producer_of(const Graph& graph, const std::string& value) {
  const ValueId id = graph.find_value(value);
  return id == kNone ? kNone : graph.value(id).producer();
}

int count_ops(const Graph& graph, const std::string& op, const std::string& domain) {
  return static_cast<int>(std::ranges::count_if(
      graph.nodes(), [&](NodeId id) { return graph.node(id).is(op, domain); }));
}

Tensor noise(Shape shape, float lo, float hi, uint32_t seed) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, std::move(shape));
  uint32_t state = seed * 2654435761u + 12345u;
  for (float& value : tensor.mutable_data<float>()) {
    state = state * 1664525u + 1013904223u;
    value = lo + (hi - lo) * static_cast<float>(state >> 8) / 16777216.0f;
  }
  return tensor;
}

}  // namespace eightfold::test
