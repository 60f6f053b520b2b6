// bn_conv: BatchNormalization before a Conv, folded into it. matmul_bn: behind a MatMul by a
// matrix.
//
//   pattern (Conv, BatchNormalization):  w'[o, i] = w[o, i] scale[i],  b'[o] = b[o] + sum w[o, i]
//   shift[i] pattern (BatchNormalization, MatMul) of matrices: the MatMul becomes the Gemm that
//   linear_bn takes
// A Conv pads what it reads with zeros, which the shift would have moved: refused where both are
// there. Not meant for a norm that the layer before it takes in.
#include <algorithm>

#include "ir/constant.h"
#include "quant/fusers/fuse_batch_norm.h"

namespace eightfold {
namespace {

constexpr int64_t kGemmBroadcasts = 7;  // opset; older Gemm needs an attribute for it

bool pads(const Node& conv) {
  const std::vector<int64_t> given = conv.ints_attribute("pads");
  return conv.string_attribute("auto_pad", "NOTSET").starts_with("SAME") ||
         std::ranges::any_of(given, [](int64_t pad) { return pad != 0; });
}

bool follows_layer(const Graph& graph, const Node& norm) {
  const Node* before = graph.producer(norm.input(0));
  if (before == nullptr || graph.user_count(norm.input(0)) != 1) return false;
  return before->op_type == "Conv" || before->op_type == "ConvTranspose" ||
         before->op_type == "Gemm" || before->op_type == "MatMul";
}

int64_t input_channels(const Graph& graph, const Node& conv) {
  return graph.constant(conv.input(1))->shape()[1] * conv.int_attribute("group", 1);
}

Verdict check_before(const Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  const Node &conv = graph.node(chain[0]), &norm = graph.node(chain[1]);
  if (follows_layer(graph, norm)) return not_meant();
  if (const Verdict verdict = can_fold_into(graph, chain[0]); !verdict.ok) return verdict;
  const int64_t channels = input_channels(graph, conv);
  if (const Verdict verdict = can_take_norm(graph, chain[1], channels); !verdict.ok) return verdict;
  const std::vector<double> shift = affine_map(graph, norm, channels).shift;
  if (pads(conv) && std::ranges::any_of(shift, [](double by) { return by != 0; })) {
    return refused("Conv pads with zeros, which BatchNormalization does not shift");
  }
  return accepted();
}

void rewrite_before(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  const NodeId layer = chain[0];
  const Node& conv = graph.node(layer);
  const ScaleShift map = affine_map(graph, graph.node(chain[1]), input_channels(graph, conv));
  const Tensor& before = *graph.constant(conv.input(1));
  const int64_t outputs = before.shape()[0], inputs = before.shape()[1];
  const int64_t kernel = before.size() / std::max<int64_t>(outputs * inputs, 1);
  const int64_t groups = conv.int_attribute("group", 1);
  Tensor weight = before;
  std::vector<double> shift(static_cast<size_t>(outputs));
  float* w = weight.mutable_data<float>().data();
  for (int64_t o = 0; o < outputs; ++o) {
    const int64_t first = o / (outputs / groups) * inputs;
    for (int64_t i = 0; i < inputs * kernel; ++i) {
      const auto channel = static_cast<size_t>(first + i / kernel);
      float& element = w[o * inputs * kernel + i];
      shift[static_cast<size_t>(o)] += element * map.shift[channel];
      element = static_cast<float>(element * map.scale[channel]);
    }
  }
  const std::string name = graph.value(conv.input(1)).name + "_scaled";
  graph.set_input(layer, 1, graph.add_initializer(graph.unique_name(name), std::move(weight)));
  const std::vector<double> ones(shift.size(), 1.0);
  fold_scale_shift(graph, layer, {ones, shift});
  graph.set_input(layer, 0, graph.node(chain[1]).input(0));
  graph.erase_node(chain[1]);
}

Verdict check_matmul(const Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  const Node& matmul = graph.node(chain[1]);
  const Tensor* weight = fixed_constant(graph, matmul.input(1));
  const auto& dims = graph.value(matmul.input(0)).type.dims;
  if (weight == nullptr) return not_meant();
  if (weight->rank() != 2 || weight->dtype() != DType::kFloat32 || !dims || dims->size() != 2) {
    return refused("MatMul is not of two matrices");
  }
  return can_take_norm(graph, chain[0], weight->shape()[1]);
}

void rewrite_matmul(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  Node& node = graph.node(chain[1]);
  node.op_type = "Gemm";
  if (graph.opset() < kGemmBroadcasts) node.domain = kEightfoldDomain;
  fold_norm(graph, chain[0], chain[1]);
}

}  // namespace

std::vector<Fuser> norm_before_fusers() {
  return {{"bn_conv", FuserPhase::kFold, check_before, rewrite_before},
          {"matmul_bn", FuserPhase::kFold, check_matmul, rewrite_matmul}};
}

}  // namespace eightfold
