// The parts of the image family, by file, and the checks they share.
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"

namespace eightfold {

void add_grid_rows(std::vector<OpDef>& rows);    // GridSample, AffineGrid
void add_roi_rows(std::vector<OpDef>& rows);     // RoiAlign, MaxRoiPool
void add_deform_rows(std::vector<OpDef>& rows);  // DeformConv, Col2Im
void add_box_rows(std::vector<OpDef>& rows);     // NonMaxSuppression
void add_unpool_rows(std::vector<OpDef>& rows);  // MaxUnpool

// Fails with kInvalidShape and the shapes of all inputs unless `fits`.
template <typename Context>
void check_shapes(const Context& context, bool fits) {
  if (fits) return;
  std::string shapes;
  for (const auto& input : context.inputs) {
    if (input.present()) shapes += (shapes.empty() ? "" : ", ") + shape_text(input.shape);
  }
  context.fail(ErrorCode::kInvalidShape, "inputs of shapes " + shapes + " do not fit");
}

// Fails with kInvalidType unless the inputs [0, count) that are there are float32.
void check_floats(const PlanContext& context, size_t count);

// Extent `i` of an input of known rank; unknown otherwise.
inline Dim dim_of(const InferContext& context, size_t input, size_t i) {
  const auto& dims = context.dims(input);
  return dims && i < dims->size() ? (*dims)[i] : Dim{};
}

}  // namespace eightfold
