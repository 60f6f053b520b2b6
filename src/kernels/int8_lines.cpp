// See int8_lines.h.
#include "kernels/int8_lines.h"

#include <algorithm>

#include "core/aligned.h"
#include "kernels/parallel.h"

namespace eightfold {
namespace {

// Of prepared lines, beside the weights in the second cache.
constexpr size_t kBandBytes = 192 * 1024;
constexpr int64_t kMostColumns = 128;
// What the last piece of a line reads beyond its end: less than a step.
constexpr size_t kTail = 16;

// The lines that a band of output rows needs.
struct Lines {
  int64_t columns;  // that some window touches, padding among them
  size_t pixel, bytes;
  int64_t rows;  // output rows in a band

  Lines(const PackedDense& weights, const ConvShape& shape) {
    const WindowAxis &height = shape.window.height(), &width = shape.window.width();
    columns = std::max<int64_t>(0, (width.out - 1) * width.stride + width.kernel);
    pixel = static_cast<size_t>(shape.in_channels) * weights.kernel->element_bytes;
    check_padded_bytes(shape.window, pixel);
    bytes = aligned(static_cast<size_t>(columns) * pixel + kTail);
    const auto fit = static_cast<int64_t>(kBandBytes / bytes);
    const int64_t shared = (height.kernel - 1) * height.dilation + 1;
    rows = std::clamp<int64_t>((fit - shared) / height.stride + 1, 1,
                               std::max<int64_t>(height.out, 1));
  }
  int64_t count(const WindowAxis& height, int64_t out_rows) const {
    return (out_rows - 1) * height.stride + (height.kernel - 1) * height.dilation + 1;
  }
};

// Input line y of an image, with its padding on both sides; all padding outside the image.
void fill_line(const PackedDense& weights, const Int8Input& input, const ConvShape& shape,
               const Lines& lines, int64_t batch, int64_t y, uint8_t* to) {
  const WindowAxis &height = shape.window.height(), &width = shape.window.width();
  const DenseInt8& kernel = *weights.kernel;
  const bool inside = y >= 0 && y < height.in;
  const int64_t before = inside ? std::clamp<int64_t>(width.pad, 0, lines.columns) : lines.columns;
  const int64_t skipped = std::max<int64_t>(0, -width.pad);
  const int64_t count =
      inside ? std::clamp<int64_t>(width.in - skipped, 0, lines.columns - before) : 0;
  const int64_t after = lines.columns - before - count;
  if (before > 0) kernel.pad(input, before * shape.in_channels, to);
  to += static_cast<size_t>(before) * lines.pixel;
  if (count > 0) {
    const int64_t first = (batch * height.in + y) * width.in + skipped;
    kernel.load(input, first * shape.in_channels, count * shape.in_channels, to);
    to += static_cast<size_t>(count) * lines.pixel;
  }
  if (after > 0) kernel.pad(input, after * shape.in_channels, to);
}

}  // namespace

bool suits_lines(int64_t out_channels) { return out_channels <= kMostColumns; }

size_t lines_scratch_bytes(const PackedDense& weights, const ConvShape& shape) {
  const Lines lines(weights, shape);
  return static_cast<size_t>(lines.count(shape.window.height(), lines.rows)) * lines.bytes;
}

void conv_lines(const PackedDense& weights, const Int8Input& input, const Int8Output& output,
                const ConvShape& shape, uint8_t* scratch) {
  const WindowAxis &height = shape.window.height(), &width = shape.window.width();
  const Lines lines(weights, shape);
  const ParallelLoop loop{height.out, width.out * weights.n * weights.row_size() / 4 + 1, 1,
                          scratch, lines_scratch_bytes(weights, shape)};
  for (int64_t batch = 0; batch < shape.batch; ++batch) {
    parallel_for(loop, [&](const LoopPart& part) {
      for (int64_t first = part.begin; first < part.end; first += lines.rows) {
        const int64_t rows = std::min(lines.rows, part.end - first);
        const int64_t top = first * height.stride - height.pad;
        for (int64_t i = 0; i < lines.count(height, rows); ++i) {
          fill_line(weights, input, shape, lines, batch, top + i,
                    part.scratch + static_cast<size_t>(i) * lines.bytes);
        }
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t pixel = (batch * height.out + first + r) * width.out;
          weights.kernel->run({weights.bytes->data(),
                               part.scratch + static_cast<size_t>(r * height.stride) * lines.bytes,
                               static_cast<size_t>(width.stride) * lines.pixel, width.out,
                               weights.k, weights.n, at_element(output, pixel * shape.out_channels),
                               shape.out_channels, weights.pieces,
                               static_cast<size_t>(height.dilation) * lines.bytes});
        }
      }
    });
  }
}

}  // namespace eightfold
