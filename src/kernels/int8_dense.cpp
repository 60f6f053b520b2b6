// Drives the dense int8 kernel: packing, rows of a matrix, convolutions by gathered rows.
//
// Whatever the source of the rows, a tile of them is prepared in scratch (zero point taken off,
// padding zero) and multiplied with all columns before the next tile is made.
#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "kernels/int8.h"
#include "kernels/int8_lines.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace eightfold {
namespace {

// Prepared rows stay within the second-level cache beside a block of weights.
constexpr size_t kTileBytes = 128 * 1024;
constexpr int64_t kMaxTileRows = 64;
constexpr int64_t kMinTileRows = 8;

int64_t tile_rows(const PackedDense& weights) {
  const size_t row = std::max<size_t>(1, weights.kernel->row_bytes(weights.k));
  const auto fit = static_cast<int64_t>(kTileBytes / row);
  return std::clamp(fit / 4 * 4, kMinTileRows, kMaxTileRows);
}

// Zeros from element k to the end of the first rows of the scratch, as many as `rows` need; loads
// never reach that far, so once per call is enough.
void clear_row_ends(const PackedDense& weights, int64_t rows, uint8_t* scratch) {
  const DenseInt8& kernel = *weights.kernel;
  const size_t stride = kernel.row_bytes(weights.k);
  const size_t used = static_cast<size_t>(weights.k) * kernel.element_bytes;
  const auto left = static_cast<int64_t>((stride - used) / kernel.element_bytes);
  if (left == 0) return;
  for (int64_t m = 0; m < std::min(rows, tile_rows(weights)); ++m) {
    kernel.pad({}, left, scratch + static_cast<size_t>(m) * stride + used);
  }
}

struct Position {
  int64_t depth, height, width;
};

// Gathers the window of one output pixel, for the channels of one group, into a prepared row.
class WindowGather {
 public:
  WindowGather(const PackedDense& weights, const Int8Input& input, const ConvShape& shape,
               int64_t first_channel, int64_t group_channels)
      : kernel_(*weights.kernel),
        input_(input),
        shape_(shape),
        first_(first_channel),
        count_(group_channels),
        whole_(group_channels == shape.in_channels && shape.window.width().dilation == 1) {}

  void row(int64_t batch, const Position& out, uint8_t* to) const {
    const auto& [depth, height, width] = shape_.window.axes;
    for (int64_t d = 0; d < depth.kernel; ++d) {
      const int64_t z = out.depth * depth.stride + d * depth.dilation - depth.pad;
      for (int64_t h = 0; h < height.kernel; ++h) {
        const int64_t y = out.height * height.stride + h * height.dilation - height.pad;
        const int64_t x = out.width * width.stride - width.pad;
        if (z < 0 || z >= depth.in || y < 0 || y >= height.in) {
          to = pad(width.kernel, to);
        } else {
          const int64_t line = ((batch * depth.in + z) * height.in + y) * width.in;
          to = whole_ ? whole_line(line, x, to) : line_by_tap(line, x, to);
        }
      }
    }
  }

 private:
  uint8_t* pad(int64_t pixels, uint8_t* to) const {
    if (pixels <= 0) return to;
    kernel_.pad(input_, pixels * count_, to);
    return to + bytes(pixels);
  }

  // `line`: pixel index of column 0. The taps lie side by side in memory.
  uint8_t* whole_line(int64_t line, int64_t x, uint8_t* to) const {
    const WindowAxis& width = shape_.window.width();
    const int64_t begin = std::clamp<int64_t>(-x, 0, width.kernel);
    const int64_t end = std::clamp(width.in - x, begin, width.kernel);
    to = pad(begin, to);
    if (end > begin) {
      kernel_.load(input_, (line + x + begin) * count_, (end - begin) * count_, to);
      to += bytes(end - begin);
    }
    return pad(width.kernel - end, to);
  }

  uint8_t* line_by_tap(int64_t line, int64_t x, uint8_t* to) const {
    const WindowAxis& width = shape_.window.width();
    for (int64_t t = 0; t < width.kernel; ++t, x += width.dilation) {
      if (x < 0 || x >= width.in) {
        to = pad(1, to);
        continue;
      }
      kernel_.load(input_, (line + x) * shape_.in_channels + first_, count_, to);
      to += bytes(1);
    }
    return to;
  }

  size_t bytes(int64_t pixels) const {
    return static_cast<size_t>(pixels * count_) * kernel_.element_bytes;
  }

