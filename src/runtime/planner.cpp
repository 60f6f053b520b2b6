// Walks the nodes once for one signature of input shapes: concrete shapes, values that follow
// from shapes, layouts with their conversions, and each row's own plan.
#include <map>
#include <utility>

#include "ops/call_row.h"
#include "ops/evaluate.h"
#include "runtime/plan.h"

namespace eightfold {
namespace {

// Elements of a value that is computed while planning because its inputs are known.
constexpr int64_t kSmallValue = 4096;

struct ValueState {
  SlotId native = kNone;  // as it was produced
  SlotId other = kNone;   // converted to the other layout
  const Tensor* known = nullptr;
};

// Strings, sequences and optionals travel as tensors made while running.
bool has_bytes(DType dtype) { return is_tensor(dtype) && dtype != DType::kString; }

class Planner {
 public:
  Planner(const PreparedGraph& prepared, std::span<const TensorInfo> feeds)
      : prepared_(prepared), graph_(prepared.graph) {
    const std::vector<ValueId>& inputs = prepared.feeds;
    for (size_t i = 0; i < inputs.size(); ++i) {
      plan_.known.push_back(add_slot({inputs[i], feeds[i], Home::kFeed, static_cast<int64_t>(i)}));
    }
  }

  Plan build() {
    for (NodeId id : graph_.nodes()) visit(id);
    for (ValueId output : graph_.outputs) plan_.outputs.push_back(slot_in(output, Layout::kPlain));
    make_views();
    place_slots(plan_);
    return std::move(plan_);
  }

 private:
  // Bodies are inferred by the plans that will run them.
  class Bodies final : public BodyTypes {
   public:
    Bodies(Planner& planner, const Node& node, const PreparedNode& state)
        : planner_(planner), node_(node), state_(state) {}

    std::optional<std::vector<ValueType>> infer(std::string_view attribute,
                                                std::span<const ValueType> inputs) override {
      const PreparedBody* body = state_.body(attribute);
      if (!body || body->inputs != inputs.size()) return std::nullopt;
      std::vector<TensorInfo> infos;
      for (const ValueType& type : inputs) {
        const std::optional<Shape> shape = known_shape(type);
        if (!shape || type.dtype == DType::kUndefined) return std::nullopt;
        infos.push_back({type.dtype, *shape, Layout::kPlain, true});
      }
      for (size_t index : body->captures) {
        infos.push_back(planner_.slot(planner_.native(node_.captures()[index])).info);
        infos.back().layout = Layout::kPlain;
      }
      try {
        return types_of(*body->graph->plan_for(infos));
      } catch (const Error&) {
        return std::nullopt;  // a branch that is never taken may not fit: run will tell
      }
    }
    void discard(std::string_view) override {}

   private:
    static std::vector<ValueType> types_of(const Plan& plan) {
      std::vector<ValueType> types;
      for (SlotId id : plan.outputs) {
        const Slot& output = plan.slots[static_cast<size_t>(id)];
        types.push_back({output.info.dtype, {}, {}});
        if (output.home != Home::kRuntime) types.back().dims = to_dims(output.info.shape);
      }
      return types;
    }

    Planner& planner_;
    const Node& node_;
    const PreparedNode& state_;
  };

  // ---- slots
  Slot& slot(SlotId id) { return plan_.slots[static_cast<size_t>(id)]; }

  SlotId add_slot(Slot added) {
    const auto id = static_cast<SlotId>(plan_.slots.size());
    ValueState& state = values_[added.value];
    (state.native == kNone ? state.native : state.other) = id;
    plan_.slots.push_back(std::move(added));
    return id;
  }

  SlotId add_constant(ValueId value, Tensor tensor, Layout layout) {
    TensorInfo info{tensor.dtype(), tensor.shape(), layout, true};
    const auto place = static_cast<int64_t>(plan_.constants.size());
    plan_.constants.push_back(std::move(tensor));
    return add_slot({value, std::move(info), Home::kConstant, place});
  }

  void make_known(ValueId value, Tensor tensor) {
    plan_.known.push_back(add_constant(value, tensor, Layout::kPlain));
    values_[value].known = &computed_.insert_or_assign(value, std::move(tensor)).first->second;
  }

  // The slot of a value as it was produced; initializers get theirs at first use.
  SlotId native(ValueId value) {
    if (value == kNone) return kNone;
    ValueState& state = values_[value];
    if (state.native != kNone) return state.native;
    const Tensor* constant = prepared_.constant(value);
    if (!constant) {
      throw Error(ErrorCode::kInvalidGraph,
                  "value '" + graph_.value(value).name + "' is read but never produced");
    }
    state.known = constant;
    plan_.known.push_back(add_constant(value, *constant, Layout::kPlain));
    return values_[value].native;
  }

