// BackendConfig: an insertion-ordered list of patterns with what may be done to each.
#include "quant/backend_config.h"

#include <algorithm>

#include "core/error.h"

namespace eightfold {

BackendConfig& BackendConfig::set_name(std::string name) {
  name_ = std::move(name);
  return *this;
}

BackendConfig& BackendConfig::set_backend_pattern_config(BackendPatternConfig config) {
  if (config.pattern.kind != Pattern::Kind::kOp || config.pattern.op.empty()) {
    throw Error(ErrorCode::kInvalidConfig, "a BackendPatternConfig has no pattern",
                "its head must be an operator, such as \"Conv\"");
  }
  const auto same = std::find_if(configs_.begin(), configs_.end(), [&](const auto& known) {
    return known.pattern == config.pattern;
  });
  if (same != configs_.end()) {
    *same = std::move(config);
  } else {
    configs_.push_back(std::move(config));
  }
  return *this;
}

BackendConfig& BackendConfig::set_backend_pattern_configs(
    std::vector<BackendPatternConfig> configs) {
  for (BackendPatternConfig& config : configs) set_backend_pattern_config(std::move(config));
  return *this;
}

}  // namespace eightfold
