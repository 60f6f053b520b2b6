// Runs one operator on tensors, through the same infer - pack - plan - run as a session.
//
//   run_op({.op = "Add", .inputs = {a, b}})[0]
//   run_op({.op = "Conv", .attributes = {{"pads", ints({1, 1, 1, 1})}}, .inputs = {x, w},
//           .constants = {1}})                              // w is packed as a session would
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "ir/graph.h"

namespace eightfold::test {

struct OpCase {
  std::string op;
  std::string domain = {};
  int64_t opset = 21;
  std::vector<Attribute> attributes = {};
  std::vector<Tensor> inputs = {};     // an undefined tensor is an absent input
  std::vector<size_t> constants = {};  // inputs that pack sees (weights); others come at run time
  Layout layout = Layout::kPlain;      // of the inputs of rank >= 3 that are not constants
  size_t outputs = 1;
};

// Outputs in plain layout. Throws Error as a session would.
std::vector<Tensor> run_op(const OpCase& op_case);

// Inferred types alone; `dims` replace the dims of inputs where given (symbolic inference).
std::vector<ValueType> infer_op(const OpCase& op_case, std::vector<std::optional<Dims>> dims = {});

// Attribute lists read better with these.
inline std::vector<int64_t> ints(std::vector<int64_t> values) { return values; }
inline std::vector<float> floats(std::vector<float> values) { return values; }
inline Tensor f32(Shape shape, std::vector<float> values) {
  return Tensor::of<float>(std::move(shape), values);
}
inline Tensor i64(Shape shape, std::vector<int64_t> values) {
  return Tensor::of<int64_t>(std::move(shape), values);
}
inline Tensor i64(std::vector<int64_t> values) {
  return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values);
}
inline Tensor i32(Shape shape, std::vector<int32_t> values) {
  return Tensor::of<int32_t>(std::move(shape), values);
}
inline Tensor u8(Shape shape, std::vector<uint8_t> values) {
  return Tensor::of<uint8_t>(std::move(shape), values);
}
inline Tensor s8(Shape shape, std::vector<int8_t> values) {
  return Tensor::of<int8_t>(std::move(shape), values);
}
// What the Cast operator makes of a tensor.
Tensor cast(const Tensor& tensor, DType to);
Tensor booleans(Shape shape, const std::vector<int>& values);
// first, first + step, ... in row-major order.
Tensor ramp(Shape shape, float first = 0, float step = 1);

// Rows of the last axis in another order: row i of the result is row from(i) of x.
Tensor reordered(const Tensor& x, Shape shape, const std::function<int64_t(int64_t)>& from);

}  // namespace eightfold::test
