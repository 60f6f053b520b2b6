// BackendConfig: what a target can do, as data (spec-facts 1.1-1.6).
//
// Module identities are "domain:op_type" strings ("Conv" is the ONNX domain's). Functions are
// named: a fuser by a row of quant/fusers, a getter by a row of quant/fuse_getters, or by a
// caller's own name that the caller answers for (quant/fusing.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pattern/pattern_graph.h"
#include "quant/dtype_config.h"

namespace eightfold {

enum class ObservationType : uint8_t {
  kOutputUseDifferentObserverAsInput = 0,
  kOutputShareObserverWithInput = 1,
  kInputOutputNotObserved = 2,
};
// "OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT" and the like.
std::string_view observation_type_name(ObservationType type);
std::optional<ObservationType> observation_type_from_name(std::string_view name);

// When a pattern is worth its integers. An op without weights that stands alone between float ops
// would need a pair on either side for nothing.
enum class QuantizeWhen : uint8_t {
  kAlways = 0,            // as PyTorch does
  kInputQuantized = 1,    // some input of it comes in integers, or feeds an integer layer anyway
  kBetweenQuantized = 2,  // the same, and integers lead from it to a layer after it
  // Always; with parameters chosen in each run where it stands alone between float ops: a range
  // that is just right, and a result that is not rounded.
  kDynamicAlone = 3,
};
std::string_view quantize_when_name(QuantizeWhen when);
std::optional<QuantizeWhen> quantize_when_from_name(std::string_view name);

class BackendPatternConfig {
 public:
  BackendPatternConfig() = default;
  explicit BackendPatternConfig(const char* op) { set_pattern({op}); }
  explicit BackendPatternConfig(std::vector<std::string> forward) {
    set_pattern(std::move(forward));
  }

  // ---- the pattern: one of the three; a second one throws kInvalidConfig
  // One op, or a forward-order tuple of two or more.
  BackendPatternConfig& set_pattern(std::vector<std::string> forward);
  BackendPatternConfig& set_pattern_complex_format(Pattern pattern);  // reversed and nested
  BackendPatternConfig& set_pattern_graph(PatternGraph graph);        // general
  // Withdrawn upstream; accepted, and does nothing.
  BackendPatternConfig& set_use_legacy_pattern_format(bool) { return *this; }

  enum class Format : uint8_t { kNone, kForward, kComplex, kGraph };
  Format format() const { return format_; }
  const Pattern& pattern() const { return pattern_; }  // in complex form, whatever it was given as
  const std::vector<std::string>& forward() const { return forward_; }
  const PatternGraph& graph() const { return graph_; }

  // ---- all else; each setter returns *this
  BackendPatternConfig& set_observation_type(ObservationType type);
  BackendPatternConfig& add_dtype_config(DTypeConfig config);
  BackendPatternConfig& set_dtype_configs(std::vector<DTypeConfig> configs);
  BackendPatternConfig& set_root_module(std::string op);
  BackendPatternConfig& set_qat_module(std::string op);
  BackendPatternConfig& set_reference_quantized_module(std::string op);
  BackendPatternConfig& set_fused_module(std::string op);
  BackendPatternConfig& set_fuser_method(std::string name);
  BackendPatternConfig& set_root_node_getter(std::string name);
  BackendPatternConfig& set_extra_inputs_getter(std::string name);
  BackendPatternConfig& set_num_tensor_args_to_observation_type(
      std::map<int, ObservationType> types);
  BackendPatternConfig& set_input_type_to_index(std::map<std::string, int> indexes);
  BackendPatternConfig& set_input_output_observed(bool observed);
  BackendPatternConfig& set_quantize_when(QuantizeWhen when);

  // Read these; the setters above are the way to write them.
  ObservationType observation_type = ObservationType::kOutputUseDifferentObserverAsInput;
  std::vector<DTypeConfig> dtype_configs;  // any one that fits is enough; none: never quantized
  std::string root_module, qat_module, reference_quantized_module, fused_module;
  std::string fuser_method;         // "": this pattern is not fused
  std::string root_node_getter;     // "": the last element, recursively
  std::string extra_inputs_getter;  // "": no extra inputs
  std::map<int, ObservationType> num_tensor_args_to_observation_type;
  std::map<std::string, int> input_type_to_index;  // "input", "weight", "bias" -> input of the root
  std::optional<bool> input_output_observed;       // older form of kInputOutputNotObserved
  QuantizeWhen quantize_when = QuantizeWhen::kAlways;

  // kInputOutputNotObserved also where input_output_observed is false.
  ObservationType effective_observation_type() const;

  bool operator==(const BackendPatternConfig&) const = default;

 private:
  void claim_format(Format format);

  Format format_ = Format::kNone;
  Pattern pattern_;
  std::vector<std::string> forward_;
  PatternGraph graph_;
};

// Insertion-ordered by the pattern in complex form; setting a pattern again replaces its config in
// place.
class BackendConfig {
 public:
  explicit BackendConfig(std::string name = "") : name_(std::move(name)) {}
  BackendConfig& set_name(std::string name);
  // Throws kInvalidConfig without a pattern, and for a single op with a fuser in forward order.
  BackendConfig& set_backend_pattern_config(BackendPatternConfig config);
  BackendConfig& set_backend_pattern_configs(std::vector<BackendPatternConfig> configs);
  const std::string& name() const { return name_; }
  const std::vector<BackendPatternConfig>& configs() const { return configs_; }
  bool operator==(const BackendConfig&) const = default;

  // The reference module of a root module: of the configs that have both, the later wins. Null when
  // there is none.
  const std::string* reference_of(std::string_view root_module) const;
  // The config whose fused module this is; null when there is none.
  const BackendPatternConfig* fused_by(std::string_view fused_module) const;

 private:
  std::string name_;
  std::vector<BackendPatternConfig> configs_;
};

// Presets (quant/backends.cpp). Throws kInvalidConfig naming the known ones.
const BackendConfig& backend(std::string_view name);
std::vector<std::string> backend_names();
inline constexpr std::string_view kDefaultBackend = "exact8";

}  // namespace eightfold
