// The table of observers by name, and the checks on a spec before one is made.
// To add an observer: a class and a row of kObservers.
#include "quant/observer.h"

#include <array>

#include "core/error.h"
#include "quant/observer_classes.h"

namespace eightfold {
namespace {

enum class Scope : uint8_t { kPerTensor, kPerChannel, kAny };

struct Row {
  std::string_view name;
  Scope scope;
  std::unique_ptr<Observer> (*make)(const ObserverSpec&);
};

template <typename T>
std::unique_ptr<Observer> make(const ObserverSpec& spec) {
  return std::make_unique<T>(spec);
}

constexpr std::array kObservers{
    Row{"MinMaxObserver", Scope::kPerTensor, make<MinMaxObserver>},
    Row{"MovingAverageMinMaxObserver", Scope::kPerTensor, make<MovingAverageMinMaxObserver>},
    Row{"PerChannelMinMaxObserver", Scope::kPerChannel, make<PerChannelMinMaxObserver>},
    Row{"MovingAveragePerChannelMinMaxObserver", Scope::kPerChannel,
        make<MovingAveragePerChannelMinMaxObserver>},
    Row{"HistogramObserver", Scope::kPerTensor, make<HistogramObserver>},
    Row{"FixedQParamsObserver", Scope::kPerTensor, make<FixedQParamsObserver>},
    Row{"PlaceholderObserver", Scope::kAny, make<PlaceholderObserver>},
};

[[noreturn]] void refuse(const ObserverSpec& spec, const std::string& what,
                         std::string_view hint = {}) {
  throw Error(ErrorCode::kInvalidConfig, spec.observer + ": " + what, hint);
}

const Row& find_row(const ObserverSpec& spec) {
  for (const Row& row : kObservers) {
    if (row.name == spec.observer) return row;
  }
  std::string known;
  for (const Row& row : kObservers) known += (known.empty() ? "" : ", ") + std::string(row.name);
  refuse(spec, "there is no observer of this name", "known are " + known);
}

void check_range(const ObserverSpec& spec) {
  const QRange full = full_range(spec.dtype);
  const QRange range = spec.range();
  if (range.quant_min > 0 || range.quant_max < 0 || range.quant_min >= range.quant_max ||
      range.quant_min < full.quant_min || range.quant_max > full.quant_max) {
    refuse(spec,
           "the range " + std::to_string(range.quant_min) + ".." + std::to_string(range.quant_max) +
               " does not suit " + std::string(dtype_name(spec.dtype)),
           "it must contain 0 and fit the dtype");
  }
}

void check_scheme(const ObserverSpec& spec, Scope scope) {
  if (scope != Scope::kAny && is_per_channel(spec.qscheme) != (scope == Scope::kPerChannel)) {
    refuse(spec, is_per_channel(spec.qscheme)
                     ? "a per-channel scheme needs a per-channel observer"
                     : "a per-channel observer needs a per-channel scheme");
  }
  if (is_symmetric(spec.qscheme) && spec.reduce_range && spec.dtype == DType::kUint8) {
    refuse(spec, "a symmetric scheme with a reduced range is not defined for uint8");
  }
  if (spec.is_dynamic && scope != Scope::kAny) {
    refuse(spec, "parameters chosen at run time need a PlaceholderObserver");
  }
}

void check_arguments(const ObserverSpec& spec) {
  constexpr int kMaxBins = 1 << 16;
  if (spec.bins < 2 || spec.bins > kMaxBins) refuse(spec, "bins must lie in 2..65536");
  if (!(spec.averaging_constant > 0 && spec.averaging_constant <= 1)) {
    refuse(spec, "the averaging constant must lie in (0, 1]");
  }
  if (!(spec.eps > 0)) refuse(spec, "eps must be positive");
  if (spec.observer == "FixedQParamsObserver") {
    const QRange range = spec.range();
    if (!(spec.scale > 0) || spec.zero_point < range.quant_min ||
        spec.zero_point > range.quant_max) {
      refuse(spec, "needs a positive scale and a zero point inside its range");
    }
  }
}

bool is_quantized_dtype(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
    case DType::kInt8:
    case DType::kUint16:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kUint4:
    case DType::kInt4: return true;
    default: return false;
  }
}

}  // namespace

std::unique_ptr<Observer> make_observer(const ObserverSpec& spec) {
  const Row& row = find_row(spec);
  if (row.scope != Scope::kAny) {
    if (!is_quantized_dtype(spec.dtype)) {
      refuse(spec, std::string(dtype_name(spec.dtype)) + " is no dtype to quantize to",
             "use uint8 or int8");
    }
    check_range(spec);
  }
  check_scheme(spec, row.scope);
  check_arguments(spec);
  return row.make(spec);
}

std::vector<std::string> observer_names() {
  std::vector<std::string> names;
  for (const Row& row : kObservers) names.emplace_back(row.name);
  return names;
}

}  // namespace eightfold
