// Drives the depthwise kernel: one output row after the other, with the input rows its taps read.
#include <vector>

#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace eightfold {
namespace {

struct RowTaps {
  const uint8_t* image;  // of the batch entry
  int64_t channels;
  const Window& window;

  // Input rows of output row (depth, height), null where a tap is in the padding.
  void find(int64_t depth, int64_t height, std::vector<const uint8_t*>& rows) const {
    const WindowAxis& d = window.depth();
    const WindowAxis& h = window.height();
    rows.clear();
    for (int64_t i = 0; i < d.kernel; ++i) {
      const int64_t z = depth * d.stride + i * d.dilation - d.pad;
      for (int64_t j = 0; j < h.kernel; ++j) {
        const int64_t y = height * h.stride + j * h.dilation - h.pad;
        const bool inside = z >= 0 && z < d.in && y >= 0 && y < h.in;
        const int64_t line = (z * h.in + y) * window.width().in;
        rows.push_back(inside ? image + line * channels : nullptr);
      }
    }
  }
};

}  // namespace

int32_t DepthwiseWeights::at(int64_t channel, int64_t tap) const {
  const int64_t i = channel * taps + tap;
  const int32_t w =
      is_signed ? static_cast<const int8_t*>(data)[i] : static_cast<const uint8_t*>(data)[i];
  return zero_point.empty() ? w : w - zero_point[static_cast<size_t>(channel)];
}

PackedDepthwise pack_depthwise(const DepthwiseWeights& weights, int64_t width_taps) {
  DenseWeights same_sums;  // the limit is that of a dense product over the taps
  same_sums.data = weights.data;
  same_sums.is_signed = weights.is_signed;
  same_sums.inner = weights.taps;
  same_sums.n = weights.channels;
  same_sums.inner_stride = 1;
  same_sums.n_stride = weights.taps;
  same_sums.zero_point = weights.zero_point;
  check_dense_limit(same_sums);
  const auto fits = [&](const DepthwiseInt8& kernel) {
    return !kernel.fits || kernel.fits(weights, width_taps);
  };
  PackedDepthwise packed{select<DepthwiseInt8>(fits).kernel, nullptr, weights.channels};
  const int64_t row_count = weights.taps / width_taps;
  packed.bytes =
      Buffer::allocate(packed.kernel->packed_bytes(weights.channels, row_count, width_taps));
  packed.kernel->pack(weights, width_taps, packed.bytes->data());
  return packed;
}

size_t depthwise_scratch_bytes(const PackedDepthwise& weights, const Window& window) {
  return weights.kernel->scratch_bytes(window.depth().kernel * window.height().kernel,
                                       window.width());
}

void depthwise_int8(const PackedDepthwise& weights, const Int8Input& input,
                    const Int8Output& output, const ConvShape& shape, uint8_t* scratch) {
  const Window& window = shape.window;
  DepthwiseRow all{};
  all.packed = weights.bytes->data();
  all.row_count = window.depth().kernel * window.height().kernel;
  all.is_signed = input.is_signed;
  all.zero_point = input.zero_point;
  all.in_channels = shape.in_channels;
  all.channels = shape.out_channels;
  all.multiplier = shape.out_channels / shape.in_channels;
  all.width = window.width();
  all.out = output;
  const int64_t row_bytes = window.width().out * shape.out_channels;
  const int64_t height = window.height().out, image_rows = window.depth().out * height;
  const ParallelLoop loop{shape.batch * image_rows, row_bytes * window.taps(), 1, scratch,
                          depthwise_scratch_bytes(weights, window)};
  parallel_for(loop, [&](const LoopPart& part) {
    std::vector<const uint8_t*> rows;
    DepthwiseRow call = all;
    call.scratch = part.scratch;
    for (int64_t row = part.begin; row < part.end; ++row) {
      const auto* image = static_cast<const uint8_t*>(input.data) +
                          row / image_rows * window.in_size() * shape.in_channels;
      const RowTaps taps{image, shape.in_channels, window};
      taps.find(row % image_rows / height, row % height, rows);
      call.rows = rows.data();
      call.out.data = static_cast<uint8_t*>(output.data) + row * row_bytes;
      weights.kernel->run(call);
    }
  });
}

}  // namespace eightfold
