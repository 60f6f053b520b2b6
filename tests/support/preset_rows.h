// Rows of presets, found and told in text.
#pragma once

#include <catch_amalgamated.hpp>
#include <cmath>
#include <string>
#include <string_view>

#include "quant/backend_config.h"

namespace eightfold::test {

// Null when the preset has no such pattern, as to_text writes it.
inline const BackendPatternConfig* find_row(std::string_view preset, std::string_view pattern) {
  for (const BackendPatternConfig& config : backend(preset).configs()) {
    if (to_text(config.pattern()) == pattern) return &config;
  }
  return nullptr;
}

inline const BackendPatternConfig& row_of(std::string_view preset, std::string_view pattern) {
  INFO(preset << " " << pattern);
  const BackendPatternConfig* row = find_row(preset, pattern);
  REQUIRE(row != nullptr);
  return *row;
}

// "uint8/uint8/int8/float32 ..." with '-' for what is not stated.
inline std::string text_of(const DTypeWithConstraints& dtype) {
  if (!dtype.dtype) return "-";
  std::string text(dtype_name(*dtype.dtype));
  if (dtype.quant_min_lower_bound) {
    text += "[" + std::to_string(*dtype.quant_min_lower_bound) + ".." +
            std::to_string(dtype.quant_max_upper_bound.value()) + "]";
  }
  if (dtype.scale_min_lower_bound) {
    text += ">=1/" + std::to_string(std::lround(1 / *dtype.scale_min_lower_bound));
  }
  if (dtype.scale_exact_match) {
    text += "=" + std::to_string(std::lround(*dtype.scale_exact_match * 256)) + "/256+" +
            std::to_string(dtype.zero_point_exact_match.value());
  }
  if (dtype.bounded_sum) {
    text += " sums of " + std::to_string(dtype.bounded_sum->group) + " in " +
            std::to_string(dtype.bounded_sum->limit);
  }
  return text;
}

inline std::string text_of(const DTypeConfig& config) {
  const std::string bias = config.bias ? std::string(dtype_name(*config.bias)) : "-";
  return text_of(config.input) + "/" + text_of(config.output) + "/" + text_of(config.weight) + "/" +
         bias + (config.is_dynamic.value_or(false) ? " dynamic" : "");
}

inline std::string dtypes_text(const BackendPatternConfig& row) {
  std::string text;
  for (const DTypeConfig& config : row.dtype_configs) {
    text += (text.empty() ? "" : ", ") + text_of(config);
  }
  return text;
}

}  // namespace eightfold::test
