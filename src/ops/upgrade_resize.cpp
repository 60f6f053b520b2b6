// Upsample 1 -> 7 -> 9 -> Resize 10 -> 11.
//
// The old forms map out to in by x = x_out / scale ("asymmetric"). The nearest
// mode of opset 10 rounds x down where the axis grows and up where it shrinks.
#include <utility>

#include "ops/upgrade_steps.h"

namespace eightfold {
namespace {

bool upsample_axes_scales(const UpgradeSite& site) {
  Node& node = site.node();
  if (node.has_attribute("height_scale") && node.has_attribute("width_scale")) {
    node.set_attribute("scales", std::vector<float>{1, 1, node.float_attribute("height_scale", 1),
                                                    node.float_attribute("width_scale", 1)});
  }
  site.drop("height_scale");
  site.drop("width_scale");
  if (node.string_attribute("mode", "nearest") == "bilinear") {
    node.set_attribute("mode", std::string("linear"));
  }
  return true;
}

bool upsample_scales(const UpgradeSite& site) {
  if (!site.node().has_attribute("scales")) return false;
  const std::vector<float> scales = site.node().floats_attribute("scales");
  const auto count = static_cast<int64_t>(scales.size());
  site.place_input(1, site.constant("scales", Tensor::of<float>({count}, scales)));
  return site.drop("scales");
}

bool upsample_to_resize(const UpgradeSite& site) {
  site.node().op_type = "Resize";
  if (!site.node().has_attribute("mode")) {
    site.node().set_attribute("mode", std::string("nearest"));
  }
  return true;
}

struct Directions {
  bool grows = false, shrinks = false, known = true;
  void add(double out, double in) {
    grows |= out > in;
    shrinks |= out < in;
  }
};

// From the scales when they are constant, else from the shapes.
Directions directions(const UpgradeSite& site) {
  Directions found;
  const Tensor* scales = site.graph.constant(site.node().input(1));
  if (scales && scales->dtype() == DType::kFloat32) {
    for (const float scale : scales->data<float>()) found.add(scale, 1.0);
    return found;
  }
  const auto in = known_shape(site.graph.value(site.node().input(0)).type);
  const auto out = known_shape(site.graph.value(site.node().output(0)).type);
  found.known = in && out && in->size() == out->size();
  for (size_t i = 0; found.known && i < in->size(); ++i) {
    found.add(static_cast<double>((*out)[i]), static_cast<double>((*in)[i]));
  }
  return found;
}

std::string nearest_mode(const UpgradeSite& site) {
  const Directions found = directions(site);
  if (!found.known) {
    site.refuse("the scales are not constant: whether Resize grows or shrinks is not known");
  }
  if (found.grows && found.shrinks) {
    site.refuse("nearest Resize that grows one axis and shrinks another has no newer form");
  }
  return found.shrinks ? "ceil" : "floor";
}

bool resize_inputs(const UpgradeSite& site) {
  if (site.node().string_attribute("mode", "nearest") == "nearest") {
    site.node().set_attribute("nearest_mode", nearest_mode(site));
  }
  site.node().set_attribute("coordinate_transformation_mode", std::string("asymmetric"));
  const ValueId roi = site.constant("roi", Tensor::allocate(DType::kFloat32, {0}));
  site.graph.set_inputs(site.id, {site.node().input(0), roi, site.node().input(1)});
  return true;
}

constexpr UpgradeStep kSteps[] = {
    {"Upsample", 7, upsample_axes_scales},
    {"Upsample", 9, upsample_scales},
    {"Upsample", 10, upsample_to_resize},
    {"Resize", 11, resize_inputs},
};

}  // namespace

std::span<const UpgradeStep> resize_steps() { return kSteps; }

}  // namespace eightfold
