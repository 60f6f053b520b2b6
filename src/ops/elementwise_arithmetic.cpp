// Add, Sub, Mul, Div, Pow, Mod, Max, Min, Sum, Mean with broadcasting.
// Integer overflow wraps; integer division by zero gives 0 (ONNX leaves it undefined).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "ops/activation_attribute.h"
#include "ops/elementwise_rows.h"

namespace eightfold {
namespace {

struct AddOf {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  }
};
struct SubOf {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  }
};
struct MulOf {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) return a * b;
    // Sixteen bits and less would be promoted to a signed int, which may overflow.
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
struct DivOf {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a / b;
    } else {
      if (b == 0) return 0;
      if (std::is_signed_v<T> && b == static_cast<T>(-1)) return SubOf::apply(T{}, a);
      return static_cast<T>(a / b);
    }
  }
};
// The sign of the divisor, as numpy.mod.
struct ModOf {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      if (b == 0 || b == static_cast<T>(-1)) return 0;
      const T rest = static_cast<T>(a % b);
      return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
    }
  }
};
// The sign of the dividend, as C's fmod.
struct FmodOf {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      return b == 0 || b == static_cast<T>(-1) ? T{} : static_cast<T>(a % b);
    }
  }
};
// A NaN operand gives NaN, as numpy.maximum.
struct MaxOf {
  template <typename T>
  static T apply(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct MinOf {
  template <typename T>
  static T apply(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

template <typename F>
void run_binary(RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  const bool done =
      dtype_switch<float, double, int64_t, int32_t, int16_t, int8_t, uint8_t, uint16_t, uint32_t,
                   uint64_t>(dtype, [&](auto tag) { binary_rows<F, decltype(tag)>(context); });
  if (!done) refuse_dtype(context, dtype);
}

void run_mod(RunContext& context) {
  return context.node.int_attribute("fmod", 0) ? run_binary<FmodOf>(context)
                                               : run_binary<ModOf>(context);
}

// Any number of operands: the first is copied, the others are folded in.
template <typename F, typename T>
void fold_rows(RunContext& context) {
  const Broadcast& plan = context.plan_as<Broadcast>();
  T* out = context.outputs[0].as<T>();
  const int64_t n = plan.row_size();
  plan.for_each_row([&](int64_t at, const int64_t* from) {
    T* row = out + at;
    const T* first = context.inputs[0].as<T>() + from[0];
    const int64_t step = plan.row_stride(0);
    for (int64_t i = 0; i < n; ++i) row[i] = first[i * step];
    for (size_t k = 1; k < context.inputs.size(); ++k) {
      binary_row<F>(row, 1, context.inputs[k].as<T>() + from[k], plan.row_stride(k), row, n);
    }
  });
}

template <typename F>
void run_variadic(RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  const bool done =
      dtype_switch<float, double, int64_t, int32_t, int16_t, int8_t, uint8_t, uint16_t, uint32_t,
                   uint64_t>(dtype, [&](auto tag) { fold_rows<F, decltype(tag)>(context); });
  if (!done) refuse_dtype(context, dtype);
}

void run_mean(RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  const bool done = dtype_switch<float, double>(dtype, [&](auto tag) {
    using T = decltype(tag);
    fold_rows<AddOf, T>(context);
    T* out = context.outputs[0].as<T>();
    const auto count = static_cast<T>(context.inputs.size());
    for (int64_t i = 0, n = context.outputs[0].size(); i < n; ++i) out[i] /= count;
  });
  if (!done) refuse_dtype(context, dtype);
}

// ---- Pow: the exponent has a dtype of its own
template <typename T>
T power(T base, double exponent) {
  const double result = std::pow(static_cast<double>(base), exponent);
  if constexpr (std::is_integral_v<T>) {
    // Out of range is undefined in ONNX; saturate rather than convert undefined.
    if (!(result >= static_cast<double>(std::numeric_limits<T>::min()))) {
      return std::numeric_limits<T>::min();
    }
    if (result >= static_cast<double>(std::numeric_limits<T>::max())) {
      return std::numeric_limits<T>::max();
    }
  }
  return static_cast<T>(result);
}

template <typename T, typename E>
void power_row(const T* base, int64_t sb, const E* exponent, int64_t se, T* out, int64_t n) {
  if (se == 0 && exponent[0] == E{2}) {
    for (int64_t i = 0; i < n; ++i) out[i] = MulOf::apply(base[i * sb], base[i * sb]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, float>) {
      out[i] = std::pow(base[i * sb], static_cast<float>(exponent[i * se]));
    } else {
      out[i] = power(base[i * sb], static_cast<double>(exponent[i * se]));
    }
  }
}

void run_pow(RunContext& context) {
  const Broadcast& plan = context.plan_as<Broadcast>();
  bool done = false;
  dtype_switch<float, double, int64_t, int32_t>(context.inputs[0].dtype, [&](auto base_tag) {
    using T = decltype(base_tag);
    done = dtype_switch<float, double, int64_t, int32_t>(
        context.inputs[1].dtype, [&](auto exponent_tag) {
          using E = decltype(exponent_tag);
          plan.for_each_row([&](int64_t at, const int64_t* from) {
            power_row(context.inputs[0].as<T>() + from[0], plan.row_stride(0),
                      context.inputs[1].as<E>() + from[1], plan.row_stride(1),
                      context.outputs[0].as<T>() + at, plan.row_size());
          });
        });
  });
  if (!done) refuse_dtype(context, context.inputs[0].dtype);
}

// ---- the fused forms of our own domain: y = activation(f(a, b))
struct ActivatedPlan {
  Broadcast rows;
  FusedActivation activation;
};

OpState plan_activated(PlanContext& context) {
  return std::make_shared<const ActivatedPlan>(ActivatedPlan{
      make_broadcast(context.outputs[0], context.inputs), read_activation(context.node)});
}

template <typename F>
void run_activated(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const ActivatedPlan& plan = context.plan_as<ActivatedPlan>();
  binary_rows<F, float, float>(context, plan.rows, [&](float* row, int64_t n) {
    if (plan.activation.kind != FusedActivation::Kind::kNone) {
      apply_activation(plan.activation, row, n);
    }
  });
}

OpDef arithmetic(std::string_view op_type, void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.layout = LayoutRule::kFollow;
  row.aliasing = Aliasing::kInPlace;
  row.infer = infer_broadcast;
  row.plan = plan_broadcast;
  row.run = run;
  row.floats = FloatTypes::kDouble;
  return row;
}

OpDef activated(std::string_view op_type, void (*run)(RunContext&), std::string_view int8) {
  OpDef row = arithmetic(op_type, run);
  row.domain = kEightfoldDomain;
  row.floats = FloatTypes::kSingle;
  row.plan = plan_activated;
  row.quantized = {QuantizedOperands::kBinary, kEightfoldDomain, int8};
  return row;
}

OpDef with_int8(OpDef row, QuantizedForm form) {
  row.quantized = form;
  return row;
}

}  // namespace

void add_arithmetic_rows(std::vector<OpDef>& rows) {
  rows.push_back(with_int8(arithmetic("Add", run_binary<AddOf>),
                           {QuantizedOperands::kBinary, kMicrosoftDomain, "QLinearAdd"}));
  rows.push_back(with_int8(arithmetic("Mul", run_binary<MulOf>),
                           {QuantizedOperands::kBinary, kMicrosoftDomain, "QLinearMul"}));
  rows.push_back(arithmetic("Sub", run_binary<SubOf>));
  rows.push_back(arithmetic("Div", run_binary<DivOf>));
  rows.push_back(arithmetic("Mod", run_mod));
  rows.push_back(arithmetic("Pow", run_pow));
  rows.push_back(activated("Add", run_activated<AddOf>, "QLinearAdd"));
  rows.push_back(activated("Mul", run_activated<MulOf>, "QLinearMul"));
  using Row = std::pair<std::string_view, void (*)(RunContext&)>;
  for (auto [op_type, run] : {Row{"Max", run_variadic<MaxOf>}, Row{"Min", run_variadic<MinOf>},
                              Row{"Sum", run_variadic<AddOf>}, Row{"Mean", run_mean}}) {
    rows.push_back(arithmetic(op_type, run));
    rows.back().aliasing = Aliasing::kNone;
  }
}

}  // namespace eightfold
