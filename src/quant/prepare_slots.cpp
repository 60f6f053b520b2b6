// See prepare_slots.h.
#include "quant/prepare_slots.h"

namespace eightfold {

int input_slot(const PreparedModel& model, NodeId consumer, ValueId value) {
  const auto own = model.consumer_slot_of.find({consumer, value});
  if (own != model.consumer_slot_of.end()) return own->second;
  const auto shared = model.slot_of.find(value);
  return shared == model.slot_of.end() ? -1 : shared->second;
}

const ObserverSlot* SlotTable::find(ValueId value) const {
  const auto found = model_.slot_of.find(value);
  return found == model_.slot_of.end() ? nullptr
                                       : &model_.slots[static_cast<size_t>(found->second)];
}

int SlotTable::add(const ObserverSpec& spec) {
  model_.slots.push_back({spec, std::shared_ptr<Observer>(make_observer(spec))});
  return static_cast<int>(model_.slots.size()) - 1;
}

int SlotTable::observe(ValueId value, const ObserverSpec& spec) {
  const auto [entry, fresh] = model_.slot_of.try_emplace(value, -1);
  if (fresh) entry->second = add(spec);
  return entry->second;
}

int SlotTable::observe_for(NodeId consumer, ValueId value, const ObserverSpec& spec,
                           bool made_in_integers) {
  const ObserverSlot* slot = find(value);
  const bool fits = slot == nullptr || (slot->spec.dtype == spec.dtype &&
                                        (made_in_integers || slot->spec.observer == spec.observer));
  if (fits) return observe(value, spec);
  // Consumers with the same wish share.
  for (const auto& [key, index] : model_.consumer_slot_of) {
    const ObserverSpec& other = model_.slots[static_cast<size_t>(index)].spec;
    if (key.second != value || other.dtype != spec.dtype || other.observer != spec.observer) {
      continue;
    }
    return model_.consumer_slot_of[{consumer, value}] = index;
  }
  return model_.consumer_slot_of[{consumer, value}] = add(spec);
}

void SlotTable::join(ValueId value, int target) {
  const auto [entry, fresh] = model_.slot_of.try_emplace(value, target);
  const int old = entry->second;
  if (fresh || old == target) return;
  for (auto& [other, slot] : model_.slot_of) {
    if (slot == old) slot = target;
  }
  for (auto& [key, slot] : model_.consumer_slot_of) {
    if (slot == old) slot = target;
  }
}

void SlotTable::compact() {
  std::vector<int> renumbered(model_.slots.size(), -1);
  std::vector<ObserverSlot> kept;
  const auto keep = [&](int& slot) {
    int& number = renumbered[static_cast<size_t>(slot)];
    if (number < 0) {
      number = static_cast<int>(kept.size());
      kept.push_back(model_.slots[static_cast<size_t>(slot)]);
    }
    slot = number;
  };
  for (auto& [value, slot] : model_.slot_of) keep(slot);
  for (auto& [key, slot] : model_.consumer_slot_of) keep(slot);
  model_.slots = std::move(kept);
}

}  // namespace eightfold
