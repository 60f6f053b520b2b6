// ReverseSequence, Compress, Unique: slices along an axis in another order, or some of them.
#include "ops/shape_pick.h"

#include <algorithm>
#include <numeric>

#include "core/heap_sort.h"
#include "ops/ordered.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// x as [outer, count, inner bytes] along an axis; without one as a flat list.
struct Slices {
  int64_t outer, count;
  size_t bytes;
};
Slices slices_of(const RunContext& context, std::optional<size_t> axis) {
  const Shape& shape = context.inputs[0].shape;
  const size_t element = element_bytes(context, context.inputs[0].dtype);
  if (!axis) return {1, element_count(shape), element};
  return {product(shape, 0, *axis), shape[*axis],
          static_cast<size_t>(product(shape, *axis + 1, shape.size())) * element};
}

template <typename Context>
std::optional<size_t> axis_of(const Context& context, size_t rank) {
  if (!context.node.has_attribute("axis")) return std::nullopt;
  return checked_axis(context, context.node.int_attribute("axis", 0), rank);
}

// The chosen slices, in their order, to output 0, which gets its storage here.
void copy_picked(RunContext& context, std::optional<size_t> axis,
                 const std::vector<int64_t>& picked) {
  const Slices x = slices_of(context, axis);
  const auto count = static_cast<int64_t>(picked.size());
  Shape shape = axis ? context.inputs[0].shape : Shape{count};
  if (axis) shape[*axis] = count;
  const auto* from = context.inputs[0].as<uint8_t>();
  auto* to = context.host.allocate(0, context.inputs[0].dtype, std::move(shape)).as<uint8_t>();
  for (int64_t o = 0; o < x.outer; ++o) {
    for (const int64_t slice : picked) {
      copy_bytes(to, from + static_cast<size_t>(o * x.count + slice) * x.bytes, x.bytes);
      to += x.bytes;
    }
  }
}

void infer_picked(InferContext& context) {
  std::optional<Dims> dims = Dims{Dim{}};
  if (context.node.has_attribute("axis")) {
    dims = context.dims(0);
    if (dims) (*dims)[axis_of(context, dims->size()).value()] = {};
  }
  context.set_output(0, context.dtype(0), dims);
  for (size_t i = 1; i < context.output_count(); ++i) {
    context.set_output(i, DType::kInt64, Dims{Dim{}});
  }
}

// ---- Compress: the slices whose condition holds; a short condition leaves out the rest
void run_compress(RunContext& context) {
  const auto axis = axis_of(context, context.inputs[0].shape.size());
  const int64_t count = std::min(slices_of(context, axis).count, context.inputs[1].size());
  std::vector<int64_t> picked;
  for (int64_t i = 0; i < count; ++i) {
    if (context.inputs[1].as<uint8_t>()[i]) picked.push_back(i);
  }
  copy_picked(context, axis, picked);
}

// ---- Unique: y, indices of the first of each, for every slice its place in y, counts
// Slices compare element by element, in row-major order.
class Order {
 public:
  Order(const RunContext& context, const Slices& slices)
      : elements_(kind_of(context.inputs[0].dtype)), slices_(slices) {
    const TensorView& x = context.inputs[0];
    elements_.load(x, 0, 1, x.size());
    inner_ = static_cast<int64_t>(slices.bytes / element_bytes(context, x.dtype));
  }
  // Equal ones by their place.
  bool before(int64_t a, int64_t b) const {
    const int order = compare(a, b);
    return order == 0 ? a < b : order < 0;
  }
  bool equal(int64_t a, int64_t b) const { return compare(a, b) == 0; }

 private:
  int compare(int64_t a, int64_t b) const {
    for (int64_t o = 0; o < slices_.outer; ++o) {
      const int64_t left = (o * slices_.count + a) * inner_;
      const int64_t right = (o * slices_.count + b) * inner_;
      for (int64_t i = 0; i < inner_; ++i) {
        const int order = elements_.order(left + i, right + i);
        if (order != 0) return order;
      }
    }
    return 0;
  }
  Ordered elements_;
  Slices slices_;
  int64_t inner_ = 0;
};

void put_indices(RunContext& context, size_t output, const std::vector<int64_t>& values) {
  if (output >= context.outputs.size() || context.node.output(output) == kNone) return;
  const TensorView y =
      context.host.allocate(output, DType::kInt64, {static_cast<int64_t>(values.size())});
  std::ranges::copy(values, y.as<int64_t>());
}

