// The one list of operators: the families in order, sorted by domain, op type and version.
// Constant data, built at first use.
#include <algorithm>
#include <tuple>

#include "ops/families.h"

namespace eightfold {
namespace {

// A few hundred rows, once: each goes to its place.
std::vector<OpDef> collect() {
  std::vector<OpDef> rows;
  const auto key = [](const OpDef& row) { return std::tuple(row.domain, row.op_type, row.since); };
  for (auto* family : {conv_ops, linear_ops, attention_ops, pool_ops, norm_ops, elementwise_ops,
                       activation_ops, shape_ops, reduce_ops, image_ops, control_ops, recurrent_ops,
                       composed_ops, quantize_ops, qlinear_ops}) {
    for (const OpDef& row : family()) {
      rows.insert(std::ranges::upper_bound(rows, key(row), {}, key), row);
    }
  }
  return rows;
}

const std::vector<OpDef>& rows() {
  static const std::vector<OpDef> sorted = collect();
  return sorted;
}

}  // namespace

const OpDef* find_op(std::string_view domain, std::string_view op_type, int64_t opset) {
  if (domain == "ai.onnx") domain = "";
  if (opset <= 0) opset = kLatestOpset;  // a domain that the model does not import: the newest row
  const auto key = [](const OpDef& row) { return std::pair(row.domain, row.op_type); };
  for (const OpDef& row : std::ranges::equal_range(rows(), std::pair(domain, op_type), {}, key)) {
    if (row.since <= opset && opset <= row.until) return &row;
  }
  return nullptr;
}

const OpDef* find_op(const Graph& graph, const Node& node) {
  return find_op(node.domain, node.op_type, graph.opset(node.domain));
}

std::vector<const OpDef*> all_ops() {
  std::vector<const OpDef*> all;
  for (const OpDef& row : rows()) all.push_back(&row);
  return all;
}

}  // namespace eightfold
