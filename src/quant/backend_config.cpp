// BackendConfig: an insertion-ordered list of patterns with what may be done to each.
#include "quant/backend_config.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace eightfold {
namespace {

template <typename Type, size_t n>
std::optional<Type> by_name(const std::array<std::string_view, n>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Type>(found - names.begin());
}

constexpr std::array<std::string_view, 3> kObservationTypes{
    "OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT", "OUTPUT_SHARE_OBSERVER_WITH_INPUT",
    "INPUT_OUTPUT_NOT_OBSERVED"};
constexpr std::array<std::string_view, 4> kQuantizeWhens{"always", "input_quantized",
                                                         "between_quantized", "dynamic_alone"};

// Module identities are compared as text, so they are kept in one spelling.
std::string identity(std::string op) { return op.empty() ? op : plain_identity(std::move(op)); }

}  // namespace

std::string_view observation_type_name(ObservationType type) {
  return kObservationTypes[static_cast<size_t>(type)];
}
std::optional<ObservationType> observation_type_from_name(std::string_view name) {
  return by_name<ObservationType>(kObservationTypes, name);
}
std::string_view quantize_when_name(QuantizeWhen when) {
  return kQuantizeWhens[static_cast<size_t>(when)];
}
std::optional<QuantizeWhen> quantize_when_from_name(std::string_view name) {
  return by_name<QuantizeWhen>(kQuantizeWhens, name);
}

// ---------------------------------------------------------------- one pattern
void BackendPatternConfig::claim_format(Format format) {
  if (format_ != Format::kNone && format_ != format) {
    throw Error(ErrorCode::kInvalidConfig,
                "only one of pattern, pattern_complex_format and pattern_graph can be set",
                "keep the forward pattern unless the nodes branch");
  }
  format_ = format;
}

BackendPatternConfig& BackendPatternConfig::set_pattern(std::vector<std::string> forward) {
  if (forward.empty()) {
    throw Error(ErrorCode::kInvalidConfig, "a pattern needs the name of an operator");
  }
  Pattern pattern = forward.size() == 1 ? Pattern::of(forward[0]) : Pattern::forward(forward);
  claim_format(Format::kForward);
  for (std::string& op : forward) op = plain_identity(std::move(op));
  forward_ = std::move(forward);
  pattern_ = std::move(pattern);
  return *this;
}

BackendPatternConfig& BackendPatternConfig::set_pattern_complex_format(Pattern pattern) {
  if (pattern.kind != Pattern::Kind::kOp) {
    throw Error(ErrorCode::kInvalidConfig, "the head of a pattern must be an operator",
                "write (consumer, patterns of its inputs...), such as (Relu, (Add, MatchAllNode, "
                "Conv))");
  }
  claim_format(Format::kComplex);
  pattern_ = std::move(pattern);
  return *this;
}

BackendPatternConfig& BackendPatternConfig::set_pattern_graph(PatternGraph graph) {
  Pattern pattern = from_graph(graph);
  claim_format(Format::kGraph);
  pattern_ = std::move(pattern);
  graph_ = std::move(graph);
  return *this;
}

BackendPatternConfig& BackendPatternConfig::set_observation_type(ObservationType type) {
  observation_type = type;
  return *this;
}
BackendPatternConfig& BackendPatternConfig::add_dtype_config(DTypeConfig config) {
  dtype_configs.push_back(std::move(config));
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_dtype_configs(std::vector<DTypeConfig> configs) {
  dtype_configs = std::move(configs);
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_root_module(std::string op) {
  root_module = identity(std::move(op));
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_qat_module(std::string op) {
  qat_module = identity(std::move(op));
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_reference_quantized_module(std::string op) {
  reference_quantized_module = identity(std::move(op));
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_fused_module(std::string op) {
  fused_module = identity(std::move(op));
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_fuser_method(std::string name) {
  fuser_method = std::move(name);
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_root_node_getter(std::string name) {
  root_node_getter = std::move(name);
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_extra_inputs_getter(std::string name) {
  extra_inputs_getter = std::move(name);
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_num_tensor_args_to_observation_type(
    std::map<int, ObservationType> types) {
  num_tensor_args_to_observation_type = std::move(types);
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_input_type_to_index(
    std::map<std::string, int> indexes) {
  for (const auto& [type, index] : indexes) {
    const bool known = type == "input" || type == "weight" || type == "bias";
    if (known && index >= 0) continue;
    throw Error(ErrorCode::kInvalidConfig,
                "input_type_to_index has " + type + ": " + std::to_string(index),
                "it maps 'input', 'weight' and 'bias' to the index of an input");
  }
  input_type_to_index = std::move(indexes);
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_input_output_observed(bool observed) {
  input_output_observed = observed;
  return *this;
}
BackendPatternConfig& BackendPatternConfig::set_quantize_when(QuantizeWhen when) {
  quantize_when = when;
  return *this;
}

ObservationType BackendPatternConfig::effective_observation_type() const {
  return input_output_observed.value_or(true) ? observation_type
                                              : ObservationType::kInputOutputNotObserved;
}

// ---------------------------------------------------------------- all of a backend
BackendConfig& BackendConfig::set_name(std::string name) {
  name_ = std::move(name);
  return *this;
}

BackendConfig& BackendConfig::set_backend_pattern_config(BackendPatternConfig config) {
  if (config.format() == BackendPatternConfig::Format::kNone) {
    throw Error(ErrorCode::kInvalidConfig, "a BackendPatternConfig has no pattern",
                "give it one op, such as \"Conv\", or a tuple of them");
  }
  if (config.format() == BackendPatternConfig::Format::kForward &&
      config.pattern().is_single_op() && !config.fuser_method.empty()) {
    throw Error(
        ErrorCode::kInvalidConfig,
        "the pattern '" + to_text(config.pattern()) + "' is a single op, yet has the fuser '" +
            config.fuser_method + "'",
        "a fuser joins two or more ops; to rewrite one op, use a pattern graph of one node");
  }
  const auto same = std::find_if(configs_.begin(), configs_.end(), [&](const auto& known) {
    return known.pattern() == config.pattern();
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

const std::string* BackendConfig::reference_of(std::string_view root_module) const {
  const std::string* reference = nullptr;
  for (const BackendPatternConfig& config : configs_) {
    if (config.root_module == root_module && !config.reference_quantized_module.empty()) {
      reference = &config.reference_quantized_module;
    }
  }
  return reference;
}

const BackendPatternConfig* BackendConfig::fused_by(std::string_view fused_module) const {
  for (const BackendPatternConfig& config : configs_) {
    if (!config.fuser_method.empty() && config.fused_module == fused_module) return &config;
  }
  return nullptr;
}

}  // namespace eightfold
