// Gather, GatherElements, GatherND. Indices are data: an index out of range is an Error of run.
// Gather takes the packed types of four bits as well: tables of embeddings are stored so.
#include <memory>

#include "core/nibble.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// An index counts from the end when negative.
int64_t checked_index(const RunContext& context, int64_t index, int64_t dim) {
  const int64_t at = index < 0 ? index + dim : index;
  if (at >= 0 && at < dim) return at;
  context.fail(ErrorCode::kInvalidData, "index " + std::to_string(index) + " is out of range for " +
                                            std::to_string(dim) + " elements");
}

// Reads int32 or int64 indices one by one.
class Indices {
 public:
  explicit Indices(const RunContext& context) : view_(context.inputs[1]) {
    if (view_.dtype != DType::kInt64 && view_.dtype != DType::kInt32) {
      refuse_dtype(context, view_.dtype);
    }
  }
  int64_t operator[](int64_t i) const {
    return view_.dtype == DType::kInt64 ? view_.as<int64_t>()[i] : view_.as<int32_t>()[i];
  }
  int64_t size() const { return view_.size(); }

 private:
  const TensorView& view_;
};

// ---- Gather: y[a..., i..., b...] = x[a..., indices[i...], b...]
void infer_gather(InferContext& context) {
  std::optional<Dims> result;
  if (context.dims(0) && context.dims(1)) {
    const Dims& x = *context.dims(0);
    const Dims& indices = *context.dims(1);
    const size_t axis = checked_axis(context, context.node.int_attribute("axis", 0), x.size());
    const auto at = static_cast<std::ptrdiff_t>(axis);
    result = Dims(x.begin(), x.begin() + at);
    result->insert(result->end(), indices.begin(), indices.end());
    result->insert(result->end(), x.begin() + at + 1, x.end());
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// Rows of an odd count of elements begin in the middle of a byte, so these move one by one.
void gather_nibbles(const RunContext& context, int64_t outer, int64_t dim, int64_t inner) {
  const void* x = context.inputs[0].data;
  void* y = context.outputs[0].data;
  const Indices indices(context);
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < indices.size(); ++i) {
      const int64_t from = (o * dim + checked_index(context, indices[i], dim)) * inner;
      for (int64_t e = 0; e < inner; ++e) append_nibble(y, to++, nibble_at(x, from + e, false));
    }
  }
}

// Single elements, where a call for each would take the longest.
template <typename T>
void gather_single(const RunContext& context, const Indices& indices, int64_t outer, int64_t dim) {
  const auto* from = context.inputs[0].as<T>();
  auto* to = context.outputs[0].as<T>();
  const int64_t count = indices.size();
  for (int64_t o = 0; o < outer; ++o, from += dim) {
    for (int64_t i = 0; i < count; ++i) *to++ = from[checked_index(context, indices[i], dim)];
  }
}

void run_gather(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const size_t rank = x.shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", 0), rank);
  const int64_t dim = x.shape[axis];
  const int64_t outer = product(x.shape, 0, axis);
  const int64_t inner = product(x.shape, axis + 1, rank);
  if (is_four_bit(x.dtype)) return gather_nibbles(context, outer, dim, inner);
  const size_t bytes = static_cast<size_t>(inner) * element_bytes(context, x.dtype);
  const Indices indices(context);
  if (bytes == 4) return gather_single<uint32_t>(context, indices, outer, dim);
  if (bytes == 1) return gather_single<uint8_t>(context, indices, outer, dim);
  auto* to = context.outputs[0].as<uint8_t>();
  for (int64_t o = 0; o < outer; ++o) {
    const uint8_t* from = x.as<uint8_t>() + static_cast<size_t>(o * dim) * bytes;
    for (int64_t i = 0; i < indices.size(); ++i, to += bytes) {
      const auto at = static_cast<size_t>(checked_index(context, indices[i], dim));
      copy_bytes(to, from + at * bytes, bytes);
    }
  }
}

