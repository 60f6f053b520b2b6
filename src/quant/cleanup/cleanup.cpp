// See cleanup.h.
#include "quant/cleanup/cleanup.h"

#include <algorithm>

#include "ops/op.h"
#include "quant/cleanup/passes.h"
#include "quant/convert_pairs.h"
#include "runtime/fold_constants.h"

namespace eightfold {
namespace {

constexpr int kMostRounds = 8;  // two are the rule; each removes a node at least

int fold(Graph& graph) {
  const auto before = static_cast<int>(graph.nodes().size());
  graph = fold_constants(graph);
  return before - static_cast<int>(graph.nodes().size());
}

int remove_dead(Graph& graph) {
  const int removed = graph.remove_dead_nodes();
  drop_unused_constants(graph);
  return removed;
}

void name_operators(const Pattern& pattern, std::vector<std::string>& ops) {
  ops.insert(ops.end(), pattern.ops.begin(), pattern.ops.end());
  for (const Pattern& arg : pattern.args) name_operators(arg, ops);
  for (const Pattern& other : pattern.also) name_operators(other, ops);
}

bool leaves_to_backend(const CleanupPass& pass, const BackendConfig& backend) {
  if (pass.swallows.empty()) return false;
  return std::ranges::any_of(backend.configs(), [&](const BackendPatternConfig& config) {
    std::vector<std::string> ops;
    name_operators(config.pattern(), ops);
    return std::ranges::all_of(pass.swallows, [&](std::string_view op) {
      return std::ranges::find(ops, op) != ops.end();
    });
  });
}

}  // namespace

const std::vector<CleanupPass>& cleanup_passes() {
  static const std::vector<CleanupPass> passes{
      {"fold_constants", "what is computed of constants alone is known before", {}, fold},
      {"fold_shapes", "shapes that are known need not be asked for", {}, fold_shapes},
      {"remove_no_ops", "they hand their input on unchanged", {}, remove_no_ops},
      {"unpack_sequences", "what is packed and taken out again is itself", {}, unpack_sequences},
      {"merge_transposes", "two permutations in a row are one", {}, merge_transposes},
      {"merge_views", "the last of several views in a row says it all", {}, merge_views},
      {"merge_constants", "equal constants are kept once", {}, merge_constants},
      {"merge_equal_nodes", "the same of the same is computed once", {}, merge_equal_nodes},
      {"transposed_convolutions",
       "with stride 1 they are convolutions of the flipped weight",
       {},
       convolve_transposed},
      {"hard_swish",
       "a gate of Add, Clip and products is one operator",
       {"Mul", "Clip", "Add"},
       find_hard_swish},
      {"hard_sigmoid",
       "a clamp of a line is one operator",
       {"Clip", "Add", "Div"},
       find_hard_sigmoid},
      {"swish", "x * Sigmoid(x) is one operator", {"Mul", "Sigmoid"}, find_swish},
      {"gelu", "a Gelu in parts is one operator", {"Mul", "Erf"}, find_gelu},
      {"layer_norm",
       "a normalization in parts is one operator",
       {"ReduceMean", "Mul"},
       find_layer_norm},
      {"rms_norm",
       "a normalization in parts is one operator",
       {"ReduceMean", "Mul"},
       find_rms_norm},
      {"remove_dead", "nothing reads what they make", {}, remove_dead},
  };
  return passes;
}

void clean_up(Graph& graph, const BackendConfig& backend, Remarks* remarks) {
  const std::vector<CleanupPass>& passes = cleanup_passes();
  std::vector<int> counts(passes.size());
  for (int round = 0, found = 1; found > 0 && round < kMostRounds; ++round) {
    found = 0;
    for (size_t i = 0; i < passes.size(); ++i) {
      if (leaves_to_backend(passes[i], backend)) continue;
      const int count = passes[i].run(graph);
      if (count == 0) continue;
      counts[i] += count;
      found += count;
      infer_types(graph);
    }
  }
  for (size_t i = 0; i < passes.size() && remarks != nullptr; ++i) {
    if (counts[i] == 0) continue;
    remarks->push_back({graph.name, "", "cleaned",
                        std::string(passes[i].name) + ": " + std::to_string(counts[i]) + ", " +
                            std::string(passes[i].reason)});
  }
}

}  // namespace eightfold
