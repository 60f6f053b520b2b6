// BiasCorrector: one pass over calibration data, after calibration. Taps the
// inputs of the quantized layers in the float run; convert takes the rounded
// weights and adds the corrections to the float biases. Source: empirical bias
// correction (Nagel et al. 2019).
#include <map>
#include <vector>

#include "core/error.h"
#include "quant/bias_correction_means.h"
#include "quant/bias_correction_rounding.h"
#include "quant/bounded_sum.h"
#include "quant/convert_weights.h"
#include "quant/route.h"

namespace eightfold {

struct BiasCorrector::Impl {
  explicit Impl(PreparedModel& prepared) : model(prepared), session(watch()) {}

  // Collects the layers, then makes the session that taps what they read.
  Session watch() {
    SessionOptions options;
    for (const auto& [node, plan] : model.plans) {
      const ValueId input = model.graph.node(node).input(0);
      const int slot = input_slot(model, node, input);
      if (!plan.quantized || plan.mode != QuantMode::kStatic) continue;
      if (plan.weight_slot < 0 || slot < 0) continue;
      const auto weighted = weighted_node(model.graph, node);
      if (!weighted || !weighted->bias_input || !LayerMeans::covers(model.graph, node)) continue;
      const Observer& observer = *model.slots[static_cast<size_t>(slot)].observer;
      if (!observer.observed()) {
        throw Error(ErrorCode::kInvalidState, "the model is not calibrated",
                    "run calibrate before the bias correction");
      }
      layers.emplace(node, LayerMeans(model.graph, node, observer.qparams()));
      if (readers[input].empty()) options.taps.push_back(input);
      readers[input].push_back(node);
    }
    return Session(model.graph, std::move(options));
  }

  void tap(ValueId value, const TensorView& view) {
    const auto found = readers.find(value);
    if (found == readers.end()) return;
    for (NodeId node : found->second) layers.at(node).add(view);
  }

  void correct(NodeId node, const LayerMeans& means) {
    const auto weighted = weighted_node(model.graph, node);
    const Tensor& weight =
        *model.graph.constant(model.graph.node(node).input(weighted->weight_input));
    const auto slot = static_cast<size_t>(model.plans.at(node).weight_slot);
    const QParams qparams = model.weight_slots[slot].observer->qparams();
    std::vector<float> quantized = fake_quantize_weight(weight, qparams);
    if (keeps_weight(node)) {
      const Tensor rounded = round_keeping_mean(weight, qparams, means);
      const auto& bound = model.weight_slots[slot].spec.bounded_sum;
      if (!bound || keeps_bounded_sum(rounded, qparams, weighted->axis, *bound)) {
        quantized.assign(rounded.data<float>().begin(), rounded.data<float>().end());
        model.rounded_weight[node] = rounded;
      }
    }
    model.bias_correction[node] = means.mean_error(weight.data<float>(), quantized);
  }

  // Gemm's alpha is folded into the weight at convert, which gives it another grid.
  bool keeps_weight(NodeId node) const {
    return model.graph.node(node).float_attribute("alpha", 1.0f) == 1.0f;
  }

  PreparedModel& model;
  std::map<NodeId, LayerMeans> layers;
  std::map<ValueId, std::vector<NodeId>> readers;
  Session session;
};

BiasCorrector::BiasCorrector(PreparedModel& model) : impl_(std::make_unique<Impl>(model)) {}
BiasCorrector::~BiasCorrector() = default;

void BiasCorrector::start(const Feeds& feeds) {
  impl_->session.start(feeds, [impl = impl_.get()](ValueId value, const TensorView& view) {
    impl->tap(value, view);
  });
}

bool BiasCorrector::step() {
  if (impl_->session.step()) return true;
  impl_->session.finish();
  return false;
}

void BiasCorrector::observe(const Feeds& feeds) {
  start(feeds);
  while (step()) {
  }
}

void BiasCorrector::finish() {
  impl_->model.bias_correction.clear();
  impl_->model.rounded_weight.clear();
  for (const auto& [node, means] : impl_->layers) {
    if (!means.empty()) impl_->correct(node, means);
  }
}

}  // namespace eightfold
