// Greedy best fit by size. See memory_plan.h.
#include "runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "core/heap_sort.h"
#include "core/tensor.h"

namespace eightfold {
namespace {

int64_t padded(int64_t bytes) {
  constexpr auto kAlign = static_cast<int64_t>(kAlignment);
  return (bytes + static_cast<int64_t>(kTailBytes) + kAlign - 1) / kAlign * kAlign;
}

bool overlap(const Block& a, const Block& b) { return a.first <= b.last && b.first <= a.last; }

struct Placed {
  int64_t offset, end;
  const Block* block;
};

// `placed` is sorted by offset.
int64_t best_gap(const std::vector<Placed>& placed, const Block& block) {
  const int64_t bytes = padded(block.bytes);
  int64_t best = -1, best_size = 0, end = 0;
  for (const Placed& other : placed) {
    if (!overlap(*other.block, block)) continue;
    const int64_t gap = other.offset - end;
    if (gap >= bytes && (best < 0 || gap < best_size)) {
      best = end;
      best_size = gap;
    }
    end = std::max(end, other.end);
  }
  return best >= 0 ? best : end;
}

int64_t largest_sum_alive(std::span<const Block> blocks) {
  int32_t steps = 0;
  for (const Block& block : blocks) steps = std::max(steps, block.last + 1);
  std::vector<int64_t> change(static_cast<size_t>(steps) + 1);
  for (const Block& block : blocks) {
    change[static_cast<size_t>(block.first)] += padded(block.bytes);
    change[static_cast<size_t>(block.last) + 1] -= padded(block.bytes);
  }
  int64_t alive = 0, largest = 0;
  for (int64_t delta : change) {
    alive += delta;
    largest = std::max(largest, alive);
  }
  return largest;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Block> blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  heap_sort(order, [&](size_t a, size_t b) {
    return blocks[a].bytes != blocks[b].bytes ? blocks[a].bytes > blocks[b].bytes : a < b;
  });

  MemoryPlan plan;
  plan.offsets.resize(blocks.size());
  plan.lower_bound = largest_sum_alive(blocks);
  std::vector<Placed> placed;
  for (size_t index : order) {
    const Block& block = blocks[index];
    const int64_t offset = best_gap(placed, block);
    const Placed place{offset, offset + padded(block.bytes), &block};
    placed.insert(std::ranges::upper_bound(placed, offset, {}, &Placed::offset), place);
    plan.offsets[index] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, place.end);
  }
  return plan;
}

}  // namespace eightfold
