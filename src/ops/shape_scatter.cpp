// ScatterND and ScatterElements: a copy of the data with updates written (or reduced) into it.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "ops/elementwise_rows.h"
#include "ops/pieces.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

void infer_scatter(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

int64_t raw_index(const TensorView& indices, int64_t i, int64_t dim) {
  if (indices.dtype == DType::kInt64) return indices.as<int64_t>()[i];
  return indices.dtype == DType::kInt32 ? indices.as<int32_t>()[i] : dim;
}

[[noreturn]] void refuse_index(const RunContext& context, int64_t index, int64_t dim) {
  context.fail(ErrorCode::kInvalidData, "index " + std::to_string(index) + " is out of range for " +
                                            std::to_string(dim) + " elements");
}

int64_t index_at(const RunContext& context, int64_t i, int64_t dim) {
  const int64_t index = raw_index(context.inputs[1], i, dim);
  const int64_t at = index < 0 ? index + dim : index;
  if (at < 0 || at >= dim) refuse_index(context, index, dim);
  return at;
}

enum class Reduction : uint8_t { kNone, kAdd, kMul, kMax, kMin };

Reduction reduction_of(const RunContext& context) {
  const std::string name = context.node.string_attribute("reduction", "none");
  if (name == "none") return Reduction::kNone;
  if (name == "add") return Reduction::kAdd;
  if (name == "mul") return Reduction::kMul;
  if (name == "max") return Reduction::kMax;
  if (name == "min") return Reduction::kMin;
  context.fail(ErrorCode::kInvalidAttribute, "reduction '" + name + "'");
}

template <typename T>
T reduced(Reduction reduction, T old, T update) {
  using U = Wrapping<T>;
  switch (reduction) {
    case Reduction::kNone: break;
    case Reduction::kAdd: return static_cast<T>(static_cast<U>(old) + static_cast<U>(update));
    case Reduction::kMul: return static_cast<T>(static_cast<U>(old) * static_cast<U>(update));
    case Reduction::kMax: return std::max(old, update);
    case Reduction::kMin: return std::min(old, update);
  }
  return update;
}

// Double rounds the sum or product of two floats as float does.
template <typename Wide>
void reduce_into(const TensorView& y, int64_t to, const TensorView& updates, int64_t from,
                 int64_t count, Reduction reduction) {
  Piece<Wide> old, update;
  for (int64_t at = 0; at < count; at += kPiece) {
    const int64_t n = std::min(kPiece, count - at);
    load_piece(y, to + at, 1, n, old.data());
    load_piece(updates, from + at, 1, n, update.data());
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      old[i] = reduced(reduction, old[i], update[i]);
    }
    store_piece(old.data(), n, y, to + at);
  }
}

// Writes `count` elements of the updates from `from` on into the output at `to`.
void write(const RunContext& context, Reduction reduction, int64_t to, int64_t from,
           int64_t count) {
  const TensorView& updates = context.inputs[2];
  const TensorView& y = context.outputs[0];
  if (reduction == Reduction::kNone) {
    const size_t bytes = element_bytes(context, y.dtype);
    copy_bytes(y.as<uint8_t>() + static_cast<size_t>(to) * bytes,
               updates.as<uint8_t>() + static_cast<size_t>(from) * bytes,
               static_cast<size_t>(count) * bytes);
    return;
  }
  const Kind kind = number_kind(context);
  if (kind == Kind::kNatural) refuse_dtype(context, y.dtype);
  kind == Kind::kFloat ? reduce_into<double>(y, to, updates, from, count, reduction)
                       : reduce_into<int64_t>(y, to, updates, from, count, reduction);
}

// Neighbouring updates that go to neighbouring places.
struct ScatterRun {
  int64_t to, from, count;
};
using ScatterRuns = std::vector<ScatterRun>;

struct BadIndex {
  int64_t index, dim;
};

