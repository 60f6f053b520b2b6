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
  // `value` takes part in the slot of `with`, which has one; a slot that `value` had goes over too.
  void share(ValueId value, ValueId with);
  // Drops the slots that sharing has left without values.
  void compact();

 private:
  PreparedModel& model_;
};

}  // namespace eightfold
