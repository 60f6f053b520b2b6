// Calls a row's functions, with the float types that the row has no loops for as float32.
//
//   y = narrow(op(widen(x)))    narrow rounds half to even, once per output element
//
// Widened values take scratch of the step; constants that pack reads are widened for the call.
#pragma once

#include "ops/op.h"

namespace eightfold {

// Null when the row has no pack.
OpState pack_row(const OpDef& op, const PackContext& context);

// Null when the row has no plan; sets context.scratch_bytes in any case.
OpState plan_row(const OpDef& op, PlanContext& context);

void run_row(const OpDef& op, RunContext& context);

}  // namespace eightfold
