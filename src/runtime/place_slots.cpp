// From slots to offsets: lifetimes, in-place sharing, blocks of the arena.
#include <algorithm>

#include "runtime/memory_plan.h"
#include "runtime/plan.h"

namespace eightfold {
namespace {

class Placement {
 public:
  explicit Placement(Plan& plan)
      : plan_(plan), first_(plan.slots.size(), 0), last_(plan.slots.size(), 0) {}

  void run() {
    find_lifetimes();
    for (size_t s = 0; s < plan_.steps.size(); ++s) share_in_place(static_cast<int32_t>(s));
    place();
    find_releases();
  }

 private:
  SlotId root(SlotId id) const {
    while (slot(id).alias_of != kNone) id = slot(id).alias_of;
    return id;
  }
  Slot& slot(SlotId id) const { return plan_.slots[static_cast<size_t>(id)]; }
  int32_t& last(SlotId id) { return last_[static_cast<size_t>(id)]; }
  int32_t& first(SlotId id) { return first_[static_cast<size_t>(id)]; }

  void read_at(SlotId id, int32_t step) {
    if (id != kNone) last(root(id)) = std::max(last(root(id)), step);
  }

  void find_lifetimes() {
    for (size_t s = 0; s < plan_.steps.size(); ++s) {
      const auto now = static_cast<int32_t>(s);
      const Step& step = plan_.steps[s];
      for (SlotId id : step.inputs) read_at(id, now);
      for (SlotId id : step.captures) read_at(id, now);
      for (SlotId id : step.outputs) {
        if (id == kNone) continue;
        if (slot(id).alias_of == kNone) first(id) = now;
        read_at(id, now);
      }
    }
    const auto end = static_cast<int32_t>(plan_.steps.size());
    for (SlotId id : plan_.outputs) read_at(id, end);
  }

  void share_in_place(int32_t now) {
    const Step& step = plan_.steps[static_cast<size_t>(now)];
    if (step.kind != Step::Kind::kRun || step.op->aliasing != Aliasing::kInPlace) return;
    if (step.inputs.empty() || step.inputs[0] == kNone) return;
    if (step.outputs.empty() || step.outputs[0] == kNone) return;
    const SlotId from = root(step.inputs[0]);
    Slot& out = slot(step.outputs[0]);
    if (slot(from).home != Home::kArena || out.home != Home::kArena) return;
    if (slot(step.inputs[0]).info.layout != out.info.layout) return;
    if (slot(from).bytes() != out.bytes() || last(from) != now) return;
    for (size_t i = 1; i < step.inputs.size(); ++i) {
      if (step.inputs[i] != kNone && root(step.inputs[i]) == from) return;
    }
    last(from) = std::max(last(from), last(step.outputs[0]));
    out.alias_of = from;
  }

  void place() {
    std::vector<Block> blocks;
    std::vector<int32_t> block_of(plan_.slots.size(), kNone);
    for (size_t i = 0; i < plan_.slots.size(); ++i) {
      const Slot& candidate = plan_.slots[i];
      if (candidate.home != Home::kArena || candidate.alias_of != kNone) continue;
      block_of[i] = static_cast<int32_t>(blocks.size());
      blocks.push_back({candidate.bytes(), first_[i], last_[i]});
    }
    const size_t scratch_begin = blocks.size();
    for (size_t s = 0; s < plan_.steps.size(); ++s) {
      const auto now = static_cast<int32_t>(s);
      if (plan_.steps[s].scratch_bytes > 0) {
        blocks.push_back({plan_.steps[s].scratch_bytes, now, now});
      }
    }

    const MemoryPlan memory = plan_memory(blocks);
    plan_.arena_bytes = memory.arena_bytes;
    plan_.lower_bound = memory.lower_bound;
    size_t scratch = scratch_begin;
    for (Step& step : plan_.steps) {
      if (step.scratch_bytes > 0) step.scratch_offset = memory.offsets[scratch++];
    }
    for (size_t i = 0; i < plan_.slots.size(); ++i) {
      const auto source = static_cast<size_t>(root(static_cast<SlotId>(i)));
      Slot& placed = plan_.slots[i];
      placed.home = plan_.slots[source].home;
      placed.place = placed.home == Home::kArena
                         ? memory.offsets[static_cast<size_t>(block_of[source])]
                         : plan_.slots[source].place;
    }
  }

  void find_releases() {
    const auto steps = static_cast<int32_t>(plan_.steps.size());
    for (size_t i = 0; i < plan_.slots.size(); ++i) {
      if (plan_.slots[i].home != Home::kRuntime || last_[i] >= steps) continue;
      plan_.steps[static_cast<size_t>(last_[i])].releases.push_back(static_cast<SlotId>(i));
    }
  }

  Plan& plan_;
  std::vector<int32_t> first_, last_;  // steps, valid for roots
};

}  // namespace

void place_slots(Plan& plan) { Placement(plan).run(); }

}  // namespace eightfold
