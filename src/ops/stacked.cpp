// Parts of a tensor along an axis, and back. See control.h.
//   whole [outer, n, inner]  <->  n slices [outer, inner]
#include <algorithm>
#include <utility>

#include "ops/control.h"

namespace eightfold {
namespace {

size_t product(const Shape& shape, size_t begin, size_t end) {
  return static_cast<size_t>(element_count(std::span(shape).subspan(begin, end - begin)));
}

Shape with_axis(Shape shape, size_t axis, int64_t dim) {
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), dim);
  return shape;
}

}  // namespace

void hand_over(RunContext& context, size_t i, Tensor tensor) {
  if (context.node.output(i) == kNone) return;
  if (!context.outputs[i].data) return context.host.emit(i, std::move(tensor));
  const TensorView& planned = context.outputs[i];
  if (planned.dtype != tensor.dtype() || planned.shape != tensor.shape()) {
    context.fail(ErrorCode::kInvalidShape, "output " + std::to_string(i) + " has shape " +
                                               shape_text(tensor.shape()) + ", not " +
                                               shape_text(planned.shape));
  }
  copy_bytes(planned.data, tensor.raw(), tensor.size_bytes());
}

Tensor part_of(const RunContext& context, const Tensor& whole, size_t axis, int64_t begin,
               int64_t length) {
  Shape shape = whole.shape();
  const size_t outer = product(shape, 0, axis);
  const size_t inner =
      product(shape, axis + 1, shape.size()) * element_bytes(context, whole.dtype());
  const size_t stride = static_cast<size_t>(shape[axis]) * inner;
  const size_t bytes = static_cast<size_t>(length) * inner;
  shape[axis] = length;
  Tensor part = Tensor::allocate(whole.dtype(), std::move(shape));
  auto* to = static_cast<uint8_t*>(part.mutable_raw());
  const auto* from = static_cast<const uint8_t*>(whole.raw()) + static_cast<size_t>(begin) * inner;
  for (size_t i = 0; i < outer; ++i) copy_bytes(to + i * bytes, from + i * stride, bytes);
  return part;
}

Tensor slice_of(const RunContext& context, const Tensor& whole, size_t axis, int64_t index) {
  Shape shape = whole.shape();
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return part_of(context, whole, axis, index, 1).reshaped(std::move(shape));
}

Tensor concatenated(const RunContext& context, std::span<const Tensor> parts, size_t axis) {
  Shape shape = parts[0].shape();
  shape[axis] = 0;
  for (const Tensor& part : parts) {
    Shape other = part.shape();
    int64_t length = 0;
    if (axis < other.size()) length = std::exchange(other[axis], shape[axis]);
    if (other != shape || part.dtype() != parts[0].dtype()) {
      context.fail(ErrorCode::kInvalidShape,
                   "parts of different shapes or types: " + shape_text(parts[0].shape()) + " and " +
                       shape_text(part.shape()));
    }
    shape[axis] += length;
  }
  const size_t inner =
      product(shape, axis + 1, shape.size()) * element_bytes(context, parts[0].dtype());
  const size_t outer = product(shape, 0, axis);
  const size_t stride = static_cast<size_t>(shape[axis]) * inner;
  Tensor whole = Tensor::allocate(parts[0].dtype(), std::move(shape));
  auto* to = static_cast<uint8_t*>(whole.mutable_raw());
  for (const Tensor& part : parts) {
    const auto* from = static_cast<const uint8_t*>(part.raw());
    const size_t bytes = static_cast<size_t>(part.shape()[axis]) * inner;
    for (size_t i = 0; i < outer; ++i) copy_bytes(to + i * stride, from + i * bytes, bytes);
    to += bytes;
  }
  return whole;
}

Shape Stacked::shape() const {
  if (!slices_.empty()) return slices_[0].shape();
  Shape shape;
  for (const Dim& dim : declared_.dims.value_or(Dims{})) {
    shape.push_back(std::max<int64_t>(dim.value, 0));
  }
  return shape;
}

void Stacked::push(RunContext& context, Tensor slice) {
  element_bytes(context, slice.dtype());  // of sequences and strings there is no stack
  if (!slices_.empty() && (slice.shape() != shape() || slice.dtype() != dtype())) {
    context.fail(ErrorCode::kInvalidShape, "the body gives an output to gather as " +
                                               shape_text(shape()) + " and then as " +
                                               shape_text(slice.shape()));
  }
  context.host.claim(static_cast<int64_t>(slice.size_bytes()));
  slices_.push_back(std::move(slice));
}

void Stacked::push_zeros(RunContext& context) { push(context, Tensor::allocate(dtype(), shape())); }

Tensor Stacked::join(RunContext& context, size_t axis, bool reversed) {
  if (slices_.empty()) {
    element_bytes(context, dtype());
    return Tensor::allocate(dtype(), with_axis(shape(), axis, 0));
  }
  const Shape thin = with_axis(shape(), axis, 1);
  int64_t bytes = 0;
  for (Tensor& slice : slices_) {
    slice = slice.reshaped(thin);
    bytes += static_cast<int64_t>(slice.size_bytes());
  }
  if (reversed) std::ranges::reverse(slices_);
  Tensor joined = concatenated(context, slices_, axis);
  context.host.claim(-bytes);
  return joined;
}

}  // namespace eightfold
