// Which values are widened, where, and back again. See call_row.h.
#include "ops/call_row.h"

#include <utility>

#include "core/aligned.h"
#include "kernels/parallel.h"
#include "ops/cast.h"

namespace eightfold {
namespace {

// Constants that a plan reads are small; larger ones are not worth a copy and count as not known.
constexpr int64_t kSmallConstant = 4096;

bool is_widened(const OpDef& op, DType dtype) {
  if (op.floats == FloatTypes::kAny) return false;
  return dtype == DType::kFloat16 || dtype == DType::kBfloat16 ||
         (dtype == DType::kFloat64 && op.floats == FloatTypes::kSingle);
}

DType computed_dtype(const OpDef& op, DType dtype) {
  return is_widened(op, dtype) ? DType::kFloat32 : dtype;
}

// Whether run reads the elements of input i: not those of what pack has put into a form of its own,
// nor those of metadata.
bool is_read(const OpDef& op, size_t i, const void* packed) {
  const Role role = op.role(i);
  return role != Role::kMetadata && !(role == Role::kWeight && packed);
}

size_t widened_bytes(const Shape& shape) {
  return aligned(byte_count(DType::kFloat32, element_count(shape)) + kTailBytes);
}

Tensor widened(const Tensor& tensor) {
  // The data of packed weights is gone, their type and shape are not.
  if (!tensor.raw()) return Tensor::described(DType::kFloat32, tensor.shape());
  Tensor wide = Tensor::allocate(DType::kFloat32, tensor.shape());
  void* data = const_cast<void*>(tensor.raw());
  cast_elements({tensor.dtype(), Layout::kPlain, tensor.shape(), data},
                {DType::kFloat32, Layout::kPlain, wide.shape(), wide.mutable_raw()});
  return wide;
}

// The constants as the row's functions take them. Those of more than `limit` elements that would
// have to be widened count as not known.
class WideConstants {
 public:
  WideConstants(const OpDef& op, std::span<const Tensor* const> constants, int64_t limit) {
    tensors_.reserve(constants.size());
    for (const Tensor* constant : constants) {
      const bool wide = constant && is_widened(op, constant->dtype());
      if (wide && constant->size() <= limit) tensors_.push_back(widened(*constant));
      pointers_.push_back(!wide                       ? constant
                          : constant->size() <= limit ? &tensors_.back()
                                                      : nullptr);
    }
  }
  std::span<const Tensor* const> pointers() const { return pointers_; }

 private:
  std::vector<Tensor> tensors_;
  std::vector<const Tensor*> pointers_;
};

std::vector<TensorInfo> wide_infos(const OpDef& op, std::span<const TensorInfo> infos) {
  std::vector<TensorInfo> wide(infos.begin(), infos.end());
  for (TensorInfo& info : wide) info.dtype = computed_dtype(op, info.dtype);
  return wide;
}

// Hands out float32 for an output of unknown shape that is stored in another type.
class WideHost final : public RunHost {
 public:
  WideHost(const OpDef& op, const RunContext& context)
      : op_(op), context_(context), made_(context.outputs.size()) {}

  TensorView allocate(size_t output, DType dtype, Shape shape) override {
    const DType stored = context_.outputs[output].dtype;
    if (dtype != DType::kFloat32 || !is_widened(op_, stored)) {
      return context_.host.allocate(output, dtype, std::move(shape));
    }
    Tensor& tensor = made_[output] = Tensor::allocate(dtype, shape);
    return {dtype, Layout::kPlain, std::move(shape), tensor.mutable_raw()};
  }

  // Rows that ask for these take every type as it is.
  Tensor input(size_t i) override { return context_.host.input(i); }
  void claim(int64_t bytes) override { context_.host.claim(bytes); }

  void emit(size_t output, Tensor tensor) override {
    if (tensor.dtype() != DType::kFloat32 || !is_widened(op_, context_.outputs[output].dtype)) {
      return context_.host.emit(output, std::move(tensor));
    }
    made_[output] = std::move(tensor);
  }

  std::vector<Tensor> run_subgraph(std::string_view attribute,
                                   std::span<const Tensor> inputs) override {
    return context_.host.run_subgraph(attribute, inputs);
  }

  void narrow() {
    for (size_t i = 0; i < made_.size(); ++i) {
      if (!made_[i].defined()) continue;
      const TensorView stored =
          context_.host.allocate(i, context_.outputs[i].dtype, made_[i].shape());
      cast_elements({DType::kFloat32, Layout::kPlain, stored.shape, made_[i].mutable_raw()},
                    stored);
    }
  }

