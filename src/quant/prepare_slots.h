// The slots of a model in preparation: which values share quantization parameters.
#pragma once

#include "quant/route.h"

namespace eightfold {

class SlotTable {
 public:
  explicit SlotTable(PreparedModel& model) : model_(model) {}

  const ObserverSlot* find(ValueId value) const;  // null when the value is not observed
  // The value's slot, a new one by `spec` when it has none.
  int observe(ValueId value, const ObserverSpec& spec);
  // For one consumer: the value's slot where observer and dtype are the same (`made_in_integers`:
  // where the dtype is), else one of the consumer's own.
  int observe_for(NodeId consumer, ValueId value, const ObserverSpec& spec, bool made_in_integers);
  // For one consumer: this slot, whatever the value's own is.
  void read_as(NodeId consumer, ValueId value, int slot) {
    model_.consumer_slot_of[{consumer, value}] = slot;
  }
  // `value` takes part in the slot of `with`, which has one; a slot that `value` had goes over too.
  void share(ValueId value, ValueId with) { join(value, model_.slot_of.at(with)); }
  void join(ValueId value, int slot);
  // The slot through which a consumer reads a value; -1 when it is not observed.
  int read_by(NodeId consumer, ValueId value) const { return input_slot(model_, consumer, value); }
  // Drops the slots that sharing has left without values.
  void compact();

 private:
  int add(const ObserverSpec& spec);

  PreparedModel& model_;
};

}  // namespace eightfold
