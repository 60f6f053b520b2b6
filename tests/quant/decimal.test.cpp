// nearest_double against the C library's strtod.
#include "quant/decimal.h"

#include <bit>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace eightfold {
namespace {

bool agrees(const std::string& text) {
  const double expected = std::strtod(text.c_str(), nullptr);
  return std::bit_cast<uint64_t>(nearest_double(text)) == std::bit_cast<uint64_t>(expected);
}

TEST_CASE("a decimal is read as the nearest double", "[config]") {
  for (const char* text : {"0",
                           "-0",
                           "0.0",
                           "1",
                           "-1",
                           "0.1",
                           "123456789",
                           "1e22",
                           "1e23",  // at the exact limit
                           "9007199254740993",
                           "9007199254740995",  // halfway: to the even one, down and up
                           "9007199254740992.5",
                           "1.1920928955078125e-07",
                           "4.35e-5",
                           "8.5e-307",
                           "1.7976931348623157e308",
                           "1.7976931348623159e308",
                           "1e309",
                           "1e400",
                           "1e-400",
                           "2.2250738585072014e-308",
                           "5e-324",
                           "1e-324",
                           "0e999",
                           "0.000000000000000000000001e24",
                           "100000000000000000000000e-23",
                           "1E+5",
                           "1e-0",
                           "1e-23",
                           "3e-30",
                           "18446744073709551615"}) {
    INFO(text);
    CHECK(agrees(text));
  }
}

TEST_CASE("doubles of any size come back from their digits", "[config]") {
  std::mt19937_64 random(8);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isnormal(value)) continue;
    char text[40];
    for (int digits : {17, 9, 6}) {
      std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
      INFO(text);
      REQUIRE(agrees(text));
    }
    // 18 digits, of which a double keeps 15 to 17.
    std::snprintf(text, sizeof text, "%d.%08de%d", static_cast<int>(1 + random() % 999999999),
                  static_cast<int>(random() % 100000000), static_cast<int>(random() % 560) - 290);
    INFO(text);
    REQUIRE(agrees(text));
  }
}

}  // namespace
}  // namespace eightfold
