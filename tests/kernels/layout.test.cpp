// Transposes of images against the index formula, for every element size and narrow extents.
#include <catch_amalgamated.hpp>
#include <cstring>
#include <vector>

#include "kernels/layout.h"

using namespace eightfold;

TEST_CASE("images are transposed", "[kernels][layout]") {
  for (size_t bytes : {1, 2, 4, 8}) {
    for (int64_t rows : {0, 1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 70}) {
      for (int64_t cols : {1, 2, 3, 4, 6, 15, 16, 17, 33, 65}) {
        INFO(bytes << " bytes, " << rows << " x " << cols);
        const int64_t batch = 2, count = batch * rows * cols;
        std::vector<uint8_t> from(static_cast<size_t>(count) * bytes), to(from.size() + 1, 0xAA);
        for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<uint8_t>(i * 31 + i / 251);
        transpose_images(from.data(), to.data(), batch, rows, cols, bytes);
        bool equal = true;
        for (int64_t i = 0; i < count; ++i) {
          const int64_t b = i / (rows * cols), r = i / cols % rows, c = i % cols;
          const int64_t j = b * rows * cols + c * rows + r;
          equal &= std::memcmp(from.data() + static_cast<size_t>(i) * bytes,
                               to.data() + static_cast<size_t>(j) * bytes, bytes) == 0;
        }
        CHECK(equal);
        CHECK(to.back() == 0xAA);
      }
    }
  }
}
