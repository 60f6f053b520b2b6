// plan_memory: no two blocks that live together overlap; gaps are reused.
#include "runtime/memory_plan.h"

#include <catch_amalgamated.hpp>
#include <random>

#include "core/tensor.h"

namespace eightfold {
namespace {

TEST_CASE("blocks that live together are apart, the arena stays near its bound", "[memory_plan]") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<Block> blocks;
    for (int i = 0; i < 60; ++i) {
      const auto first = static_cast<int32_t>(random() % 50);
      const auto length = static_cast<int32_t>(random() % 6);
      blocks.push_back({static_cast<int64_t>(random() % 5000), first, first + length});
    }
    const MemoryPlan plan = plan_memory(blocks);
    REQUIRE(plan.offsets.size() == blocks.size());
    CHECK(plan.arena_bytes >= plan.lower_bound);
    CHECK(plan.arena_bytes <= 2 * plan.lower_bound);
    for (size_t a = 0; a < blocks.size(); ++a) {
      REQUIRE(plan.offsets[a] % static_cast<int64_t>(kAlignment) == 0);
      const int64_t end = plan.offsets[a] + blocks[a].bytes + static_cast<int64_t>(kTailBytes);
      REQUIRE(end <= plan.arena_bytes);
      for (size_t b = 0; b < blocks.size(); ++b) {
        if (a == b || blocks[a].first > blocks[b].last || blocks[b].first > blocks[a].last)
          continue;
        if (plan.offsets[a] <= plan.offsets[b]) REQUIRE(end <= plan.offsets[b]);
      }
    }
  }
}

TEST_CASE("a hole takes the block that fits it best", "[memory_plan]") {
  // Two long-lived blocks with a hole between them that opens at step 1.
  const std::vector<Block> blocks = {{1000, 0, 9}, {960, 0, 1}, {900, 0, 9}, {928, 2, 9}};
  const MemoryPlan plan = plan_memory(blocks);
  CHECK(plan.offsets[3] == plan.offsets[1]);
  CHECK(plan.arena_bytes == plan.lower_bound);
  CHECK(plan_memory({}).arena_bytes == 0);
}

}  // namespace
}  // namespace eightfold
