// The presets against PyTorch's backends, operator by operator (tests/golden/fx: `backendOps`,
// `dtypeLists`): which know it, how it is observed, the dtypes it takes.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <map>
#include <set>

#include "quant/backend_config.h"
#include "support/fx_golden.h"

namespace eightfold {
namespace {

using namespace test;

constexpr const char* kBackends[] = {"fbgemm", "x86", "qnnpack", "onednn", "native", "tensorrt"};

std::string text_of(int observation, const std::map<std::string, int>& by_args,
                    const std::vector<DTypeConfig>& dtypes) {
  return std::to_string(observation) + " " + Json(by_args).dump() + " " + dtypes_text(dtypes);
}

std::string golden_text(const Json& row) {
  std::map<std::string, int> by_args;
  if (row.contains("byTensorArgs")) by_args = row["byTensorArgs"];
  return text_of(row["observationType"], by_args, fx_dtypes(row["dtypes"]));
}

std::string our_text(const std::string& preset, const std::string& op) {
  const auto& configs = backend(preset).configs();
  const auto found = std::ranges::find_if(configs, [&](const BackendPatternConfig& config) {
    return config.pattern() == Pattern::of(op);
  });
  if (found == configs.end()) return "not known";
  std::map<std::string, int> by_args;
  for (const auto& [count, type] : found->num_tensor_args_to_observation_type) {
    by_args[std::to_string(count)] = static_cast<int>(type);
  }
  return text_of(static_cast<int>(found->effective_observation_type()), by_args,
                 found->dtype_configs);
}

TEST_CASE("presets know what PyTorch's backends know", "[fx]") {
  std::map<std::pair<std::string, std::string>, std::string> golden;
  std::set<std::string> ops;
  for (const Json& row : fx_section("backendOps")) {
    const std::string op = row["op"];
    ops.insert(op);
    for (const Json& name : row["backends"]) golden[{op, name}] = golden_text(row);
  }
  GoldenRows rows("backendOps");
  for (const std::string& op : ops) {
    for (const char* name : kBackends) {
      const auto found = golden.find({op, name});
      rows.compare(op + ", " + name, our_text(name, op),
                   found == golden.end() ? "not known" : found->second);
    }
  }
  rows.finish(35 * 6);
}

}  // namespace
}  // namespace eightfold
