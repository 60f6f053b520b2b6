// Observers: what the goldens do not reach - errors, views, speed of the quick paths.
#include "quant/observer.h"

#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "quant/bin_counts.h"
#include "quant/clip_search.h"
#include "quant/observer_range.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using test::f32;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

ObserverSpec spec_of(const char* observer, QScheme scheme = QScheme::kPerTensorAffine) {
  ObserverSpec spec;
  spec.observer = observer;
  spec.qscheme = scheme;
  return spec;
}

void observe(Observer& observer, Tensor tensor, Layout layout = Layout::kPlain) {
  observer.observe({tensor.dtype(), layout, tensor.shape(), tensor.mutable_raw()});
}

ErrorCode code_of(const ObserverSpec& spec) {
  try {
    make_observer(spec);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST_CASE("specs that make no sense are refused", "[observer]") {
  struct Row {
    const char* what;
    ObserverSpec spec;
  };
  std::vector<Row> rows = {
      {"unknown name", spec_of("NoObserver")},
      {"per-channel scheme, per-tensor observer",
       spec_of("MinMaxObserver", QScheme::kPerChannelAffine)},
      {"per-tensor scheme, per-channel observer", spec_of("PerChannelMinMaxObserver")},
  };
  const auto add = [&](const char* what, auto&& change) {
    rows.push_back({what, spec_of("HistogramObserver")});
    change(rows.back().spec);
  };
  add("no integer dtype", [](ObserverSpec& s) { s.dtype = DType::kFloat32; });
  add("range without zero", [](ObserverSpec& s) { s.quant_range = QRange{1, 255}; });
  add("range wider than the dtype", [](ObserverSpec& s) { s.quant_range = QRange{0, 256}; });
  add("backward range", [](ObserverSpec& s) { s.quant_range = QRange{0, 0}; });
  add("one bin", [](ObserverSpec& s) { s.bins = 1; });
  add("too many bins", [](ObserverSpec& s) { s.bins = 1 << 20; });
  add("constant of 0", [](ObserverSpec& s) { s.averaging_constant = 0; });
  add("NaN constant", [](ObserverSpec& s) { s.averaging_constant = kNaN; });
  add("eps of 0", [](ObserverSpec& s) { s.eps = 0; });
  add("dynamic", [](ObserverSpec& s) { s.is_dynamic = true; });
  add("symmetric reduced uint8", [](ObserverSpec& s) {
    s.qscheme = QScheme::kPerTensorSymmetric;
    s.reduce_range = true;
  });
  add("fixed without scale", [](ObserverSpec& s) {
    s.observer = "FixedQParamsObserver";
    s.scale = 0;
  });
  add("fixed zero point outside", [](ObserverSpec& s) {
    s.observer = "FixedQParamsObserver";
    s.zero_point = 256;
  });
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(code_of(row.spec) == ErrorCode::kInvalidConfig);
  }
}

TEST_CASE("every name of the table makes an observer", "[observer]") {
  for (const std::string& name : observer_names()) {
    INFO(name);
    const bool per_channel = name.find("PerChannel") != std::string::npos;
    ObserverSpec spec =
        spec_of(name.c_str(), per_channel ? QScheme::kPerChannelAffine : QScheme::kPerTensorAffine);
    const auto observer = make_observer(spec);
    CHECK(observer->spec() == spec);
    if (name == "PlaceholderObserver") {
      CHECK_THROWS_AS(observer->qparams(), Error);
    } else if (name != "FixedQParamsObserver") {
      CHECK_FALSE(observer->observed());
      CHECK(observer->qparams().scale == std::vector<float>{1.0f});
      CHECK(observer->qparams().zero_point == std::vector<int32_t>{0});
    }
  }
}

TEST_CASE("NaN throws wherever it stands, infinities where they cannot be left out", "[observer]") {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (size_t at : {0u, 15u, 16u, 40u}) {
    INFO("at " << at);
    std::vector<float> values(41, 1.0f);
    values[at] = kNaN;
    CHECK_THROWS_AS(range_of(values), Error);
    values[at] = -kNaN;
    CHECK_THROWS_AS(range_of(values), Error);
    values[at] = -kInf;
    CHECK(range_of(values).min == 1.0f);
    CHECK(range_of(values).has_infinity);
    CHECK_THROWS_AS(finite_range_of(values), Error);
  }
  const auto observer = make_observer(spec_of("MinMaxObserver"));
  observe(*observer, f32({1}, {2}));
  CHECK_THROWS_AS(observe(*observer, f32({1}, {kNaN})), Error);
  CHECK(observer->range() == std::pair(2.0f, 2.0f));  // as it was
}

TEST_CASE("ranges of every length around the vector width", "[observer]") {
  for (size_t n = 2; n < 70; ++n) {
    for (size_t at = 0; at + 1 < n; ++at) {
      std::vector<float> values(n, 0.5f);
      values[at] = -3.0f;
      values[at + 1] = 7.5f;
      const ValueRange range = range_of(values);
      INFO(at << " of " << n);
      CHECK((range.min == -3.0f && range.max == 7.5f && !range.has_infinity));
    }
  }
  CHECK(range_of({}).empty());
}

TEST_CASE("dtypes other than float32 are refused", "[observer]") {
  const auto observer = make_observer(spec_of("HistogramObserver"));
  CHECK_THROWS_AS(observe(*observer, Tensor::of<int32_t>({1}, std::vector{1})), Error);
}

TEST_CASE("per channel: axes from the end, changed counts, layouts", "[observer]") {
  ObserverSpec spec = spec_of("PerChannelMinMaxObserver", QScheme::kPerChannelSymmetric);
  spec.dtype = DType::kInt8;
  spec.ch_axis = -1;
  const auto observer = make_observer(spec);
  observe(*observer, f32({2, 2}, {1, -2, 3, 4}));
  CHECK(observer->qparams().axis == 1);
  CHECK(observer->qparams().scale == std::vector<float>{3 / 127.5f, 4 / 127.5f});
  CHECK(observer->range() == std::pair(-2.0f, 4.0f));
  CHECK_THROWS_AS(observe(*observer, f32({1, 3}, {1, 2, 3})), Error);
  CHECK_THROWS_AS(observe(*observer, f32({1, 1, 2}, {1, 2}), Layout::kChannelsLast), Error);
  spec.ch_axis = 2;
  CHECK_THROWS_AS(observe(*make_observer(spec), f32({1, 2}, {1, 2})), Error);
}

TEST_CASE("fixed parameters ignore the data", "[observer]") {
  ObserverSpec spec = spec_of("FixedQParamsObserver");
  spec.scale = 1.0f / 256;
  const auto observer = make_observer(spec);
  observe(*observer, f32({1}, {kNaN}));
  CHECK(observer->observed());
  CHECK(observer->qparams().scale == std::vector<float>{1.0f / 256});
  CHECK(observer->range() == std::pair(0.0f, 255.0f / 256));
}

// The quick way of placing elements against the definition, for ranges that are hard on float32.
TEST_CASE("bins are exact", "[observer]") {
  const ValueRange ranges[] = {{-1.0f, 1.0f},      {0.0f, 3.3e38f},    {-3.3e38f, 3.3e38f},
                               {1e-40f, 3e-39f},   {1000.0f, 1000.5f}, {-2.5f, 1e-3f},
                               {0.1f, 0.1000001f}, {-7.25f, 1e10f}};
  for (const ValueRange& range : ranges) {
    for (int bins : {2, 64, 2048, 65536}) {
      INFO(range.min << " to " << range.max << " in " << bins);
      std::vector<float> values;
      uint32_t state = 1;
      for (int i = 0; i < 1000; ++i) {
        state = state * 1664525u + 1013904223u;
        const double at = i % 3 == 0
                              ? static_cast<double>(state % static_cast<uint32_t>(bins)) / bins
                              : (state >> 8) / 16777216.0;
        values.push_back(
            static_cast<float>(range.min + at * (static_cast<double>(range.max) - range.min)));
      }
      values.push_back(range.min);
      values.push_back(range.max);
      std::vector<double> counts(static_cast<size_t>(bins)), expected(counts);
      add_bin_counts(values, range, &counts);
      for (float v : values) expected[static_cast<size_t>(bin_of(v, range, bins))] += 1;
      CHECK(counts == expected);
    }
  }
}

TEST_CASE("the clip error is the integral it says", "[observer]") {
  // Two levels over bins 0..1, each of one unit: a bin's mass lies within half a unit of a level.
  const std::vector<double> counts = {3, 5};
  CHECK(clip_error(counts, {0, 1}, 2) == Catch::Approx((3 + 5) * 2 * (0.125 / 3)));
  // Keeping bin 0 alone: two levels at 1/4 and 3/4; bin 1 clips to 3/4.
  const double inside = 3 * 2 * 2 * (0.015625 / 3),
               clipped = 5 * (1.25 * 1.25 * 1.25 - 0.015625) / 3;
  CHECK(clip_error(counts, {0, 0}, 2) == Catch::Approx(inside + clipped));
}

}  // namespace
}  // namespace eightfold
