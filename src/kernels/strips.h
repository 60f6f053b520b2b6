// Strips: a dense convolution without its matrix of columns.
//
// A strip is a few rows of the padded image, enough for some rows of output. In it the columns of
// an output pixel lie in runs at distances that are the same for every pixel: the indirect rows of
// GemmTileF32. An image that needs no padding is its own strip.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/window.h"

namespace eightfold {

class Strips {
 public:
  Strips(const Window& window, int64_t channels, int64_t group_in);

  // Of the scratch that the strip and its tables take.
  size_t scratch_bytes() const;
  // Splits the scratch and fills the tables; run_count and run_length belong to them.
  void prepare(void* scratch);

  int64_t run_count() const { return run_count_; }
  int64_t run_length() const { return run_length_; }
  const ptrdiff_t* runs() const { return runs_; }
  const ptrdiff_t* rows() const { return rows_; }

  // Calls use(strip, first output pixel, count of pixels) for the whole image.
  template <class Use>
  void for_each(const float* image, Use use) const {
    const int64_t depth = window_.depth().out, height = window_.height().out;
    for (int64_t d = 0; d < depth; ++d) {
      for (int64_t h = 0; h < height; h += out_rows_) {
        const int64_t count = height - h < out_rows_ ? height - h : out_rows_;
        use(strip(image, d, h, count), (d * height + h) * window_.width().out,
            count * window_.width().out);
      }
    }
  }

 private:
  const float* strip(const float* image, int64_t d, int64_t h, int64_t out_rows) const;
  void copy_row(const float* image, int64_t z, int64_t y, float* to) const;
  int64_t in_rows(int64_t out_rows) const;

  const Window& window_;
  int64_t channels_, group_in_;
  bool padded_;
  int64_t width_;     // pixels of a row of the strip
  int64_t slab_;      // floats from one tap of the depth to the next
  int64_t out_rows_;  // of a whole strip
  int64_t run_count_, run_length_;
  float* pixels_ = nullptr;
  ptrdiff_t *runs_ = nullptr, *rows_ = nullptr;
};

}  // namespace eightfold
