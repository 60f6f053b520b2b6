// MatMul: shapes by numpy's rules, packing of a constant B, one GEMM per product of the batch.
// When B is a single matrix all rows of A are one GEMM. Source: ONNX MatMul, numpy.matmul.
#include "ops/matmul.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "kernels/float.h"
#include "ops/dtype_switch.h"

namespace eightfold {
namespace {

[[noreturn]] void refuse(std::span<const int64_t> a, std::span<const int64_t> b) {
  throw Error(ErrorCode::kInvalidShape,
              "shapes " + shape_text(a) + " and " + shape_text(b) + " do not multiply");
}

// Strides of leading dims `dims` within the broadcast `batch`, in matrices.
Shape batch_strides(std::span<const int64_t> dims, const Shape& batch) {
  Shape strides(batch.size(), 0);
  int64_t step = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t dim = dims[dims.size() - 1 - i];
    strides[batch.size() - 1 - i] = dim == 1 ? 0 : step;
    step *= dim;
  }
  return strides;
}

// The i-th dim from the right, 1 beyond the left end.
int64_t dim_from_right(std::span<const int64_t> dims, size_t i) {
  return i < dims.size() ? dims[dims.size() - 1 - i] : 1;
}

std::span<const int64_t> leading(std::span<const int64_t> dims) {
  return dims.size() > 2 ? dims.first(dims.size() - 2) : std::span<const int64_t>();
}

Dim broadcast_dim(const Dim& a, const Dim& b) {
  if (a.known() && a.value != 1) return a;
  if (b.known() && b.value != 1) return b;
  if (a.known()) return b;
  if (b.known()) return a;
  return a == b ? a : Dim{};
}

// ---------------------------------------------------------------- pack
DenseWeightsF32 matrix_weights(const float* b, int64_t k, int64_t n) {
  return {.data = b, .inner = k, .n = n, .inner_stride = n, .n_stride = 1};
}

// All matrices of B, one packed form after the other.
OpState pack_matmul(const PackContext& context) {
  const Tensor* b = context.constant(1);
  if (!b || b->dtype() != DType::kFloat32 || b->rank() < 1) return nullptr;
  const Shape& shape = b->shape();
  const int64_t n = shape.size() == 1 ? 1 : shape.back();
  const int64_t k = shape.size() == 1 ? shape[0] : shape[shape.size() - 2];
  const int64_t count = element_count(leading(shape));
  const size_t floats = packed_dense_f32(k, n);
  auto packed = Buffer::allocate(static_cast<size_t>(count) * floats * sizeof(float));
  auto* panels = reinterpret_cast<float*>(packed->data());
  for (int64_t i = 0; i < count; ++i) {
    pack_dense_f32(matrix_weights(b->data<float>().data() + i * k * n, k, n),
                   panels + static_cast<size_t>(i) * floats);
  }
  return packed;
}

// ---------------------------------------------------------------- plan and run
OpState plan_matmul(PlanContext& context) {
  const DType dtype = context.inputs[0].dtype;
  if (context.inputs[1].dtype != dtype) {
    context.fail(ErrorCode::kInvalidType, "inputs of types " + std::string(dtype_name(dtype)) +
                                              " and " +
                                              std::string(dtype_name(context.inputs[1].dtype)));
  }
  if (!matmul_supports(dtype)) refuse_dtype(context, dtype);
  auto plan = std::make_shared<MatMulShape>(
      make_matmul_shape(context.inputs[0].shape, context.inputs[1].shape));
  if (dtype == DType::kFloat32 && !context.packed) {
    context.scratch_bytes = packed_dense_f32(plan->k, plan->n) * sizeof(float);
  }
  return plan;
}

// Hands out the packed form of a matrix of B; one that comes at run time is packed when its turn
// comes.
class Panels {
 public:
  Panels(const RunContext& context, const MatMulShape& shape)
      : context_(context), shape_(shape), floats_(packed_dense_f32(shape.k, shape.n)) {}

  const float* of(int64_t matrix) {
    if (context_.packed) {
      const auto& packed = context_.packed_as<Buffer>();
      return reinterpret_cast<const float*>(packed.data()) + static_cast<size_t>(matrix) * floats_;
    }
    auto* panels = reinterpret_cast<float*>(context_.scratch);
    if (matrix != in_scratch_) {
      const float* b = context_.inputs[1].as<float>() + matrix * shape_.k * shape_.n;
      pack_dense_f32(matrix_weights(b, shape_.k, shape_.n), panels);
      in_scratch_ = matrix;
    }
    return panels;
  }