  const DenseInt8& kernel_;
  const Int8Input& input_;
  const ConvShape& shape_;
  int64_t first_, count_;
  bool whole_;
};

Position position_of(int64_t pixel, const Window& window) {
  const int64_t width = window.width().out;
  const int64_t height = window.height().out;
  return {pixel / width / height, pixel / width % height, pixel % width};
}

void advance(Position& at, const Window& window) {
  if (++at.width < window.width().out) return;
  at.width = 0;
  if (++at.height < window.height().out) return;
  at.height = 0;
  ++at.depth;
}

// Rows of the product in parts of whole register tiles.
ParallelLoop rows_loop(const PackedDense& weights, int64_t rows, uint8_t* scratch) {
  return {rows, weights.k * weights.n / 4 + 1, 8, scratch, dense_scratch_bytes(weights)};
}

// Some pixels of one group of one image.
void conv_group(const PackedDense& weights, const WindowGather& gather, const Int8Output& output,
                const ConvShape& shape, int64_t batch, const LoopPart& part) {
  const int64_t pixels = shape.window.out_size();
  const size_t stride = weights.kernel->row_bytes(weights.k);
  const int64_t step = tile_rows(weights);
  uint8_t* scratch = part.scratch;
  clear_row_ends(weights, part.count(), scratch);
  for (int64_t first = part.begin; first < part.end; first += step) {
    const int64_t rows = std::min(step, part.end - first);
    Position at = position_of(first, shape.window);
    for (int64_t m = 0; m < rows; ++m, advance(at, shape.window)) {
      gather.row(batch, at, scratch + static_cast<size_t>(m) * stride);
    }
    weights.kernel->run({weights.bytes->data(), scratch, stride, rows, weights.k, weights.n,
                         at_element(output, (batch * pixels + first) * shape.out_channels),
                         shape.out_channels});
  }
}

}  // namespace

int32_t DenseWeights::at(int64_t k_index, int64_t column) const {
  if (pieces > 0) {
    const int64_t in_piece = k_index % padded_piece();
    if (in_piece >= piece()) return 0;
    k_index = k_index / padded_piece() * piece() + in_piece;
  }
  const int64_t i =
      (k_index / inner) * outer_stride + (k_index % inner) * inner_stride + column * n_stride;
  const int32_t w =
      is_signed ? static_cast<const int8_t*>(data)[i] : static_cast<const uint8_t*>(data)[i];
  return zero_point.empty() ? w : w - zero_point[static_cast<size_t>(column)];
}

void check_dense_limit(const DenseWeights& weights) {
  constexpr int64_t kMaxActivation = 255;  // |a - za|
  constexpr int64_t kMaxWeight = 255;      // |w - zw|
  if (weights.k() <= INT32_MAX / (kMaxActivation * kMaxWeight)) return;
  for (int64_t n = 0; n < weights.n; ++n) {
    int64_t sum = 0;
    for (int64_t k = 0; k < weights.k(); ++k) sum += std::abs(weights.at(k, n));
    if (sum > INT32_MAX / kMaxActivation) {
      throw Error(ErrorCode::kLimitExceeded,
                  "a sum of " + std::to_string(weights.k()) + " int8 products can leave 32 bits",
                  "keep this layer in float");
    }
  }
}

PackedDense pack_dense_for(const DenseInt8& kernel, DenseWeights weights) {
  weights.step = kernel.step;
  PackedDense packed{&kernel,
                     Buffer::allocate(kernel.packed_bytes(weights.k(), weights.n)),
                     weights.padded_piece(),
                     weights.n,
                     weights.activations,
                     weights.pieces};
  kernel.pack(weights, packed.bytes->data());
  return packed;
}

PackedDense pack_dense(const DenseWeights& weights) {
  check_dense_limit(weights);
  DenseWeights padded = weights;
  const auto fits = [&](const DenseInt8& kernel) {
    padded.step = kernel.step;
    return !kernel.fits || kernel.fits(padded);
  };
  return pack_dense_for(*select<DenseInt8>(fits).kernel, weights);
}

size_t dense_scratch_bytes(const PackedDense& weights) {
  return static_cast<size_t>(tile_rows(weights)) * weights.kernel->row_bytes(weights.k);
}

size_t dense_scratch_bytes(int64_t k, int64_t n) {
  size_t bytes = 0;
  select<DenseInt8>([&](const DenseInt8& kernel) {
    bytes = std::max(bytes, dense_scratch_bytes(PackedDense{&kernel, nullptr, k, n}));
    return !kernel.fits;
  });
  return bytes;
}

size_t dense_scratch_bytes(std::span<const PackedDense> groups) {
  size_t bytes = 0;
  for (const PackedDense& group : groups) bytes = std::max(bytes, dense_scratch_bytes(group));
  return bytes;
}

