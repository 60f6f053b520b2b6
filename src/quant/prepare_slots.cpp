// See prepare_slots.h.
#include "quant/prepare_slots.h"

namespace eightfold {

const ObserverSlot* SlotTable::find(ValueId value) const {
  const auto found = model_.slot_of.find(value);
  return found == model_.slot_of.end() ? nullptr
                                       : &model_.slots[static_cast<size_t>(found->second)];
}

int SlotTable::observe(ValueId value, const ObserverSpec& spec) {
  const auto [entry, fresh] =
      model_.slot_of.try_emplace(value, static_cast<int>(model_.slots.size()));
  if (fresh) model_.slots.push_back({spec, std::shared_ptr<Observer>(make_observer(spec))});
  return entry->second;
}

void SlotTable::share(ValueId value, ValueId with) {
  const int target = model_.slot_of.at(with);
  const auto [entry, fresh] = model_.slot_of.try_emplace(value, target);
  const int old = entry->second;
  if (fresh || old == target) return;
  for (auto& [other, slot] : model_.slot_of) {
    if (slot == old) slot = target;
  }
}

void SlotTable::compact() {
  std::vector<int> renumbered(model_.slots.size(), -1);
  std::vector<ObserverSlot> kept;
  for (auto& [value, slot] : model_.slot_of) {
    int& number = renumbered[static_cast<size_t>(slot)];
    if (number < 0) {
      number = static_cast<int>(kept.size());
      kept.push_back(model_.slots[static_cast<size_t>(slot)]);
    }
    slot = number;
  }
  model_.slots = std::move(kept);
}

}  // namespace eightfold