  // The slot of a value in the wanted layout; converts where it has to, once per value.
  SlotId slot_in(ValueId value, Layout layout) {
    const SlotId source = native(value);
    if (source == kNone || slot(source).home == Home::kRuntime) return source;
    if (slot(source).info.layout == layout) return source;
    if (values_[value].other != kNone) return values_[value].other;

    Slot converted{value, slot(source).info, Home::kArena};
    converted.info.layout = layout;
    if (layouts_coincide(converted.info.shape)) {
      converted.alias_of = source;
      return add_slot(std::move(converted));
    }
    if (slot(source).home == Home::kConstant) {
      const Tensor& tensor = plan_.constants[static_cast<size_t>(slot(source).place)];
      Operand placed = with_layout({slot(source).info, tensor}, layout);
      return add_constant(value, std::move(placed.tensor), layout);
    }
    Step step;
    step.kind = Step::Kind::kConvert;
    step.inputs = {source};
    step.outputs = {add_slot(std::move(converted))};
    plan_.steps.push_back(std::move(step));
    ++plan_.conversions;
    return plan_.steps.back().outputs[0];
  }

  // ---- nodes
  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    const PreparedNode& state = prepared_.nodes[static_cast<size_t>(id)];
    if (state.constant) {
      for (ValueId output : node.outputs()) native(output);
      return;
    }
    if (!state.op || !state.op->infer || !state.op->run) refuse(id);
    if (reads_runtime(node) || is_late(node, *state.op)) return add_runtime_step(id);

    std::vector<TensorInfo> outputs = infer(node, state);
    if (compute(node, *state.op, outputs)) return;
    for (const TensorInfo& output : outputs) {
      if (!output.known) return add_runtime_step(id);
    }
    add_step(id, std::move(outputs));
  }

  [[noreturn]] void refuse(NodeId id) const {
    const Node& node = graph_.node(id);
    const std::string domain = node.domain.empty() ? "ai.onnx" : node.domain;
    const int64_t opset = graph_.opset(node.domain);
    throw Error(ErrorCode::kUnsupportedOp,
                "no implementation of " + domain + ":" + node.op_type + " at opset " +
                    std::to_string(opset),
                "the model can be inspected and exported, but not run")
        .at(display_name(graph_, id), node.op_type);
  }

  bool reads_runtime(const Node& node) {
    bool runtime = false;
    const auto look = [&](ValueId value) {
      if (value == kNone) return;
      const Slot& source = slot(native(value));
      runtime |= source.home == Home::kRuntime || !has_bytes(source.info.dtype);
    };
    for (ValueId input : node.inputs()) look(input);
    for (ValueId capture : node.captures()) look(capture);
    return runtime;
  }

  // A part of it that is packed or planned with comes at run time.
  bool is_late(const Node& node, const OpDef& op) const {
    std::vector<const Tensor*> constants;
    for (ValueId input : node.inputs()) constants.push_back(prepared_.constant(input));
    return lacks_constants(op, node, constants);
  }

  const Tensor* known(ValueId value) {
    return value == kNone ? nullptr : (native(value), values_[value].known);
  }

  std::vector<const Tensor*> known_inputs(const Node& node) {
    std::vector<const Tensor*> tensors;
    for (ValueId input : node.inputs()) tensors.push_back(known(input));
    return tensors;
  }

  std::vector<TensorInfo> infer(const Node& node, const PreparedNode& state) {
    std::vector<ValueType> types;
    for (ValueId input : node.inputs()) {
      types.emplace_back();
      if (input == kNone) continue;
      const TensorInfo& info = slot(native(input)).info;
      types.back() = {info.dtype, to_dims(info.shape), {}};
    }
    InferContext context(node, graph_.opset(node.domain), std::move(types), known_inputs(node));
    Bodies bodies(*this, node, state);
    context.bodies = &bodies;
    try {
      state.op->infer(context);
    } catch (const Error& error) {
      throw error.at(node.name, node.op_type);
    }
    std::vector<TensorInfo> outputs;
    for (const ValueType& type : context.take_outputs()) {
      TensorInfo info;
      if (node.output(outputs.size()) != kNone) {
        const std::optional<Shape> shape = known_shape(type);
        const bool known =
            shape.has_value() && type.dtype != DType::kUndefined && has_bytes(type.dtype);
        info = {type.dtype, shape.value_or(Shape{}), Layout::kPlain, known};
      }
      outputs.push_back(std::move(info));
    }
    return outputs;
  }

