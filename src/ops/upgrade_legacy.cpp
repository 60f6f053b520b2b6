// Steps up to opset 7: the forms of the first ONNX models.
//
// The largest change is broadcasting: before opset 7 the second operand was
// aligned with the first at `axis`; since then numpy's rule aligns from the right.
#include <cctype>
#include <cmath>
#include <numeric>
#include <utility>

#include "ops/upgrade_steps.h"

namespace eightfold {
namespace {

bool drop_consumed_inputs(const UpgradeSite& site) { return site.drop("consumed_inputs"); }

bool concat_default_axis(const UpgradeSite& site) {
  if (site.node().has_attribute("axis")) return false;
  site.node().set_attribute("axis", int64_t{1});
  return true;
}

bool reshape_shape(const UpgradeSite& site) { return site.ints_to_input("shape", 1); }

bool pad_name(const UpgradeSite& site) {
  if (!site.node().has_attribute("paddings")) return false;
  site.node().set_attribute("pads", site.node().ints_attribute("paddings"));
  return site.drop("paddings");
}

// Opset 1 wrote the exponent as a float.
bool integral_p(const UpgradeSite& site) {
  const Attribute* p = site.node().find_attribute("p");
  const auto* value = p ? std::get_if<float>(&p->value) : nullptr;
  if (!value) return false;
  if (*value != std::floor(*value) || std::fabs(*value) > 1e6f) {
    site.refuse("the exponent p must be a whole number since opset 2");
  }
  site.node().set_attribute("p", static_cast<int64_t>(*value));
  return true;
}

// Opset 1 took the sizes of the parts as an input or an attribute, opset 2 as an attribute.
bool split_attribute(const UpgradeSite& site) {
  const ValueId input = site.node().input(1);
  if (input == kNone) return false;
  const Tensor* split = site.graph.constant(input);
  if (!split || split->dtype() != DType::kInt64) site.refuse("'split' must be constant int64");
  const auto sizes = split->data<int64_t>();
  site.node().set_attribute("split", std::vector<int64_t>(sizes.begin(), sizes.end()));
  site.graph.set_inputs(site.id, {site.node().input(0)});
  return true;
}

bool cast_by_name(const UpgradeSite& site) {
  const Attribute* to = site.node().find_attribute("to");
  const auto* text = to ? std::get_if<std::string>(&to->value) : nullptr;
  if (!text) return false;
  std::string lower;
  for (const char c : *text) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const DType dtype = dtype_from_name(lower);
  if (dtype == DType::kUndefined) site.refuse("cannot cast to '" + *text + "'");
  site.node().set_attribute("to", static_cast<int64_t>(dtype));
  return true;
}

// The defaults became more exact at opset 6.
bool selu_defaults(const UpgradeSite& site) {
  Node& node = site.node();
  const bool partial = !node.has_attribute("alpha") || !node.has_attribute("gamma");
  node.set_attribute("alpha", node.float_attribute("alpha", 1.6732f));
  node.set_attribute("gamma", node.float_attribute("gamma", 1.0507f));
  return partial;
}

// Opset 1 repeated along one axis: tiles and axis are scalars.
bool tile_repeats(const UpgradeSite& site) {
  const Tensor* tiles = site.graph.constant(site.node().input(1));
  const Tensor* axis = site.graph.constant(site.node().input(2));
  const int64_t rank = site.rank(site.node().input(0));
  const auto is_scalar = [](const Tensor* t) {
    return t && t->dtype() == DType::kInt64 && t->size() == 1;
  };
  if (!is_scalar(tiles) || !is_scalar(axis) || rank < 0) {
    site.refuse("Tile of opset 1 needs constant int64 'tiles' and 'axis' and a known rank");
  }
  const int64_t at = axis->data<int64_t>()[0];
  if (at < 0 || at >= rank) site.refuse("the axis of Tile is out of range");
  std::vector<int64_t> repeats(static_cast<size_t>(rank), 1);
  repeats[static_cast<size_t>(at)] = tiles->data<int64_t>()[0];
  const ValueId input = site.constant("repeats", Tensor::of<int64_t>({rank}, repeats));
  site.graph.set_inputs(site.id, {site.node().input(0), input});
  return true;
}

// Appends `trailing` axes of size 1 to the second operand.
void append_axes(const UpgradeSite& site, int64_t trailing) {
  const ValueId right = site.node().input(1);
  if (const Tensor* constant = site.graph.constant(right)) {
    Shape shape = constant->shape();
    shape.insert(shape.end(), static_cast<size_t>(trailing), 1);
    site.place_input(1, site.constant("aligned", constant->reshaped(shape)));
    return;
  }
  std::vector<int64_t> axes(static_cast<size_t>(trailing));
  std::iota(axes.begin(), axes.end(), site.rank(right));
  Node unsqueeze;
  unsqueeze.op_type = "Unsqueeze";
  unsqueeze.set_attribute("axes", axes);
  site.place_input(1, site.insert_before("aligned", std::move(unsqueeze), {right}));
}

bool numpy_broadcast(const UpgradeSite& site) {
  const bool broadcast = site.node().int_attribute("broadcast", 0) != 0;
  const bool aligned = broadcast && site.node().has_attribute("axis");
  int64_t axis = site.node().int_attribute("axis", 0);
  const bool dropped = site.drop("broadcast");
  const bool dropped_axis = site.drop("axis");
  if (!aligned) return dropped || dropped_axis;  // aligned from the right already
  const int64_t left = site.rank(site.node().input(0)), right = site.rank(site.node().input(1));
  if (left < 0 || right < 0) site.refuse("a broadcast along an axis needs known ranks");
  if (axis < 0) axis += left;
  const int64_t trailing = left - axis - right;
  if (axis < 0 || trailing < 0) site.refuse("the broadcast axis does not fit the shapes");
  if (trailing > 0) append_axes(site, trailing);
  return true;
}

// The slope had one element or one per channel (axis 1).
bool prelu_slope(const UpgradeSite& site) {
  const ValueId slope = site.node().input(1);
  if (slope == kNone || site.rank(slope) != 1) return false;
  const auto shape = known_shape(site.graph.value(slope).type);
  if (shape && shape->front() == 1) return false;
  const int64_t rank = site.rank(site.node().input(0));
  if (rank < 0) site.refuse("a slope per channel needs a known rank");
  if (rank <= 2) return false;
  append_axes(site, rank - 2);
  return true;
}

bool gemm_broadcast(const UpgradeSite& site) { return site.drop("broadcast"); }

// is_test = 0 asked for training, which opset 7 to 13 cannot say.
bool inference_only(const UpgradeSite& site) {
  if (site.node().has_attribute("is_test") && site.node().int_attribute("is_test", 1) == 0) {
    site.refuse(site.node().op_type + " is in training mode (is_test = 0)");
  }
  return site.drop("is_test");
}

bool output_sequence(const UpgradeSite& site) { return site.drop("output_sequence"); }

constexpr UpgradeStep kSteps[] = {
    {"LpPool", 2, integral_p},
    {"GlobalLpPool", 2, integral_p},
    {"Pad", 2, pad_name},
    {"Split", 2, split_attribute},
    {"Concat", 4, concat_default_axis},
    {"Reshape", 5, reshape_shape},
    {kEveryOp, 6, drop_consumed_inputs},
    {"Cast", 6, cast_by_name},
    {"Selu", 6, selu_defaults},
    {"Tile", 6, tile_repeats},
    {"Add", 7, numpy_broadcast},
    {"Sub", 7, numpy_broadcast},
    {"Mul", 7, numpy_broadcast},
    {"Div", 7, numpy_broadcast},
    {"Pow", 7, numpy_broadcast},
    {"And", 7, numpy_broadcast},
    {"Or", 7, numpy_broadcast},
    {"Xor", 7, numpy_broadcast},
    {"Equal", 7, numpy_broadcast},
    {"Greater", 7, numpy_broadcast},
    {"Less", 7, numpy_broadcast},
    {"PRelu", 7, prelu_slope},
    {"Gemm", 7, gemm_broadcast},
    {"Dropout", 7, inference_only},
    {"BatchNormalization", 7, inference_only},
    {"RNN", 7, output_sequence},
    {"GRU", 7, output_sequence},
    {"LSTM", 7, output_sequence},
};

}  // namespace

std::span<const UpgradeStep> legacy_steps() { return kSteps; }

}  // namespace eightfold
