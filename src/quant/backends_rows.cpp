// See backends_rows.h.
#include "quant/backends_rows.h"

#include <string>

#include "core/error.h"
#include "quant/backends_dtypes.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- patterns from text
class PatternText {
 public:
  explicit PatternText(std::string_view text) : text_(text), rest_(text) {}

  void set_pattern_of(BackendPatternConfig& row) {
    if (rest_.starts_with('(')) {
      row.set_pattern_complex_format(nested());
    } else if (rest_.starts_with('[')) {
      row.set_pattern_graph(graph_of_one());
    } else {
      std::vector<std::string> ops{word()};
      while (take('>')) ops.push_back(word());
      row.set_pattern(std::move(ops));
    }
    if (!rest_.empty()) refuse();
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(ErrorCode::kInternal, "'" + std::string(text_) + "' is no pattern of a preset");
  }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string word() {
    std::string word(rest_.substr(0, rest_.find_first_of("(),[]>?=")));
    if (word.empty()) refuse();
    rest_.remove_prefix(word.size());
    return word;
  }

  Pattern nested() {
    Pattern pattern;
    if (take('*')) return Pattern::match_all();
    if (take('#')) {
      pattern.kind = Pattern::Kind::kConstant;
      return pattern;
    }
    if (!take('(')) return Pattern::of(word());
    pattern = Pattern::of(word());
    while (take(',')) pattern.args.push_back(nested());
    if (!take(')')) refuse();
    return pattern;
  }

  PatternGraph graph_of_one() {
    PatternGraph graph;
    take('[');
    graph.outputs.push_back("node");
    Pattern& node = graph.nodes.emplace_back("node", PatternNode{}).second.node;
    node = Pattern::of(word());
    if (take('?')) {
      AttributeCondition& condition = node.attributes.emplace_back();
      condition.attribute = word();
      take('=');
      condition.one_of = {std::monostate(), word()};
    }
    if (!take(']')) refuse();
    return graph;
  }

  std::string_view text_, rest_;
};

// ---------------------------------------------------------------- rows
ObservationType observation_of(Trait trait) {
  if (trait == Trait::kShare) return ObservationType::kOutputShareObserverWithInput;
  if (trait == Trait::kNotObserved) return ObservationType::kInputOutputNotObserved;
  return ObservationType::kOutputUseDifferentObserverAsInput;
}

void set_trait(BackendPatternConfig& row, Trait trait) {
  row.observation_type = observation_of(trait);
  if (trait == Trait::kFixed) {
    row.dtype_configs = with_fixed_qparams(std::move(row.dtype_configs), 1.0f / 256, 0);
  } else if (trait == Trait::kFixedTanh) {
    row.dtype_configs = with_fixed_qparams(std::move(row.dtype_configs), 2.0f / 256, 128);
  } else if (trait == Trait::kByTensors) {
    for (int tensors : {0, 1, 2}) {
      row.num_tensor_args_to_observation_type[tensors] =
          observation_of(tensors == 1 ? Trait::kShare : Trait::kOwn);
    }
  } else if (trait == Trait::kTable) {
    row.input_type_to_index["weight"] = 0;
  }
}

BackendPatternConfig config_of(const Row& row, std::string_view pattern, std::string_view dtypes) {
  BackendPatternConfig config;
  PatternText(pattern).set_pattern_of(config);
  config.dtype_configs = dtypes_of(dtypes);
  set_trait(config, row.trait);
  config.quantize_when = row.when;
  config.fuser_method = row.fuser;
  config.fused_module = row.module;
  config.root_module = config.reference_quantized_module = row.root;
  config.qat_module = row.qat;
  config.root_node_getter = row.getter;
  config.extra_inputs_getter = row.extra;
  return config;
}

}  // namespace

void add_rows(BackendConfig& config, std::span<const Row> rows,
              std::span<const char* const> columns) {
  for (const Row& row : rows) {
    const bool fuses_only = row.column == kFusesOnly;
    const std::string_view dtypes = fuses_only ? "" : columns[row.column];
    if (dtypes.empty() && !fuses_only) continue;
    for (std::string_view pattern : words_of(row.patterns)) {
      config.set_backend_pattern_config(config_of(row, pattern, dtypes));
    }
  }
}

}  // namespace eightfold
