// Calibrator: samples through the float graph, each observed value into its slot.
//
// The session taps the values that have a slot; constants were observed by prepare. Nothing
// of a sample outlives it but the observers' statistics.
#include <algorithm>

#include "core/error.h"
#include "quant/route.h"

namespace eightfold {

struct Calibrator::Impl {
  explicit Impl(PreparedModel& prepared)
      : model(prepared),
        slots_of(static_cast<size_t>(prepared.graph.value_count())),
        session(prepared.graph, options()) {}

  SessionOptions options() {
    SessionOptions options;
    for (const auto& [value, slot] : model.slot_of) watch(value, slot, options);
    for (const auto& [key, slot] : model.consumer_slot_of) watch(key.second, slot, options);
    return options;
  }

  void watch(ValueId value, int slot, SessionOptions& options) {
    if (model.graph.value(value).is_constant()) return;
    std::vector<int>& slots = slots_of[static_cast<size_t>(value)];
    if (slots.empty()) options.taps.push_back(value);
    if (std::ranges::find(slots, slot) == slots.end()) slots.push_back(slot);
  }

  void observe(ValueId value, const TensorView& view) try {
    for (int slot : slots_of[static_cast<size_t>(value)]) {
      model.slots[static_cast<size_t>(slot)].observer->observe(view);
    }
  } catch (const Error& error) {
    const NodeId producer = model.graph.value(value).producer();
    if (producer == kNone) throw error.at(model.graph.value(value).name, "input");
    throw error.at(display_name(model.graph, producer), model.graph.node(producer).op_type);
  }

  PreparedModel& model;
  std::vector<std::vector<int>> slots_of;  // by value
  Session session;
};

Calibrator::Calibrator(PreparedModel& model) : impl_(std::make_unique<Impl>(model)) {}
Calibrator::~Calibrator() = default;

void Calibrator::start(const Feeds& feeds) {
  impl_->session.start(feeds, [impl = impl_.get()](ValueId value, const TensorView& view) {
    impl->observe(value, view);
  });
}

bool Calibrator::step() {
  if (impl_->session.step()) return true;
  impl_->session.finish();
  ++impl_->model.samples;
  return false;
}

void Calibrator::observe(const Feeds& feeds) {
  start(feeds);
  while (step()) {
  }
}

}  // namespace eightfold
