// Equal, Less, Greater and their kin; And, Or, Xor on booleans; Where.
#include <algorithm>

#include "ops/elementwise_rows.h"
#include "ops/pieces.h"

namespace eightfold {
namespace {

// Which orders of the operands an operator takes for true.
enum Orders : uint8_t { kLess = 1, kEqual = 2, kGreater = 4 };

template <typename T, typename Stored>
void compare_piece(const Stored* left, const Stored* right, uint8_t orders, int64_t* out,
                   int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T a = static_cast<T>(left[i]), b = static_cast<T>(right[i]);
    const int order = (a < b ? kLess : 0) | (a == b ? kEqual : 0) | (a > b ? kGreater : 0);
    out[i] = (order & orders) != 0;
  }
}

template <typename T, typename Stored>
void compare(const RunContext& context, uint8_t orders) {
  const Broadcast& plan = context.plan_as<Broadcast>();
  const int64_t sa = plan.row_stride(0), sb = plan.row_stride(1);
  Piece<Stored> left, right;
  Piece<int64_t> result;
  plan.for_each_row([&](int64_t to, const int64_t* from) {
    for (int64_t at = 0; at < plan.row_size(); at += kPiece) {
      const int64_t n = std::min(kPiece, plan.row_size() - at);
      load_piece(context.inputs[0], from[0] + at * sa, sa, n, left.data());
      load_piece(context.inputs[1], from[1] + at * sb, sb, n, right.data());
      compare_piece<T>(left.data(), right.data(), orders, result.data(), n);
      store_piece(result.data(), n, context.outputs[0], to + at);
    }
  });
}

void logical(const RunContext& context, int table) {
  const Broadcast& plan = context.plan_as<Broadcast>();
  plan.for_each_row([&](int64_t to, const int64_t* from) {
    const bool* a = context.inputs[0].as<bool>() + from[0];
    const bool* b = context.inputs[1].as<bool>() + from[1];
    bool* out = context.outputs[0].as<bool>() + to;
    for (int64_t i = 0; i < plan.row_size(); ++i) {
      const int row = 2 * a[i * plan.row_stride(0)] + b[i * plan.row_stride(1)];
      out[i] = (table >> row & 1) != 0;
    }
  });
}

template <int orders>
void run_comparison(RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  switch (kind_of(dtype)) {
    case Kind::kFloat: return compare<double, double>(context, orders);
    case Kind::kInteger: return compare<int64_t, int64_t>(context, orders);
    case Kind::kNatural: return compare<uint64_t, int64_t>(context, orders);
    case Kind::kNone: refuse_dtype(context, dtype);
  }
}

// Bit 2 * a + b of the table is the result.
template <int table>
void run_logical(RunContext& context) {
  if (context.inputs[0].dtype != DType::kBool) refuse_dtype(context, context.inputs[0].dtype);
  logical(context, table);
}

struct ComparisonRow {
  std::string_view op_type;
  void (*run)(RunContext&);
};

constexpr ComparisonRow kComparisons[] = {
    {"Equal", run_comparison<kEqual>},
    {"Less", run_comparison<kLess>},
    {"Greater", run_comparison<kGreater>},
    {"LessOrEqual", run_comparison<kLess | kEqual>},
    {"GreaterOrEqual", run_comparison<kGreater | kEqual>},
    {"And", run_logical<0b1000>},
    {"Or", run_logical<0b1110>},
    {"Xor", run_logical<0b0110>},
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
