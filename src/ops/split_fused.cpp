// See split_fused.h. The last of the parts takes the node's place, its name and its output.
// Source: onnxruntime's ContribOperators.md.
#include "ops/split_fused.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "ops/upgrade_steps.h"

namespace eightfold {
namespace {

constexpr std::string_view kPlainActivations[] = {"Relu",      "Tanh",        "Sigmoid",
                                                  "LeakyRelu", "HardSigmoid", "Clip"};

struct Activation {
  std::string op_type;        // or none
  std::vector<float> values;  // alpha, beta; or the bounds of a Clip
  bool known() const {
    return op_type.empty() ||
           std::ranges::find(kPlainActivations, op_type) != std::end(kPlainActivations);
  }
};

// A new value of the type of another, whose shape is not known yet.
ValueId value_like(const UpgradeSite& site, std::string_view role, ValueId like) {
  return site.graph.add_value(site.name(role), {site.graph.value(like).type.dtype, {}, {}});
}

// The node becomes `op_type` of ai.onnx on these inputs, without attributes.
void become(const UpgradeSite& site, std::string_view op_type, std::vector<ValueId> inputs) {
  Node& node = site.node();
  node.domain = "";
  node.op_type = op_type;
  node.attributes.clear();
  site.graph.set_inputs(site.id, std::move(inputs));
}

ValueId before(const UpgradeSite& site, std::string_view op_type, std::vector<Attribute> attributes,
               std::vector<ValueId> inputs) {
  Node part;
  part.op_type = op_type;
  part.name = site.name(op_type);
  part.attributes = std::move(attributes);
  const ValueId output = value_like(site, op_type, inputs[0]);
  site.graph.insert_before(site.id, std::move(part), std::move(inputs), {output});
  return output;
}

void become_activation(const UpgradeSite& site, const Activation& activation, ValueId input) {
  become(site, activation.op_type, {input});
  const auto set = [&](std::string_view name, size_t i) {
    if (i < activation.values.size()) {
      site.node().set_attribute(std::string(name), activation.values[i]);
    }
  };
  if (activation.op_type != "Clip") {
    if (activation.op_type == "LeakyRelu" || activation.op_type == "HardSigmoid") set("alpha", 0);
    if (activation.op_type == "HardSigmoid") set("beta", 1);
    return;
  }
  set("min", 0);
  set("max", 1);
  if (site.graph.opset() < 11) return;
  site.float_to_input("min", 1);
  site.float_to_input("max", 2);
}

// The fused form's own attributes go; then it is the plain operator, before its activation.
void split_activation(const UpgradeSite& site, std::string_view op_type, size_t inputs,
                      const Activation& activation) {
  Node& node = site.node();
  const std::vector<ValueId> all(node.inputs().begin(), node.inputs().end());
  std::vector<ValueId> own(all.begin(),
                           all.begin() + static_cast<ptrdiff_t>(std::min(inputs, all.size())));
  std::vector<Attribute> attributes = node.attributes;
  std::erase_if(attributes,
                [](const Attribute& one) { return one.name.starts_with("activation"); });
  const ValueId residual = all.size() > inputs ? all[inputs] : kNone;
  if (residual == kNone && activation.op_type.empty()) {
    become(site, op_type, std::move(own));
    node.attributes = std::move(attributes);
    return;
  }
  ValueId result = before(site, op_type, std::move(attributes), std::move(own));
  if (activation.op_type.empty()) return become(site, "Add", {result, residual});
  if (residual != kNone) result = before(site, "Add", {}, {result, residual});
  become_activation(site, activation, result);
}

bool split_conv(const UpgradeSite& site) {
  const Activation activation{site.node().string_attribute("activation", ""),
                              site.node().floats_attribute("activation_params")};
  if (!activation.known()) return false;
  split_activation(site, "Conv", 3, activation);
  return true;
}

bool split_gemm(const UpgradeSite& site) {
  Activation activation{site.node().string_attribute("activation", ""), {}};
  if (!activation.known()) return false;
  const bool clips = activation.op_type == "Clip";
  for (std::string_view name : {"activation_alpha", "activation_beta"}) {
    if (clips || !site.node().has_attribute(name)) break;
    activation.values.push_back(site.node().float_attribute(name, 0.0f));
  }
  if (clips) return false;  // where a Gemm keeps the bounds is not specified
  split_activation(site, "Gemm", 3, activation);
  return true;
}

// alpha * A' x B', A' and B' with their last two axes swapped when asked for.
bool split_matmul(const UpgradeSite& site) {
  const Node& node = site.node();
  if (node.int_attribute("transBatchA", 0) != 0 || node.int_attribute("transBatchB", 0) != 0) {
    return false;
  }
  ValueId inputs[] = {node.input(0), node.input(1)};
  const bool turned[] = {node.int_attribute("transA", 0) != 0,
                         node.int_attribute("transB", 0) != 0};
  for (size_t i = 0; i < 2; ++i) {
    if (turned[i] && site.rank(inputs[i]) < 0) return false;
  }
  for (size_t i = 0; i < 2; ++i) {
    if (!turned[i] || site.rank(inputs[i]) < 2) continue;
    std::vector<int64_t> perm(static_cast<size_t>(site.rank(inputs[i])));
    std::iota(perm.begin(), perm.end(), int64_t{0});
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    inputs[i] = before(site, "Transpose", {{"perm", perm}}, {inputs[i]});
  }
  const float alpha = node.float_attribute("alpha", 1.0f);
  if (alpha == 1.0f) {
    become(site, "MatMul", {inputs[0], inputs[1]});
    return true;
  }
  become(site, "Mul", {before(site, "MatMul", {}, {inputs[0], inputs[1]})});
  site.node().set_attribute("alpha", alpha);
  site.float_to_input("alpha", 1);
  return true;
}

}  // namespace

int split_fused(Graph& graph) {
  int count = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : nodes) {
    if (graph.node(id).domain != kMicrosoftDomain) continue;
    const std::string& op_type = graph.node(id).op_type;
    const UpgradeSite site{graph, id, graph.opset()};
    if (op_type == "FusedConv")
      count += split_conv(site);
    else if (op_type == "FusedGemm")
      count += split_gemm(site);
    else if (op_type == "FusedMatMul")
      count += split_matmul(site);
  }
  return count;
}

}  // namespace eightfold
