// QLinearAdd and QLinearMul with broadcasting, in either layout.
// Source: ONNX Runtime com.microsoft QLinearAdd, QLinearMul; the equations are in kernels/int8.h.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/broadcast.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"

namespace eightfold {
namespace {

enum Input : size_t { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero };

struct BinaryPlan {
  Broadcast broadcast;
  BinaryInt8 call;  // all but the data and the run's length
  void (*run)(const BinaryInt8& call) = nullptr;
  // Where not 0: one operand is a row of so many bytes that repeats along the rows of `broadcast`,
  // whose stride for it is 0.
  int64_t period = 0;
  size_t repeated = 0;
};

constexpr int64_t kTile = 512;           // bytes of a repeated row that are laid out at once
constexpr int64_t kWorthAFactor = 4096;  // elements of outputs for which one is looked for

// Joins the two innermost axes where a short row of one operand repeats: [N, pixels, C] and [C].
void join_short_rows(BinaryPlan& plan) {
  auto& [dims, strides] = plan.broadcast;
  const size_t last = dims.size() - 1;
  if (dims.size() < 2 || dims[last] > kTile / 4) return;
  for (size_t k = 0; k < 2; ++k) {
    const Shape &repeated = strides[k], &other = strides[1 - k];
    if (repeated[last] != 1 || repeated[last - 1] != 0) continue;
    if (other[last] != 1 || other[last - 1] != dims[last]) continue;
    plan.repeated = k;
    plan.period = dims[last];
    dims[last - 1] *= dims[last];
    strides[1 - k][last - 1] = 1;
    dims.pop_back();
    for (Shape& steps : strides) steps.pop_back();
    return;
  }
}

OpState plan_binary(PlanContext& context) {
  const Node& node = context.node;
  const OperandQParams a = read_tensor_qparams(node, context.constants, kAScale, kAZero);
  const OperandQParams b = read_tensor_qparams(node, context.constants, kBScale, kBZero);
  const OperandQParams y = read_tensor_qparams(node, context.constants, kYScale, kYZero);
  if (context.inputs[kA].dtype != context.inputs[kB].dtype) {
    context.fail(ErrorCode::kInvalidType,
                 "operands are " + std::string(dtype_name(context.inputs[kA].dtype)) + " and " +
                     std::string(dtype_name(context.inputs[kB].dtype)));
  }
  const Int8Output out = output_of(node, context.inputs[kA].dtype, y.tensor_zero());
  auto plan = std::make_shared<BinaryPlan>();
  const TensorInfo operands[] = {context.inputs[kA], context.inputs[kB]};
  plan->broadcast = make_broadcast(context.outputs[0], operands);
  BinaryInt8& call = plan->call;
  call.is_signed = is_signed_input(context, kA);
  call.a_scale = a.tensor_scale();
  call.b_scale = b.tensor_scale();
  call.y_scale = y.tensor_scale();
  call.a_zero = a.tensor_zero();
  call.b_zero = b.tensor_zero();
  call.y_zero = y.tensor_zero();
  call.lo = out.lo;
  call.hi = out.hi;
  plan->run = node.op_type == "QLinearMul" ? select<MulInt8>()->run : select<AddInt8>()->run;
  if (element_count(context.outputs[0].shape) >= kWorthAFactor) {
    call.y_factor = find_factor(plan->run, call);
  }
  call.a_stride = plan->broadcast.row_stride(0);
  call.b_stride = plan->broadcast.row_stride(1);
  join_short_rows(*plan);
  return plan;
}

// The innermost axis of a broadcast is contiguous or repeated, except when a channels-last output
// meets a plain operand of lower rank: that one is walked element by element.
void run_row(const BinaryPlan& plan, BinaryInt8 call) {
  const int64_t a_stride = call.a_stride, b_stride = call.b_stride;
  if (a_stride <= 1 && b_stride <= 1) return plan.run(call);
  const auto* a = static_cast<const uint8_t*>(call.a);
  const auto* b = static_cast<const uint8_t*>(call.b);
  auto* y = static_cast<uint8_t*>(call.y);
  const int64_t n = call.n;
  call.a_stride = call.b_stride = 0;
  call.n = 1;
  for (int64_t i = 0; i < n; ++i) {
    call.a = a + i * a_stride;
    call.b = b + i * b_stride;
    call.y = y + i;
    plan.run(call);
  }
}

// A piece of the output that begins at element `phase` of the row that repeats.
void run_repeated(const BinaryPlan& plan, BinaryInt8 call, int64_t phase) {
  uint8_t tile[kTile];
  const void*& operand = plan.repeated == 0 ? call.a : call.b;
  const auto* row = static_cast<const uint8_t*>(operand);
  const int64_t n = call.n, size = std::min(n, kTile / plan.period * plan.period);
  int64_t filled = std::min(size, plan.period);
  for (int64_t i = 0; i < filled; ++i) {
    tile[i] = row[phase];
    if (++phase == plan.period) phase = 0;
  }
  for (; filled < size; filled *= 2) {
    std::memcpy(tile + filled, tile, static_cast<size_t>(std::min(filled, size - filled)));
  }
  operand = tile;
  const void*& moving = plan.repeated == 0 ? call.b : call.a;
  const auto* from = static_cast<const uint8_t*>(moving);
  auto* y = static_cast<uint8_t*>(call.y);
  for (int64_t i = 0; i < n; i += size) {
    moving = from + i;
    call.y = y + i;
    call.n = std::min(size, n - i);
    plan.run(call);
  }
}

void run_binary(RunContext& context) {
  const auto& plan = context.plan_as<BinaryPlan>();
  const auto* a = context.inputs[kA].as<uint8_t>();
  const auto* b = context.inputs[kB].as<uint8_t>();
  auto* y = context.outputs[0].as<uint8_t>();
  plan.broadcast.for_each_piece(5, [&](int64_t out, const int64_t* offsets, int64_t n) {
    BinaryInt8 call = plan.call;
    call.a = a + offsets[0];
    call.b = b + offsets[1];
    call.y = y + out;
    call.n = n;
    if (plan.period != 0) return run_repeated(plan, call, out % plan.period);
    run_row(plan, call);
  });
}

std::optional<Dims> binary_dims(const InferContext& context) {
  const auto& a = context.dims(kA);
  const auto& b = context.dims(kB);
  if (!a || !b) return std::nullopt;
  InferContext pair(context.node, context.opset, {context.input(kA), context.input(kB)}, {});
  return broadcast_dims(pair);
}

void infer_binary(InferContext& context) {
  context.set_output(0, context.dtype(kA), binary_dims(context));
}

}  // namespace

std::vector<OpDef> qlinear_elementwise_rows() {
  std::vector<OpDef> rows;
  for (std::string_view op : {"QLinearAdd", "QLinearMul"}) {
    for (OpDef& row : with_twin({.domain = kMicrosoftDomain,
                                 .op_type = op,
                                 .inputs = {Role::kActivation, Role::kParameter, Role::kParameter,
                                            Role::kActivation, Role::kParameter},
                                 .layout = LayoutRule::kFollow,
                                 .infer = infer_binary,
                                 .plan = plan_binary,
                                 .run = run_binary,
                                 .needs_constant = [](size_t i) { return i != kA && i != kB; }})) {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace eightfold
