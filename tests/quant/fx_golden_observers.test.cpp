// PyTorch's observers against ours, to the last bit (tests/golden/fx: `observers`). Its search for
// the clip range of a Histogram adds errors up in float32; on these data that ends in the same
// bins.
#include <algorithm>
#include <catch_amalgamated.hpp>

#include "quant/observer_classes.h"
#include "support/fx_golden.h"

namespace eightfold {
namespace {

using namespace test;

std::unique_ptr<Observer> observed(const Json& row, const std::string& spec) {
  std::unique_ptr<Observer> observer = make_observer(fx_spec(spec));
  for (const Json& batch : row["batches"]) {
    Tensor tensor = fx_tensor(row["dims"], batch, row["unit"]);
    observer->observe({tensor.dtype(), Layout::kPlain, tensor.shape(), tensor.mutable_raw()});
  }
  return observer;
}

// Numbers stand alone for a tensor, in lists for channels.
template <typename T>
std::vector<T> listed(const Json& value) {
  return value.is_array() ? value.get<std::vector<T>>() : std::vector<T>{value.get<T>()};
}

std::string qparams_text(const std::vector<float>& scale, const std::vector<int32_t>& zero_point) {
  return "scale " + Json(scale).dump() + " zero point " + Json(zero_point).dump();
}

std::string range_text(float min, float max) { return Json({min, max}).dump(); }

std::string golden_range(const Json& find) {
  const std::vector<float> min = listed<float>(find["min"]), max = listed<float>(find["max"]);
  return range_text(*std::ranges::min_element(min), *std::ranges::max_element(max));
}

void compare_histogram(GoldenRows& rows, const std::string& name,
                       const HistogramObserver& histogram, const Json& find) {
  double total = 0;
  for (double count : histogram.counts()) total += count;
  rows.compare(name + " mass", Json(total).dump(), Json(find["total"].get<double>()).dump());
  const ValueRange clip = histogram.clip_range();
  rows.compare(name + " clip", range_text(clip.min, clip.max),
               range_text(find["clipMin"], find["clipMax"]));
}

TEST_CASE("observers find what PyTorch's find", "[fx]") {
  const std::string constants =
      "PyTorch weighs first batches that were constant by the mass of the next one";
  GoldenRows rows(
      "observers",
      {{"a constant twice, then a range, histogram_uint8_0_255 mass", "48.0", constants},
       {"a constant twice, then a range, histogram_uint8_0_127 mass", "48.0", constants},
       {"a constant twice, then a range, histogram_int8_-128_127_symmetric mass", "48.0",
        constants}});
  for (const Json& row : fx_section("observers")) {
    for (const Json& expect : row["expect"]) {
      const std::string spec = expect["spec"];
      const std::string name = row["name"].get<std::string>() + ", " + spec;
      const std::unique_ptr<Observer> observer = observed(row, spec);
      const Json& find = expect["find"];
      const QParams found = observer->qparams();
      rows.compare(name, qparams_text(found.scale, found.zero_point),
                   qparams_text(listed<float>(find["scale"]), listed<int32_t>(find["zeroPoint"])));
      CHECK(observer->observed() == find.contains("min"));
      if (!observer->observed()) continue;
      const auto [min, max] = observer->range();
      rows.compare(name + " range", range_text(min, max), golden_range(find));
      const auto* histogram = dynamic_cast<const HistogramObserver*>(observer.get());
      if (histogram != nullptr) compare_histogram(rows, name, *histogram, find);
    }
  }
  rows.finish(271, 3);
}

}  // namespace
}  // namespace eightfold
