// See recurrent_taps.h.
#include "ops/recurrent_taps.h"

#include <algorithm>

namespace eightfold {
namespace {

// In hidden sizes, in the order of CellTap; 0: the kind has no such place.
constexpr size_t kTaps = kTapEnd - kTapLinear;
constexpr std::array<int64_t, kTaps> kWidths[] = {
    {4, 3, 1, 1, 2}, {3, 2, 1, 1, 1}, {1, 0, 0, 0, 0}};

const std::array<int64_t, kTaps>& widths_of(CellKind kind) {
  return kWidths[static_cast<size_t>(kind)];
}
size_t output_of_tap(CellKind kind, size_t i) {
  return i + static_cast<size_t>(tap_output(kind, kTapLinear));
}

}  // namespace

void infer_observed(InferContext& context, CellKind kind) {
  const DType dtype = context.dtype(0);
  constexpr size_t kR = 2;
  if (kind == CellKind::kLstm) {
    set_recurrent_outputs(context, kR, {dtype, dtype, dtype});
  } else {
    set_recurrent_outputs(context, kR, {dtype, dtype});
  }
  const auto& x = context.dims(0);
  const auto& r = context.dims(kR);
  if (!x || !r || r->size() != 3) return;
  const bool batch_major = context.node.int_attribute("layout", 0) != 0;
  const Dim& hidden = (*r)[2];
  for (size_t i = 0; i < kTaps; ++i) {
    const int64_t size = widths_of(kind)[i];
    if (size == 0) continue;
    const Dim width{hidden.known() ? size * hidden.value : -1, {}};
    context.set_output(output_of_tap(kind, i), dtype,
                       Dims{(*x)[batch_major ? 1 : 0], (*r)[0], (*x)[batch_major ? 0 : 1], width});
  }
}

CellTaps::CellTaps(const RunContext& context, CellKind kind, const RecurrentShape& shape)
    : kind_(kind), directions_(shape.directions), batch_(shape.batch), hidden_(shape.hidden) {
  for (size_t i = 0; i < kTaps; ++i) {
    const size_t output = output_of_tap(kind, i);
    const int64_t size = widths_of(kind)[i];
    if (size == 0 || !context.has_output(output)) continue;
    any_ = true;
    taps_[i] = context.outputs[output].as<float>();
    std::fill_n(taps_[i], shape.steps * directions_ * batch_ * size * hidden_, 0.0f);
  }
}

float* CellTaps::at(CellTap tap, Item item) const {
  const auto i = static_cast<size_t>(tap - kTapLinear);
  const int64_t row = (item.step * directions_ + item.direction) * batch_ + item.item;
  return taps_[i] ? taps_[i] + row * widths_of(kind_)[i] * hidden_ : nullptr;
}

void CellTaps::before(Item item, const float* state) const {
  if (float* before = at(kTapProducts, item)) std::copy_n(state, hidden_, before);
}

void CellTaps::after(Item item, const float* gates, const float* state) const {
  if (!any_) return;
  const int64_t sigmoids = widths_of(kind_)[kTapSigmoid - kTapLinear] * hidden_;
  const float* g = gates + sigmoids;  // the tanh gate is the last block
  if (float* sigmoid = at(kTapSigmoid, item)) std::copy_n(gates, sigmoids, sigmoid);
  if (float* tanh = at(kTapTanh, item)) std::copy_n(g, hidden_, tanh);
  if (float* carried = at(kTapCell, item)) std::copy_n(state, hidden_, carried);
  float* products = kind_ == CellKind::kLstm ? at(kTapProducts, item) : nullptr;
  for (int64_t i = 0; products && i < hidden_; ++i) {
    products[i] *= gates[kLstmForget * hidden_ + i];
    products[hidden_ + i] = gates[kLstmInput * hidden_ + i] * g[i];
  }
}

}  // namespace eightfold