// The runs of all updates in order, until an index is out of range.
std::optional<BadIndex> scatter_runs(const Shape& x, const TensorView& indices, ScatterRuns& runs) {
  const auto depth = static_cast<size_t>(indices.shape.back());
  const int64_t size = product(x, depth, x.size());
  const int64_t count = product(indices.shape, 0, indices.shape.size() - 1);
  for (int64_t i = 0, next = 0; i < count; ++i) {
    int64_t at = 0;
    for (size_t d = 0; d < depth; ++d, ++next) {
      const int64_t index = raw_index(indices, next, x[d]);
      const int64_t place = index < 0 ? index + x[d] : index;
      if (place < 0 || place >= x[d]) return BadIndex{index, x[d]};
      at = at * x[d] + place;
    }
    if (!runs.empty() && at * size == runs.back().to + runs.back().count) {
      runs.back().count += size;
    } else {
      runs.push_back({at * size, i * size, size});
    }
  }
  return std::nullopt;
}

bool addresses(const Shape& indices, const Shape& x) {
  return !indices.empty() && indices.back() >= 0 && static_cast<size_t>(indices.back()) <= x.size();
}

// The runs, where the indices are constant and right; null otherwise.
OpState plan_scatter_nd(PlanContext& context) {
  const Tensor* indices = context.constant(1);
  const Shape& x = context.inputs[0].shape;
  if (!indices || !addresses(indices->shape(), x)) return nullptr;
  const TensorView view{indices->dtype(), Layout::kPlain, indices->shape(),
                        const_cast<void*>(indices->raw())};
  auto runs = std::make_shared<ScatterRuns>();
  return scatter_runs(x, view, *runs) ? nullptr : runs;
}

void run_scatter_nd(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& indices = context.inputs[1];
  if (!addresses(indices.shape, x.shape)) {
    context.fail(ErrorCode::kInvalidShape, "the indices address more axes than there are");
  }
  const int64_t count = product(indices.shape, 0, indices.shape.size() - 1);
  const auto depth = static_cast<size_t>(indices.shape.back());
  if (context.inputs[2].size() != count * product(x.shape, depth, x.shape.size())) {
    context.fail(ErrorCode::kInvalidShape, "the updates do not fit the indices");
  }
  if (x.data != context.outputs[0].data) copy_bytes(context.outputs[0].data, x.data, view_bytes(x));
  const Reduction reduction = reduction_of(context);
  ScatterRuns found;
  if (!context.plan) {
    const auto bad = scatter_runs(x.shape, indices, found);
    if (bad) refuse_index(context, bad->index, bad->dim);
  }
  for (const ScatterRun& run : context.plan ? context.plan_as<ScatterRuns>() : found) {
    write(context, reduction, run.to, run.from, run.count);
  }
}

void run_scatter_elements(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const Shape& shape = context.inputs[1].shape;
  const size_t rank = x.shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", 0), rank);
  if (shape.size() != rank || context.inputs[2].shape != shape) {
    context.fail(ErrorCode::kInvalidShape, "indices and updates must have one shape");
  }
  for (size_t d = 0; d < rank; ++d) {
    if (d != axis && shape[d] > x.shape[d]) {
      context.fail(ErrorCode::kInvalidShape, "the indices are larger than the data");
    }
  }
  copy_bytes(context.outputs[0].data, x.data, view_bytes(x));
  const Reduction reduction = reduction_of(context);
  const Shape strides = physical_strides(x.shape, Layout::kPlain);
  Shape index(rank, 0);
  for (int64_t i = 0, n = context.inputs[1].size(); i < n; ++i) {
    int64_t at = index_at(context, i, x.shape[axis]) * strides[axis];
    for (size_t d = 0; d < rank; ++d) at += d == axis ? 0 : index[d] * strides[d];
    write(context, reduction, at, i, 1);
    for (size_t d = rank; d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

OpDef scatter_row(std::string_view op_type, int since, void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.since = since;
  row.inputs = {Role::kActivation, Role::kShape, Role::kActivation};
  row.infer = infer_scatter;
  row.run = run;
  row.floats = FloatTypes::kAny;
  return row;
}

}  // namespace

void add_scatter_rows(std::vector<OpDef>& rows) {
  rows.push_back(scatter_row("ScatterND", 11, run_scatter_nd));
  rows.back().plan = plan_scatter_nd;
  rows.back().aliasing = Aliasing::kInPlace;
  rows.push_back(scatter_row("ScatterElements", 11, run_scatter_elements));
  rows.push_back(scatter_row("Scatter", 9, run_scatter_elements));
}

}  // namespace eightfold
