// The layout rules of op.h as functions, and with_layout of evaluate.h.
//   plain [N, C, S]  <->  channels-last [N, S, C]      S = product of the spatial dims
#include "ops/convert_layout.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/nibble.h"
#include "kernels/layout.h"
#include "ops/evaluate.h"

namespace eightfold {
namespace {

constexpr size_t kMinimumRank = 3;  // of a value that can be channels-last

int64_t spatial_size(std::span<const int64_t> shape) {
  return std::accumulate(shape.begin() + 2, shape.end(), int64_t{1}, std::multiplies<>());
}

// transpose_images (kernels/layout.h) for elements of four bits.
void transpose_nibbles(const void* from, void* to, int64_t batch, int64_t rows, int64_t cols) {
  int64_t at = 0;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t c = 0; c < cols; ++c) {
      for (int64_t r = 0; r < rows; ++r) {
        append_nibble(to, at++, nibble_at(from, (b * rows + r) * cols + c, false));
      }
    }
  }
}

}  // namespace

void convert_layout(const TensorView& from, const TensorView& to) {
  const int64_t channels = from.shape[1];
  const int64_t spatial = spatial_size(from.shape);
  const bool to_last = to.layout == Layout::kChannelsLast;
  const int64_t rows = to_last ? channels : spatial;
  const int64_t cols = to_last ? spatial : channels;
  if (is_four_bit(from.dtype)) {
    return transpose_nibbles(from.data, to.data, from.shape[0], rows, cols);
  }
  const int bits = dtype_bits(from.dtype);
  if (bits < 8 || bits > 64) {
    throw Error(ErrorCode::kInvalidType,
                "no channels-last form of dtype " + std::string(dtype_name(from.dtype)));
  }
  transpose_images(from.data, to.data, from.shape[0], rows, cols, static_cast<size_t>(bits) / 8);
}

bool layouts_coincide(std::span<const int64_t> shape) {
  if (shape.size() < kMinimumRank) return true;
  return shape[1] == 1 || spatial_size(shape) == 1;
}

Layout output_layout(const OpDef& op, size_t rank, std::span<const TensorInfo> inputs) {
  if (rank < kMinimumRank || op.layout == LayoutRule::kPlain) return Layout::kPlain;
  if (op.layout == LayoutRule::kChannelsLast) return Layout::kChannelsLast;
  const bool any = std::ranges::any_of(inputs, [&](const TensorInfo& input) {
    return input.present() && input.shape.size() == rank && input.layout == Layout::kChannelsLast;
  });
  return any ? Layout::kChannelsLast : Layout::kPlain;
}

Layout input_layout(const OpDef& op, size_t i, const TensorInfo& input, size_t output_rank,
                    Layout output) {
  const size_t rank = input.shape.size();
  if (rank < kMinimumRank) return Layout::kPlain;
  switch (op.layout) {
    case LayoutRule::kPlain: return Layout::kPlain;
    case LayoutRule::kChannelsLast:
      return op.role(i) == Role::kActivation ? Layout::kChannelsLast : Layout::kPlain;
    case LayoutRule::kFollow: return rank == output_rank ? output : Layout::kPlain;
  }
  return Layout::kPlain;
}

Operand with_layout(const Operand& operand, Layout layout) {
  if (operand.info.layout == layout) return operand;
  Operand placed = operand;
  placed.info.layout = layout;
  if (layouts_coincide(operand.info.shape)) return placed;
  placed.tensor = Tensor::allocate(operand.info.dtype, operand.info.shape);
  convert_layout(operand.view(), placed.view());
  return placed;
}

}  // namespace eightfold
