// Whether a backend pattern takes a QConfig: the dtypes and their constraints (spec-facts 2.3).
#pragma once

#include <string>

#include "quant/backend_config.h"
#include "quant/qconfig.h"

namespace eightfold {

// What of the node a QConfig is held against.
struct QConfigUse {
  const QConfig& qconfig;
  bool has_weight = false;  // a constant weight: of weighted ops too, which PyTorch leaves out
  bool has_bias = false;
};

// Empty when one of the pattern's dtype configs fits; else a sentence that names the condition.
std::string why_unsupported(const BackendPatternConfig& config, const QConfigUse& use);

// The constraints of one dtype against an observer of that dtype; empty when they hold, or when
// the observer is of another dtype.
std::string why_constrained(const DTypeWithConstraints& constraints, const ObserverSpec& spec);

}  // namespace eightfold
