// What steps share, and the joined table.
#include "ops/upgrade_steps.h"

#include <utility>

#include "core/error.h"
#include "ops/half.h"

namespace eightfold {
namespace {

// A scalar of a float dtype; undefined for other dtypes. An unknown dtype is taken for float32.
Tensor float_scalar(DType dtype, float value) {
  switch (dtype) {
    case DType::kUndefined:
    case DType::kFloat32: return Tensor::scalar(value);
    case DType::kFloat64: return Tensor::scalar<double>(value);
    case DType::kFloat16: {
      Tensor half = Tensor::allocate(dtype, {});
      *static_cast<uint16_t*>(half.mutable_raw()) = float_to_half(value);
      return half;
    }
    default: return {};
  }
}

}  // namespace

int64_t UpgradeSite::rank(ValueId value) const {
  const auto& dims = graph.value(value).type.dims;
  return dims ? static_cast<int64_t>(dims->size()) : -1;
}

std::string UpgradeSite::name(std::string_view role) const {
  return display_name(graph, id) + "_" + std::string(role);
}

ValueId UpgradeSite::constant(std::string_view role, Tensor tensor) const {
  return graph.add_initializer(name(role), std::move(tensor));
}

void UpgradeSite::place_input(size_t index, ValueId value) const {
  graph.set_input(id, index, value);
}

bool UpgradeSite::ints_to_input(std::string_view attribute, size_t index) const {
  if (!node().has_attribute(attribute)) return false;
  const std::vector<int64_t> values = node().ints_attribute(attribute);
  node().remove_attribute(attribute);
  const auto count = static_cast<int64_t>(values.size());
  place_input(index, constant(attribute, Tensor::of<int64_t>({count}, values)));
  return true;
}

bool UpgradeSite::float_to_input(std::string_view attribute, size_t index) const {
  if (!node().has_attribute(attribute)) return false;
  const float value = node().float_attribute(attribute, 0.0f);
  const DType dtype = graph.value(node().input(0)).type.dtype;
  Tensor scalar = float_scalar(dtype, value);
  if (!scalar.defined()) {
    refuse("attribute '" + std::string(attribute) + "' of a " + std::string(dtype_name(dtype)) +
           " input cannot become an input");
  }
  node().remove_attribute(attribute);
  place_input(index, constant(attribute, std::move(scalar)));
  return true;
}

bool UpgradeSite::drop(std::string_view attribute) const {
  const bool present = node().has_attribute(attribute);
  node().remove_attribute(attribute);
  return present;
}

ValueId UpgradeSite::insert_before(std::string_view role, Node node,
                                   std::vector<ValueId> inputs) const {
  node.name = name(role);
  const ValueId output = graph.add_value(node.name);
  graph.insert_before(id, std::move(node), std::move(inputs), {output});
  return output;
}

void UpgradeSite::refuse(std::string_view why) const {
  throw Error(ErrorCode::kUnsupportedModel, why, "export the model again with opset 13 or newer")
      .at(display_name(graph, id), node().op_type);
}

std::span<const UpgradeStep> upgrade_steps() {
  static const std::vector<UpgradeStep> all = [] {
    std::vector<UpgradeStep> joined;
    for (const auto topic : {legacy_steps(), input_steps(), resize_steps(), meaning_steps()}) {
      joined.insert(joined.end(), topic.begin(), topic.end());
    }
    return joined;
  }();
  return all;
}

}  // namespace eightfold
