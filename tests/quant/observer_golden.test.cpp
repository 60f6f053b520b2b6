// Observers against observers.json: numbers of an independent reference, met exactly.
#include <bit>
#include <catch_amalgamated.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "quant/observer_classes.h"
#include "support/data_files.h"

namespace eightfold {
namespace {

using Json = nlohmann::json;

// The generator of tests/golden/observers/batches.py.
class Lcg {
 public:
  explicit Lcg(uint32_t seed) : state_(seed) {}
  double u() {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) / 16777216.0;
  }
  double draw(const std::string& kind) {
    if (kind == "uniform") return u();
    if (kind == "bell") return bell();
    if (kind == "tail") return tail();
    if (kind == "relu") return std::max(0.0, tail());
    const double side = u() < 0.5 ? -1 : 1;  // bimodal
    return side + 0.25 * bell();
  }

 private:
  double bell() {
    double sum = u();
    for (int i = 0; i < 3; ++i) sum += u();
    return sum - 2;
  }
  double tail() {
    const double v = 2 * u() - 1;
    return v / (1.0009765625 - std::abs(v));
  }
  uint32_t state_;
};

float number(const Json& value) {
  if (value == "inf") return kInfinity;
  if (value == "-inf") return -kInfinity;
  return value.get<float>();
}

Tensor batch_of(const Json& row) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, row["dims"].get<Shape>());
  const std::span<float> values = tensor.mutable_data<float>();
  if (row["kind"] == "values") {
    for (size_t i = 0; i < values.size(); ++i) values[i] = number(row["values"][i]);
    return tensor;
  }
  Lcg lcg(row["seed"].get<uint32_t>());
  const double scale = row["scale"], offset = row["offset"];
  uint32_t bits = 0;
  for (float& value : values) {
    value = static_cast<float>(offset + scale * lcg.draw(row["kind"]));
    bits += std::bit_cast<uint32_t>(value);
  }
  REQUIRE(bits == row["bits"].get<uint32_t>());
  return tensor;
}

QScheme scheme_of(const std::string& name) {
  if (name == "per_tensor_affine") return QScheme::kPerTensorAffine;
  if (name == "per_tensor_symmetric") return QScheme::kPerTensorSymmetric;
  if (name == "per_channel_affine") return QScheme::kPerChannelAffine;
  REQUIRE(name == "per_channel_symmetric");
  return QScheme::kPerChannelSymmetric;
}

ObserverSpec spec_of(const Json& row) {
  ObserverSpec spec;
  spec.observer = row["observer"];
  spec.dtype = dtype_from_name(row["dtype"].get<std::string>());
  spec.qscheme = scheme_of(row["qscheme"]);
  spec.quant_range = QRange{row["quantMin"], row["quantMax"]};
  spec.averaging_constant = row.value("averagingConstant", spec.averaging_constant);
  spec.bins = row.value("bins", spec.bins);
  spec.ch_axis = row.value("chAxis", spec.ch_axis);
  return spec;
}

void check_histogram(const HistogramObserver& histogram, const Json& find) {
  if (!find.contains("left")) return;  // never observed
  CHECK(histogram.clip_bins() == BinRange{find["left"], find["right"]});
  CHECK(histogram.clip_range().min == find["clipMin"].get<float>());
  CHECK(histogram.clip_range().max == find["clipMax"].get<float>());
  double total = 0, moment = 0;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    total += histogram.counts()[i];
    moment += histogram.counts()[i] * static_cast<double>(i);
  }
  CHECK(total == find["total"].get<double>());
  CHECK(moment == find["moment"].get<double>());
  if (find.contains("counts"))
    CHECK(histogram.counts() == find["counts"].get<std::vector<double>>());
}

// Numbers stand alone for a tensor, in lists for channels.
template <typename T>
std::vector<T> listed(const Json& value) {
  return value.is_array() ? value.get<std::vector<T>>() : std::vector<T>{value.get<T>()};
}

void check(const Observer& observer, const Json& find) {
  const QParams found = observer.qparams();
  CHECK(found.scale == listed<float>(find["scale"]));
  CHECK(found.zero_point == listed<int32_t>(find["zeroPoint"]));
  if (const auto* histogram = dynamic_cast<const HistogramObserver*>(&observer)) {
    check_histogram(*histogram, find);
  }
  CHECK(observer.observed() == !find["min"].is_null());
  if (!observer.observed()) return;
  const std::vector<float> min = listed<float>(find["min"]), max = listed<float>(find["max"]);
  CHECK(observer.range() == std::pair(*std::min_element(min.begin(), min.end()),
                                      *std::max_element(max.begin(), max.end())));
}

TEST_CASE("observers find what the reference finds", "[observer][golden]") {
  std::ifstream file(test::source_folder() + "/tests/golden/observers/observers.json");
  REQUIRE(file.good());
  const Json goldens = Json::parse(file);
  int checked = 0;
  for (const Json& golden : goldens["cases"]) {
    std::vector<Tensor> batches;
    for (const Json& row : golden["batches"]) batches.push_back(batch_of(row));
    for (const Json& row : golden["expect"]) {
      INFO(golden["name"] << ": " << row.dump().substr(0, 150));
      const auto observer = make_observer(spec_of(row));
      for (Tensor& batch : batches) {
        observer->observe({batch.dtype(), Layout::kPlain, batch.shape(), batch.mutable_raw()});
      }
      check(*observer, row["find"]);
      ++checked;
    }
  }
  CHECK(checked > 200);
}

}  // namespace
}  // namespace eightfold
