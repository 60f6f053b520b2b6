// See dtype_support.h.
#include "quant/dtype_support.h"

namespace eightfold {
namespace {

std::string check(const DTypeWithConstraints& wanted, const ObserverSpec& spec, const char* what) {
  if (!wanted.dtype) return {};
  if (*wanted.dtype != spec.dtype) {
    return std::string(what) + " would have to be " + std::string(dtype_name(*wanted.dtype)) +
           ", not " + std::string(dtype_name(spec.dtype));
  }
  const std::string reason = why_constrained(wanted, spec);
  return reason.empty() ? reason : std::string(what) + ": " + reason;
}

}  // namespace

std::string why_constrained(const DTypeWithConstraints& constraints, const ObserverSpec& spec) {
  if (!constraints.dtype || *constraints.dtype != spec.dtype) return {};
  if (constraints.quant_min_lower_bound && constraints.quant_max_upper_bound) {
    const QRange range = spec.range();
    if (range.quant_min < *constraints.quant_min_lower_bound ||
        range.quant_max > *constraints.quant_max_upper_bound) {
      return "the range " + std::to_string(range.quant_min) + ".." +
             std::to_string(range.quant_max) + " is wider than " +
             std::to_string(*constraints.quant_min_lower_bound) + ".." +
             std::to_string(*constraints.quant_max_upper_bound);
    }
  }
  // eps is the smallest scale that the observer can choose.
  if (constraints.scale_min_lower_bound && spec.eps < *constraints.scale_min_lower_bound) {
    return "the observer's eps is below the smallest scale allowed";
  }
  if (constraints.scale_exact_match && constraints.zero_point_exact_match) {
    const bool exact = spec.observer == "FixedQParamsObserver" &&
                       spec.scale == *constraints.scale_exact_match &&
                       spec.zero_point == *constraints.zero_point_exact_match;
    if (!exact) return "the target knows fixed quantization parameters alone";
  }
  return {};
}

std::string why_unsupported(const BackendPatternConfig& config, const QConfig& qconfig,
                            const ObserverSpec& output, bool has_weight) {
  if (config.dtype_configs.empty()) return "the backend lists no dtypes for it";
  if (qconfig.activation.is_dynamic) return "parameters chosen at run time are not supported";
  std::string first;
  for (const DTypeConfig& dtypes : config.dtype_configs) {
    std::string reason;
    if (dtypes.is_dynamic.value_or(false)) reason = "the backend takes it with dynamic inputs only";
    if (reason.empty()) reason = check(dtypes.input, qconfig.activation, "the input");
    if (reason.empty()) reason = check(dtypes.output, output, "the output");
    if (reason.empty() && has_weight) reason = check(dtypes.weight, qconfig.weight, "the weight");
    if (reason.empty()) return {};
    if (first.empty()) first = std::move(reason);
  }
  return "the backend does not take these dtypes: " + first;
}

}  // namespace eightfold
