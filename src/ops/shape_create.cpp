// Operators that make tensors: Shape, Size, Constant, ConstantOfShape, Range, Trilu, OneHot,
// EyeLike, NonZero.
#include <algorithm>
#include <cmath>

#include "ops/cast.h"
#include "ops/pieces.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// ---- Shape[start:end], Size
int64_t shape_bound(const Node& node, std::string_view name, int64_t fallback, int64_t rank) {
  const int64_t at = node.int_attribute(name, fallback);
  return std::clamp(at < 0 ? at + rank : at, int64_t{0}, rank);
}

void infer_shape(InferContext& context) {
  std::optional<Dims> result = Dims{Dim{}};
  if (context.dims(0)) {
    const auto rank = static_cast<int64_t>(context.dims(0)->size());
    const int64_t start = shape_bound(context.node, "start", 0, rank);
    const int64_t end = shape_bound(context.node, "end", rank, rank);
    (*result)[0].value = std::max<int64_t>(0, end - start);
  }
  context.set_output(0, DType::kInt64, std::move(result));
}

void run_shape(RunContext& context) {
  const Shape& shape = context.inputs[0].shape;
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t start = shape_bound(context.node, "start", 0, rank);
  std::copy_n(shape.begin() + static_cast<std::ptrdiff_t>(start), context.outputs[0].size(),
              context.outputs[0].as<int64_t>());
}

void infer_size(InferContext& context) { context.set_output(0, DType::kInt64, Dims{}); }

void run_size(RunContext& context) {
  context.outputs[0].as<int64_t>()[0] = element_count(context.inputs[0].shape);
}

// ---- Constant: the value is one of several attributes
Tensor constant_value(const Node& node) {
  if (const Tensor* value = node.tensor_attribute("value")) return *value;
  if (node.has_attribute("value_float")) {
    return Tensor::scalar(node.float_attribute("value_float", 0));
  }
  if (node.has_attribute("value_int")) return Tensor::scalar(node.int_attribute("value_int", 0));
  if (node.has_attribute("value_floats")) {
    const std::vector<float> values = node.floats_attribute("value_floats");
    return Tensor::of<float>({static_cast<int64_t>(values.size())}, values);
  }
  const std::vector<int64_t> values = node.ints_attribute("value_ints");
  if (!node.has_attribute("value_ints")) {
    throw Error(ErrorCode::kUnsupportedModel, "a constant of an unknown kind")
        .at(node.name, node.op_type);
  }
  return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values);
}

void infer_constant(InferContext& context) {
  const Tensor value = constant_value(context.node);
  context.set_output(0, value.dtype(), value.shape());
}

void run_constant(RunContext& context) {
  const Tensor value = constant_value(context.node);
  copy_bytes(context.outputs[0].data, value.raw(), value.size_bytes());
}

// ---- ConstantOfShape
void infer_constant_of_shape(InferContext& context) {
  const Tensor* value = context.node.tensor_attribute("value");
  const auto shape = context.constant_ints(0);
  std::optional<Dims> result;
  if (shape) {
    for (int64_t dim : *shape) {
      if (dim < 0) context.fail(ErrorCode::kInvalidShape, "a negative dim");
    }
    result = to_dims(*shape);
  } else if (context.dims(0) && context.dims(0)->size() == 1 && (*context.dims(0))[0].known()) {
    result = Dims(static_cast<size_t>((*context.dims(0))[0].value));
  }
  context.set_output(0, value ? value->dtype() : DType::kFloat32, std::move(result));
}

void run_constant_of_shape(RunContext& context) {
  const TensorView& y = context.outputs[0];
  const size_t bytes = element_bytes(context, y.dtype);
  const Tensor* value = context.node.tensor_attribute("value");
  const size_t size = view_bytes(y);
  uint64_t element = 0;
  if (value) copy_bytes(&element, value->raw(), std::min(bytes, value->size_bytes()));
  auto* to = y.as<uint8_t>();
  copy_bytes(to, &element, std::min(bytes, size));
  // What is there doubles.
  for (size_t done = bytes; done < size; done *= 2) {
    copy_bytes(to + done, to, std::min(done, size - done));
  }
}

// ---- Range: start, start + delta, ... below limit
double number(const InferContext& context, const Tensor& scalar) {
  double value = 0;
  const TensorView from{scalar.dtype(), Layout::kPlain, {}, const_cast<void*>(scalar.raw())};
  if (scalar.size() != 1 || scalar.dtype() != context.dtype(0) ||
      !cast_elements(from, {DType::kFloat64, Layout::kPlain, {}, &value})) {
    context.fail(ErrorCode::kInvalidType, "start, limit and delta must be scalars of one dtype");
  }
  return value;
}

