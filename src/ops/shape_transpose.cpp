// Transpose, DepthToSpace and SpaceToDepth: permutations of axes, as strided copies.
#include <algorithm>
#include <memory>
#include <numeric>

#include "core/heap_sort.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// ---- Transpose: y[i_p0, i_p1, ...] = x[i_0, i_1, ...]
std::vector<int64_t> permutation(const Node& node, size_t rank) {
  std::vector<int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), int64_t{0});
  return node.ints_attribute("perm", std::move(reversed));
}

void infer_transpose(InferContext& context) {
  std::optional<Dims> result;
  if (context.dims(0)) {
    const Dims& dims = *context.dims(0);
    const std::vector<int64_t> perm = permutation(context.node, dims.size());
    std::vector<int64_t> sorted = perm;
    heap_sort(sorted);
    for (size_t i = 0; i < sorted.size(); ++i) {
      if (sorted.size() == dims.size() && sorted[i] == static_cast<int64_t>(i)) continue;
      context.fail(ErrorCode::kInvalidAttribute, "perm " + shape_text(perm) + " is no order of " +
                                                     std::to_string(dims.size()) + " axes");
    }
    result.emplace();
    for (int64_t axis : perm) result->push_back(dims[static_cast<size_t>(axis)]);
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

OpState plan_transpose(PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const Shape strides = physical_strides(x.shape, x.layout);
  StridedCopy copy;
  copy.dims = context.outputs[0].shape;
  copy.to = physical_strides(copy.dims, Layout::kPlain);
  for (int64_t axis : permutation(context.node, x.shape.size())) {
    copy.from.push_back(strides[static_cast<size_t>(axis)]);
  }
  return std::make_shared<const StridedCopy>(simplified(copy));
}

// ---- DepthToSpace, SpaceToDepth: [N, C, H, W] with blocks of b x b
int64_t block_size(const InferContext& context) {
  const int64_t block = context.node.int_attribute("blocksize", 0);
  if (block < 1) context.fail(ErrorCode::kInvalidAttribute, "blocksize must be positive");
  return block;
}

Dim multiplied(const Dim& dim, int64_t factor) {
  return dim.known() ? Dim{dim.value * factor, {}} : Dim{};
}

Dim divided(const InferContext& context, const Dim& dim, int64_t divisor) {
  if (!dim.known()) return {};
  if (dim.value % divisor != 0) {
    context.fail(ErrorCode::kInvalidShape,
                 std::to_string(dim.value) + " is not a multiple of " + std::to_string(divisor));
  }
  return {dim.value / divisor, {}};
}

void infer_blocks(InferContext& context) {
  const int64_t block = block_size(context);
  const bool to_space = context.node.op_type == "DepthToSpace";
  std::optional<Dims> result;
  if (context.dims(0)) {
    const Dims& dims = *context.dims(0);
    if (dims.size() != 4) context.fail(ErrorCode::kInvalidShape, "the input must have 4 axes");
    result = to_space ? Dims{dims[0], divided(context, dims[1], block * block),
                             multiplied(dims[2], block), multiplied(dims[3], block)}
                      : Dims{dims[0], multiplied(dims[1], block * block),
                             divided(context, dims[2], block), divided(context, dims[3], block)};
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// The value as [N, C, H, W, row in block, column in block]: C counts the smaller side's channels,
// H and W the blocks. Strides of each axis on the side where the blocks lie in depth or in space.
struct BlockAxes {
  int64_t n, c, h, w, row, column;
};

BlockAxes in_depth(const TensorInfo& deep, int64_t block, bool columns_last) {
  const Shape s = physical_strides(deep.shape, deep.layout);
  const int64_t channels = deep.shape[1] / (block * block);
  if (columns_last) return {s[0], s[1] * block * block, s[2], s[3], s[1] * block, s[1]};
  return {s[0], s[1], s[2], s[3], s[1] * block * channels, s[1] * channels};
}

BlockAxes in_space(const TensorInfo& wide, int64_t block) {
  const Shape s = physical_strides(wide.shape, wide.layout);
  return {s[0], s[1], s[2] * block, s[3] * block, s[2], s[3]};
}

OpState plan_blocks(PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const TensorInfo& y = context.outputs[0];
  const bool to_space = context.node.op_type == "DepthToSpace";
  const bool columns_last = context.node.string_attribute("mode", "DCR") == "CRD";
  const int64_t block = context.node.int_attribute("blocksize", 1);
  const TensorInfo& deep = to_space ? x : y;
  const TensorInfo& wide = to_space ? y : x;
  const BlockAxes depth = in_depth(deep, block, columns_last);
  const BlockAxes space = in_space(wide, block);
  const BlockAxes& from = to_space ? depth : space;
  const BlockAxes& to = to_space ? space : depth;
  struct Axis {
    int64_t dim, from, to;
  };
  std::vector<Axis> axes = {{wide.shape[0], from.n, to.n}, {wide.shape[1], from.c, to.c},
                            {deep.shape[2], from.h, to.h}, {deep.shape[3], from.w, to.w},
                            {block, from.row, to.row},     {block, from.column, to.column}};
  // In the order of the output's memory, so that it is written from front to back.
  heap_sort(axes, [](const Axis& a, const Axis& b) { return a.to > b.to; });
  StridedCopy copy;
  for (const Axis& axis : axes) {
    copy.dims.push_back(axis.dim);
    copy.from.push_back(axis.from);
    copy.to.push_back(axis.to);
  }
  return std::make_shared<const StridedCopy>(simplified(copy));
}

}  // namespace

void add_transpose_rows(std::vector<OpDef>& rows) {
  rows.push_back(
      moving_row("Transpose", 1, kLatestOpset, infer_transpose, plan_transpose, run_strided));
  for (std::string_view op_type : {"DepthToSpace", "SpaceToDepth"}) {
    rows.push_back(moving_row(op_type, 1, kLatestOpset, infer_blocks, plan_blocks, run_strided));
    rows.back().layout = LayoutRule::kFollow;
  }
}

}  // namespace eightfold