  // Computes the outputs now when they are small and follow from known values and shapes.
  bool compute(const Node& node, const OpDef& op, std::span<const TensorInfo> outputs) {
    if (node.has_bodies() || node.inputs().empty()) return false;
    for (const TensorInfo& output : outputs) {
      if (output.known && element_count(output.shape) > kSmallValue) return false;
    }
    std::vector<Operand> operands;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const ValueId input = node.inputs()[i];
      const Tensor* tensor = known(input);
      if (input != kNone && !tensor && op.role(i) != Role::kMetadata) return false;
      if (tensor && !tensor->has_data()) return false;  // packed
      operands.push_back(tensor ? Operand::of(*tensor) : Operand{});
      if (input != kNone && !tensor) operands.back().info = slot(native(input)).info;
    }
    const void* packed = nullptr;
    std::vector<Operand> results =
        evaluate({op, node, graph_.opset(node.domain), packed}, operands);
    for (size_t i = 0; i < results.size(); ++i) {
      if (node.output(i) == kNone) continue;
      make_known(node.output(i), with_layout(results[i], Layout::kPlain).tensor);
    }
    return true;
  }

  Step new_step(NodeId id, Step::Kind kind) {
    const Node& node = graph_.node(id);
    const PreparedNode& state = prepared_.nodes[static_cast<size_t>(id)];
    Step step;
    step.kind = kind;
    step.node = id;
    step.op = state.op;
    step.packed = state.packed.get();
    for (ValueId capture : node.captures()) {
      step.captures.push_back(slot_in(capture, Layout::kPlain));
    }
    return step;
  }

  void add_runtime_step(NodeId id) {
    const Node& node = graph_.node(id);
    Step step = new_step(id, Step::Kind::kRuntime);
    for (ValueId input : node.inputs()) step.inputs.push_back(native(input));
    for (ValueId output : node.outputs()) {
      const TensorInfo info{DType::kUndefined, {}, Layout::kPlain, false};
      step.outputs.push_back(output == kNone ? kNone : add_slot({output, info, Home::kRuntime}));
    }
    plan_.steps.push_back(std::move(step));
  }

  void add_step(NodeId id, std::vector<TensorInfo> outputs) {
    const Node& node = graph_.node(id);
    Step step = new_step(id, Step::Kind::kRun);
    choose_layouts(node, *step.op, outputs);
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const ValueId input = node.inputs()[i];
      if (input == kNone) {
        step.inputs.push_back(kNone);
        continue;
      }
      const Layout layout = input_layout(*step.op, i, slot(native(input)).info,
                                         outputs[0].shape.size(), outputs[0].layout);
      step.inputs.push_back(slot_in(input, layout));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueId output = node.output(i);
      step.outputs.push_back(output == kNone ? kNone
                                             : add_slot({output, outputs[i], Home::kArena}));
    }
    if (is_view(step)) {
      step.kind = Step::Kind::kView;
      slot(step.outputs[0]).alias_of = step.inputs[0];
    } else {
      plan_step(step, node);
    }
    plan_.steps.push_back(std::move(step));
  }

  void choose_layouts(const Node& node, const OpDef& op, std::vector<TensorInfo>& outputs) {
    std::vector<TensorInfo> inputs;
    for (ValueId input : node.inputs()) {
      inputs.push_back(input == kNone ? TensorInfo{} : slot(native(input)).info);
    }
    for (TensorInfo& output : outputs) {
      if (output.present()) output.layout = output_layout(op, output.shape.size(), inputs);
    }
  }

  bool is_view(const Step& step) {
    if (step.op->aliasing != Aliasing::kView || step.outputs.size() != 1) return false;
    const Slot& from = slot(step.inputs[0]);
    const Slot& to = slot(step.outputs[0]);
    return from.info.layout == to.info.layout && from.bytes() == to.bytes();
  }

  void plan_step(Step& step, const Node& node) {
    std::vector<TensorInfo> inputs, outputs;
    for (SlotId id : step.inputs) inputs.push_back(id == kNone ? TensorInfo{} : slot(id).info);
    for (SlotId id : step.outputs) outputs.push_back(id == kNone ? TensorInfo{} : slot(id).info);
    const std::vector<const Tensor*> constants = known_inputs(node);
    PlanContext context{node, graph_.opset(node.domain), inputs, outputs, constants, step.packed};
    step.state = plan_row(*step.op, context);
    step.scratch_bytes = static_cast<int64_t>(context.scratch_bytes);
  }

  void make_views() {
    const auto view = [&](SlotId id) {
      if (id == kNone) return TensorView{};
      const TensorInfo& info = slot(id).info;
      return TensorView{info.dtype, info.layout, info.shape, nullptr};
    };
    for (Step& step : plan_.steps) {
      for (SlotId id : step.inputs) step.input_views.push_back(view(id));
      for (SlotId id : step.outputs) step.output_views.push_back(view(id));
    }
  }

  const PreparedGraph& prepared_;
  const Graph& graph_;
  Plan plan_;
  std::map<ValueId, ValueState> values_;
  std::map<ValueId, Tensor> computed_;
};

}  // namespace

Plan make_plan(const PreparedGraph& prepared, std::span<const TensorInfo> feeds) {
  return Planner(prepared, feeds).build();
}

}  // namespace eightfold
