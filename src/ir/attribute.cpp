// Typed access to the attributes of a node.
#include <algorithm>
#include <type_traits>

#include "core/error.h"
#include "ir/graph.h"

namespace eightfold {
namespace {

template <typename T>
const T* find_as(const Node& node, std::string_view name, std::string_view kind) {
  const Attribute* attribute = node.find_attribute(name);
  if (!attribute) return nullptr;
  const T* value = std::get_if<T>(&attribute->value);
  if (!value) {
    throw Error(ErrorCode::kInvalidAttribute,
                "attribute '" + std::string(name) + "' is not of kind " + std::string(kind))
        .at(node.name, node.op_type);
  }
  return value;
}

}  // namespace

const Attribute* Node::find_attribute(std::string_view name) const {
  for (const Attribute& attribute : attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

bool Node::has_bodies() const {
  return std::ranges::any_of(attributes, [](const Attribute& attribute) {
    return std::holds_alternative<Attribute::GraphPtr>(attribute.value) ||
           std::holds_alternative<std::vector<Attribute::GraphPtr>>(attribute.value);
  });
}

int64_t Node::int_attribute(std::string_view name, int64_t fallback) const {
  const auto* value = find_as<int64_t>(*this, name, "int");
  return value ? *value : fallback;
}

float Node::float_attribute(std::string_view name, float fallback) const {
  const auto* value = find_as<float>(*this, name, "float");
  return value ? *value : fallback;
}

std::string Node::string_attribute(std::string_view name, std::string_view fallback) const {
  const auto* value = find_as<std::string>(*this, name, "string");
  return value ? *value : std::string(fallback);
}

std::vector<int64_t> Node::ints_attribute(std::string_view name,
                                          std::vector<int64_t> fallback) const {
  const auto* value = find_as<std::vector<int64_t>>(*this, name, "ints");
  return value ? *value : std::move(fallback);
}

std::vector<float> Node::floats_attribute(std::string_view name,
                                          std::vector<float> fallback) const {
  const auto* value = find_as<std::vector<float>>(*this, name, "floats");
  return value ? *value : std::move(fallback);
}

const Tensor* Node::tensor_attribute(std::string_view name) const {
  return find_as<Tensor>(*this, name, "tensor");
}

void Node::set_attribute(std::string name, decltype(Attribute::value) value) {
  for (Attribute& attribute : attributes) {
    if (attribute.name == name) {
      attribute.value = std::move(value);
      return;
    }
  }
  attributes.push_back({std::move(name), std::move(value)});
}

void Node::remove_attribute(std::string_view name) {
  std::erase_if(attributes, [&](const Attribute& attribute) { return attribute.name == name; });
}

}  // namespace eightfold
