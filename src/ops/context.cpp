// The contexts of a row's functions: what is known while inferring, and how each stage refuses.
#include <utility>

#include "ops/op.h"

namespace eightfold {
namespace {

[[noreturn]] void refuse(const Node& node, ErrorCode code, std::string_view message,
                         std::string_view hint) {
  throw Error(code, message, hint).at(node.name, node.op_type);
}

}  // namespace

InferContext::InferContext(const Node& node, int64_t opset, std::vector<ValueType> inputs,
                           std::vector<const Tensor*> constants)
    : node(node),
      opset(opset),
      inputs_(std::move(inputs)),
      constants_(std::move(constants)),
      outputs_(node.outputs().size()) {}

bool InferContext::has_input(size_t i) const {
  return i < node.inputs().size() && node.inputs()[i] != kNone;
}

const ValueType& InferContext::input(size_t i) const {
  static const ValueType kAbsent;
  return i < inputs_.size() ? inputs_[i] : kAbsent;
}

const Tensor* InferContext::constant(size_t i) const {
  return i < constants_.size() ? constants_[i] : nullptr;
}

std::optional<std::vector<int64_t>> InferContext::constant_ints(size_t i) const {
  const Tensor* tensor = constant(i);
  if (!tensor) return std::nullopt;
  if (tensor->dtype() == DType::kInt64) {
    const auto data = tensor->data<int64_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  }
  if (tensor->dtype() == DType::kInt32) {
    const auto data = tensor->data<int32_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  }
  return std::nullopt;
}

void InferContext::set_output(size_t i, DType dtype, std::optional<Dims> dims) {
  if (i < outputs_.size()) outputs_[i] = {dtype, std::move(dims), {}};
}

void InferContext::set_output(size_t i, DType dtype, std::span<const int64_t> shape) {
  set_output(i, dtype, std::optional<Dims>(to_dims(shape)));
}

void InferContext::fail(ErrorCode code, std::string_view message, std::string_view hint) const {
  refuse(node, code, message, hint);
}

void PackContext::fail(ErrorCode code, std::string_view message, std::string_view hint) const {
  refuse(node, code, message, hint);
}

void PlanContext::fail(ErrorCode code, std::string_view message, std::string_view hint) const {
  refuse(node, code, message, hint);
}

void RunContext::fail(ErrorCode code, std::string_view message, std::string_view hint) const {
  refuse(node, code, message, hint);
}

}  // namespace eightfold
