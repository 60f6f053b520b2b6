// The rows of elementwise operators: unary, arithmetic, comparison, Where, Cast.
//   y = f(a, b, ...) element by element, operands broadcast as numpy does (ONNX "Broadcasting")
#include "ops/elementwise_rows.h"

#include "ops/families.h"

namespace eightfold {
namespace {

OpDef where_row() {
  OpDef row;
  row.op_type = "Where";
  row.inputs = {Role::kShape, Role::kActivation};
  row.layout = LayoutRule::kFollow;
  row.infer = infer_where;
  row.plan = plan_broadcast;
  row.run = run_where;
  row.floats = FloatTypes::kAny;
  return row;
}

OpDef cast_row(std::string_view op_type) {
  OpDef row;
  row.op_type = op_type;
  row.inputs = {Role::kActivation, Role::kMetadata};
  row.layout = LayoutRule::kFollow;
  row.infer = infer_cast;
  row.run = run_cast;
  row.floats = FloatTypes::kAny;
  row.observation = {Observation::kNotObserved};
  return row;
}

}  // namespace

std::vector<OpDef> elementwise_ops() {
  std::vector<OpDef> rows;
  add_unary_rows(rows);
  add_arithmetic_rows(rows);
  add_comparison_rows(rows);
  add_bit_rows(rows);
  rows.push_back(where_row());
  rows.push_back(cast_row("Cast"));
  rows.push_back(cast_row("CastLike"));
  return rows;
}

}  // namespace eightfold