 private:
  const OpDef& op_;
  const RunContext& context_;
  std::vector<Tensor> made_;
};

// Float32 storage for the views that need it, one after the other from `scratch` on.
std::vector<TensorView> wide_views(const OpDef& op, std::span<const TensorView> views,
                                   uint8_t*& scratch, auto&& has_storage) {
  std::vector<TensorView> wide(views.begin(), views.end());
  for (size_t i = 0; i < wide.size(); ++i) {
    if (!is_widened(op, wide[i].dtype)) continue;
    wide[i].dtype = DType::kFloat32;
    wide[i].data = has_storage(i) ? scratch : nullptr;
    if (wide[i].data) scratch += widened_bytes(wide[i].shape);
  }
  return wide;
}

// Elements [part.begin, part.end) of a view, which need not be of one shape or layout.
TensorView stretch(const TensorView& view, const LoopPart& part) {
  const int64_t bytes = dtype_bits(view.dtype) / 8;
  auto* data = static_cast<uint8_t*>(view.data) + part.begin * bytes;
  return {view.dtype, Layout::kPlain, Shape{part.count()}, data};
}

// A pointwise row, on several threads where it is long.
void run_stretches(const OpDef& op, RunContext& context) {
  constexpr int64_t kCost = 4;  // of the cheapest functions, in vectors
  const int64_t n = context.outputs[0].size();
  parallel_for({n, kCost, 64}, [&](const LoopPart& part) {
    if (part.count() == n) return op.run(context);
    std::vector<TensorView> inputs(context.inputs.begin(), context.inputs.end());
    inputs[0] = stretch(inputs[0], part);
    TensorView output = stretch(context.outputs[0], part);
    RunContext some{context.node,   context.opset, inputs,          {&output, 1},
                    context.packed, context.plan,  context.scratch, context.host};
    op.run(some);
  });
}

void run_wide(const OpDef& op, RunContext& context) {
  uint8_t* scratch = context.scratch;
  const auto read = [&](size_t i) { return is_read(op, i, context.packed); };
  const auto planned = [&](size_t i) { return context.outputs[i].data != nullptr; };
  const std::vector<TensorView> inputs = wide_views(op, context.inputs, scratch, read);
  std::vector<TensorView> outputs = wide_views(op, context.outputs, scratch, planned);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype == context.inputs[i].dtype || !read(i)) continue;
    cast_elements(context.inputs[i], inputs[i]);
  }
  WideHost host(op, context);
  RunContext inner{context.node,   context.opset, inputs,  outputs,
                   context.packed, context.plan,  scratch, host};
  op.run(inner);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].dtype == context.outputs[i].dtype || !planned(i)) continue;
    cast_elements(outputs[i], context.outputs[i]);
  }
  host.narrow();
}

}  // namespace

OpState pack_row(const OpDef& op, const PackContext& context) {
  if (!op.pack) return nullptr;
  const WideConstants constants(op, context.constants, INT64_MAX);
  std::vector<ValueType> types(context.input_types.begin(), context.input_types.end());
  for (ValueType& type : types) type.dtype = computed_dtype(op, type.dtype);
  PackContext inner = context;
  inner.constants = constants.pointers();
  inner.input_types = types;
  return op.pack(inner);
}

OpState plan_row(const OpDef& op, PlanContext& context) {
  const std::vector<TensorInfo> inputs = wide_infos(op, context.inputs);
  const std::vector<TensorInfo> outputs = wide_infos(op, context.outputs);
  const WideConstants constants(op, context.constants, kSmallConstant);
  PlanContext inner = context;
  inner.inputs = inputs;
  inner.outputs = outputs;
  inner.constants = constants.pointers();
  OpState state = op.plan ? op.plan(inner) : nullptr;
  context.scratch_bytes = inner.scratch_bytes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype == context.inputs[i].dtype || !is_read(op, i, context.packed)) continue;
    context.scratch_bytes += widened_bytes(inputs[i].shape);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].dtype == context.outputs[i].dtype || !outputs[i].known) continue;
    context.scratch_bytes += widened_bytes(outputs[i].shape);
  }
  return state;
}

void run_row(const OpDef& op, RunContext& context) {
  const auto is_wide = [&](const TensorView& view) { return is_widened(op, view.dtype); };
  const bool any =
      std::ranges::any_of(context.inputs, is_wide) || std::ranges::any_of(context.outputs, is_wide);
  if (any) return run_wide(op, context);
  return op.pointwise ? run_stretches(op, context) : op.run(context);
}

}  // namespace eightfold
