// Tables of 256 bytes per channel as lines that bend at the zero point (BendInt8), where lines give
// the same bytes: PRelu and BatchNormalization do, up to what rounding their parameters changes.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/int8.h"

namespace eightfold {

// One channel: `bytes` of all 256 bytes of x, and their float values in steps of y before rounding.
struct BendTable {
  const uint8_t* bytes;
  float steps[256];
};

class ByteBends {
 public:
  // x and out: types, zero points and limits; their data may be null.
  ByteBends(int64_t channels, const Int8Input& x, const Int8Output& out);
  // Takes the next channel; false when no line gives its bytes.
  bool add(const BendTable& table);
  // After the last channel, of channels-last pixels.
  void run(const void* x, int64_t pixels, void* y) const;

 private:
  int64_t channels_, period_, added_ = 0;
  std::vector<float> lines_;
  BendRunInt8 call_;
};

}  // namespace eightfold
