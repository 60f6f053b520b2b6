// explain for a file that is quantized already: what becomes of its QDQ groups and int8 operators.
#include <map>

#include "pattern/match.h"
#include "quant/explain.h"
#include "quant/explain_kernel.h"
#include "quant/lower_operands.h"
#include "quant/report.h"

namespace eightfold {
namespace {

std::string dtype_of(const Graph& graph, ValueId value) {
  return value == kNone ? "" : std::string(dtype_name(graph.value(value).type.dtype));
}

bool takes_bytes(const Graph& graph, const Node& node) {
  for (ValueId input : node.inputs()) {
    if (input != kNone && !graph.constant(input) &&
        is_quantized_int8(graph.value(input).type.dtype)) {
      return true;
    }
  }
  return false;
}

// The first input that is neither a parameter nor absent.
ValueId data_of(const Graph& graph, const Node& node) {
  for (ValueId input : node.inputs()) {
    if (input != kNone && !graph.constant(input)) return input;
  }
  return kNone;
}

}  // namespace

Explanation explain_file(const Graph& graph) {
  Explanation out;
  out.backend = "the file";
  const Graph lowered = lower(graph, &out.remarks);
  std::map<std::string, std::string> reasons;
  for (const Remark& remark : out.remarks) reasons[remark.node] = remark.reason;
  for (NodeId id : lowered.nodes()) {
    const Node& node = lowered.node(id);
    if (is_quantize(node) || is_dequantize(node)) continue;
    NodeExplanation row;
    row.node = display_name(lowered, id);
    row.op_type = row.runs_as = op_identity(node);
    row.quantized = takes_bytes(lowered, node);
    row.makes_data = row.quantized || computes(lowered, id);
    row.mode = row.quantized ? "static" : "float";
    row.kernel = kernel_of(lowered, id);
    if (row.quantized) {
      row.dtypes =
          dtype_of(lowered, data_of(lowered, node)) + " -> " + dtype_of(lowered, node.output(0));
    } else if (const auto reason = reasons.find(row.node); reason != reasons.end()) {
      row.reason = reason->second;
    }
    if (row.makes_data) ++(row.quantized ? out.quantized : out.float_nodes);
    out.nodes.push_back(std::move(row));
  }
  return out;
}

}  // namespace eightfold
