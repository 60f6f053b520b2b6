// conv_bn, conv_bn_relu, convtranspose_bn, convtranspose_bn_relu, linear_bn, linear_bn_relu.
//
//   pattern ([Relu,] (BatchNormalization, layer)):  scale = gamma / sqrt(var + epsilon),
//   shift = beta - mean * scale, folded into the layer (fold_scale_shift.h)
// Refuses BatchNormalization in training mode, with parameters that are not constant, and
// what the layer's own weights refuse. Source: ONNX BatchNormalization, opset 1 to 15.
#include "quant/fusers/fuse_batch_norm.h"

#include <cmath>

#include "ir/constant.h"
#include "quant/fusers/fuse_activation.h"

namespace eightfold {
namespace {

constexpr size_t kGamma = 1, kBeta = 2, kMean = 3, kVariance = 4;

bool is_training(const Graph& graph, const Node& norm) {
  const int64_t opset = graph.opset();
  if (norm.int_attribute("training_mode", 0) != 0) return true;
  if (opset < 7 && norm.int_attribute("is_test", 0) == 0) return true;
  for (size_t i = 1; i < norm.outputs().size(); ++i) {
    if (norm.output(i) != kNone) return true;  // the running statistics of opset 9 and 13
  }
  return false;
}

const Tensor* parameter(const Graph& graph, const Node& norm, size_t index, int64_t channels) {
  const Tensor* tensor = fixed_constant(graph, norm.input(index));
  const bool fits = tensor != nullptr && tensor->dtype() == DType::kFloat32 &&
                    tensor->rank() == 1 && tensor->size() == channels;
  return fits ? tensor : nullptr;
}

}  // namespace

ScaleShift affine_map(const Graph& graph, const Node& norm, int64_t channels) {
  const auto values = [&](size_t index) {
    return parameter(graph, norm, index, channels)->data<float>();
  };
  const auto gamma = values(kGamma), beta = values(kBeta), mean = values(kMean);
  const auto variance = values(kVariance);
  const double epsilon = norm.float_attribute("epsilon", 1e-5f);
  ScaleShift map;
  for (size_t c = 0; c < gamma.size(); ++c) {
    map.scale.push_back(gamma[c] / std::sqrt(variance[c] + epsilon));
    map.shift.push_back(beta[c] - mean[c] * map.scale[c]);
  }
  return map;
}

Verdict can_take_norm(const Graph& graph, NodeId norm_id, int64_t channels) {
  const Node& norm = graph.node(norm_id);
  if (is_training(graph, norm)) return refused("BatchNormalization is in training mode");
  if (norm.int_attribute("spatial", 1) == 0) {
    return refused("BatchNormalization with spatial = 0 has parameters per position");
  }
  for (size_t index : {kGamma, kBeta, kMean, kVariance}) {
    if (parameter(graph, norm, index, channels) == nullptr) {
      return refused("parameter " + std::to_string(index) +
                     " of BatchNormalization is not a float32 constant of " +
                     std::to_string(channels) + " numbers that no caller can override");
    }
  }
  for (double scale : affine_map(graph, norm, channels).scale) {
    if (!std::isfinite(scale)) return refused("a variance of BatchNormalization is not positive");
  }
  return accepted();
}

Verdict can_fold_norm(const Graph& graph, NodeId norm, NodeId layer) {
  if (const Verdict verdict = can_fold_into(graph, layer); !verdict.ok) return verdict;
  return can_take_norm(graph, norm, output_channels(graph, layer));
}

void fold_norm(Graph& graph, NodeId norm, NodeId layer) {
  fold_scale_shift(graph, layer,
                   affine_map(graph, graph.node(norm), output_channels(graph, layer)));
  replace_producer(graph, norm, layer);
}

namespace {

Verdict check(const Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  return can_fold_norm(graph, chain[0], chain[1]);
}

void rewrite(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  fold_norm(graph, chain[0], chain[1]);
}

Verdict check_with_activation(const Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  const Verdict verdict = can_fold_norm(graph, chain[1], chain[2]);
  return verdict.ok ? can_fuse_activation(graph, chain[2], chain[0]) : verdict;
}

void rewrite_with_activation(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  fold_norm(graph, chain[1], chain[2]);
  fuse_activation(graph, chain[2], chain[0]);
}

}  // namespace

std::vector<Fuser> batch_norm_fusers() {
  std::vector<Fuser> fusers;
  for (std::string_view name : {"conv_bn", "convtranspose_bn", "linear_bn"}) {
    fusers.push_back({name, FuserPhase::kFold, check, rewrite});
  }
  for (std::string_view name : {"conv_bn_relu", "convtranspose_bn_relu", "linear_bn_relu"}) {
    fusers.push_back({name, FuserPhase::kFold, check_with_activation, rewrite_with_activation});
  }
  return fusers;
}

}  // namespace eightfold
