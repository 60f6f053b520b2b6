// Add, Sub, Mul, Div, Pow, Mod, Max, Min, Sum, Mean with broadcasting.
// Integer overflow wraps; integer division by zero gives 0 (ONNX leaves it undefined).
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "ops/elementwise_fold.h"
#include "ops/pieces.h"

namespace eightfold {
namespace {

struct AddOf {
  static Lanes lanes(Lanes a, Lanes b) { return a + b; }
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  }
};
struct SubOf {
  static Lanes lanes(Lanes a, Lanes b) { return a - b; }
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  }
};
struct MulOf {
  static Lanes lanes(Lanes a, Lanes b) { return a * b; }
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) return a * b;
    // Sixteen bits and less would be promoted to a signed int, which may overflow.
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
// By which the lowest number cannot be divided.
template <typename T>
bool is_minus_one(T b) {
  return std::is_signed_v<T> && b == static_cast<T>(-1);
}
struct DivOf {
  static Lanes lanes(Lanes a, Lanes b) { return a / b; }
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a / b;
    } else {
      if (b == 0) return 0;
      if (is_minus_one(b)) return SubOf::apply(T{}, a);
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
      if (b == 0 || is_minus_one(b)) return 0;
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
      return b == 0 || is_minus_one(b) ? T{} : static_cast<T>(a % b);
    }
  }
};
// A NaN operand gives NaN, as numpy.maximum.
struct MaxOf {
  static Lanes lanes(Lanes a, Lanes b) { return ((a > b) | (a != a)) ? a : b; }
  template <typename T>
  static T apply(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct MinOf {
  static Lanes lanes(Lanes a, Lanes b) { return ((a < b) | (a != a)) ? a : b; }
  template <typename T>
  static T apply(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

template <const FoldLoops& loops>
void run_fold(RunContext& context) {
  fold_operands(context, loops);
}

void run_mod(RunContext& context) {
  const bool fmod = context.node.int_attribute("fmod", 0) != 0;
  fold_operands(context, fmod ? kFoldLoops<FmodOf> : kFoldLoops<ModOf>);
}

void run_mean(RunContext& context) {
  const TensorView& y = context.outputs[0];
  if (!is_float(y.dtype)) refuse_dtype(context, y.dtype);
  fold_operands(context, kWrappingLoops<AddOf>);
  const auto count = static_cast<double>(context.inputs.size());
  map_pieces<double>(y, y, [&](double* sums, int64_t n) {
    for (int64_t i = 0; i < n; ++i) sums[i] /= count;
  });
}

// ---- Pow: the exponent has a dtype of its own
template <typename T>
T power(T base, double exponent, DType) {
  return std::pow(base, static_cast<T>(exponent));
}

// Whole numbers by way of double. Out of range is undefined in ONNX: the ends of the range.
template <>
int64_t power(int64_t base, double exponent, DType dtype) {
  const bool narrow = dtype == DType::kInt32;
  const double result = std::pow(static_cast<double>(base), exponent);
  const double end = narrow ? 0x1p31 : 0x1p63;
  if (!(result >= -end)) return narrow ? INT32_MIN : INT64_MIN;
  if (result >= end) return narrow ? INT32_MAX : INT64_MAX;
  return static_cast<int64_t>(result);
}

template <typename T>
void power_piece(T* values, const double* exponents, bool squares, int64_t n, DType dtype) {
  for (int64_t i = 0; i < n; ++i) {
    values[i] =
        squares ? MulOf::apply(values[i], values[i]) : power(values[i], exponents[i], dtype);
  }
}

void run_pow(RunContext& context) {
  const Broadcast& plan = context.plan_as<Broadcast>();
  const TensorView &x = context.inputs[0], &exponent = context.inputs[1], &y = context.outputs[0];
  const bool whole = x.dtype == DType::kInt32 || x.dtype == DType::kInt64;
  if (!whole && !is_float(x.dtype)) refuse_dtype(context, x.dtype);
  if (kind_of(exponent.dtype) == Kind::kNone) refuse_dtype(context, exponent.dtype);
  const int64_t sx = plan.row_stride(0), se = plan.row_stride(1);
  Piece<double> exponents;
  plan.for_each_row([&](int64_t to, const int64_t* from) {
    for (int64_t at = 0; at < plan.row_size(); at += kPiece) {
      const int64_t n = std::min(kPiece, plan.row_size() - at);
      const int64_t first = from[0] + at * sx;
      load_piece(exponent, from[1] + at * se, se, n, exponents.data());
      const bool squares = se == 0 && exponents[0] == 2;
      const auto raise = [&](auto&& piece) {
        load_piece(x, first, sx, n, piece.data());
        power_piece(piece.data(), exponents.data(), squares, n, x.dtype);
        store_piece(piece.data(), n, y, to + at);
      };
      if (x.dtype == DType::kFloat32) {
        float* out = y.as<float>() + to + at;
        for (int64_t i = 0; i < n; ++i) out[i] = x.as<float>()[first + i * sx];
        power_piece(out, exponents.data(), squares, n, x.dtype);
      } else if (whole) {
        raise(Piece<int64_t>{});
      } else {
        raise(Piece<double>{});
      }
    }
  });
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

template <const FoldLoops& loops>
void run_activated(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const ActivatedPlan& plan = context.plan_as<ActivatedPlan>();
  fold_singles(context, plan.rows, loops, plan.activation);
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
  rows.push_back(with_int8(arithmetic("Add", run_fold<kWrappingLoops<AddOf>>),
                           {QuantizedOperands::kBinary, kMicrosoftDomain, "QLinearAdd"}));
  rows.push_back(with_int8(arithmetic("Mul", run_fold<kWrappingLoops<MulOf>>),
                           {QuantizedOperands::kBinary, kMicrosoftDomain, "QLinearMul"}));
  rows.push_back(arithmetic("Sub", run_fold<kWrappingLoops<SubOf>>));
  rows.push_back(arithmetic("Div", run_fold<kFoldLoops<DivOf>>));
  rows.push_back(arithmetic("Mod", run_mod));
  rows.push_back(arithmetic("Pow", run_pow));
  rows.push_back(activated("Add", run_activated<kWrappingLoops<AddOf>>, "QLinearAdd"));
  rows.push_back(activated("Mul", run_activated<kWrappingLoops<MulOf>>, "QLinearMul"));
  using Row = std::pair<std::string_view, void (*)(RunContext&)>;
  for (auto [op_type, run] :
       {Row{"Max", run_fold<kFoldLoops<MaxOf>>}, Row{"Min", run_fold<kFoldLoops<MinOf>>},
        Row{"Sum", run_fold<kWrappingLoops<AddOf>>}, Row{"Mean", run_mean}}) {
    rows.push_back(arithmetic(op_type, run));
    rows.back().aliasing = Aliasing::kNone;
  }
}

}  // namespace eightfold
