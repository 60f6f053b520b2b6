// lower: a QDQ graph, ours or made elsewhere -> int8 operators.
//
// Every op whose row has an int8 form, whose data inputs come from
// DequantizeLinear and whose output goes to QuantizeLinear (a clamp may stand
// between) becomes its int8 operator; integers then flow from op to op. What
// does not fit stays dequantize - op - quantize, with a remark that says why. Forms that are not
// static: lower_dynamic.h.
#include <algorithm>

#include "ops/op.h"
#include "quant/absorb_clips.h"
#include "quant/convert_pairs.h"
#include "quant/lower_dynamic.h"
#include "quant/lower_foreign.h"
#include "quant/lower_forms.h"
#include "quant/route.h"

namespace eightfold {
namespace {

class Lowering {
 public:
  Lowering(Graph graph, Remarks* remarks) : graph_(std::move(graph)), remarks_(remarks) {}

  Graph run() {
    if (graph_.stage == Stage::kFloat) graph_ = tidy_foreign(graph_);
    infer_types(graph_);
    normalize_pairs(graph_);
    drop_round_trips(graph_);
    const std::vector<NodeId> nodes(graph_.nodes().begin(), graph_.nodes().end());
    for (NodeId id : nodes) {
      if (graph_.alive(id)) visit(id);
    }
    drop_round_trips(graph_);
    graph_.remove_dead_nodes();
    absorb_clips(graph_);
    drop_unused_constants(graph_);
    update_imports(graph_);
    graph_.stage = Stage::kLowered;
    return std::move(graph_);
  }

 private:
  void visit(NodeId id) {
    query_integers(id);
    if (is_dequantize(graph_.node(id)) || takes_integers(id)) return;
    std::string why;
    if (is_quantize(graph_.node(id))) {
      lower_rescale(id);
    } else if (is_dynamic(graph_, id)) {
      if (!lower_dynamic(graph_, id, &why)) explain(id, why);
    } else if (graph_.node(id).is("Gather") && lower_embedding(graph_, id, &why)) {
      return;
    } else if (const auto clamp = clamp_of(graph_, id)) {
      if (!lower_clamp(id, *clamp, &why) && !only_enters_integers(id)) explain(id, why);
    } else {
      const auto group = collect_group(graph_, id, &why);
      if (!group || !emit_group(graph_, *group, &why)) explain(id, why);
    }
  }

  // Shape queries look at the integers.
  void query_integers(NodeId id) {
    const OpDef* def = find_op(graph_, graph_.node(id));
    for (size_t i = 0; def && i < graph_.node(id).inputs().size(); ++i) {
      if (def->role(i) != Role::kMetadata) continue;
      const auto operand = dequantized_operand(graph_, graph_.node(id).input(i));
      if (operand) graph_.set_input(id, i, operand->data);
    }
  }

  // Shape arithmetic and ops that are int8 already.
  bool takes_integers(NodeId id) const {
    const auto inputs = graph_.node(id).inputs();
    return std::ranges::none_of(inputs,
                                [&](ValueId input) {
                                  if (input == kNone) return false;
                                  const DType dtype = graph_.value(input).type.dtype;
                                  return dtype == DType::kUndefined || is_float(dtype);
                                }) ||
           int8_operands(graph_.node(id)) != QuantizedOperands::kNone;
  }

  bool lower_clamp(NodeId id, Clamp clamp, std::string* why) {
    const auto x = dequantized_operand(graph_, graph_.node(id).input(0));
    const auto y = quantized_operand(graph_, graph_.node(id).output(0), why);
    if (!x) *why = "its input is not quantized";
    return x && y && emit_requantize(graph_, *x, *y, clamp, {id, y->node}, why);
  }

  // A clamp of floats in front of a Q is a part of quantizing them.
  bool only_enters_integers(NodeId id) {
    std::string why;
    return !dequantized_operand(graph_, graph_.node(id).input(0)) &&
           quantized_operand(graph_, graph_.node(id).output(0), &why);
  }

  // DQ -> Q with other parameters.
  void lower_rescale(NodeId id) {
    const auto x = dequantized_operand(graph_, graph_.node(id).input(0));
    const auto y = written_operand(graph_, id);
    std::string why;
    if (x && y && y->per_tensor()) emit_requantize(graph_, *x, *y, {}, {id}, &why);
  }

  bool touches_integers(NodeId id) {
    const Node& node = graph_.node(id);
    const auto from_dequantize = [&](ValueId input) {
      const Node* producer = graph_.producer(input);
      return producer && is_dequantize(*producer);
    };
    const auto to_quantize = [&](ValueId output) {
      return output != kNone && std::ranges::any_of(graph_.value(output).uses(), [&](Use use) {
               return is_quantize(graph_.node(use.node));
             });
    };
    return std::ranges::any_of(node.inputs(), from_dequantize) ||
           std::ranges::any_of(node.outputs(), to_quantize);
  }

  void explain(NodeId id, std::string why) {
    const OpDef* def = find_op(graph_, graph_.node(id));
    const bool is_work = def && def->macs;
    if (!remarks_ || (!is_work && !touches_integers(id))) return;
    remarks_->push_back(
        {display_name(graph_, id), graph_.node(id).op_type, "float", std::move(why)});
  }

  Graph graph_;
  Remarks* remarks_;
};

}  // namespace

bool has_pairs(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(),
                             [&](NodeId id) { return is_dequantize(graph.node(id)); });
}

Graph lower(const Graph& quantized, Remarks* remarks) { return Lowering(quantized, remarks).run(); }

}  // namespace eightfold
