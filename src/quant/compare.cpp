// Two sessions side by side (see compare.h).
#include "quant/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"
#include "core/heap_sort.h"
#include "quant/compare_values.h"

namespace eightfold {
namespace {

std::vector<ValueId> taps_of(const std::vector<ValuePair>& pairs, ValueId ValuePair::* side) {
  std::vector<ValueId> taps;
  for (const ValuePair& pair : pairs) taps.push_back(pair.*side);
  heap_sort(taps);
  taps.erase(std::ranges::unique(taps).begin(), taps.end());
  return taps;
}

SessionOptions tapping(std::vector<ValueId> taps) {
  SessionOptions options;
  options.taps = std::move(taps);
  return options;
}

TensorView view_of(const Tensor& tensor) {
  return {tensor.dtype(), Layout::kPlain, tensor.shape(), const_cast<void*>(tensor.raw())};
}

void count_argmax(OutputError& output, const std::vector<float>& a, const std::vector<float>& b,
                  const Shape& shape) {
  const auto row = static_cast<std::ptrdiff_t>(shape.empty() ? 1 : shape.back());
  if (row < 2) return;
  for (std::ptrdiff_t at = 0; at + row <= std::ssize(a); at += row) {
    const auto best_a = std::max_element(a.begin() + at, a.begin() + at + row) - a.begin();
    const auto best_b = std::max_element(b.begin() + at, b.begin() + at + row) - b.begin();
    ++output.rows;
    output.agreeing_rows += best_a == best_b ? 1 : 0;
  }
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.size_bytes() == b.size_bytes() &&
         std::equal(static_cast<const uint8_t*>(a.raw()),
                    static_cast<const uint8_t*>(a.raw()) + a.size_bytes(),
                    static_cast<const uint8_t*>(b.raw()));
}

void compare_output(OutputError& output, const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) {
    throw Error(ErrorCode::kInvalidShape,
                "output '" + output.name + "' is " + shape_text(a.shape()) + " in one model and " +
                    shape_text(b.shape()) + " in the other",
                "compare two forms of the same model");
  }
  if (!is_float(a.dtype()) || !is_float(b.dtype())) {
    // Class ids and the like: equal or not.
    ++output.rows;
    output.agreeing_rows += same_bytes(a, b) ? 1 : 0;
    return;
  }
  const std::vector<float> x = float_elements(view_of(a), std::nullopt);
  const std::vector<float> y = float_elements(view_of(b), std::nullopt);
  output.error.add(x, y);
  count_argmax(output, x, y, a.shape());
}

}  // namespace

void ErrorSums::add(const std::vector<float>& reference, const std::vector<float>& other) {
  const size_t size = std::min(reference.size(), other.size());
  for (size_t i = 0; i < size; ++i) {
    const double x = reference[i];
    const double difference = x - static_cast<double>(other[i]);
    signal += x * x;
    noise += difference * difference;
    max_error = std::max(max_error, std::fabs(difference));
  }
  elements += static_cast<int64_t>(size);
}

double ErrorSums::sqnr_db() const {
  if (elements == 0) return std::numeric_limits<double>::quiet_NaN();
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(signal / noise);
}

struct Comparator::Impl {
  Impl(const Graph& reference_graph, const Graph& quantized_graph)
      : pairs(match_values(reference_graph, quantized_graph)),
        reference(reference_graph, tapping(taps_of(pairs, &ValuePair::reference))),
        quantized(quantized_graph, tapping(taps_of(pairs, &ValuePair::quantized))),
        waiting(pairs.size()) {
    for (ValueId id : reference_graph.outputs)
      require_output(quantized_graph, reference_graph.value(id).name);
    for (const ValuePair& pair : pairs) {
      result.layers.push_back({display_name(reference_graph, pair.node),
                               reference_graph.node(pair.node).op_type,
                               reference_graph.value(pair.reference).name,
                               {}});
    }
    for (ValueId id : reference_graph.outputs) {
      result.outputs.push_back({reference_graph.value(id).name, {}, 0, 0});
    }
  }

  static void require_output(const Graph& graph, const std::string& name) {
    const bool has = std::ranges::any_of(graph.outputs,
                                         [&](ValueId id) { return graph.value(id).name == name; });
    if (has) return;
    throw Error(ErrorCode::kInvalidInput, "the quantized model has no output '" + name + "'",
                "compare two forms of the same model");
  }

  // The first of a pair to arrive waits for the other.
  void arrive(ValueId id, const TensorView& view, ValueId ValuePair::* side) {
    const bool is_reference = side == &ValuePair::reference;
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (pairs[i].*side != id) continue;
      ++(is_reference ? arrived_reference : arrived_quantized);
      std::vector<float> values =
          float_elements(view, is_reference ? std::nullopt : pairs[i].params);
      if (!waiting[i]) {
        waiting[i] = std::move(values);
        continue;
      }
      ErrorSums& error = result.layers[i].error;
      is_reference ? error.add(values, *waiting[i]) : error.add(*waiting[i], values);
      waiting[i].reset();
    }
  }

  void finish() {
    const std::vector<NamedTensor> a = reference.finish();
    const std::vector<NamedTensor> b = quantized.finish();
    for (size_t i = 0; i < a.size(); ++i) {
      const auto twin = std::ranges::find(b, a[i].name, &NamedTensor::name);
      compare_output(result.outputs[i], a[i].tensor, twin->tensor);
    }
    ++result.samples;
  }

  std::vector<ValuePair> pairs;
  Session reference, quantized;
  std::vector<std::optional<std::vector<float>>> waiting;
  int64_t arrived_reference = 0, arrived_quantized = 0;
  bool reference_runs = false, quantized_runs = false;
  Comparison result;
};

Comparator::Comparator(const Graph& reference, const Graph& quantized)
    : impl_(std::make_unique<Impl>(reference, quantized)) {}
Comparator::~Comparator() = default;
Comparator::Comparator(Comparator&&) noexcept = default;

void Comparator::start(const Feeds& feeds) {
  Impl& impl = *impl_;
  std::ranges::fill(impl.waiting, std::nullopt);
  impl.arrived_reference = impl.arrived_quantized = 0;
  impl.reference_runs = impl.quantized_runs = true;
  impl.reference.start(feeds, [&impl](ValueId id, const TensorView& view) {
    impl.arrive(id, view, &ValuePair::reference);
  });
  impl.quantized.start(feeds, [&impl](ValueId id, const TensorView& view) {
    impl.arrive(id, view, &ValuePair::quantized);
  });
}

bool Comparator::step() {
  Impl& impl = *impl_;
  if (!impl.reference_runs && !impl.quantized_runs) return false;
  const bool reference_is_behind =
      impl.reference_runs &&
      (!impl.quantized_runs || impl.arrived_reference <= impl.arrived_quantized);
  if (reference_is_behind) {
    impl.reference_runs = impl.reference.step();
  } else {
    impl.quantized_runs = impl.quantized.step();
  }
  if (impl.reference_runs || impl.quantized_runs) return true;
  impl.finish();
  return false;
}

void Comparator::observe(const Feeds& feeds) {
  start(feeds);
  while (step()) {
  }
}

const Comparison& Comparator::result() const { return impl_->result; }

}  // namespace eightfold
