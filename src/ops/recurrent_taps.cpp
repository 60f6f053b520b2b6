// See recurrent_taps.h.
#include "ops/recurrent_taps.h"

#include <algorithm>

namespace eightfold {
namespace {

constexpr std::array<int64_t, kTapEnd - kTapLinear> kWidths{4, 3, 1, 1, 2};  // in hidden sizes

}  // namespace

void infer_observed_lstm(InferContext& context) {
  infer_recurrent(context);
  const auto& x = context.dims(0);
  const auto& r = context.dims(2);
  if (!x || !r || r->size() != 3) return;
  const bool batch_major = context.node.int_attribute("layout", 0) != 0;
  const Dim& hidden = (*r)[2];
  for (size_t i = 0; i < kWidths.size(); ++i) {
    const Dim width{hidden.known() ? kWidths[i] * hidden.value : -1, {}};
    context.set_output(kTapLinear + i, context.dtype(0),
                       Dims{(*x)[batch_major ? 1 : 0], (*r)[0], (*x)[batch_major ? 0 : 1], width});
  }
}

CellTaps::CellTaps(const RunContext& context, const RecurrentShape& shape)
    : directions_(shape.directions), batch_(shape.batch), hidden_(shape.hidden) {
  for (size_t i = 0; i < taps_.size(); ++i) {
    const size_t output = kTapLinear + i;
    if (!context.has_output(output)) continue;
    any_ = true;
    taps_[i] = context.outputs[output].as<float>();
    std::fill_n(taps_[i], shape.steps * directions_ * batch_ * kWidths[i] * hidden_, 0.0f);
  }
}

float* CellTaps::tap(CellTap tap, Item at) const {
  const auto i = static_cast<size_t>(tap - kTapLinear);
  const int64_t row = (at.step * directions_ + at.direction) * batch_ + at.item;
  return taps_[i] ? taps_[i] + row * kWidths[i] * hidden_ : nullptr;
}

void CellTaps::before(Item at, const float* x_gates, const float* h_gates, const float* c) const {
  if (!any_) return;
  if (float* linear = tap(kTapLinear, at)) {
    for (int64_t i = 0; i < 4 * hidden_; ++i) linear[i] = x_gates[i] + h_gates[i];
  }
  if (float* products = tap(kTapProducts, at)) std::copy_n(c, hidden_, products);
}

void CellTaps::after(Item at, const float* gates, const float* c) const {
  if (!any_) return;
  const float* g = gates + kLstmCell * hidden_;
  if (float* sigmoid = tap(kTapSigmoid, at)) std::copy_n(gates, 3 * hidden_, sigmoid);
  if (float* tanh = tap(kTapTanh, at)) std::copy_n(g, hidden_, tanh);
  if (float* cell = tap(kTapCell, at)) std::copy_n(c, hidden_, cell);
  float* products = tap(kTapProducts, at);
  for (int64_t i = 0; products && i < hidden_; ++i) {
    products[i] *= gates[kLstmForget * hidden_ + i];
    products[hidden_ + i] = gates[kLstmInput * hidden_ + i] * g[i];
  }
}

}  // namespace eightfold
