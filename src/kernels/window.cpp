// The limit of what convolutions copy with padding. See window.h.
#include "kernels/window.h"

#include "core/error.h"

namespace eightfold {

void check_padded_bytes(const Window& window, size_t pixel_bytes) {
  constexpr double kMost = 1 << 30;
  const auto reach = [](const WindowAxis& axis, int64_t out) {
    return static_cast<double>(out - 1) * static_cast<double>(axis.stride) +
           static_cast<double>(axis.kernel - 1) * static_cast<double>(axis.dilation) + 1.0;
  };
  const double lines = static_cast<double>(window.depth().kernel) * reach(window.height(), 1);
  if (lines * reach(window.width(), window.width().out) * static_cast<double>(pixel_bytes) <=
      kMost) {
    return;
  }
  throw Error(ErrorCode::kLimitExceeded,
              "a window of this convolution spans more than a GiB of padded input",
              "look at its strides, dilations and pads");
}

}  // namespace eightfold