void infer_range(InferContext& context) {
  std::optional<Dims> result = Dims{Dim{}};
  const Tensor* parts[3] = {context.constant(0), context.constant(1), context.constant(2)};
  if (parts[0] && parts[1] && parts[2]) {
    const double start = number(context, *parts[0]), limit = number(context, *parts[1]);
    const double delta = number(context, *parts[2]);
    const double count = std::ceil((limit - start) / delta);
    if (delta == 0 || !(count < 1e15)) {
      context.fail(ErrorCode::kInvalidData, "the range has no end");
    }
    (*result)[0].value = std::max<int64_t>(0, static_cast<int64_t>(std::max(count, 0.0)));
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// Floats in their own type, integers by way of int64.
void run_range(RunContext& context) {
  const TensorView& y = context.outputs[0];
  const auto fill = [&](auto tag) {
    using T = decltype(tag);
    T start{}, delta{};
    std::vector<T> values(static_cast<size_t>(y.size()));
    const auto cast = [](const TensorView& from, void* to, const Shape& shape) {
      return cast_elements(from, {DTypeOf<T>::kValue, Layout::kPlain, shape, to});
    };
    if (!cast(context.inputs[0], &start, {}) || !cast(context.inputs[2], &delta, {})) {
      refuse_dtype(context, y.dtype);
    }
    for (size_t i = 0; i < values.size(); ++i) values[i] = start + static_cast<T>(i) * delta;
    cast_elements({DTypeOf<T>::kValue, Layout::kPlain, y.shape, values.data()}, y);
  };
  if (!dtype_switch<float, double>(y.dtype, fill)) fill(int64_t{});
}

// ---- Trilu: keeps the triangle above (or below) diagonal k of each matrix
void infer_trilu(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

void run_trilu(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const size_t rank = x.shape.size();
  if (rank < 2) context.fail(ErrorCode::kInvalidShape, "the input must be a matrix or a batch");
  const bool upper = context.node.int_attribute("upper", 1) != 0;
  const int64_t k = context.has_input(1) ? integers(context.inputs[1]).at(0) : 0;
  const int64_t rows = x.shape[rank - 2], cols = x.shape[rank - 1];
  const bool done = size_switch(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    const T* from = x.as<T>();
    T* to = context.outputs[0].as<T>();
    const int64_t count = cols == 0 ? 0 : x.size() / cols;
    for (int64_t i = 0; i < count; ++i, from += cols, to += cols) {
      // Upper keeps columns from row + k on, lower those up to and including it.
      const int64_t diagonal = i % rows + std::clamp(k, -rows - cols, rows + cols);
      const int64_t edge = std::clamp(upper ? diagonal : diagonal + 1, int64_t{0}, cols);
      for (int64_t j = 0; j < cols; ++j) to[j] = (j >= edge) == upper ? from[j] : T{};
    }
  });
  if (!done) refuse_dtype(context, x.dtype);
}

// ---- OneHot: y[..., j, ...] = on where indices == j, off elsewhere; out-of-range indices are off
// The depth may be of any numeric dtype.
std::optional<int64_t> known_depth(const InferContext& context) {
  const Tensor* depth = context.constant(1);
  if (!depth || depth->size() != 1 || kind_of(depth->dtype()) == Kind::kNone) return std::nullopt;
  double value = 0;
  load_piece({depth->dtype(), Layout::kPlain, {}, const_cast<void*>(depth->raw())}, 0, 1, 1,
             &value);
  if (!(value >= 0 && value < 1e12)) return std::nullopt;
  return static_cast<int64_t>(value);
}

void infer_one_hot(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const size_t rank = result->size() + 1;
    const size_t axis = checked_axis(context, context.node.int_attribute("axis", -1), rank);
    Dim dim;
    if (const auto depth = known_depth(context)) dim.value = *depth;
    result->insert(result->begin() + static_cast<std::ptrdiff_t>(axis), dim);
  }
  context.set_output(0, context.dtype(2), std::move(result));
}

void run_one_hot(RunContext& context) {
  const TensorView& y = context.outputs[0];
  const size_t rank = y.shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", -1), rank);
  const int64_t depth = y.shape[axis], inner = product(y.shape, axis + 1, rank);
  std::vector<int64_t> indices(static_cast<size_t>(context.inputs[0].size()));
  cast_elements(context.inputs[0],
                {DType::kInt64, Layout::kPlain, context.inputs[0].shape, indices.data()});
  const bool done = size_switch(y.dtype, [&](auto tag) {
    using T = decltype(tag);
    const T off = context.inputs[2].as<T>()[0], on = context.inputs[2].as<T>()[1];
    T* to = y.as<T>();
    std::fill_n(to, y.size(), off);
    for (size_t i = 0; i < indices.size(); ++i) {
      const int64_t index = indices[i] < 0 ? indices[i] + depth : indices[i];
      if (index < 0 || index >= depth) continue;
      const auto position = static_cast<int64_t>(i);
      to[(position / inner * depth + index) * inner + position % inner] = on;
    }
  });
  if (!done) refuse_dtype(context, y.dtype);
}

// ---- EyeLike
void infer_eye_like(InferContext& context) {
  const auto dtype = static_cast<DType>(
      context.node.int_attribute("dtype", static_cast<int64_t>(context.dtype(0))));
  context.set_output(0, dtype, context.dims(0));
}

void run_eye_like(RunContext& context) {
  const TensorView& y = context.outputs[0];
  if (y.shape.size() != 2) context.fail(ErrorCode::kInvalidShape, "the input must be a matrix");
  const int64_t k = context.node.int_attribute("k", 0);
  Piece<int64_t> piece;
  for (int64_t at = 0, size = y.size(); at < size; at += kPiece) {
    const int64_t n = std::min(kPiece, size - at);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = (at + i) / y.shape[1], column = (at + i) % y.shape[1];
      piece[static_cast<size_t>(i)] = column - row == k;
    }
    if (!store_piece(piece.data(), n, y, at)) refuse_dtype(context, y.dtype);
  }
}

