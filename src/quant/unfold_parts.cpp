// See unfold_parts.h.
#include "quant/unfold_parts.h"

#include <array>

#include "ops/composed.h"
#include "quant/insert_nodes.h"

namespace eightfold {
namespace {

constexpr int64_t kMeanAxesAreInput = 18;

void hard_swish(Graph& graph, NodeId id, Inserter& insert) {
  const ValueId x = graph.node(id).input(0);
  insert.last("Mul", {x, insert.node("HardSigmoid", {x}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}})});
}

void swish(Graph& graph, NodeId id, Inserter& insert) {
  const ValueId x = graph.node(id).input(0);
  const float alpha = graph.node(id).float_attribute("alpha", 1.0f);
  const ValueId inside = alpha == 1 ? x : insert.node("Mul", {x, insert.scalar("alpha", alpha)});
  insert.last("Mul", {x, insert.node("Sigmoid", {inside})});
}

void gelu(Graph& graph, NodeId id, Inserter& insert) {
  const ValueId x = graph.node(id).input(0);
  const bool is_tanh = graph.node(id).string_attribute("approximate", "none") == "tanh";
  const auto times = [&](ValueId value, const char* what, float factor) {
    return insert.node("Mul", {value, insert.scalar(what, factor)});
  };
  ValueId bell = kNone;
  if (is_tanh) {
    const ValueId square = insert.node("Mul", {x, x});
    const ValueId cube = times(insert.node("Mul", {square, x}), "cubic", 0.044715f);
    bell = insert.node("Tanh", {times(insert.node("Add", {x, cube}), "root", 0.7978845608f)});
  } else {
    bell = insert.node("Erf", {times(x, "root", 0.7071067812f)});
  }
  const ValueId gate = insert.node("Add", {bell, insert.scalar("one", 1)});
  insert.last("Mul", {times(x, "half", 0.5f), gate});
}

class Norm {
 public:
  Norm(Graph& graph, NodeId id, Inserter& insert)
      : graph_(graph),
        insert_(insert),
        axis_(graph.node(id).int_attribute("axis", -1)),
        inputs_(graph.node(id).inputs().begin(), graph.node(id).inputs().end()),
        epsilon_(graph.node(id).float_attribute("epsilon", 1e-5f)) {}

  ValueId input(size_t i) const { return i < inputs_.size() ? inputs_[i] : kNone; }

  ValueId centred() { return insert_.node("Sub", {input(0), mean_of(input(0))}); }
  // c / Sqrt(mean(c c) + epsilon)
  ValueId normal(ValueId c) {
    const ValueId square = mean_of(insert_.node("Mul", {c, c}));
    const ValueId sum = narrow(insert_.node("Add", {square, insert_.scalar("epsilon", epsilon_)}));
    return insert_.node("Div", {c, narrow(insert_.node("Sqrt", {sum}))});
  }

 private:
  ValueId mean_of(ValueId value) {
    std::vector<int64_t> axes;
    const auto rank = static_cast<int64_t>(graph_.value(input(0)).type.dims->size());
    for (int64_t axis = axis_ < 0 ? axis_ : axis_ - rank; axis < 0; ++axis) axes.push_back(axis);
    if (graph_.opset() < kMeanAxesAreInput) {
      return narrow(insert_.node("ReduceMean", {value}, {{"axes", std::move(axes)}}));
    }
    return narrow(insert_.node("ReduceMean", {value, insert_.ints("axes", std::move(axes))}));
  }
  // Inference finds its dims anew.
  ValueId narrow(ValueId value) {
    graph_.value(value).type.dims.reset();
    return value;
  }

  Graph& graph_;
  Inserter& insert_;
  int64_t axis_;
  std::vector<ValueId> inputs_;
  float epsilon_;
};

void layer_norm(Graph& graph, NodeId id, Inserter& insert) {
  Norm norm(graph, id, insert);
  const ValueId normal = norm.normal(norm.centred());
  if (norm.input(2) == kNone) {
    insert.last("Mul", {normal, norm.input(1)});
  } else {
    insert.last("Add", {insert.node("Mul", {normal, norm.input(1)}), norm.input(2)});
  }
}

void rms_norm(Graph& graph, NodeId id, Inserter& insert) {
  Norm norm(graph, id, insert);
  insert.last("Mul", {norm.normal(norm.input(0)), norm.input(1)});
}

struct Parts {
  std::string_view op_type;
  void (*write)(Graph&, NodeId, Inserter&);
};
constexpr std::array kParts{Parts{"HardSwish", hard_swish}, Parts{"Swish", swish},
                            Parts{"Gelu", gelu}, Parts{"LayerNormalization", layer_norm},
                            Parts{"RMSNormalization", rms_norm}};

}  // namespace

bool unfold_parts(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.domain != kEightfoldDomain) return false;
  for (const Parts& parts : kParts) {
    if (parts.op_type != node.op_type) continue;
    Inserter insert(graph, id);
    if (graph.opset() >= composed_since(node.op_type)) {
      graph.node(id).domain.clear();
    } else {
      parts.write(graph, id, insert);
    }
    return true;
  }
  return false;
}

}  // namespace eightfold
