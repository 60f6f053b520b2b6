// ArgMax and ArgMin: the index of the extreme element along an axis; the first one of equals unless
// select_last_index is set.
#include <algorithm>

#include "ops/pieces.h"
#include "ops/reduce.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

void infer_arg(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const size_t axis =
        checked_axis(context, context.node.int_attribute("axis", 0), result->size());
    if (context.node.int_attribute("keepdims", 1)) {
      (*result)[axis] = {1, {}};
    } else {
      result->erase(result->begin() + static_cast<std::ptrdiff_t>(axis));
    }
  }
  context.set_output(0, DType::kInt64, std::move(result));
}

// The axis in pieces, one per column of the other axes.
template <typename T, typename Stored>
int64_t best_index(const TensorView& x, int64_t from, int64_t count, int64_t step, bool max,
                   bool last) {
  Piece<Stored> piece;
  int64_t best = -1;
  T holder{};
  for (int64_t at = 0; at < count; at += kPiece) {
    const int64_t n = std::min(kPiece, count - at);
    load_piece(x, from + at * step, step, n, piece.data());
    for (int64_t i = 0; i < n; ++i) {
      const T candidate = static_cast<T>(piece[static_cast<size_t>(i)]);
      const bool better = max ? candidate > holder : candidate < holder;
      if (best >= 0 && !better && !(last && candidate == holder)) continue;
      best = at + i;
      holder = candidate;
    }
  }
  return best;
}

void find_best(RunContext& context, bool max) {
  const TensorView& x = context.inputs[0];
  const size_t rank = x.shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", 0), rank);
  const bool last = context.node.int_attribute("select_last_index", 0) != 0;
  const int64_t count = x.shape[axis], inner = product(x.shape, axis + 1, rank);
  if (count == 0) context.fail(ErrorCode::kInvalidShape, "the axis is empty");
  const Kind kind = number_kind(context);
  const auto find = kind == Kind::kFloat     ? best_index<double, double>
                    : kind == Kind::kNatural ? best_index<uint64_t, int64_t>
                                             : best_index<int64_t, int64_t>;
  int64_t* y = context.outputs[0].as<int64_t>();
  for (int64_t i = 0, n = context.outputs[0].size(); i < n; ++i) {
    y[i] = find(x, i / inner * inner * count + i % inner, count, inner, max, last);
  }
}

template <bool kMax>
void run_arg(RunContext& context) {
  find_best(context, kMax);
}

OpDef arg_row(std::string_view op_type, void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.infer = infer_arg;
  row.run = run;
  row.floats = FloatTypes::kAny;
  row.quantized = kDirectForm;  // quantization keeps the order
  row.observation = kNoObservation;
  return row;
}

}  // namespace

void add_arg_rows(std::vector<OpDef>& rows) {
  rows.push_back(arg_row("ArgMax", run_arg<true>));
  rows.push_back(arg_row("ArgMin", run_arg<false>));
}

}  // namespace eightfold