namespace {

void dense_part(const PackedDense& weights, const Int8Input& input, const Int8Output& output,
                const DenseRows& rows, const LoopPart& part) {
  const DenseInt8& kernel = *weights.kernel;
  uint8_t* scratch = part.scratch;
  const bool in_place = kernel.in_place && kernel.in_place(input, weights.k);
  const size_t stride = in_place ? static_cast<size_t>(rows.lda) : kernel.row_bytes(weights.k);
  const int64_t step = tile_rows(weights);
  if (!in_place) clear_row_ends(weights, part.count(), scratch);
  for (int64_t first = part.begin; first < part.end; first += step) {
    const int64_t count = std::min(step, part.end - first);
    const uint8_t* prepared = scratch;
    if (in_place) {
      prepared = static_cast<const uint8_t*>(input.data) + first * rows.lda;
    } else {
      for (int64_t m = 0; m < count; ++m) {
        kernel.load(input, (first + m) * rows.lda, weights.k,
                    scratch + static_cast<size_t>(m) * stride);
      }
    }
    kernel.run({weights.bytes->data(), prepared, stride, count, weights.k, weights.n,
                at_element(output, first * rows.ldc), rows.ldc});
  }
}

// Few rows, at most a tile of them: each part has all of them and some blocks of columns.
void dense_columns(const PackedDense& weights, const Int8Input& input, const Int8Output& output,
                   const DenseRows& rows, uint8_t* scratch) {
  const DenseInt8& kernel = *weights.kernel;
  const bool in_place = kernel.in_place && kernel.in_place(input, weights.k);
  const size_t stride = in_place ? static_cast<size_t>(rows.lda) : kernel.row_bytes(weights.k);
  const uint8_t* prepared = in_place ? static_cast<const uint8_t*>(input.data) : scratch;
  if (!in_place) {
    clear_row_ends(weights, rows.m, scratch);
    for (int64_t m = 0; m < rows.m; ++m) {
      kernel.load(input, m * rows.lda, weights.k, scratch + static_cast<size_t>(m) * stride);
    }
  }
  const ParallelLoop loop{weights.n, rows.m * weights.k / 4 + 1, kernel.block_columns};
  parallel_for(loop, [&](const LoopPart& part) {
    kernel.run({weights.bytes->data() + kernel.packed_bytes(weights.k, part.begin), prepared,
                stride, rows.m, weights.k, part.count(), at_channel(output, part.begin), rows.ldc});
  });
}

}  // namespace

void dense_rows(const PackedDense& weights, const Int8Input& input, const Int8Output& output,
                const DenseRows& rows, uint8_t* scratch) {
  const int threads = thread_count();
  if (threads > 1 && rows.m < kMinTileRows * threads && rows.m <= tile_rows(weights) &&
      weights.kernel->block_columns > 0) {
    return dense_columns(weights, input, output, rows, scratch);
  }
  parallel_for(rows_loop(weights, rows.m, scratch),
               [&](const LoopPart& part) { dense_part(weights, input, output, rows, part); });
}

size_t conv_scratch_bytes(std::span<const PackedDense> groups, const ConvShape& shape) {
  return groups[0].pieces > 0 ? lines_scratch_bytes(groups[0], shape) : dense_scratch_bytes(groups);
}

void conv_int8(std::span<const PackedDense> groups, const Int8Input& input,
               const Int8Output& output, const ConvShape& shape, uint8_t* scratch) {
  if (groups[0].pieces > 0) return conv_lines(groups[0], input, output, shape, scratch);
  if (groups.size() == 1 && shape.window.pointwise()) {
    const DenseRows rows{shape.batch * shape.window.out_size(), shape.in_channels,
                         shape.out_channels};
    return dense_rows(groups[0], input, output, rows, scratch);
  }
  const auto count = static_cast<int64_t>(groups.size());
  const int64_t in_channels = shape.in_channels / count;
  const int64_t out_channels = shape.out_channels / count;
  for (int64_t batch = 0; batch < shape.batch; ++batch) {
    for (int64_t g = 0; g < count; ++g) {
      const PackedDense& weights = groups[static_cast<size_t>(g)];
      const WindowGather gather(weights, input, shape, g * in_channels, in_channels);
      const Int8Output to = at_channel(output, g * out_channels);
      parallel_for(rows_loop(weights, shape.window.out_size(), scratch), [&](const LoopPart& part) {
        conv_group(weights, gather, to, shape, batch, part);
      });
    }
  }
}

}  // namespace eightfold
