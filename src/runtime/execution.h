// One run of a plan, step by step.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ops/evaluate.h"
#include "runtime/plan.h"
#include "runtime/session.h"

namespace eightfold {

// What a run and the runs of its bodies share.
struct RunResources {
  std::vector<std::shared_ptr<Buffer>> arenas;  // by nesting depth: one body runs at a time
  int64_t bytes_left = 0;                       // that runtime values and inner arenas may take
  int64_t body_run_limit = 0, body_runs_left = 0;

  void grow(size_t depth, int64_t bytes);
};

class Execution final : public RunHost {
 public:
  struct Setup {
    const PreparedGraph& prepared;
    std::shared_ptr<Plan> plan;  // its steps' views are filled in while running
    RunResources& resources;     // with an arena of plan->arena_bytes at this depth
    std::vector<Tensor> feeds;   // in the order of prepared.feeds
    Tap tap;
    const std::vector<bool>& tapped;  // by ValueId
    size_t depth = 0;                 // of bodies
  };
  explicit Execution(Setup setup);
  ~Execution() override { setup_.resources.bytes_left += claimed_; }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  bool done() const { return position_ == setup_.plan->steps.size(); }
  const Step& next() const { return setup_.plan->steps[position_]; }
  void step();                                            // a node, or one turn of a Loop or Scan
  bool paused() const { return unfinished_ != nullptr; }  // within the next node
  std::vector<Tensor> outputs() const;  // in graph order, plain, owning their bytes

  TensorView allocate(size_t output, DType dtype, Shape shape) override;
  Tensor input(size_t i) override;
  void emit(size_t output, Tensor tensor) override;
  void claim(int64_t bytes) override;
  std::vector<Tensor> run_subgraph(std::string_view attribute,
                                   std::span<const Tensor> inputs) override;
  // Of the outermost graph alone: a body runs to its end.
  std::shared_ptr<void>* unfinished() override {
    return setup_.depth == 0 ? &unfinished_ : nullptr;
  }

 private:
  const Slot& slot(SlotId id) const { return setup_.plan->slots[static_cast<size_t>(id)]; }
  void* address(const Slot& slot) const;
  TensorView view(SlotId id) const;
  Operand operand(SlotId id) const;  // shares the bytes
  void show(SlotId id) const;        // to the tap
  void run_planned(Step& step);
  void run_unplanned(const Step& step);

  uint8_t* arena() const { return setup_.resources.arenas[setup_.depth]->data(); }

  Setup setup_;
  int64_t claimed_ = 0;
  size_t position_ = 0;
  std::shared_ptr<void> unfinished_;
  std::vector<Operand> runtime_;  // by SlotId, for Home::kRuntime
};

}  // namespace eightfold
