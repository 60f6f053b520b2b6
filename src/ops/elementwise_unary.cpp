// Unary operators: out[i] = f(x[i]), in memory order, whatever the layout.
#include <cmath>
#include <utility>

#include "core/qparams.h"
#include "kernels/float.h"
#include "kernels/kernels.h"
#include "ops/cast.h"
#include "ops/elementwise_rows.h"
#include "ops/pieces.h"

namespace eightfold {
namespace {

template <float (*F)(float)>
void run_float(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  const int64_t n = context.outputs[0].size();
  for (int64_t i = 0; i < n; ++i) y[i] = F(x[i]);
}

struct AbsOf {
  template <typename T>
  static T apply(T x) {
    if constexpr (std::is_floating_point_v<T>) return std::fabs(x);
    return x < T{} ? static_cast<T>(Wrapping<T>{} - static_cast<Wrapping<T>>(x)) : x;
  }
};
struct NegOf {
  template <typename T>
  static T apply(T x) {
    if constexpr (std::is_floating_point_v<T>) return -x;
    return static_cast<T>(Wrapping<T>{} - static_cast<Wrapping<T>>(x));
  }
};
struct SignOf {
  template <typename T>
  static T apply(T x) {
    return static_cast<T>(static_cast<int>(x > T{}) - static_cast<int>(x < T{}));
  }
};

template <typename F, typename T>
void map_values(T* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) values[i] = F::apply(values[i]);
}

// A functor with a templated apply, over the numeric types. Of a uint64 only the sign is another
// than that of the int64 with the same bits; as a double it is right.
template <typename F>
void run_numeric(RunContext& context) {
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  if (x.dtype == DType::kFloat32) {
    for (int64_t i = 0, n = y.size(); i < n; ++i) y.as<float>()[i] = F::apply(x.as<float>()[i]);
    return;
  }
  const Kind kind = number_kind(context);
  const bool is_absolute = std::is_same_v<F, AbsOf>;
  if (kind == Kind::kNatural && is_absolute) {
    cast_elements(x, y);
  } else if (kind == Kind::kFloat || (kind == Kind::kNatural && std::is_same_v<F, SignOf>)) {
    map_pieces<double>(x, y, map_values<F, double>);
  } else {
    map_pieces<int64_t>(x, y, map_values<F, int64_t>);
  }
}

float reciprocal(float x) { return 1.0f / x; }
float log_of(float x) { return std::log(x); }
float sqrt_of(float x) { return std::sqrt(x); }
float floor_of(float x) { return std::floor(x); }
float ceil_of(float x) { return std::ceil(x); }
float sin_of(float x) { return std::sin(x); }
float cos_of(float x) { return std::cos(x); }
float tan_of(float x) { return std::tan(x); }
float asin_of(float x) { return std::asin(x); }
float acos_of(float x) { return std::acos(x); }
float atan_of(float x) { return std::atan(x); }
float sinh_of(float x) { return std::sinh(x); }
float cosh_of(float x) { return std::cosh(x); }
float asinh_of(float x) { return std::asinh(x); }
float acosh_of(float x) { return std::acosh(x); }
float atanh_of(float x) { return std::atanh(x); }

void run_exp(RunContext& context) {
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  if (x.dtype != DType::kFloat32) refuse_dtype(context, x.dtype);
  select<ExpFloat32>()->run(x.as<float>(), y.size(), 0, y.as<float>());
}

void run_erf(RunContext& context) {
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  if (x.dtype != DType::kFloat32) refuse_dtype(context, x.dtype);
  select<ErfFloat32>()->run(x.as<float>(), y.size(), y.as<float>());
}

void run_not(RunContext& context) {
  const uint8_t* x = context.inputs[0].as<uint8_t>();
  uint8_t* y = context.outputs[0].as<uint8_t>();
  const int64_t n = context.outputs[0].size();
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] == 0;
}

void infer_predicate(InferContext& context) {
  context.set_output(0, DType::kBool, context.dims(0));
}

void run_is_inf(RunContext& context) {
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  if (!is_float(x.dtype)) refuse_dtype(context, x.dtype);
  const bool positive = context.node.int_attribute("detect_positive", 1) != 0;
  const bool negative = context.node.int_attribute("detect_negative", 1) != 0;
  map_pieces<double>(x, y, [&](double* values, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      const double value = values[i];
      values[i] = std::isinf(value) && (value > 0 ? positive : negative);
    }
  });
}

void run_is_nan(RunContext& context) {
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  if (!is_float(x.dtype)) refuse_dtype(context, x.dtype);
  map_pieces<double>(x, y, [](double* values, int64_t n) {
    for (int64_t i = 0; i < n; ++i) values[i] = std::isnan(values[i]);
  });
}

struct UnaryRow {
  std::string_view op_type;
  void (*run)(RunContext&);
  FloatTypes floats = FloatTypes::kSingle;
};

constexpr UnaryRow kUnary[] = {
    {"Abs", run_numeric<AbsOf>, FloatTypes::kDouble},
    {"Neg", run_numeric<NegOf>, FloatTypes::kDouble},
    {"Sign", run_numeric<SignOf>, FloatTypes::kDouble},
    {"Reciprocal", run_float<reciprocal>},
    {"Exp", run_exp},
    {"Log", run_float<log_of>},
    {"Sqrt", run_float<sqrt_of>},
    {"Floor", run_float<floor_of>},
    {"Ceil", run_float<ceil_of>},
    {"Round", run_float<round_half_even>},
    {"Erf", run_erf},
    {"Sin", run_float<sin_of>},
    {"Cos", run_float<cos_of>},
    {"Tan", run_float<tan_of>},
    {"Asin", run_float<asin_of>},
    {"Acos", run_float<acos_of>},
    {"Atan", run_float<atan_of>},
    {"Sinh", run_float<sinh_of>},
    {"Cosh", run_float<cosh_of>},
    {"Asinh", run_float<asinh_of>},
    {"Acosh", run_float<acosh_of>},
    {"Atanh", run_float<atanh_of>},
};

OpDef unary_row(std::string_view op_type, void (*infer)(InferContext&), void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.layout = LayoutRule::kFollow;
  row.infer = infer;
  row.run = run;
  return row;
}

}  // namespace

void add_unary_rows(std::vector<OpDef>& rows) {
  for (const UnaryRow& unary : kUnary) {
    rows.push_back(unary_row(unary.op_type, infer_same, unary.run));
    rows.back().aliasing = Aliasing::kInPlace;
    rows.back().pointwise = true;
    rows.back().floats = unary.floats;
  }
  rows.push_back(unary_row("Not", infer_same, run_not));
  rows.back().aliasing = Aliasing::kInPlace;
  rows.push_back(unary_row("IsNaN", infer_predicate, run_is_nan));
  rows.push_back(unary_row("IsInf", infer_predicate, run_is_inf));
  for (size_t i = rows.size() - 3; i < rows.size(); ++i) {
    rows[i].observation = {Observation::kNotObserved};
    rows[i].floats = FloatTypes::kAny;
  }
}

}  // namespace eightfold
