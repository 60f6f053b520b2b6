// See byte_ranges.h.
#include "ops/byte_ranges.h"

#include <algorithm>

namespace eightfold {
namespace {

constexpr ByteRange kAnything{-128, 255};

ByteRange whole(DType dtype) {
  if (dtype == DType::kInt8) return {-128, 127};
  return dtype == DType::kUint8 ? ByteRange{0, 255} : kAnything;
}

ByteRange intersection(ByteRange a, ByteRange b) {
  return {std::max(a.lo, b.lo), std::min(a.hi, b.hi)};
}
ByteRange hull(ByteRange a, ByteRange b) { return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)}; }

template <typename T>
ByteRange ends(const Tensor& tensor) {
  const auto data = tensor.data<T>();
  const auto [lo, hi] = std::ranges::minmax_element(data);
  return {*lo, *hi};
}

ByteRange range_of(const Tensor& tensor) {
  if (tensor.size() == 0 || !is_quantized_int8(tensor.dtype())) return whole(tensor.dtype());
  return tensor.dtype() == DType::kInt8 ? ends<int8_t>(tensor) : ends<uint8_t>(tensor);
}

}  // namespace

ByteRange ByteRanges::of(ValueId value) const {
  if (const auto found = known_.find(value); found != known_.end()) return found->second;
  if (const Tensor* constant = constants_(value)) return range_of(*constant);
  return whole(graph_.value(value).type.dtype);
}

std::vector<ByteRange> ByteRanges::of_inputs(const Node& node) const {
  std::vector<ByteRange> ranges;
  for (ValueId input : node.inputs()) ranges.push_back(input == kNone ? kAnything : of(input));
  return ranges;
}

void ByteRanges::visit(const OpDef& op, const Node& node) {
  const ValueId output = node.output(0);
  if (output == kNone) return;
  const DType dtype = graph_.value(output).type.dtype;
  if (!is_quantized_int8(dtype)) return;
  ByteRange range = whole(dtype);
  const QuantizedOperands operands = op.form(node).operands;
  if (operands == QuantizedOperands::kDirect || operands == QuantizedOperands::kVariadic) {
    // Zero besides, which padding and empty inputs bring in.
    ByteRange inputs{0, 0};
    for (ValueId input : node.inputs()) {
      if (input == kNone) continue;
      const Tensor* constant = constants_(input);
      const DType type = constant ? constant->dtype() : graph_.value(input).type.dtype;
      if (type == DType::kUndefined) inputs = whole(dtype);
      if (type == dtype) inputs = hull(inputs, of(input));
    }
    range = intersection(range, op.byte_range ? op.byte_range(of_inputs(node)) : inputs);
  }
  const auto lo = static_cast<int32_t>(node.int_attribute("clamp_min", range.lo));
  const auto hi = static_cast<int32_t>(node.int_attribute("clamp_max", range.hi));
  known_[output] = intersection(range, {lo, hi});
}

}  // namespace eightfold
