// conv_add, conv_add_relu: a convolution and what is added to it, as eightfold:ConvAdd.
//
//   pattern ([Relu,] (Add, [BatchNormalization,] Conv, MatchAllNode)), either order of the
//   operands: y = activation(conv(X, W) + B + Z)
// Not meant for a constant beside the convolution: that is its bias. Refuses an Add that broadcasts
// or may broadcast, what is not float32, and what the fold of the BatchNormalization refuses.
#include "quant/fusers/fuse_activation.h"
#include "quant/fusers/fuse_batch_norm.h"

namespace eightfold {
namespace {

struct Residual {
  NodeId conv = kNone, norm = kNone, add = kNone;
  NodeId activation = kNone;
  ValueId sum = kNone, other = kNone;  // the operands of Add: what the convolution makes, Z
};

Residual residual_of(const Match& match) {
  Residual parts;
  const MatchedNode* add = &match.tree;
  if (add->args.size() == 1) {
    parts.activation = add->node;
    add = &add->args[0];
  }
  parts.add = add->node;
  const bool first_is_other = add->args[0].match_all;
  const MatchedNode& layer = add->args[first_is_other ? 1 : 0];
  parts.other = add->args[first_is_other ? 0 : 1].value;
  parts.sum = layer.value;
  parts.conv = layer.node;
  if (!layer.args.empty()) {
    parts.norm = layer.node;
    parts.conv = layer.args[0].node;
  }
  return parts;
}

// Whether two extents may differ when the model runs. Two that are not known are taken for equal:
// in a sum of images they come from the same extent of the input.
bool may_differ(const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return a.value != b.value;
  return (a.known() && a.value == 1) || (b.known() && b.value == 1);
}

std::string dims_text(const Dims& dims) {
  std::string text;
  for (const Dim& dim : dims) {
    text += text.empty() ? "[" : ", ";
    text += dim.known() ? std::to_string(dim.value) : dim.name.empty() ? "?" : dim.name;
  }
  return text.empty() ? "[]" : text + "]";
}

Verdict has_one_shape(const Graph& graph, const Residual& parts) {
  const auto& a = graph.value(parts.sum).type.dims;
  const auto& b = graph.value(parts.other).type.dims;
  if (!a || !b) return refused("the shapes that Add takes are not known");
  bool same = a->size() == b->size();
  for (size_t i = 0; same && i < a->size(); ++i) same = !may_differ((*a)[i], (*b)[i]);
  if (same) return accepted();
  return refused("Add broadcasts: its operands are " + dims_text(*a) + " and " + dims_text(*b));
}

Verdict check(const Graph& graph, const Match& match) {
  const Residual parts = residual_of(match);
  if (graph.constant(parts.other) != nullptr) return not_meant();
  // The convolution has no user but Add, so only as both operands could it meet itself.
  if (parts.other == parts.sum) return refused("Add takes the convolution twice");
  for (ValueId value : {parts.sum, parts.other}) {
    const DType dtype = graph.value(value).type.dtype;
    if (dtype == DType::kFloat32) continue;
    return refused("an operand of Add is " + std::string(dtype_name(dtype)) + ", not float32");
  }
  if (const Verdict verdict = has_one_shape(graph, parts); !verdict.ok) return verdict;
  if (parts.norm != kNone) {
    if (const Verdict verdict = can_fold_norm(graph, parts.norm, parts.conv); !verdict.ok) {
      return verdict;
    }
  }
  return parts.activation == kNone ? accepted()
                                   : can_fuse_activation(graph, parts.add, parts.activation);
}

// The fused node stands where Add stood: Z may be made after the convolution.
void rewrite(Graph& graph, const Match& match) {
  const Residual parts = residual_of(match);
  if (parts.norm != kNone) fold_norm(graph, parts.norm, parts.conv);
  const Node& conv = graph.node(parts.conv);
  Node fused;
  fused.name = conv.name;
  fused.doc_string = conv.doc_string;
  fused.domain = std::string(kEightfoldDomain);
  fused.op_type = "ConvAdd";
  fused.attributes = conv.attributes;
  std::vector<ValueId> inputs{conv.input(0), conv.input(1), conv.input(2), parts.other};
  graph.erase_node(parts.conv);
  const ValueId output = graph.node(parts.add).output(0);
  const NodeId id = graph.insert_before(parts.add, std::move(fused), std::move(inputs), {kNone});
  graph.erase_node(parts.add);
  graph.set_output(id, 0, output);
  if (parts.activation != kNone) fuse_activation(graph, id, parts.activation);
}

}  // namespace

std::vector<Fuser> residual_fusers() {
  return {{"conv_add", FuserPhase::kActivation, check, rewrite},
          {"conv_add_relu", FuserPhase::kActivation, check, rewrite}};
}

}  // namespace eightfold
