// Shared by the reductions: axes and shapes.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

void add_arg_rows(std::vector<OpDef>& rows);   // ArgMax, ArgMin
void add_scan_rows(std::vector<OpDef>& rows);  // CumSum, TopK

// Marks the reduced axes of a value of this rank: from input 1 or attribute `axes`; all of them
// when neither is given, none when noop_with_empty_axes says so. nullopt when not known yet.
std::optional<std::vector<bool>> reduced_axes(const InferContext& context, size_t rank);
std::vector<bool> reduced_axes(const PlanContext& context, size_t rank);

}  // namespace eightfold
