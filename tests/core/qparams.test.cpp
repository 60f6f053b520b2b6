// The formulas of quantization against independent ones: rounding against exact integers,
// choose_qparams against its stated properties by brute force over ranges, dtypes and schemes.
#include <bit>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "core/error.h"
#include "core/qparams.h"

using namespace eightfold;

namespace {

// Half to even by exact arithmetic on doubles, which hold a float's floor and fraction exactly.
double rounded(double x) {
  const double below = std::floor(x), fraction = x - below;
  if (fraction != 0.5) return fraction < 0.5 ? below : below + 1;
  return std::fmod(below, 2.0) == 0 ? below : below + 1;
}

bool same(float a, double b) { return std::isnan(b) ? std::isnan(a) : a == b; }

constexpr float kRanges[] = {0.0f,     1e-30f, 1e-10f, 1e-7f, 0.001f, 0.5f, 1.0f,
                             2.54999f, 6.0f,   100.0f, 1e6f,  1e38f,  0.1f, 127.0f};

struct Form {
  DType dtype;
  QRange range;
};
constexpr Form kForms[] = {
    {DType::kUint8, {0, 255}},    {DType::kUint8, {0, 127}}, {DType::kInt8, {-128, 127}},
    {DType::kInt8, {-127, 127}},  {DType::kInt8, {-64, 63}}, {DType::kInt16, {-32768, 32767}},
    {DType::kUint16, {0, 65535}}, {DType::kUint4, {0, 15}},  {DType::kInt4, {-8, 7}},
};

// Calls check(min, max, form) for every ordered pair of range ends, of both signs.
template <typename Check>
void each_range(Check check) {
  for (const Form& form : kForms) {
    for (const float a : kRanges) {
      for (const float b : kRanges) {
        check(-a, b, form);
        check(std::min(a, b), std::max(a, b), form);
        check(-std::max(a, b), -std::min(a, b), form);
      }
    }
  }
}

}  // namespace

TEST_CASE("rounding agrees with exact arithmetic on a walk over all floats", "[core][qparams]") {
  int wrong = 0;
  for (uint64_t bits = 0; bits <= 0xffffffffu; bits += 7919) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::isinf(value)) continue;
    wrong += !same(round_half_even(value), std::isnan(value) ? NAN : rounded(value));
  }
  CHECK(wrong == 0);
}

TEST_CASE("rounding at every half and beside it", "[core][qparams]") {
  int wrong = 0;
  for (int i = -70000; i <= 70000; ++i) {
    const float half = static_cast<float>(i) + 0.5f;
    for (const float value : {half, std::nextafter(half, -1e9f), std::nextafter(half, 1e9f)}) {
      wrong += !same(round_half_even(value), rounded(value));
    }
  }
  CHECK(wrong == 0);
  CHECK(std::signbit(round_half_even(-0.25f)));
  CHECK(std::isinf(round_half_even(std::numeric_limits<float>::infinity())));
  CHECK(round_half_even(8388609.0f) == 8388609.0f);
  CHECK(round_half_even(0.49999997f) == 0.0f);
}

TEST_CASE("affine parameters: zero is exact, the range is covered", "[core][qparams]") {
  int wrong = 0;
  each_range([&](float min, float max, const Form& form) {
    const QParamsRequest request{form.dtype, QScheme::kPerTensorAffine, form.range};
    const auto [scale, zero_point] = choose_qparams(min, max, request);
    const float lo = std::min(min, 0.0f), hi = std::max(max, 0.0f);
    const auto [qmin, qmax] = form.range;
    const double span = static_cast<double>(hi) - lo;
    const double exact = std::max(span / static_cast<double>(qmax - qmin), double{request.eps});
    bool good = zero_point >= qmin && zero_point <= qmax && scale >= request.eps;
    good &= std::fabs(scale - exact) <= exact * 1e-6;
    good &= dequantize(zero_point, scale, zero_point) == 0.0f;
    good &= quantize(0.0f, scale, zero_point, form.range) == zero_point;
    // The ends come back within one step: half a step of rounding, half of moving the zero point.
    for (const float end : {lo, hi}) {
      const double back = fake_quantize(end, scale, zero_point, form.range);
      good &= std::fabs(back - end) <= static_cast<double>(scale) * 1.001;
    }
    if (!good) {
      UNSCOPED_INFO(dtype_name(form.dtype)
                    << " [" << min << ", " << max << "] -> " << scale << ", " << zero_point);
    }
    wrong += !good;
  });
  CHECK(wrong == 0);
}

