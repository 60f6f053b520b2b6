// The dtypes that presets speak of, as words (spec-facts 2.10).
//
//   word            input / output / weight / bias
//   W8   D8         uint8, with an int8 weight; without one
//   I8   DI8        the same, int8 activations
//   DYN8 DYN16      parameters chosen in each run: uint8 -> float; float16 -> float
//   F16             float16 throughout: weights are stored as float16
//   WO8 WO4 WOI8    the weight alone: uint8, uint4, int8
//   IO8             uint8, with a float weight (LayerNormalization)
//   QS8  DS8        XNNPACK: int8, scales of 2^-12 or more, weight in -127..127
//   DYNS8           the same, chosen in each run
//   PAIR8 PAIRI8    W8 and I8, the weights of a pair bounded (performance.md 5.3)
//   QUAD7 D7        uint8 in 0..127, the weights of four bounded; without a weight
#pragma once

#include <string_view>
#include <vector>

#include "quant/dtype_config.h"

namespace eightfold {

// "W8 DYN8": the parts of a blank-separated list.
std::vector<std::string_view> words_of(std::string_view list);

// In the order of the words, which is that of preference. Throws kInternal on an unknown word.
std::vector<DTypeConfig> dtypes_of(std::string_view words);

// The configs of an op whose output always has these parameters over 0..255: those of uint8 get
// them as constraints on input and output, others stay as they are (spec-facts 2.6). Throws
// kInvalidConfig where one of uint8 bounds its scales already.
std::vector<DTypeConfig> with_fixed_qparams(std::vector<DTypeConfig> configs, float scale,
                                            int32_t zero_point);

}  // namespace eightfold