// ---- GatherElements: y[i, j, k] = x[i, indices[i, j, k], k] for axis 1
void infer_gather_elements(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(1));
}

void run_gather_elements(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const Shape& shape = context.inputs[1].shape;
  const size_t rank = shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", 0), rank);
  if (x.shape.size() != rank) context.fail(ErrorCode::kInvalidShape, "ranks differ");
  for (size_t d = 0; d < rank; ++d) {
    if (d != axis && shape[d] > x.shape[d]) {
      context.fail(ErrorCode::kInvalidShape, "the indices are larger than the data");
    }
  }
  const Shape strides = physical_strides(x.shape, Layout::kPlain);
  const Indices indices(context);
  const size_t bytes = element_bytes(context, x.dtype);
  auto* to = context.outputs[0].as<uint8_t>();
  Shape index(rank, 0);
  for (int64_t i = 0; i < indices.size(); ++i, to += bytes) {
    int64_t at = checked_index(context, indices[i], x.shape[axis]) * strides[axis];
    for (size_t d = 0; d < rank; ++d) at += d == axis ? 0 : index[d] * strides[d];
    copy_bytes(to, x.as<uint8_t>() + static_cast<size_t>(at) * bytes, bytes);
    for (size_t d = rank; d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

// ---- GatherND: the last axis of the indices addresses the data after `batch_dims`
void infer_gather_nd(InferContext& context) {
  std::optional<Dims> result;
  if (context.dims(0) && context.dims(1) && !context.dims(1)->empty() &&
      context.dims(1)->back().known()) {
    const Dims& x = *context.dims(0);
    const Dims& indices = *context.dims(1);
    const int64_t batch = context.node.int_attribute("batch_dims", 0);
    const int64_t depth = batch + indices.back().value;
    if (batch < 0 || depth > static_cast<int64_t>(x.size())) {
      context.fail(ErrorCode::kInvalidShape, "the indices address more axes than there are");
    }
    result = Dims(indices.begin(), indices.end() - 1);
    result->insert(result->end(), x.begin() + static_cast<std::ptrdiff_t>(depth), x.end());
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

void run_gather_nd(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const Shape& shape = context.inputs[1].shape;
  const auto batch = static_cast<size_t>(context.node.int_attribute("batch_dims", 0));
  const auto depth = static_cast<size_t>(shape.back());
  const Shape strides = physical_strides(x.shape, Layout::kPlain);
  const int64_t batches = product(shape, 0, batch);
  const int64_t per_batch = product(shape, batch, shape.size() - 1);
  const int64_t batch_elements = product(x.shape, batch, x.shape.size());
  const size_t element = element_bytes(context, x.dtype);
  const size_t bytes =
      static_cast<size_t>(product(x.shape, batch + depth, x.shape.size())) * element;
  const Indices indices(context);
  auto* to = context.outputs[0].as<uint8_t>();
  int64_t next = 0;
  for (int64_t b = 0; b < batches; ++b) {
    for (int64_t i = 0; i < per_batch; ++i, to += bytes) {
      int64_t at = b * batch_elements;
      for (size_t d = 0; d < depth; ++d) {
        at += checked_index(context, indices[next++], x.shape[batch + d]) * strides[batch + d];
      }
      copy_bytes(to, x.as<uint8_t>() + static_cast<size_t>(at) * element, bytes);
    }
  }
}

}  // namespace

void add_gather_rows(std::vector<OpDef>& rows) {
  rows.push_back(moving_row("Gather", 1, kLatestOpset, infer_gather, nullptr, run_gather));
  rows.push_back(moving_row("GatherElements", 11, kLatestOpset, infer_gather_elements, nullptr,
                            run_gather_elements));
  rows.push_back(moving_row("GatherND", 11, kLatestOpset, infer_gather_nd, nullptr, run_gather_nd));
}

}  // namespace eightfold
