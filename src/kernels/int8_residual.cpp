// Convolutions with a residual: float sums of a block of output rows from the dense kernel, then
// the residual kernel on them while they are in cache.
#include <algorithm>

#include "core/aligned.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace eightfold {
namespace {

constexpr int64_t kBlockSums = 32 * 1024;  // 128 KB, beside the weights in the second-level cache

int64_t rows_per_block(const ConvShape& shape) {
  const int64_t height = std::max<int64_t>(shape.window.height().out, 1);
  if (shape.window.depth().out > 1) return height;  // blocks cut one axis only
  const int64_t row = std::max<int64_t>(shape.window.width().out * shape.out_channels, 1);
  return std::clamp<int64_t>(kBlockSums / row, 1, height);
}

int64_t sums_per_row(const ConvShape& shape) {
  return shape.window.depth().out * shape.window.width().out * shape.out_channels;
}

// What makes `rows` rows of one image from row `first` on. A window of one pixel stays one, since
// it has a path of its own: for it the input begins at the first row instead.
ConvShape block_of(const ConvShape& shape, int64_t first, int64_t rows) {
  ConvShape block = shape;
  block.batch = 1;
  WindowAxis& height = block.window.axes[1];
  height.out = rows;
  if (shape.window.pointwise()) {
    height.in = rows;
  } else {
    height.pad -= first * height.stride;
  }
  return block;
}

size_t sums_offset(std::span<const PackedDense> groups, const ConvShape& shape) {
  return aligned(conv_scratch_bytes(groups, block_of(shape, 0, rows_per_block(shape))));
}

}  // namespace

size_t residual_scratch_bytes(std::span<const PackedDense> groups, const ConvShape& shape) {
  const int64_t sums = rows_per_block(shape) * sums_per_row(shape);
  return sums_offset(groups, shape) + static_cast<size_t>(sums) * sizeof(float);
}

void conv_residual_int8(std::span<const PackedDense> groups, const Int8Input& input,
                        const ResidualOperand& residual, const Int8Output& output,
                        const ConvShape& shape, uint8_t* scratch) {
  const Window& window = shape.window;
  const int64_t in_image = window.in_size() * shape.in_channels;
  const int64_t in_row = window.pointwise() ? window.width().in * shape.in_channels : 0;
  const int64_t row_sums = sums_per_row(shape), block_rows = rows_per_block(shape);
  const int64_t height = window.height().out;
  const auto kernel = select<ResidualInt8>();
  // Where blocks cannot be cut, the convolution inside of them is.
  const int64_t grain = window.depth().out > 1 ? height : 1;
  const ParallelLoop loop{height, row_sums * groups[0].row_size() / 4 + 1, grain, scratch,
                          residual_scratch_bytes(groups, shape)};
  for (int64_t n = 0; n < shape.batch; ++n) {
    const auto* x = static_cast<const uint8_t*>(input.data) + n * in_image;
    const int64_t image = n * height * row_sums;
    parallel_for(loop, [&](const LoopPart& part) {
      auto* sums = reinterpret_cast<float*>(part.scratch + sums_offset(groups, shape));
      Int8Input block_input = input;
      ResidualRunInt8 run{sums, residual.z, residual.scale, 0, output};
      for (int64_t first = part.begin; first < part.end; first += block_rows) {
        const int64_t rows = std::min(block_rows, part.end - first);
        const int64_t at = image + first * row_sums;
        block_input.data = x + first * in_row;
        conv_int8(groups, block_input, {sums, DType::kFloat32}, block_of(shape, first, rows),
                  part.scratch);
        run.n = rows * row_sums;
        run.x.data = static_cast<const uint8_t*>(residual.z.data) + at;
        run.out.data = static_cast<uint8_t*>(output.data) + at;
        kernel->run(run);
      }
    });
  }
}

}  // namespace eightfold
