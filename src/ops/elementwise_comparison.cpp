// Equal, Less, Greater and their kin; And, Or, Xor on booleans; Where.
#include "ops/elementwise_rows.h"

namespace eightfold {
namespace {

struct EqualOf {
  template <typename T>
  static bool apply(T a, T b) {
    return a == b;
  }
};
struct LessOf {
  template <typename T>
  static bool apply(T a, T b) {
    return a < b;
  }
};
struct GreaterOf {
  template <typename T>
  static bool apply(T a, T b) {
    return a > b;
  }
};
struct LessOrEqualOf {
  template <typename T>
  static bool apply(T a, T b) {
    return a <= b;
  }
};
struct GreaterOrEqualOf {
  template <typename T>
  static bool apply(T a, T b) {
    return a >= b;
  }
};
struct AndOf {
  static bool apply(bool a, bool b) { return a && b; }
};
struct OrOf {
  static bool apply(bool a, bool b) { return a || b; }
};
struct XorOf {
  static bool apply(bool a, bool b) { return a != b; }
};

template <typename F>
void run_comparison(RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  const bool done = dtype_switch<float, double, int64_t, int32_t, int16_t, int8_t, uint8_t,
                                 uint16_t, uint32_t, uint64_t, bool>(
      dtype, [&](auto tag) { binary_rows<F, decltype(tag), bool>(context); });
  if (!done) refuse_dtype(context, dtype);
}

template <typename F>
void run_logical(RunContext& context) {
  if (context.inputs[0].dtype != DType::kBool) refuse_dtype(context, context.inputs[0].dtype);
  binary_rows<F, bool, bool>(context);
}

struct ComparisonRow {
  std::string_view op_type;
  void (*run)(RunContext&);
};

constexpr ComparisonRow kComparisons[] = {
    {"Equal", run_comparison<EqualOf>},
    {"Less", run_comparison<LessOf>},
    {"Greater", run_comparison<GreaterOf>},
    {"LessOrEqual", run_comparison<LessOrEqualOf>},
    {"GreaterOrEqual", run_comparison<GreaterOrEqualOf>},
    {"And", run_logical<AndOf>},
    {"Or", run_logical<OrOf>},
    {"Xor", run_logical<XorOf>},
};

}  // namespace

void add_comparison_rows(std::vector<OpDef>& rows) {
  for (const ComparisonRow& comparison : kComparisons) {
    OpDef row;
    row.op_type = comparison.op_type;
    row.layout = LayoutRule::kFollow;
    row.infer = infer_comparison;
    row.plan = plan_broadcast;
    row.run = comparison.run;
    row.floats = FloatTypes::kDouble;
    row.observation = {Observation::kNotObserved};
    rows.push_back(std::move(row));
  }
}

void run_where(RunContext& context) {
  const Broadcast& plan = context.plan_as<Broadcast>();
  const bool done = size_switch(context.outputs[0].dtype, [&](auto tag) {
    using T = decltype(tag);
    const int64_t sc = plan.row_stride(0), sx = plan.row_stride(1), sy = plan.row_stride(2);
    plan.for_each_row([&](int64_t at, const int64_t* from) {
      const uint8_t* condition = context.inputs[0].as<uint8_t>() + from[0];
      const T* x = context.inputs[1].as<T>() + from[1];
      const T* y = context.inputs[2].as<T>() + from[2];
      T* out = context.outputs[0].as<T>() + at;
      for (int64_t i = 0; i < plan.row_size(); ++i) {
        out[i] = condition[i * sc] ? x[i * sx] : y[i * sy];
      }
    });
  });
  if (!done) refuse_dtype(context, context.outputs[0].dtype);
}

}  // namespace eightfold
