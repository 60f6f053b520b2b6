// pad_into_conv: constant zero padding of the spatial axes becomes the Conv's own pads.
// pad_into_pool: refuses, and says why.
//
//   pattern (Conv, Pad):  pads' = pads + those of Pad
// Refuses other modes, fills and axes, cropping, computed pads and SAME_* auto_pad.
// Source: ONNX Pad, opset 1 to 25.
#include <optional>

#include "ir/constant.h"
#include "quant/fusers/fuser.h"

namespace eightfold {
namespace {

constexpr int64_t kPadTakesInputs = 11;

std::optional<std::vector<int64_t>> constant_ints(const Graph& graph, ValueId id) {
  const Tensor* tensor = fixed_constant(graph, id);
  if (tensor == nullptr) return std::nullopt;
  if (tensor->dtype() == DType::kInt64) {
    const auto data = tensor->data<int64_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  }
  if (tensor->dtype() != DType::kInt32) return std::nullopt;
  const auto data = tensor->data<int32_t>();
  return std::vector<int64_t>(data.begin(), data.end());
}

// Pads of all axes, begins then ends; nullopt when they are not known.
std::optional<std::vector<int64_t>> all_pads(const Graph& graph, const Node& pad, size_t rank) {
  if (graph.opset() < kPadTakesInputs) {
    const auto pads = pad.ints_attribute("pads", pad.ints_attribute("paddings"));
    return pads.size() == 2 * rank ? std::optional(pads) : std::nullopt;
  }
  const auto given = constant_ints(graph, pad.input(1));
  if (!given) return std::nullopt;
  if (pad.input(3) == kNone) return given->size() == 2 * rank ? given : std::nullopt;
  const auto axes = constant_ints(graph, pad.input(3));
  if (!axes || given->size() != 2 * axes->size()) return std::nullopt;
  std::vector<int64_t> pads(2 * rank, 0);
  for (size_t i = 0; i < axes->size(); ++i) {
    const int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + static_cast<int64_t>(rank) : (*axes)[i];
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return std::nullopt;
    pads[static_cast<size_t>(axis)] = (*given)[i];
    pads[static_cast<size_t>(axis) + rank] = (*given)[i + axes->size()];
  }
  return pads;
}

bool fills_with_zero(const Graph& graph, const Node& pad) {
  if (graph.opset() < kPadTakesInputs) return pad.float_attribute("value", 0.0f) == 0.0f;
  if (pad.input(2) == kNone) return true;
  const Tensor* fill = fixed_constant(graph, pad.input(2));
  return fill != nullptr && fill->dtype() == DType::kFloat32 && fill->size() == 1 &&
         fill->data<float>()[0] == 0.0f;
}

Verdict check_conv(const Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  const Node& conv = graph.node(chain[0]);
  const Node& pad = graph.node(chain[1]);
  const Tensor* weight = graph.constant(conv.input(1));
  if (weight == nullptr || weight->rank() < 3) return refused("the rank of Conv is not known");
  if (pad.string_attribute("mode", "constant") != "constant") {
    return refused("Pad is in mode " + pad.string_attribute("mode", ""));
  }
  if (!fills_with_zero(graph, pad)) return refused("Pad fills with something else than zero");
  if (conv.string_attribute("auto_pad", "NOTSET").starts_with("SAME")) {
    return refused("Conv computes its own pads (auto_pad)");
  }
  const auto rank = static_cast<size_t>(weight->rank());
  const auto pads = all_pads(graph, pad, rank);
  if (!pads) return refused("the pads are not constant");
  for (size_t i = 0; i < pads->size(); ++i) {
    if ((*pads)[i] < 0) return refused("Pad crops");
    if (i % rank < 2 && (*pads)[i] != 0) return refused("Pad adds images or channels");
  }
  return accepted();
}

void rewrite_conv(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  Node& conv = graph.node(chain[0]);
  const Node& pad = graph.node(chain[1]);
  const auto rank = static_cast<size_t>(graph.constant(conv.input(1))->rank());
  const size_t spatial = rank - 2;
  const std::vector<int64_t> added = *all_pads(graph, pad, rank);
  std::vector<int64_t> pads = conv.ints_attribute("pads", std::vector<int64_t>(2 * spatial, 0));
  for (size_t i = 0; i < spatial; ++i) {
    pads[i] += added[2 + i];
    pads[spatial + i] += added[rank + 2 + i];
  }
  conv.remove_attribute("auto_pad");
  conv.set_attribute("pads", std::move(pads));
  graph.set_input(chain[0], 0, pad.input(0));
  graph.erase_node(chain[1]);
}

Verdict check_pool(const Graph& graph, const Match& match) {
  if (graph.node(match.anchor).op_type == "MaxPool") {
    return refused("MaxPool's own padding counts as minus infinity, not as the zeros of Pad");
  }
  return refused("the pool's own padding may be left out of the mean, the zeros of Pad may not");
}

void never(Graph&, const Match&) {}

}  // namespace

std::vector<Fuser> pad_fusers() {
  return {{"pad_into_conv", FuserPhase::kFold, check_conv, rewrite_conv},
          {"pad_into_pool", FuserPhase::kFold, check_pool, never}};
}

}  // namespace eightfold
