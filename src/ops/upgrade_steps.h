// The table of opset steps: which operator changes at which version, and how.
//
// The rows lie in one file per topic (upgrade_legacy.cpp, ..._inputs, ..._resize, ..._meaning);
// upgrade_steps.cpp joins them. To add a step, add a row to its topic.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

// What a step works on. The node may be replaced; its output values stay.
struct UpgradeSite {
  Graph& graph;
  NodeId id;
  int64_t to;

  Node& node() const { return graph.node(id); }
  // Number of dimensions of a value, -1 when unknown.
  int64_t rank(ValueId value) const;
  // A name for a new value or node of this node: "<node>_<role>".
  std::string name(std::string_view role) const;
  // New constants, and their place among the inputs (absent inputs before it stay absent).
  ValueId constant(std::string_view role, Tensor tensor) const;
  void place_input(size_t index, ValueId value) const;
  // An ints attribute becomes an int64 input; false when there is none.
  bool ints_to_input(std::string_view attribute, size_t index) const;
  // A float attribute becomes a scalar input of the data's own type; false when there is none.
  bool float_to_input(std::string_view attribute, size_t index) const;
  // Whether the attribute was there.
  bool drop(std::string_view attribute) const;
  // Inserts a node of one output before this one; returns the output.
  ValueId insert_before(std::string_view role, Node node, std::vector<ValueId> inputs) const;
  [[noreturn]] void refuse(std::string_view why) const;
};

inline constexpr std::string_view kEveryOp = "*";

struct UpgradeStep {
  std::string_view op_type;  // or kEveryOp
  int64_t to;                // the version whose form the step produces
  // Returns whether the node was changed.
  bool (*apply)(const UpgradeSite&);
};

std::span<const UpgradeStep> upgrade_steps();

// The topics.
std::span<const UpgradeStep> legacy_steps();   // opset 7 and below
std::span<const UpgradeStep> input_steps();    // attributes that became inputs
std::span<const UpgradeStep> resize_steps();   // Upsample and Resize
std::span<const UpgradeStep> meaning_steps();  // defaults and meanings that changed, refusals

}  // namespace eightfold