// `order` holds the slices sorted, equal ones by their place.
void run_unique(RunContext& context) {
  const auto axis = axis_of(context, context.inputs[0].shape.size());
  const Slices slices = slices_of(context, axis);
  const Order order(context, slices);
  std::vector<int64_t> sorted(static_cast<size_t>(slices.count));
  std::iota(sorted.begin(), sorted.end(), int64_t{0});
  heap_sort(sorted, [&](int64_t a, int64_t b) { return order.before(a, b); });
  // Groups of equal slices: where each first stands, and how many there are.
  std::vector<int64_t> firsts, counts, group(sorted.size());
  for (const int64_t slice : sorted) {
    if (firsts.empty() || !order.equal(firsts.back(), slice)) {
      firsts.push_back(slice);
      counts.push_back(0);
    }
    ++counts.back();
    group[static_cast<size_t>(slice)] = static_cast<int64_t>(firsts.size()) - 1;
  }
  std::vector<int64_t> places(firsts.size());
  std::iota(places.begin(), places.end(), int64_t{0});
  if (context.node.int_attribute("sorted", 1) == 0) {
    heap_sort(places, [&](int64_t a, int64_t b) {
      return firsts[static_cast<size_t>(a)] < firsts[static_cast<size_t>(b)];
    });
  }
  std::vector<int64_t> picked, numbers, renamed(places.size());
  for (const int64_t g : places) {
    renamed[static_cast<size_t>(g)] = static_cast<int64_t>(picked.size());
    picked.push_back(firsts[static_cast<size_t>(g)]);
    numbers.push_back(counts[static_cast<size_t>(g)]);
  }
  for (int64_t& g : group) g = renamed[static_cast<size_t>(g)];
  copy_picked(context, axis, picked);
  put_indices(context, 1, picked);
  put_indices(context, 2, group);
  put_indices(context, 3, numbers);
}

// ---- ReverseSequence: the first sequence_lens[b] steps of each batch, backwards
void run_reverse_sequence(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const int64_t batch_axis = context.node.int_attribute("batch_axis", 1);
  const int64_t time_axis = context.node.int_attribute("time_axis", 0);
  const bool fits =
      x.shape.size() >= 2 && batch_axis + time_axis == 1 && (batch_axis == 0 || time_axis == 0);
  if (!fits) context.fail(ErrorCode::kInvalidAttribute, "batch_axis and time_axis must be 0 and 1");
  const int64_t batches = x.shape[static_cast<size_t>(batch_axis)];
  const int64_t steps = x.shape[static_cast<size_t>(time_axis)];
  const size_t bytes =
      static_cast<size_t>(product(x.shape, 2, x.shape.size())) * element_bytes(context, x.dtype);
  const std::vector<int64_t> lengths = integers(context.inputs[1]);
  if (static_cast<int64_t>(lengths.size()) != batches) {
    context.fail(ErrorCode::kInvalidShape, "sequence_lens must have one length per batch");
  }
  for (int64_t b = 0; b < batches; ++b) {
    const int64_t length = lengths[static_cast<size_t>(b)];
    if (length < 0 || length > steps) {
      context.fail(ErrorCode::kInvalidData, "a sequence length of " + std::to_string(length));
    }
    for (int64_t t = 0; t < steps; ++t) {
      const auto place = [&](int64_t step) {
        return static_cast<size_t>(batch_axis == 0 ? b * steps + step : step * batches + b) * bytes;
      };
      copy_bytes(context.outputs[0].as<uint8_t>() + place(t),
                 x.as<uint8_t>() + place(t < length ? length - 1 - t : t), bytes);
    }
  }
}

void infer_same_type(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

}  // namespace

void add_pick_rows(std::vector<OpDef>& rows) {
  const auto add = [&](std::string_view op_type, void (*infer)(InferContext&),
                       void (*run)(RunContext&)) {
    rows.push_back(moving_row(op_type, 1, kLatestOpset, infer, nullptr, run));
    rows.back().inputs = {Role::kActivation, Role::kShape};
    rows.back().allocates = infer == infer_picked;
  };
  add("ReverseSequence", infer_same_type, run_reverse_sequence);
  add("Compress", infer_picked, run_compress);
  add("Unique", infer_picked, run_unique);
  rows.back().quantized = {};
}

}  // namespace eightfold
