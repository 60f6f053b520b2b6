// The registry as JavaScript sees it: what `operators()` returns and docs/OPERATORS.md is made of.
#pragma once

#include <emscripten/val.h>

#include <vector>

#include "ops/op.h"

namespace eightfold::bindings {

// [{domain, opType, since, until, inputs, int8, observation, countsMacs}]
emscripten::val operators_to_js(const std::vector<const OpDef*>& rows);

}  // namespace eightfold::bindings
