// Steps from opset 10 on where attributes became inputs.
#include "ops/upgrade_steps.h"

namespace eightfold {
namespace {

bool slice_inputs(const UpgradeSite& site) {
  const bool changed = site.ints_to_input("starts", 1);
  site.ints_to_input("ends", 2);
  site.ints_to_input("axes", 3);
  return changed;
}

bool top_k_input(const UpgradeSite& site) {
  if (!site.node().has_attribute("k")) return false;
  const std::vector<int64_t> k{site.node().int_attribute("k", 1)};
  site.place_input(1, site.constant("k", Tensor::of<int64_t>({1}, k)));
  return site.drop("k");
}

bool pad_inputs(const UpgradeSite& site) {
  const bool changed = site.ints_to_input("pads", 1);
  return site.float_to_input("value", 2) || changed;
}

bool clip_inputs(const UpgradeSite& site) {
  const bool changed = site.float_to_input("min", 1);
  return site.float_to_input("max", 2) || changed;
}

// The ratio matters in training alone; it is a float32 scalar whatever the data is.
bool dropout_inputs(const UpgradeSite& site) {
  if (!site.node().has_attribute("ratio")) return false;
  const float ratio = site.node().float_attribute("ratio", 0.5f);
  site.place_input(1, site.constant("ratio", Tensor::scalar(ratio)));
  return site.drop("ratio");
}

bool axes_input(const UpgradeSite& site) { return site.ints_to_input("axes", 1); }
bool split_input(const UpgradeSite& site) { return site.ints_to_input("split", 1); }

// Equal parts are asked for by their number.
bool split_count(const UpgradeSite& site) {
  if (site.node().input(1) != kNone) return false;
  site.node().set_attribute("num_outputs", static_cast<int64_t>(site.node().outputs().size()));
  return true;
}

bool dft_axis(const UpgradeSite& site) {
  const int64_t axis = site.node().int_attribute("axis", 1);
  site.drop("axis");
  site.place_input(2, site.constant("axis", Tensor::scalar<int64_t>(axis)));
  return true;
}

constexpr UpgradeStep kSteps[] = {
    {"Slice", 10, slice_inputs},
    {"TopK", 10, top_k_input},
    {"Pad", 11, pad_inputs},
    {"Clip", 11, clip_inputs},
    {"Dropout", 12, dropout_inputs},
    {"Squeeze", 13, axes_input},
    {"Unsqueeze", 13, axes_input},
    {"ReduceSum", 13, axes_input},
    {"Split", 13, split_input},
    {"ReduceMean", 18, axes_input},
    {"ReduceMax", 18, axes_input},
    {"ReduceMin", 18, axes_input},
    {"ReduceProd", 18, axes_input},
    {"ReduceL1", 18, axes_input},
    {"ReduceL2", 18, axes_input},
    {"ReduceLogSum", 18, axes_input},
    {"ReduceLogSumExp", 18, axes_input},
    {"ReduceSumSquare", 18, axes_input},
    {"Split", 18, split_count},
    {"DFT", 20, dft_axis},
};

}  // namespace

std::span<const UpgradeStep> input_steps() { return kSteps; }

}  // namespace eightfold
