// Steps of a plan on an arena. See execution.h.
#include "runtime/execution.h"

#include <cstring>
#include <new>
#include <utility>

#include "ops/call_row.h"
#include "ops/convert_layout.h"

namespace eightfold {

Execution::Execution(Setup setup) : setup_(std::move(setup)) {
  for (const Slot& slot : setup_.plan->slots) {
    if (slot.home != Home::kRuntime) continue;
    runtime_.resize(setup_.plan->slots.size());
    break;
  }
  for (SlotId id : setup_.plan->known) show(id);
}

void* Execution::address(const Slot& slot) const {
  const auto place = static_cast<size_t>(slot.place);
  switch (slot.home) {
    case Home::kArena: return setup_.arena->data() + place;
    case Home::kFeed: return const_cast<void*>(setup_.feeds[place].raw());
    case Home::kConstant: return const_cast<void*>(setup_.plan->constants[place].raw());
    case Home::kRuntime: return nullptr;
  }
  return nullptr;
}

TensorView Execution::view(SlotId id) const {
  const Slot& place = slot(id);
  if (place.home == Home::kRuntime) return runtime_[static_cast<size_t>(id)].view();
  return {place.info.dtype, place.info.layout, place.info.shape, address(place)};
}

Operand Execution::operand(SlotId id) const {
  if (id == kNone) return {};
  const Slot& place = slot(id);
  if (place.home == Home::kRuntime) return runtime_[static_cast<size_t>(id)];
  if (place.home == Home::kArena) {
    const auto* data = static_cast<const uint8_t*>(address(place));
    auto buffer = Buffer::borrow(setup_.arena, data, static_cast<size_t>(place.bytes()));
    return {place.info, Tensor::wrap(place.info.dtype, place.info.shape, std::move(buffer))};
  }
  const auto index = static_cast<size_t>(place.place);
  const Tensor& tensor =
      place.home == Home::kFeed ? setup_.feeds[index] : setup_.plan->constants[index];
  return {place.info, tensor.reshaped(place.info.shape)};
}

void Execution::show(SlotId id) const {
  if (!setup_.tap || id == kNone) return;
  const ValueId value = slot(id).value;
  if (setup_.tapped[static_cast<size_t>(value)]) setup_.tap(value, view(id));
}

void Execution::step() {
  Step& step = setup_.plan->steps[position_];
  try {
    if (step.kind == Step::Kind::kRuntime) {
      run_unplanned(step);
    } else {
      run_planned(step);
    }
    if (step.kind != Step::Kind::kConvert) {
      for (SlotId id : step.outputs) show(id);
    }
    for (SlotId id : step.releases) runtime_[static_cast<size_t>(id)] = {};
  } catch (const Error& error) {
    if (step.node == kNone) throw;
    const Graph& graph = setup_.prepared.graph;
    throw error.at(display_name(graph, step.node), graph.node(step.node).op_type);
  }
  ++position_;
}

void Execution::run_planned(Step& step) {
  if (step.kind == Step::Kind::kView) return;
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    if (step.inputs[i] != kNone) step.input_views[i].data = address(slot(step.inputs[i]));
  }
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    if (step.outputs[i] != kNone) step.output_views[i].data = address(slot(step.outputs[i]));
  }
  if (step.kind == Step::Kind::kConvert) {
    return convert_layout(step.input_views[0], step.output_views[0]);
  }
  const Graph& graph = setup_.prepared.graph;
  const Node& node = graph.node(step.node);
  RunContext context{node,
                     graph.opset(node.domain),
                     step.input_views,
                     step.output_views,
                     step.packed,
                     step.state.get(),
                     setup_.arena->data() + step.scratch_offset,
                     *this};
  run_row(*step.op, context);
}

void Execution::run_unplanned(const Step& step) {
  std::vector<Operand> inputs;
  for (SlotId id : step.inputs) inputs.push_back(operand(id));
  const Graph& graph = setup_.prepared.graph;
  const Node& node = graph.node(step.node);
  const NodeRun run{*step.op, node, graph.opset(node.domain), step.packed, this};
  std::vector<Operand> outputs = evaluate(run, inputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (step.outputs[i] == kNone) continue;
    setup_.memory_left -= static_cast<int64_t>(outputs[i].tensor.size_bytes());
    runtime_[static_cast<size_t>(step.outputs[i])] = std::move(outputs[i]);
  }
  if (setup_.memory_left < 0) {
    throw Error(ErrorCode::kOutOfMemory, "values whose shapes depend on data exceed the limit");
  }
}

std::vector<NamedTensor> Execution::outputs() const {
  const Graph& graph = setup_.prepared.graph;
  std::vector<NamedTensor> named;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    Operand output = with_layout(operand(setup_.plan->outputs[i]), Layout::kPlain);
    if (!output.tensor.buffer()->owned()) output.tensor.mutable_raw();  // out of the arena
    named.push_back({graph.value(graph.outputs[i]).name, std::move(output.tensor)});
  }
  return named;
}

TensorView Execution::allocate(size_t output, DType, Shape) {
  throw Error(ErrorCode::kInternal,
              "output " + std::to_string(output) + " was planned but is allocated while running");
}

std::vector<Tensor> Execution::run_subgraph(std::string_view attribute, std::span<const Tensor>) {
  throw Error(ErrorCode::kUnsupportedOp, "the body '" + std::string(attribute) + "' cannot be run");
}

}  // namespace eightfold