TEST_CASE("symmetric parameters: the middle is the zero point", "[core][qparams]") {
  int wrong = 0;
  each_range([&](float min, float max, const Form& form) {
    const QParamsRequest request{form.dtype, QScheme::kPerTensorSymmetric, form.range};
    const auto [scale, zero_point] = choose_qparams(min, max, request);
    const int32_t middle = form.dtype == DType::kUint8    ? 128
                           : form.dtype == DType::kUint16 ? 32768
                                                          : 0;
    const double bound = std::max({-double{min}, double{max}, 0.0});
    const double levels = static_cast<double>(form.range.quant_max - form.range.quant_min) / 2;
    const double exact = std::max(bound / levels, double{request.eps});
    wrong += zero_point != middle || std::fabs(scale - exact) > exact * 1e-6;
  });
  CHECK(wrong == 0);
  QParamsRequest custom{DType::kUint8, QScheme::kPerTensorSymmetric, {0, 127}};
  custom.custom_range = true;
  CHECK(choose_qparams(-1, 1, custom).zero_point == 63);
}

TEST_CASE("literal values", "[core][qparams]") {
  const QParamsRequest u8{DType::kUint8, QScheme::kPerTensorAffine, {0, 255}};
  CHECK(choose_qparams(0.0f, 255.0f, u8) == ScaleZeroPoint{1.0f, 0});
  CHECK(choose_qparams(-128.0f, 127.0f, u8) == ScaleZeroPoint{1.0f, 128});
  CHECK(choose_qparams(5.0f, 255.0f, u8) == ScaleZeroPoint{1.0f, 0});  // zero is always inside
  CHECK(choose_qparams(0.0f, 0.0f, u8) == ScaleZeroPoint{u8.eps, 0});
  const QParamsRequest s8{DType::kInt8, QScheme::kPerChannelSymmetric, {-127, 127}};
  CHECK(choose_qparams(-2.0f, 127.0f, s8) == ScaleZeroPoint{1.0f, 0});
}

TEST_CASE("ranges that are none are refused", "[core][qparams]") {
  const QParamsRequest request;
  const float inf = std::numeric_limits<float>::infinity();
  const std::pair<float, float> bad[] = {{NAN, 1}, {0, NAN}, {0, inf}, {-inf, 0}, {2, 1}};
  for (const auto& [min, max] : bad) {
    try {
      choose_qparams(min, max, request);
      FAIL("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidData);
    }
  }
}

TEST_CASE("quantize is the nearest level, clamped", "[core][qparams]") {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> values(-300.0f, 300.0f);
  int wrong = 0;
  for (int i = 0; i < 20000; ++i) {
    const float value = values(random), scale = 0.25f + 0.25f * static_cast<float>(i % 8);
    const auto zero_point = static_cast<int32_t>(random() % 256);
    const int32_t got = quantize(value, scale, zero_point, {0, 255});
    double best = 1e30;
    for (int32_t q = 0; q <= 255; ++q) {
      best = std::min(best, std::fabs(double{dequantize(q, scale, zero_point)} - value));
    }
    const double reached = std::fabs(double{dequantize(got, scale, zero_point)} - value);
    wrong += reached > best + 1e-4;
  }
  CHECK(wrong == 0);
  CHECK(quantize(2.5f, 1, 0, {0, 255}) == 2);
  CHECK(quantize(3.5f, 1, 0, {0, 255}) == 4);
  CHECK(quantize(1e30f, 1, 0, {-128, 127}) == 127);
  CHECK(quantize(-1e30f, 1e-7f, 0, {-128, 127}) == -128);
  CHECK(quantize(NAN, 1, 3, {-128, 127}) == -128);
}

TEST_CASE("ranges of dtypes, whole and reduced", "[core][qparams]") {
  CHECK(full_range(DType::kInt8) == QRange{-128, 127});
  CHECK(full_range(DType::kUint4) == QRange{0, 15});
  CHECK(reduced_range({-128, 127}) == QRange{-64, 63});
  CHECK(reduced_range({-127, 127}) == QRange{-64, 63});
  CHECK(reduced_range({0, 255}) == QRange{0, 127});
}
