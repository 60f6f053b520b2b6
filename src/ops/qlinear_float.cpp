// eightfold:QLinear<Op>: the int8 form of float operators that have no integer operator in ONNX.
// Operands: x, its scale and zero point, y's scale and zero point, then Op's inputs from 1 on.
//
//   y = clamp(quantize(Op(dequantize(x), ...)), clamp_min, clamp_max)        exact, by construction
//
// The float operator's own row computes. Where y depends on a byte and its channel alone it does so
// for all 256 bytes while planning, and what runs is a lookup, or the lines that give the same
// bytes (byte_bends.h); else it runs between conversions.
#include <memory>
#include <numeric>
#include <optional>

#include "core/aligned.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/byte_bends.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"

namespace eightfold {
namespace {

constexpr size_t kOperands = 5;  // x and the parameters, in front of Op's other inputs
constexpr std::string_view kPrefix = "QLinear";

// The float node: the same attributes, and inputs where the int8 node has them.
struct FloatNode {
  Node node;
  const OpDef* op = nullptr;
};

FloatNode float_node(const Node& quantized) {
  Node node;
  node.name = quantized.name;
  node.op_type = quantized.op_type.substr(kPrefix.size());
  node.attributes = quantized.attributes;
  node.remove_attribute("clamp_min");
  node.remove_attribute("clamp_max");
  const OpDef* op = find_op("", node.op_type, 0);
  Graph graph;  // only a graph gives a node its inputs
  std::vector<ValueId> inputs{graph.add_value("x")};
  for (size_t i = kOperands; i < quantized.inputs().size(); ++i) {
    inputs.push_back(quantized.input(i) == kNone ? kNone : graph.add_value("parameter"));
  }
  const NodeId id = graph.add_node(std::move(node), std::move(inputs), {graph.add_value("y")});
  return {graph.node(id), op};
}

// {first, list[kOperands...]}: the float operator's share of what the int8 one is given.
template <typename T, typename List>
std::vector<T> share(T first, const List& list) {
  std::vector<T> part{std::move(first)};
  for (size_t i = kOperands; i < list.size(); ++i) part.push_back(list[i]);
  return part;
}

void infer_float(InferContext& context) {
  const FloatNode inner = float_node(context.node);
  std::vector<ValueType> types{{DType::kFloat32, context.dims(0), {}}};
  std::vector<const Tensor*> constants{nullptr};
  for (size_t i = kOperands; i < context.input_count(); ++i) {
    types.push_back(context.input(i));
    constants.push_back(context.constant(i));
  }
  InferContext floats(inner.node, 0, std::move(types), std::move(constants));
  inner.op->infer(floats);
  context.set_output(0, context.dtype(0), floats.take_outputs()[0].dims);
}

struct FloatCall {
  FloatNode inner;
  std::vector<TensorInfo> inputs, outputs;
  OpState plan;
  size_t scratch_bytes = 0;
};

struct FloatPlan {
  TableQParams params;
  Int8Output out;
  bool is_signed = false;
  FloatCall call;                  // of the whole value; unused where there are tables
  std::vector<uint8_t> tables;     // 256 entries per channel, or for all of them
  int64_t channels = 0;            // of the tables
  std::optional<ByteBends> bends;  // in place of the tables, where pixels are channels-last
};

FloatCall plan_call(const PlanContext& context, TensorInfo x, TensorInfo y) {
  FloatCall call{float_node(context.node), share(std::move(x), context.inputs), {std::move(y)}, {}};
  const auto constants = share<const Tensor*>(nullptr, context.constants);
  PlanContext plan{call.inner.node, 0, call.inputs, call.outputs, constants, nullptr};
  if (call.inner.op->plan) call.plan = call.inner.op->plan(plan);
  call.scratch_bytes = plan.scratch_bytes;
  return call;
}

void run_call(const FloatCall& call, std::vector<TensorView> inputs, TensorView y, uint8_t* scratch,
              RunHost& host) {
  RunContext context{call.inner.node, 0, inputs, {&y, 1}, nullptr, call.plan.get(), scratch, host};
  call.inner.op->run(context);
}

class NoHost final : public RunHost {
 public:
  TensorView allocate(size_t, DType, Shape) override { return {}; }
  Tensor input(size_t) override { return {}; }
  void emit(size_t, Tensor) override {}
  std::vector<Tensor> run_subgraph(std::string_view, std::span<const Tensor>) override {
    return {};
  }
  void claim(int64_t) override {}
};

// Channels whose functions of a byte differ; 0 when y does not depend on byte and channel alone.
int64_t table_channels(const PlanContext& context) {
  const std::string& op = context.node.op_type;
  const Shape& x = context.inputs[0].shape;
  if (op == "QLinearHardSwish" || op == "QLinearHardSigmoid") return 1;
  if (op == "QLinearBatchNormalization") return x[1];
  if (op != "QLinearPRelu") return 0;
  const Shape& slope = context.inputs[kOperands].shape;
  if (element_count(slope) == 1) return 1;
  const size_t missing = x.size() - std::min(x.size(), slope.size());
  const bool per_channel =
      x.size() > 1 && missing <= 1 && slope[1 - missing] == x[1] && element_count(slope) == x[1];
  return per_channel ? x[1] : 0;
}

// `y`: what the tables were made of, [256][channels].
void find_bends(FloatPlan& plan, const std::vector<float>& y) {
  plan.bends.emplace(plan.channels, Int8Input{nullptr, plan.is_signed, plan.params.x_zero},
                     plan.out);
  BendTable table;
  for (int64_t c = 0; c < plan.channels; ++c) {
    table.bytes = plan.tables.data() + c * 256;
    for (int64_t byte = 0; byte < 256; ++byte) {
      table.steps[byte] = y[static_cast<size_t>(byte * plan.channels + c)] / plan.params.y_scale;
    }
    if (!plan.bends->add(table)) return plan.bends.reset();
  }
}

// The operator on 256 images of `channels` pixels: image i holds byte i.
void make_tables(const PlanContext& context, FloatPlan& plan) {
  Shape shape(std::max<size_t>(context.inputs[0].shape.size(), 2), 1);
  shape[0] = 256;
  shape[1] = plan.channels;
  const FloatCall call = plan_call(context, {DType::kFloat32, shape}, {DType::kFloat32, shape});
  std::vector<float> x(static_cast<size_t>(256 * plan.channels)), y(x.size());
  for (int32_t byte = 0; byte < 256; ++byte) {
    const int32_t q = plan.is_signed ? static_cast<int8_t>(byte) : byte;
    std::fill_n(x.begin() + byte * plan.channels, plan.channels,
                dequantize(q, plan.params.x_scale, plan.params.x_zero));
  }
  std::vector<TensorView> inputs{{DType::kFloat32, Layout::kPlain, shape, x.data()}};
  for (size_t i = kOperands; i < context.inputs.size(); ++i) {
    const Tensor* tensor = context.constant(i);
    if (context.has_input(i) && !tensor) {
      context.fail(ErrorCode::kUnsupportedModel, "a parameter is not a constant");
    }
    inputs.push_back(tensor ? TensorView{tensor->dtype(), Layout::kPlain, tensor->shape(),
                                         const_cast<void*>(tensor->raw())}
                            : TensorView{});
  }
  const auto scratch = Buffer::allocate(call.scratch_bytes);
  NoHost host;
  run_call(call, std::move(inputs), {DType::kFloat32, Layout::kPlain, shape, y.data()},
           scratch->data(), host);
  plan.tables.resize(y.size());
  for (int64_t c = 0; c < plan.channels; ++c) {
    for (int64_t byte = 0; byte < 256; ++byte) {
      const int32_t q =
          quantize(y[static_cast<size_t>(byte * plan.channels + c)], plan.params.y_scale,
                   plan.params.y_zero, {plan.out.lo, plan.out.hi});
      plan.tables[static_cast<size_t>(c * 256 + byte)] = static_cast<uint8_t>(q);
    }
  }
  find_bends(plan, y);
}

size_t float_bytes(const TensorInfo& info) {
  return aligned(static_cast<size_t>(element_count(info.shape)) * sizeof(float));
}

OpState plan_float(PlanContext& context) {
  const Node& node = context.node;
  const OperandQParams x = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 3, 4);
  auto plan = std::make_shared<FloatPlan>();
  plan->params = {x.tensor_scale(), x.tensor_zero(), y.tensor_scale(), y.tensor_zero()};
  plan->is_signed = is_signed_input(context, 0);
  plan->out = output_of(node, context.inputs[0].dtype, y.tensor_zero());
  plan->channels = table_channels(context);
  if (plan->channels > 0) {
    make_tables(context, *plan);
    return plan;
  }
  TensorInfo in = context.inputs[0], out = context.outputs[0];
  in.dtype = out.dtype = DType::kFloat32;
  context.scratch_bytes = float_bytes(in) + float_bytes(out);
  plan->call = plan_call(context, std::move(in), std::move(out));
  context.scratch_bytes += plan->call.scratch_bytes;
  return plan;
}

void look_up(const RunContext& context, const FloatPlan& plan) {
  const TensorView& x = context.inputs[0];
  const auto* from = x.as<uint8_t>();
  auto* to = context.outputs[0].as<uint8_t>();
  const bool pixels_in_line = plan.channels == 1 || x.layout == Layout::kChannelsLast;
  if (plan.bends && pixels_in_line) return plan.bends->run(from, x.size() / plan.channels, to);
  if (plan.channels == 1) return lookup_int8(plan.tables.data(), from, x.size(), to);
  const int64_t pixels = element_count(std::span(x.shape).subspan(2));
  if (x.layout != Layout::kChannelsLast) {
    for (int64_t plane = 0; plane < x.shape[0] * plan.channels; ++plane) {
      lookup_int8(plan.tables.data() + plane % plan.channels * 256, from + plane * pixels, pixels,
                  to + plane * pixels);
    }
    return;
  }
  lookup_channels_int8(plan.tables.data(), plan.channels, from, x.shape[0] * pixels, to);
}

void run_float(RunContext& context) {
  const auto& plan = context.plan_as<FloatPlan>();
  if (plan.channels > 0) return look_up(context, plan);
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  TensorView in{DType::kFloat32, x.layout, x.shape, context.scratch};
  uint8_t* rest = context.scratch + float_bytes(plan.call.inputs[0]);
  TensorView out{DType::kFloat32, y.layout, y.shape, rest};
  rest += float_bytes(plan.call.outputs[0]);
  select<DequantizeInt8>()->run({x.data, plan.is_signed, plan.params.x_zero}, x.size(),
                                plan.params.x_scale, in.as<float>());
  run_call(plan.call, share(in, context.inputs), out, rest, context.host);
  Int8Output to = plan.out;
  to.data = y.data;
  select<QuantizeInt8>()->run(out.as<float>(), y.size(), plan.params.y_scale, to);
}

}  // namespace

std::vector<OpDef> qlinear_float_rows() {
  std::vector<OpDef> rows;
  for (std::string_view op : {"QLinearHardSwish", "QLinearHardSigmoid", "QLinearPRelu",
                              "QLinearBatchNormalization", "QLinearResize"}) {
    rows.push_back({.domain = kEightfoldDomain,
                    .op_type = op,
                    .inputs = {Role::kActivation, Role::kParameter},
                    .layout = LayoutRule::kFollow,
                    .infer = infer_float,
                    .plan = plan_float,
                    .run = run_float});
  }
  return rows;
}

}  // namespace eightfold
