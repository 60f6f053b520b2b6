// BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot, BitShift: on the bits, so the unsigned type of
// the same size serves both. A shift to the right brings in zeros (ONNX: unsigned types alone).
#include "ops/elementwise_rows.h"

namespace eightfold {
namespace {

struct BitAndOf {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct BitOrOf {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct BitXorOf {
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};
// Shifts by the width and beyond leave nothing.
struct ShiftLeftOf {
  template <typename T>
  static T apply(T a, T b) {
    return b < 8 * sizeof(T) ? static_cast<T>(static_cast<uint64_t>(a) << b) : T{};
  }
};
struct ShiftRightOf {
  template <typename T>
  static T apply(T a, T b) {
    return b < 8 * sizeof(T) ? static_cast<T>(a >> b) : T{};
  }
};

void require_integer(const RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  if (is_float(dtype) || dtype == DType::kBool) refuse_dtype(context, dtype);
}

template <typename F>
void run_bits(RunContext& context) {
  require_integer(context);
  const DType dtype = context.inputs[0].dtype;
  if (!size_switch(dtype, [&](auto tag) { binary_rows<F, decltype(tag)>(context); })) {
    refuse_dtype(context, dtype);
  }
}

void run_shift(RunContext& context) {
  const std::string direction = context.node.string_attribute("direction", "");
  if (direction == "LEFT") return run_bits<ShiftLeftOf>(context);
  if (direction == "RIGHT") return run_bits<ShiftRightOf>(context);
  context.fail(ErrorCode::kInvalidAttribute, "direction '" + direction + "'");
}

void run_bit_not(RunContext& context) {
  require_integer(context);
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  const auto bytes = static_cast<int64_t>(byte_count(x.dtype, x.size()));
  for (int64_t i = 0; i < bytes; ++i) {
    y.as<uint8_t>()[i] = static_cast<uint8_t>(~x.as<uint8_t>()[i]);
  }
}

}  // namespace

void add_bit_rows(std::vector<OpDef>& rows) {
  const auto add = [&](std::string_view op_type, void (*run)(RunContext&)) {
    OpDef row;
    row.op_type = op_type;
    row.layout = LayoutRule::kFollow;
    row.infer = infer_broadcast;
    row.plan = plan_broadcast;
    row.run = run;
    row.observation = {Observation::kNotObserved};
    rows.push_back(row);
  };
  add("BitwiseAnd", run_bits<BitAndOf>);
  add("BitwiseOr", run_bits<BitOrOf>);
  add("BitwiseXor", run_bits<BitXorOf>);
  add("BitShift", run_shift);
  add("BitwiseNot", run_bit_not);
  rows.back().infer = infer_same;
  rows.back().plan = nullptr;
}

}  // namespace eightfold
