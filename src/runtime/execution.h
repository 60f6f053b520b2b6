// One run of a plan, step by step.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ops/evaluate.h"
#include "runtime/plan.h"
#include "runtime/session.h"

namespace eightfold {

class Execution final : public RunHost {
 public:
  struct Setup {
    const PreparedGraph& prepared;
    std::shared_ptr<Plan> plan;     // its steps' views are filled in while running
    std::shared_ptr<Buffer> arena;  // at least plan->arena_bytes
    std::vector<Tensor> feeds;      // in the order of the required inputs
    Tap tap;
    const std::vector<bool>& tapped;  // by ValueId
    int64_t memory_left = 0;          // bytes that runtime values may take
  };
  explicit Execution(Setup setup);

  bool done() const { return position_ == setup_.plan->steps.size(); }
  const Step& next() const { return setup_.plan->steps[position_]; }
  void step();
  std::vector<NamedTensor> outputs() const;

  TensorView allocate(size_t output, DType dtype, Shape shape) override;
  std::vector<Tensor> run_subgraph(std::string_view attribute,
                                   std::span<const Tensor> inputs) override;

 private:
  const Slot& slot(SlotId id) const { return setup_.plan->slots[static_cast<size_t>(id)]; }
  void* address(const Slot& slot) const;
  TensorView view(SlotId id) const;
  Operand operand(SlotId id) const;  // shares the bytes
  void show(SlotId id) const;        // to the tap
  void run_planned(Step& step);
  void run_unplanned(const Step& step);

  Setup setup_;
  size_t position_ = 0;
  std::vector<Operand> runtime_;  // by SlotId, for Home::kRuntime
};

}  // namespace eightfold
