// A plan: what a session does for one signature of input shapes.
//
// A slot is one representation of a value (a value may have two: plain and channels-last). Steps
// read and write slots; slots live in the arena, in a feed, in a constant, or, when their shape
// depends on data, in tensors made while running.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/op.h"
#include "runtime/prepared_graph.h"

namespace eightfold {

using SlotId = int32_t;

enum class Home : uint8_t {
  kArena,     // place = block, then offset in bytes
  kFeed,      // place = index among the required inputs
  kConstant,  // place = index into Plan::constants
  kRuntime,   // place = unused; Execution keeps the tensor
};

struct Slot {
  ValueId value = kNone;
  TensorInfo info;
  Home home = Home::kArena;
  int64_t place = 0;
  SlotId alias_of = kNone;  // shares that slot's bytes

  int64_t bytes() const {
    return static_cast<int64_t>(byte_count(info.dtype, element_count(info.shape)));
  }
};

struct Step {
  enum class Kind : uint8_t {
    kRun,      // planned in full
    kView,     // output 0 is input 0's bytes: nothing to do but to show it to taps
    kConvert,  // input 0 into output 0's layout
    kRuntime,  // shapes depend on data: planned while running
  };
  Kind kind = Kind::kRun;
  NodeId node = kNone;
  const OpDef* op = nullptr;
  const void* packed = nullptr;
  OpState state;
  std::vector<SlotId> inputs, outputs;  // kNone where absent
  std::vector<SlotId> captures;         // read by the node's bodies
  std::vector<SlotId> releases;         // runtime slots that nobody reads after this step
  int64_t scratch_bytes = 0;
  int64_t scratch_offset = 0;
  std::vector<TensorView> input_views, output_views;  // data filled in by the execution
};

struct Plan {
  std::vector<int64_t> signature;
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<Tensor> constants;
  std::vector<SlotId> outputs;  // of the graph, plain
  std::vector<SlotId> known;    // feeds and constants, for taps before the first step
  int64_t arena_bytes = 0;
  int64_t lower_bound = 0;
  int conversions = 0;
};

// Throws kUnsupportedOp for a node without an implementation, and what infer and plan throw.
Plan make_plan(const PreparedGraph& prepared, std::span<const TensorInfo> feeds);

// The last part of make_plan: shares bytes where the rows allow it and places the rest.
void place_slots(Plan& plan);

}  // namespace eightfold
