// Places blocks that live for known spans of steps into one arena.
//
// Best fit, largest block first: each block goes into the smallest gap between the blocks that
// are alive at the same time, or after the last of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace eightfold {

// Alive from step `first` to step `last`, both included.
struct Block {
  int64_t bytes = 0;
  int32_t first = 0;
  int32_t last = 0;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // one per block, multiples of kAlignment
  int64_t arena_bytes = 0;
  int64_t lower_bound = 0;  // the largest sum of bytes alive at one step
};

// Each block gets its bytes and a readable tail of kTailBytes.
MemoryPlan plan_memory(std::span<const Block> blocks);

}  // namespace eightfold
