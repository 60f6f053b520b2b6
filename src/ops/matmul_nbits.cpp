// MatMulNBits: a float product with a weight of 2, 4 or 8 bits. Source: com.microsoft MatMulNBits.
//
//   y[m][n] = bias[n] + sum_k a[m][k] * (q[n][k] - z[n][g]) * s[n][g]     g = k / block, or
//   g_idx[k]
// Columns become floats some at a time, so that the weight stays as small as it is stored. All is
// computed in float32, whatever accuracy_level allows.
#include <algorithm>
#include <memory>

#include "kernels/float.h"
#include "ops/block_weights.h"
#include "ops/qlinear_rows.h"

namespace eightfold {
namespace {

enum Input : size_t { kA, kB, kScales, kZeros, kGroups, kBias };

constexpr int64_t kColumns = 64;  // that are floats at a time

struct Columns {
  int bits = 4;
  int64_t k = 0, n = 0, block = 0, blocks = 0;
  Tensor weight, scales, zeros, groups, bias;  // undefined where absent

  int64_t group(int64_t i) const {
    return groups.defined() ? groups.data<int32_t>()[static_cast<size_t>(i)] : i / block;
  }
  float zero(int64_t column, int64_t g) const {
    if (!zeros.defined()) return static_cast<float>(1 << (bits - 1));
    const auto at = static_cast<size_t>(column * blocks + g);
    if (zeros.dtype() == DType::kFloat32) return zeros.data<float>()[at];
    const auto* row = static_cast<const uint8_t*>(zeros.raw());
    return static_cast<float>(packed_element(row + column * packed_bytes(blocks, bits), g, bits));
  }
  void dequantize(int64_t column, float* out) const {
    const auto* row =
        static_cast<const uint8_t*>(weight.raw()) + column * packed_bytes(blocks * block, bits);
    const float* scale = scales.data<float>().data() + column * blocks;
    int64_t held = -1;
    float z = 0, s = 0;
    for (int64_t i = 0; i < k; ++i) {
      if (const int64_t g = group(i); g != held) {
        held = g;
        z = zero(column, g);
        s = scale[g];
      }
      out[i] = (static_cast<float>(packed_element(row, i, bits)) - z) * s;
    }
  }
};

void check(const PackContext& context, bool holds, const char* what) {
  if (holds) return;
  context.fail(ErrorCode::kInvalidShape, std::string(what) + " does not fit K, N and block_size");
}

OpState pack_columns(const PackContext& context) {
  const Node& node = context.node;
  auto columns = std::make_shared<Columns>();
  columns->bits = read_bits(context);
  columns->k = node.int_attribute("K", 0);
  columns->n = node.int_attribute("N", 0);
  columns->block = node.int_attribute("block_size", 0);
  check(context, columns->k > 0 && columns->n > 0 && columns->block > 0, "an attribute");
  columns->blocks = (columns->k + columns->block - 1) / columns->block;
  const auto take = [&](size_t input, Tensor& tensor) {
    if (context.constant(input)) tensor = *context.constant(input);
  };
  take(kB, columns->weight);
  take(kScales, columns->scales);
  take(kZeros, columns->zeros);
  take(kGroups, columns->groups);
  take(kBias, columns->bias);
  const int64_t n = columns->n, all = n * columns->blocks;
  const Tensor& zeros = columns->zeros;
  check(context,
        columns->weight.dtype() == DType::kUint8 &&
            columns->weight.size() ==
                n * packed_bytes(columns->blocks * columns->block, columns->bits),
        "the weight");
  check(context, columns->scales.dtype() == DType::kFloat32 && columns->scales.size() == all,
        "the scale");
  check(context,
        !zeros.defined() || (zeros.dtype() == DType::kFloat32 && zeros.size() == all) ||
            (zeros.dtype() == DType::kUint8 &&
             zeros.size() == n * packed_bytes(columns->blocks, columns->bits)),
        "the zero point");
  check(context,
        !columns->bias.defined() ||
            (columns->bias.dtype() == DType::kFloat32 && columns->bias.size() == n),
        "the bias");
  if (columns->groups.defined()) {
    check(context, columns->groups.size() >= columns->k, "g_idx");
    for (int32_t g : columns->groups.data<int32_t>()) {
      check(context, g >= 0 && g < columns->blocks, "g_idx");
    }
  }
  return columns;
}

OpState plan_nbits(PlanContext& context) {
  const auto& columns = *static_cast<const Columns*>(context.packed);
  const Shape& a = context.inputs[kA].shape;
  if (context.inputs[kA].dtype != DType::kFloat32 || a.empty() || a.back() != columns.k) {
    context.fail(ErrorCode::kInvalidShape,
                 "A is " + std::string(dtype_name(context.inputs[kA].dtype)) + " " + shape_text(a));
  }
  const size_t floats = static_cast<size_t>(kColumns * columns.k);
  context.scratch_bytes = (floats + packed_dense_f32(columns.k, kColumns)) * sizeof(float);
  return nullptr;
}

void run_nbits(RunContext& context) {
  const auto& columns = context.packed_as<Columns>();
  const int64_t k = columns.k, n = columns.n;
  auto* floats = reinterpret_cast<float*>(context.scratch);
  float* packed = floats + kColumns * k;
  GemmTileF32 tile{};
  tile.packed = packed;
  tile.a = context.inputs[kA].as<float>();
  tile.m = context.inputs[kA].size() / k;
  tile.k = tile.lda = k;
  tile.ldc = n;
  for (int64_t first = 0; first < n; first += kColumns) {
    tile.n = std::min(kColumns, n - first);
    for (int64_t i = 0; i < tile.n; ++i) columns.dequantize(first + i, floats + i * k);
    DenseWeightsF32 weights{.data = floats, .inner = k, .n = tile.n};
    weights.inner_stride = 1;
    weights.n_stride = k;
    if (columns.bias.defined()) weights.bias = columns.bias.data<float>().data() + first;
    pack_dense_f32(weights, packed);
    tile.c = context.outputs[0].as<float>() + first;
    gemm_f32(tile);
  }
}

void infer_nbits(InferContext& context) {
  std::optional<Dims> dims = context.dims(kA);
  if (dims && !dims->empty()) dims->back() = Dim{context.node.int_attribute("N", 0), {}};
  context.set_output(0, context.dtype(kA), std::move(dims));
}

int64_t nbits_macs(const Node& node, std::span<const Shape>, std::span<const Shape> outputs) {
  return element_count(outputs[0]) * node.int_attribute("K", 0);
}

}  // namespace

OpDef matmul_nbits_row() {
  return {.domain = kMicrosoftDomain,
          .op_type = "MatMulNBits",
          .inputs = {Role::kActivation, Role::kParameter},
          .infer = infer_nbits,
          .pack = pack_columns,
          .plan = plan_nbits,
          .run = run_nbits,
          .needs_constant = [](size_t i) { return i != kA; },
          .macs = nbits_macs};
}

}  // namespace eightfold
