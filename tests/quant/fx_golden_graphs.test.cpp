// Which values are observed, which share an observer, and the pairs of the reference model, against
// PyTorch's prepare_fx and convert_to_reference_fx (tests/golden/fx: `graphs`).
#include <catch_amalgamated.hpp>
#include <map>
#include <set>

#include "support/fx_runs.h"

namespace eightfold {
namespace {

using namespace test;

// "{conv pool} {x}": the values of each observer.
template <typename Key>
std::string partition_text(const std::map<Key, std::set<std::string>>& values) {
  std::set<std::string> groups;
  for (const auto& [slot, names] : values) {
    std::string group;
    for (const std::string& name : names) group += (group.empty() ? "" : " ") + name;
    groups.insert("{" + group + "}");
  }
  std::string text;
  for (const std::string& group : groups) text += (text.empty() ? "" : " ") + group;
  return text;
}

// A constant operand is no value to PyTorch: one with a slot of its own is left out.
std::string observed_text(const PreparedModel& model) {
  std::map<int, std::set<std::string>> values;
  std::set<int> computed;
  for (const auto& [value, slot] : model.slot_of) {
    values[slot].insert(model.graph.value(value).name);
    if (!model.graph.constant(value)) computed.insert(slot);
  }
  for (const auto& [key, slot] : model.consumer_slot_of) {
    values[slot].insert(model.graph.value(key.second).name + " for " +
                        model.graph.node(key.first).name);
    if (!model.graph.constant(key.second)) computed.insert(slot);
  }
  std::erase_if(values, [&](const auto& entry) { return !computed.contains(entry.first); });
  return partition_text(values);
}

std::string golden_observed(const Json& row) {
  if (row.contains("error")) return row["error"];
  std::map<int, std::set<std::string>> values;
  for (const Json& observed : row["observed"]) {
    values[observed["observer"].get<int>()].insert(observed["value"]);
  }
  return partition_text(values);
}

// Activations are quantized and dequantized by nodes; constants are integers already.
std::string pairs_text(const Graph& reference) {
  int quantize = 0, dequantize = 0;
  for (NodeId id : reference.nodes()) {
    const Node& node = reference.node(id);
    if (node.is("QuantizeLinear")) ++quantize;
    const bool activation = node.is("DequantizeLinear") && !reference.constant(node.input(0));
    if (activation) ++dequantize;
  }
  return std::to_string(quantize) + " and " + std::to_string(dequantize);
}

std::string golden_pairs(const Json& row) {
  if (row.contains("error")) return row["error"];
  return row["reference"]["quantize"].dump() + " and " + row["reference"]["dequantize"].dump();
}

TEST_CASE("values are observed, and share observers, as in PyTorch", "[fx]") {
  const std::string no_say = "an op type without an entry has no say on a fused node";
  const std::string no_name = "PyTorch's fusion asks a constant for its name; ours folds no scalar";
  GoldenRows observed("graphs, observed", {{"linear_tanh, onednn", "{tanh} {x}", no_say},
                                           {"conv_add_scalar, onednn", "{add conv} {x}", no_name}});
  GoldenRows pairs("graphs, pairs", {{"linear_tanh, onednn", "2 and 2", no_say},
                                     {"conv_add_scalar, onednn", "3 and 3", no_name}});
  for (const Json& row : fx_section("graphs")) {
    for (const std::string backend : row["backends"]) {
      const std::string model = row["model"], name = model + ", " + backend;
      INFO(name);
      const PreparedModel prepared = fx_prepared(model, "minmax", backend);
      observed.compare(name, observed_text(prepared), golden_observed(row));
      pairs.compare(name, pairs_text(convert(prepared)), golden_pairs(row));
    }
  }
  observed.finish(124, 2);
  pairs.finish(124, 2);
}

}  // namespace
}  // namespace eightfold
