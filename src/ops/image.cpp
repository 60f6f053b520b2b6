// The rows of operators on images and boxes that sample at computed positions.
#include "ops/dtype_switch.h"
#include "ops/families.h"
#include "ops/image_rows.h"

namespace eightfold {

void check_floats(const PlanContext& context, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (context.has_input(i) && context.inputs[i].dtype != DType::kFloat32) {
      refuse_dtype(context, context.inputs[i].dtype);
    }
  }
}

std::vector<OpDef> image_ops() {
  std::vector<OpDef> rows;
  add_grid_rows(rows);
  add_roi_rows(rows);
  add_deform_rows(rows);
  add_box_rows(rows);
  add_unpool_rows(rows);
  return rows;
}

}  // namespace eightfold
