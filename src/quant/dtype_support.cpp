// See dtype_support.h.
#include "quant/dtype_support.h"

namespace eightfold {
namespace {

std::string range_text(int64_t low, int64_t high) {
  return std::to_string(low) + ".." + std::to_string(high);
}

// Observers that choose no scale have no eps to promise a smallest one with.
bool has_eps(const ObserverSpec& spec) {
  return spec.observer != "FixedQParamsObserver" && spec.observer != "PlaceholderObserver" &&
         spec.observer != "NoopObserver";
}

// Observers that are told their range, or know it from their dtype.
bool has_quant_range(const ObserverSpec& spec) {
  return spec.quant_range ||
         (spec.observer != "PlaceholderObserver" && spec.observer != "NoopObserver");
}

std::string why_outside_range(const DTypeWithConstraints& wanted, const ObserverSpec& spec) {
  if (!wanted.quant_min_lower_bound || !wanted.quant_max_upper_bound) return {};
  const std::string allowed =
      range_text(*wanted.quant_min_lower_bound, *wanted.quant_max_upper_bound);
  if (!has_quant_range(spec)) {
    return spec.observer + " states no range, and the target takes " + allowed;
  }
  const QRange range = spec.range();
  if (range.quant_min >= *wanted.quant_min_lower_bound &&
      range.quant_max <= *wanted.quant_max_upper_bound) {
    return {};
  }
  return "the range " + range_text(range.quant_min, range.quant_max) + " is wider than the " +
         allowed + " of the target";
}

std::string why_scale_too_small(const DTypeWithConstraints& wanted, const ObserverSpec& spec) {
  if (!wanted.scale_min_lower_bound) return {};
  if (!has_eps(spec)) return spec.observer + " has no eps, and the target bounds the scale below";
  if (spec.eps >= *wanted.scale_min_lower_bound) return {};
  return "the observer's eps is below the smallest scale of the target";
}

std::string why_not_exact(const DTypeWithConstraints& wanted, const ObserverSpec& spec) {
  if (!wanted.scale_exact_match || !wanted.zero_point_exact_match) return {};
  const bool exact = spec.observer == "FixedQParamsObserver" &&
                     spec.scale == *wanted.scale_exact_match &&
                     spec.zero_point == *wanted.zero_point_exact_match;
  if (exact) return {};
  return "the target knows fixed parameters alone here (FixedQParamsObserver, as the default "
         "mapping has it)";
}

// Sums of pairs within L make sums of quads within 2 L.
std::string why_sums_unbounded(const DTypeWithConstraints& wanted, const ObserverSpec& spec) {
  if (!wanted.bounded_sum) return {};
  const BoundedSum& need = *wanted.bounded_sum;
  const auto& has = spec.bounded_sum;
  if (has && has->group == need.group && has->limit <= need.limit) return {};
  if (has && has->group < need.group && has->limit * 2 <= need.limit) return {};
  return "the kernel needs weights whose sums of " + std::to_string(need.group) + " stay within " +
         std::to_string(need.limit) + ", and the observer has no such bound";
}

std::string check(const DTypeWithConstraints& wanted, const ObserverSpec& spec, const char* what) {
  if (!wanted.dtype) return {};
  if (*wanted.dtype != spec.dtype) {
    return std::string(what) + " would have to be " + std::string(dtype_name(*wanted.dtype)) +
           ", not " + std::string(dtype_name(spec.dtype));
  }
  const std::string reason = why_constrained(wanted, spec);
  return reason.empty() ? reason : std::string(what) + ": " + reason;
}

std::string check_output(const DTypeConfig& dtypes, const QConfig& qconfig) {
  if (!qconfig.is_dynamic()) return check(dtypes.output, qconfig.activation, "the output");
  if (!dtypes.output.dtype || *dtypes.output.dtype == DType::kFloat32) return {};
  return "the output would have to be float32 with dynamic inputs";
}

// float16 where both sides of a static QConfig are, else float.
std::string check_bias(const DTypeConfig& dtypes, const QConfig& qconfig) {
  const bool half = qconfig.activation.dtype == DType::kFloat16 &&
                    qconfig.weight.dtype == DType::kFloat16 && !qconfig.is_dynamic();
  const DType bias = half ? DType::kFloat16 : DType::kFloat32;
  if (!dtypes.bias || *dtypes.bias == bias) return {};
  return "the bias would have to be " + std::string(dtype_name(*dtypes.bias)) + ", not " +
         std::string(dtype_name(bias));
}

std::string check_dynamic(const DTypeConfig& dtypes, const QConfig& qconfig) {
  if (dtypes.is_dynamic.value_or(false) == qconfig.is_dynamic()) return {};
  return qconfig.is_dynamic() ? "the target takes static inputs alone here"
                              : "the target takes dynamic inputs alone here";
}

std::string why_not(const DTypeConfig& dtypes, const QConfigUse& use) {
  std::string reason = check_dynamic(dtypes, use.qconfig);
  if (reason.empty()) reason = check(dtypes.input, use.qconfig.activation, "the input");
  if (reason.empty()) reason = check_output(dtypes, use.qconfig);
  if (reason.empty() && use.has_weight) {
    reason = check(dtypes.weight, use.qconfig.weight, "the weight");
  }
  if (reason.empty() && use.has_bias) reason = check_bias(dtypes, use.qconfig);
  return reason;
}

// How near a dtype config came: one of the right dtypes tells more than one of others.
bool is_of_the_dtypes(const DTypeConfig& dtypes, const QConfig& qconfig) {
  return dtypes.is_dynamic.value_or(false) == qconfig.is_dynamic() &&
         (!dtypes.input.dtype || *dtypes.input.dtype == qconfig.activation.dtype);
}

}  // namespace

std::string why_constrained(const DTypeWithConstraints& constraints, const ObserverSpec& spec) {
  if (!constraints.dtype || *constraints.dtype != spec.dtype) return {};
  std::string reason = why_outside_range(constraints, spec);
  if (reason.empty()) reason = why_scale_too_small(constraints, spec);
  if (reason.empty()) reason = why_not_exact(constraints, spec);
  if (reason.empty()) reason = why_sums_unbounded(constraints, spec);
  return reason;
}

std::string why_unsupported(const BackendPatternConfig& config, const QConfigUse& use) {
  if (config.dtype_configs.empty()) return "the backend lists no dtypes for it";
  std::string best;
  bool best_is_near = false;
  for (const DTypeConfig& dtypes : config.dtype_configs) {
    std::string reason = why_not(dtypes, use);
    if (reason.empty()) return {};
    const bool near = is_of_the_dtypes(dtypes, use.qconfig);
    if (!best.empty() && (best_is_near || !near)) continue;
    best = std::move(reason);
    best_is_near = near;
  }
  return "the backend does not take its dtypes: " + best;
}

}  // namespace eightfold
