// See json_codecs.h.
#include "quant/json_codecs.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstdio>

#include "core/tensor.h"
#include "pattern/pattern.h"
#include "quant/decimal.h"

namespace eightfold {
namespace {

constexpr int64_t kLargestWhole = int64_t{1} << 53;  // that a double tells from its neighbours

template <typename T>
bool is_standard(const T& value, const T* standard) {
  return standard != nullptr && value == *standard;
}

// ---------------------------------------------------------------- numbers
void read_bool(bool& value, const JsonPlace& place) { value = place.boolean(); }
bool write_bool(const bool& value, const bool* standard, ConfigJson& out) {
  out = value;
  return !is_standard(value, standard);
}

void read_int(int& value, const JsonPlace& place) {
  value = static_cast<int>(place.whole(INT_MIN, INT_MAX));
}
void read_index(int& value, const JsonPlace& place) {
  value = static_cast<int>(place.whole(0, INT_MAX));
}
bool write_int(const int& value, const int* standard, ConfigJson& out) {
  out = value;
  return !is_standard(value, standard);
}

void read_int64(int64_t& value, const JsonPlace& place) {
  value = place.whole(-kLargestWhole, kLargestWhole);
}
bool write_int64(const int64_t& value, const int64_t* standard, ConfigJson& out) {
  out = value;
  return !is_standard(value, standard);
}

void read_double(double& value, const JsonPlace& place) { value = place.number(); }
bool write_double(const double& value, const double* standard, ConfigJson& out) {
  if (value == std::floor(value) && std::fabs(value) <= static_cast<double>(kLargestWhole)) {
    out = static_cast<int64_t>(value);
  } else {
    out = value;
  }
  return !is_standard(value, standard);
}

void read_float(float& value, const JsonPlace& place) {
  const double number = place.number();
  if (std::fabs(number) > static_cast<double>(FLT_MAX)) place.refuse("does not fit a float32");
  value = static_cast<float>(number);
}

double rounded(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  return nearest_double(text);
}
// A decimal that reads back as this float: its own value where that is short (1/4096), else the
// shortest there is (0.1, not 0.100000001490116).
double shortest(float value) {
  const double exact = value;
  if (rounded(exact, 12) == exact) return exact;
  for (int digits = 6; digits < 9; ++digits) {
    const double decimal = rounded(exact, digits);
    if (static_cast<float>(decimal) == value) return decimal;
  }
  return rounded(exact, 9);
}
bool write_float(const float& value, const float* standard, ConfigJson& out) {
  write_double(shortest(value), nullptr, out);
  return !is_standard(value, standard);
}

// ---------------------------------------------------------------- texts
void read_string(std::string& value, const JsonPlace& place) { value = place.string(); }
void read_identity(std::string& value, const JsonPlace& place) {
  value = plain_identity(place.string());
}
bool write_string(const std::string& value, const std::string* standard, ConfigJson& out) {
  out = value;
  return !is_standard(value, standard);
}

// ---------------------------------------------------------------- dtypes
constexpr std::array<std::string_view, 9> kDTypes{"uint8", "int8", "int16",   "uint16", "int32",
                                                  "uint4", "int4", "float16", "float32"};
// The other names that core/tensor.cpp knows for these are taken too.
void read_dtype(DType& value, const JsonPlace& place) {
  value = dtype_from_name(place.string());
  if (std::find(kDTypes.begin(), kDTypes.end(), dtype_name(value)) == kDTypes.end()) {
    place.refuse_name("dtype", kDTypes);
  }
}
bool write_dtype(const DType& value, const DType* standard, ConfigJson& out) {
  out = dtype_name(value);
  return !is_standard(value, standard);
}

}  // namespace

size_t read_name(const JsonPlace& place, std::string_view what,
                 std::span<const std::string_view> known) {
  const auto found = std::find(known.begin(), known.end(), place.string());
  if (found == known.end()) place.refuse_name(what, known);
  return static_cast<size_t>(found - known.begin());
}

constinit const JsonCodec kBoolCodec = kCodec<bool, read_bool, write_bool>;
constinit const JsonCodec kIntCodec = kCodec<int, read_int, write_int>;
constinit const JsonCodec kIndexCodec = kCodec<int, read_index, write_int>;
constinit const JsonCodec kInt64Codec = kCodec<int64_t, read_int64, write_int64>;
constinit const JsonCodec kDoubleCodec = kCodec<double, read_double, write_double>;
constinit const JsonCodec kFloatCodec = kCodec<float, read_float, write_float>;
constinit const JsonCodec kStringCodec = kCodec<std::string, read_string, write_string>;
constinit const JsonCodec kIdentityCodec = kCodec<std::string, read_identity, write_string>;
constinit const JsonCodec kDTypeCodec = kCodec<DType, read_dtype, write_dtype>;

}  // namespace eightfold
