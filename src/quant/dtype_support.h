// Whether a backend pattern takes a QConfig: the dtypes and their constraints (spec-facts 2.3).
#pragma once

#include <string>

#include "quant/backend_config.h"
#include "quant/qconfig.h"

namespace eightfold {

// Empty when one of the pattern's dtype configs fits; else a sentence. `output` is the spec
// that the output would get (it differs from qconfig.activation for fixed parameters).
std::string why_unsupported(const BackendPatternConfig& config, const QConfig& qconfig,
                            const ObserverSpec& output, bool has_weight);

// The constraints of one dtype against an observer of that dtype.
std::string why_constrained(const DTypeWithConstraints& constraints, const ObserverSpec& spec);

}  // namespace eightfold
