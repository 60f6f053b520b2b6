// BackendConfig: what a target can do, as data (spec-facts 1.1-1.6).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/qparams.h"
#include "pattern/pattern.h"

namespace eightfold {

enum class ObservationType : uint8_t {
  kOutputUseDifferentObserverAsInput = 0,
  kOutputShareObserverWithInput = 1,
  kInputOutputNotObserved = 2,
};

struct DTypeWithConstraints {
  std::optional<DType> dtype;
  std::optional<int64_t> quant_min_lower_bound, quant_max_upper_bound;
  std::optional<float> scale_min_lower_bound, scale_max_upper_bound;
  std::optional<float> scale_exact_match;
  std::optional<int32_t> zero_point_exact_match;
  bool operator==(const DTypeWithConstraints&) const = default;
};

struct DTypeConfig {
  DTypeWithConstraints input, output, weight;
  std::optional<DType> bias;
  std::optional<bool> is_dynamic;
  bool operator==(const DTypeConfig&) const = default;
};

struct BackendPatternConfig {
  Pattern pattern;
  std::optional<ObservationType> observation_type;  // default: the OpDef row's observation
  std::vector<DTypeConfig> dtype_configs;           // any one that fits is enough
  std::string fuser;        // name of a fuser method, "" = this pattern is not fused
  std::string root_getter;  // "" = the default (last element, recursively)
  std::string extra_inputs_getter;
  bool operator==(const BackendPatternConfig&) const = default;
};

// Insertion-ordered; setting a pattern again replaces its config in place.
class BackendConfig {
 public:
  explicit BackendConfig(std::string name = "") : name_(std::move(name)) {}
  BackendConfig& set_name(std::string name);
  BackendConfig& set_backend_pattern_config(BackendPatternConfig config);
  BackendConfig& set_backend_pattern_configs(std::vector<BackendPatternConfig> configs);
  const std::string& name() const { return name_; }
  const std::vector<BackendPatternConfig>& configs() const { return configs_; }
  bool operator==(const BackendConfig&) const = default;

 private:
  std::string name_;
  std::vector<BackendPatternConfig> configs_;
};

// Presets (quant/backends.cpp). Throws kInvalidConfig naming the known ones.
const BackendConfig& backend(std::string_view name);
std::vector<std::string> backend_names();
inline constexpr std::string_view kDefaultBackend = "wasm";

}  // namespace eightfold
