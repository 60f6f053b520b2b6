// Strips: a dense convolution without its matrix of columns.
//
// A strip is a few rows of the padded image, enough for some rows of output. In it the columns of
// an output pixel lie in runs at distances that are the same for every pixel: the indirect rows of
// GemmTileF32. An image that needs no padding is its own strip.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/window.h"

namespace eightfold {

class Strips {
 public:
  Strips(const Window& window, int64_t channels, int64_t group_in);

  // The scratch is the tables, then the pixels of one strip.
  size_t table_bytes() const;
  size_t pixel_bytes() const;
  void fill_tables(void* tables);
  int64_t run_count() const { return run_count_; }
  const ptrdiff_t* runs() const { return runs_; }
  const ptrdiff_t* rows() const { return rows_; }

  // Rows of output, of all depths.
  int64_t line_count() const { return window_.depth().out * window_.height().out; }
  // Calls use(strip, first output pixel, count of pixels) until the lines [begin, end) are done.
  template <class Use>
  void for_lines(const float* image, int64_t begin, int64_t end, float* pixels, Use use) const {
    const int64_t height = window_.height().out, width = window_.width().out;
    while (begin < end) {
      const int64_t d = begin / height, h = begin % height;
      const int64_t count = std::min({out_rows_, end - begin, height - h});
      use(strip(image, d, h, count, pixels), begin * width, count * width);
      begin += count;
    }
  }

 private:
  const float* strip(const float* image, int64_t d, int64_t h, int64_t out_rows,
                     float* pixels) const;
  void copy_row(const float* image, int64_t z, int64_t y, float* to) const;
  int64_t in_rows(int64_t out_rows) const;

  const Window& window_;
  int64_t channels_;
  bool padded_;
  int64_t width_;     // pixels of a row of the strip
  int64_t slab_;      // floats from one tap of the depth to the next
  int64_t out_rows_;  // of a whole strip
  int64_t run_count_;
  ptrdiff_t *runs_ = nullptr, *rows_ = nullptr;
};

}  // namespace eightfold