 private:
  const RunContext& context_;
  const MatMulShape& shape_;
  size_t floats_;
  int64_t in_scratch_ = -1;
};

void run_float(RunContext& context, const MatMulShape& shape) {
  const float* a = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  Panels panels(context, shape);
  const bool one_matrix =
      std::ranges::all_of(shape.b_strides, [](int64_t stride) { return stride == 0; }) &&
      element_count(leading(context.inputs[0].shape)) == shape.batches();
  const int64_t products = one_matrix ? 1 : shape.batches();
  const int64_t rows = one_matrix ? shape.m * shape.batches() : shape.m;
  for (int64_t i = 0; i < products && rows > 0; ++i) {
    gemm_f32({panels.of(shape.b_index(i)),
              a + shape.a_index(i) * shape.m * shape.k,
              rows,
              shape.k,
              shape.n,
              shape.k,
              y + i * shape.m * shape.n,
              shape.n,
              {}});
  }
}

template <typename T>
void run_plain(RunContext& context, const MatMulShape& shape) {
  const T* a = context.inputs[0].as<T>();
  const T* b = context.inputs[1].as<T>();
  T* y = context.outputs[0].as<T>();
  for (int64_t i = 0; i < shape.batches(); ++i) {
    multiply_plain<T>({a + shape.a_index(i) * shape.m * shape.k, shape.k, 1},
                      {b + shape.b_index(i) * shape.k * shape.n, shape.n, 1},
                      {shape.m, shape.n, shape.k}, y + i * shape.m * shape.n);
  }
}

void run_matmul(RunContext& context) {
  const auto& shape = context.plan_as<MatMulShape>();
  const DType dtype = context.inputs[0].dtype;
  if (dtype == DType::kFloat32) return run_float(context, shape);
  dtype_switch<double, int32_t, uint32_t, int64_t, uint64_t>(
      dtype, [&](auto tag) { run_plain<decltype(tag)>(context, shape); });
}

void infer_matmul(InferContext& context) {
  context.set_output(0, context.dtype(0), matmul_dims(context, 0, 1));
}

int64_t matmul_macs(const Node&, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  return element_count(outputs[0]) * inputs[0].back();
}
int matmul_weight_axis(const Node&) { return 1; }

}  // namespace

bool matmul_supports(DType dtype) {
  return dtype_switch<float, double, int32_t, uint32_t, int64_t, uint64_t>(dtype, [](auto) {});
}

int64_t MatMulShape::matrix_index(const Shape& strides, int64_t i) const {
  int64_t index = 0;
  for (size_t d = batch.size(); d-- > 0; i /= batch[d]) index += i % batch[d] * strides[d];
  return index;
}

MatMulShape make_matmul_shape(std::span<const int64_t> a, std::span<const int64_t> b) {
  if (a.empty() || b.empty()) refuse(a, b);
  MatMulShape shape;
  shape.m = a.size() == 1 ? 1 : a[a.size() - 2];
  shape.k = a.back();
  shape.n = b.size() == 1 ? 1 : b.back();
  if (shape.k != (b.size() == 1 ? b[0] : b[b.size() - 2])) refuse(a, b);
  const auto a_batch = leading(a), b_batch = leading(b);
  const size_t rank = std::max(a_batch.size(), b_batch.size());
  shape.batch.resize(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = dim_from_right(a_batch, i), y = dim_from_right(b_batch, i);
    if (x != y && x != 1 && y != 1) refuse(a, b);
    shape.batch[rank - 1 - i] = x == 1 ? y : x;
  }
  shape.a_strides = batch_strides(a_batch, shape.batch);
  shape.b_strides = batch_strides(b_batch, shape.batch);
  return shape;
}

std::optional<Dims> matmul_dims(const InferContext& context, size_t a, size_t b) {
  const auto& a_dims = context.dims(a);
  const auto& b_dims = context.dims(b);
  if (!a_dims || !b_dims) return std::nullopt;
  const auto a_shape = known_shape(context.input(a)), b_shape = known_shape(context.input(b));
  if (a_shape && b_shape) make_matmul_shape(*a_shape, *b_shape);  // refuses what does not fit
  if (a_dims->empty() || b_dims->empty()) {
    context.fail(ErrorCode::kInvalidShape, "a scalar cannot be multiplied as a matrix");
  }
  const size_t a_batch = a_dims->size() > 2 ? a_dims->size() - 2 : 0;
  const size_t b_batch = b_dims->size() > 2 ? b_dims->size() - 2 : 0;
  const size_t rank = std::max(a_batch, b_batch);
  Dims dims(rank);
  for (size_t i = 0; i < rank; ++i) {
    const Dim one{1, {}};
    dims[rank - 1 - i] = broadcast_dim(i < a_batch ? (*a_dims)[a_batch - 1 - i] : one,
                                       i < b_batch ? (*b_dims)[b_batch - 1 - i] : one);
  }
  if (a_dims->size() > 1) dims.push_back((*a_dims)[a_dims->size() - 2]);
  if (b_dims->size() > 1) dims.push_back(b_dims->back());
  return dims;
}

OpDef matmul_row() {
  return {.domain = "",
          .op_type = "MatMul",
          .inputs = {Role::kActivation, Role::kWeight},
          .infer = infer_matmul,
          .pack = pack_matmul,
          .plan = plan_matmul,
          .run = run_matmul,
          .floats = FloatTypes::kDouble,
          .quantized = {QuantizedOperands::kBinary, "", "QLinearMatMul"},
          .packs_weights = true,
          .weight_axis = matmul_weight_axis,
          .macs = matmul_macs};
}

}  // namespace eightfold
