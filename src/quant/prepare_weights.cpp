// See prepare_weights.h.
#include "quant/prepare_weights.h"

#include "quant/bounded_sum.h"

namespace eightfold {
namespace {

// The axis of the row as an axis of this weight; -1 where there is no output channel to go by
// (a MatMul constant that is a vector, or a stack of matrices).
int channel_axis(const Node& node, const OpDef& def, size_t input, int rank) {
  if (def.role(input) == Role::kActivation) {
    return rank == 2 && node.int_attribute("axis", 0) == 0 ? 0 : -1;
  }
  if (def.weight_axis == nullptr) return -1;
  if (def.quantized.operands == QuantizedOperands::kBinary && rank != 2) return -1;
  int axis = def.weight_axis(node);
  if (axis < 0) axis += rank;
  return axis < rank ? axis : -1;
}

ObserverSpec per_tensor(ObserverSpec spec) {
  spec.observer = "MinMaxObserver";
  spec.qscheme =
      is_symmetric(spec.qscheme) ? QScheme::kPerTensorSymmetric : QScheme::kPerTensorAffine;
  return spec;
}

// What an observer found, with scales that were changed afterwards.
class SettledObserver : public Observer {
 public:
  SettledObserver(const Observer& found, QParams qparams)
      : Observer(found.spec()), qparams_(std::move(qparams)), range_(found.range()) {}
  void observe(const TensorView&) override {}
  bool observed() const override { return true; }
  QParams qparams() const override { return qparams_; }
  std::pair<float, float> range() const override { return range_; }

 private:
  QParams qparams_;
  std::pair<float, float> range_;
};

}  // namespace

void observe_constant(Observer& observer, const Tensor& constant) {
  // Observers only read; a view has no constant form.
  observer.observe(
      {constant.dtype(), Layout::kPlain, constant.shape(), const_cast<void*>(constant.raw())});
}

std::shared_ptr<Observer> observe_weight(const ObserverSpec& spec, const Tensor& weight, int axis) {
  std::shared_ptr<Observer> observer = make_observer(spec);
  observe_constant(*observer, weight);
  if (!spec.bounded_sum) return observer;
  QParams qparams = observer->qparams();
  if (enlarge_scales_for_sums(weight, qparams, axis, *spec.bounded_sum) == 0) return observer;
  return std::make_shared<SettledObserver>(*observer, std::move(qparams));
}

int WeightTable::observe(NodeId id, const OpDef& def, size_t input, const ObserverSpec& spec) {
  const Node& node = model_.graph.node(id);
  const ValueId weight = node.input(input);
  const Tensor& tensor = *model_.graph.constant(weight);
  const int axis = channel_axis(node, def, input, static_cast<int>(tensor.rank()));
  ObserverSpec fitted = spec;
  if (is_per_channel(spec.qscheme)) {
    if (axis < 0) {
      fitted = per_tensor(spec);
    } else {
      fitted.ch_axis = axis;
    }
  }
  const std::tuple key(weight, is_per_channel(fitted.qscheme) ? axis : -1, fitted.observer);
  if (const auto known = known_.find(key); known != known_.end()) {
    if (model_.weight_slots[static_cast<size_t>(known->second)].spec == fitted) {
      return known->second;
    }
  }
  ObserverSlot slot{fitted, observe_weight(fitted, tensor, axis)};
  const int index = static_cast<int>(model_.weight_slots.size());
  model_.weight_slots.push_back(std::move(slot));
  known_[key] = index;
  return index;
}

int WeightTable::observe_rows(NodeId id, size_t input, const ObserverSpec& spec) {
  const Tensor& tensor = *model_.graph.constant(model_.graph.node(id).input(input));
  if (tensor.rank() != 3) throw Error(ErrorCode::kInvalidData, "a weight of it has no rank 3");
  const Shape& shape = tensor.shape();
  const Tensor rows = tensor.reshaped({shape[0] * shape[1], shape[2]});
  ObserverSpec fitted = spec;
  fitted.ch_axis = 0;
  const int axis = is_per_channel(spec.qscheme) ? 0 : -1;
  model_.weight_slots.push_back({fitted, observe_weight(fitted, rows, axis)});
  return static_cast<int>(model_.weight_slots.size()) - 1;
}

}  // namespace eightfold
