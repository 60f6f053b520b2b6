// See backends_dtypes.h. To add a word: a row of kWords.
#include "quant/backends_dtypes.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace eightfold {
namespace {

constexpr DType kNo = DType::kUndefined, kF32 = DType::kFloat32, kF16 = DType::kFloat16;
constexpr DType kU8 = DType::kUint8, kS8 = DType::kInt8, kU4 = DType::kUint4;
constexpr float kXnnpackScale = 1.0f / 4096;

enum Limits : uint8_t { kFree, kDynamic, kXnnpack, kDynamicXnnpack, kPair, kQuad, kSevenBit };

struct WordRow {
  std::string_view word;
  DType input, output, weight, bias;  // kNo: not stated
  Limits limits = kFree;
};
constexpr WordRow kWords[] = {
    {"W8", kU8, kU8, kS8, kF32},
    {"D8", kU8, kU8, kNo, kNo},
    {"I8", kS8, kS8, kS8, kF32},
    {"DI8", kS8, kS8, kNo, kNo},
    {"DYN8", kU8, kF32, kS8, kF32, kDynamic},
    {"DYN16", kF16, kF32, kF16, kF32, kDynamic},
    {"F16", kF16, kF16, kF16, kF16},
    {"WO8", kF32, kF32, kU8, kNo},
    {"WO4", kF32, kF32, kU4, kNo},
    {"WOI8", kF32, kF32, kS8, kNo},
    {"IO8", kU8, kU8, kF32, kF32},
    {"QS8", kS8, kS8, kS8, kF32, kXnnpack},
    {"DS8", kS8, kS8, kNo, kNo, kXnnpack},
    {"DYNS8", kS8, kF32, kS8, kF32, kDynamicXnnpack},
    {"PAIR8", kU8, kU8, kS8, kF32, kPair},
    {"PAIRI8", kS8, kS8, kS8, kF32, kPair},
    {"QUAD7", kU8, kU8, kS8, kF32, kQuad},
    {"D7", kU8, kU8, kNo, kNo, kSevenBit},
};

void bound_range(DTypeWithConstraints& dtype, int64_t low, int64_t high) {
  dtype.quant_min_lower_bound = low;
  dtype.quant_max_upper_bound = high;
}

void set_dtype(DTypeWithConstraints& target, DType dtype) {
  if (dtype != kNo) target.dtype = dtype;
}

void limit_to_xnnpack(DTypeConfig& config) {
  for (DTypeWithConstraints* part : {&config.input, &config.output, &config.weight}) {
    if (part->dtype == kS8) part->scale_min_lower_bound = kXnnpackScale;
  }
  if (config.weight.dtype) bound_range(config.weight, -127, 127);
}

void limit_to_seven_bits(DTypeConfig& config) {
  bound_range(config.input, 0, 127);
  bound_range(config.output, 0, 127);
}

void limit(DTypeConfig& config, Limits limits) {
  if (limits == kDynamic || limits == kDynamicXnnpack) config.is_dynamic = true;
  if (limits == kXnnpack || limits == kDynamicXnnpack) limit_to_xnnpack(config);
  if (limits == kPair) config.weight.bounded_sum = {.group = 2, .limit = 128};
  if (limits == kQuad) config.weight.bounded_sum = {.group = 4, .limit = 258};
  if (limits == kQuad || limits == kSevenBit) limit_to_seven_bits(config);
}

DTypeConfig dtypes_of_word(std::string_view word) {
  const auto* row = std::ranges::find(kWords, word, &WordRow::word);
  if (row == std::end(kWords)) {
    throw Error(ErrorCode::kInternal, "no dtypes are named '" + std::string(word) + "'");
  }
  DTypeConfig config;
  set_dtype(config.input, row->input);
  set_dtype(config.output, row->output);
  set_dtype(config.weight, row->weight);
  if (row->bias != kNo) config.bias = row->bias;
  limit(config, row->limits);
  return config;
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    if (end > 0) words.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return words;
}

std::vector<DTypeConfig> dtypes_of(std::string_view words) {
  std::vector<DTypeConfig> configs;
  for (std::string_view word : words_of(words)) configs.push_back(dtypes_of_word(word));
  return configs;
}

std::vector<DTypeConfig> with_fixed_qparams(std::vector<DTypeConfig> configs, float scale,
                                            int32_t zero_point) {
  for (DTypeConfig& config : configs) {
    for (DTypeWithConstraints* part : {&config.input, &config.output}) {
      if (part->dtype != kU8) continue;
      if (part->scale_min_lower_bound || part->scale_max_upper_bound) {
        throw Error(ErrorCode::kInvalidConfig,
                    "fixed quantization parameters and bounds on the scale exclude each other",
                    "leave scale_min_lower_bound and scale_max_upper_bound out");
      }
      bound_range(*part, 0, 255);
      part->scale_exact_match = scale;
      part->zero_point_exact_match = zero_point;
    }
  }
  return configs;
}

}  // namespace eightfold
