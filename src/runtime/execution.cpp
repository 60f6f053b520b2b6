// Steps of a plan on an arena. See execution.h.
#include "runtime/execution.h"

#include <cstring>
#include <new>
#include <utility>

#include "ops/call_row.h"
#include "ops/convert_layout.h"

namespace eightfold {
namespace {

// Bytes that a value keeps alive.
int64_t footprint(const Tensor& tensor) {
  auto bytes = static_cast<int64_t>(tensor.size_bytes());
  if (tensor.dtype() != DType::kSequence) return bytes;
  for (const Tensor& item : tensor.items()) {
    bytes += static_cast<int64_t>(sizeof(Tensor)) + footprint(item);
  }
  return bytes;
}

// Out of the arena, where the bytes last no longer than their slot.
Tensor owned(Tensor tensor) {
  if (tensor.buffer() && !tensor.buffer()->owned()) tensor.mutable_raw();
  if (tensor.dtype() != DType::kSequence) return tensor;
  std::vector<Tensor> items;
  for (const Tensor& item : tensor.items()) items.push_back(owned(item));
  return Tensor::sequence(std::move(items));
}

}  // namespace

void RunResources::grow(size_t depth, int64_t bytes) {
  if (arenas.size() <= depth) arenas.resize(depth + 1);
  std::shared_ptr<Buffer>& arena = arenas[depth];
  if (arena && static_cast<int64_t>(arena->size()) >= bytes) return;
  arena.reset();  // the old one is returned before the new one is taken
  arena = Buffer::allocate(static_cast<size_t>(bytes));
}

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
    case Home::kArena: return arena() + place;
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
    auto buffer = Buffer::borrow(setup_.resources.arenas[setup_.depth], data,
                                 static_cast<size_t>(place.bytes()));
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
    if (paused()) return;
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
                     arena() + step.scratch_offset,
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
  if (paused()) return;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (step.outputs[i] == kNone) continue;
    outputs[i].tensor = owned(std::move(outputs[i].tensor));
    claim(footprint(outputs[i].tensor));
    runtime_[static_cast<size_t>(step.outputs[i])] = std::move(outputs[i]);
  }
}

std::vector<Tensor> Execution::outputs() const {
  std::vector<Tensor> outputs;
  for (SlotId id : setup_.plan->outputs) {
    outputs.push_back(owned(with_layout(operand(id), Layout::kPlain).tensor));
  }
  return outputs;
}

TensorView Execution::allocate(size_t output, DType, Shape) {
  throw Error(ErrorCode::kInternal,
              "output " + std::to_string(output) + " was planned but is allocated while running");
}

void Execution::emit(size_t output, Tensor tensor) {
  allocate(output, tensor.dtype(), tensor.shape());
}

Tensor Execution::input(size_t i) {
  return i < next().inputs.size() ? operand(next().inputs[i]).tensor : Tensor{};
}

void Execution::claim(int64_t bytes) {
  claimed_ += bytes;
  setup_.resources.bytes_left -= bytes;
  if (setup_.resources.bytes_left < 0) {
    throw Error(ErrorCode::kOutOfMemory, "values whose shapes depend on data exceed the limit");
  }
}

std::vector<Tensor> Execution::run_subgraph(std::string_view attribute,
                                            std::span<const Tensor> inputs) {
  const Step& step = next();
  const PreparedBody* body = setup_.prepared.nodes[static_cast<size_t>(step.node)].body(attribute);
  if (!body || body->inputs != inputs.size()) {
    throw Error(ErrorCode::kInvalidGraph,
                "the body '" + std::string(attribute) + "' is missing or has other inputs");
  }
  RunResources& resources = setup_.resources;
  if (--resources.body_runs_left < 0) {
    throw Error(ErrorCode::kLimitExceeded,
                "bodies have run " + std::to_string(resources.body_run_limit) +
                    " times in this run, and no more are allowed",
                "a Loop may have no end with these inputs; if it has, raise bodyRunLimit");
  }
  std::vector<Tensor> feeds(inputs.begin(), inputs.end());
  for (size_t index : body->captures) {
    feeds.push_back(with_layout(operand(step.captures[index]), Layout::kPlain).tensor);
  }
  std::vector<TensorInfo> infos;
  for (const Tensor& feed : feeds) {
    if (!feed.defined()) {
      throw Error(ErrorCode::kInvalidGraph, "input " + std::to_string(infos.size()) +
                                                " of the body '" + std::string(attribute) +
                                                "' has no value");
    }
    infos.push_back({feed.dtype(), feed.shape(), Layout::kPlain, true});
  }
  std::shared_ptr<Plan> plan = body->graph->plan_for(infos);
  resources.grow(setup_.depth + 1, plan->arena_bytes);
  const int64_t arena_bytes = plan->arena_bytes;
  Execution inner({*body->graph,
                   std::move(plan),
                   resources,
                   std::move(feeds),
                   {},
                   setup_.tapped,
                   setup_.depth + 1});
  inner.claim(arena_bytes);
  while (!inner.done()) inner.step();
  return inner.outputs();
}

}  // namespace eightfold