// ---- NonZero: [rank, count] coordinates; the count is known only when running
void infer_non_zero(InferContext& context) {
  std::optional<Dims> result;
  if (context.dims(0)) {
    result = Dims{Dim{static_cast<int64_t>(context.dims(0)->size()), {}}, Dim{}};
  }
  context.set_output(0, DType::kInt64, std::move(result));
}

void run_non_zero(RunContext& context) {
  const TensorView& x = context.inputs[0];
  std::vector<int64_t> found;
  if (kind_of(x.dtype) == Kind::kNone) refuse_dtype(context, x.dtype);
  Piece<double> piece;
  for (int64_t at = 0, size = x.size(); at < size; at += kPiece) {
    const int64_t n = std::min(kPiece, size - at);
    load_piece(x, at, 1, n, piece.data());
    for (int64_t i = 0; i < n; ++i) {
      if (piece[static_cast<size_t>(i)] != 0) found.push_back(at + i);
    }
  }
  const auto rank = x.rank(), count = static_cast<int64_t>(found.size());
  const TensorView y = context.host.allocate(0, DType::kInt64, {rank, count});
  const Shape strides = physical_strides(x.shape, Layout::kPlain);
  for (int64_t d = 0; d < rank; ++d) {
    const auto axis = static_cast<size_t>(d);
    for (int64_t i = 0; i < count; ++i) {
      y.as<int64_t>()[d * count + i] =
          found[static_cast<size_t>(i)] / strides[axis] % x.shape[axis];
    }
  }
}

OpDef maker(std::string_view op_type, Roles inputs, void (*infer)(InferContext&),
            void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.inputs = inputs;
  row.infer = infer;
  row.run = run;
  row.floats = FloatTypes::kAny;
  row.observation = kNoObservation;
  return row;
}

}  // namespace

void add_create_rows(std::vector<OpDef>& rows) {
  rows.push_back(maker("Shape", {Role::kMetadata}, infer_shape, run_shape));
  rows.push_back(maker("Size", {Role::kMetadata}, infer_size, run_size));
  rows.push_back(maker("Constant", {}, infer_constant, run_constant));
  rows.push_back(
      maker("ConstantOfShape", {Role::kShape}, infer_constant_of_shape, run_constant_of_shape));
  rows.push_back(maker("Range", {Role::kShape}, infer_range, run_range));
  rows.back().floats = FloatTypes::kDouble;
  rows.push_back(maker("Trilu", {Role::kActivation, Role::kShape}, infer_trilu, run_trilu));
  rows.push_back(
      maker("OneHot", {Role::kShape, Role::kShape, Role::kParameter}, infer_one_hot, run_one_hot));
  rows.push_back(maker("EyeLike", {Role::kMetadata}, infer_eye_like, run_eye_like));
  rows.push_back(maker("NonZero", {Role::kActivation}, infer_non_zero, run_non_zero));
  rows.back().allocates = true;
}

}  // namespace eightfold
