// The walk of the integer recurrent ops over time. See qlinear_recurrent.h.
//
// Directions and lengths as in recurrent_walk.h; a state that is not given, an item of no steps and
// Y past an item's length hold the quantized zero.
#include "ops/qlinear_recurrent.h"

#include "core/aligned.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "kernels/kernels.h"
#include "ops/dtype_switch.h"
#include "ops/quantized_operands.h"
#include "ops/recurrent_walk.h"

namespace eightfold {
namespace {

using namespace qlinear_recurrent;
constexpr size_t kY = 0;

struct CellsPlan {
  OpState own;  // of a node whose inputs are all constant: it is computed without a pack before
  const Packed* packed = nullptr;
  RecurrentShape shape;
  bool x_signed = false;
  // In the scratch, behind X's sums.
  size_t h_sums_at = 0, n_sums_at = 0, wide_at = 0, h_at = 0, reset_at = 0, dense_at = 0;
};

void expect_state(const PlanContext& context, const State& state, const Shape& shape) {
  if (state.input >= 0) expect_input(context, static_cast<size_t>(state.input), state.dtype, shape);
}

template <CellKind kKind>
OpState pack_cells(const PackContext& context) {
  return pack(context, kKind);
}

template <CellKind kKind>
OpState plan_cells(PlanContext& context) {
  auto plan = std::make_shared<CellsPlan>();
  if (!context.packed) {
    plan->own = pack({context.node, context.opset, context.constants, {}}, kKind);
  }
  plan->packed = static_cast<const Packed*>(plan->own ? plan->own.get() : context.packed);
  const Packed& packed = *plan->packed;
  plan->x_signed = is_signed_input(context, kX);
  const bool batch_major = packed.attributes.batch_major;
  const Shape& x = context.inputs[kX].shape;
  RecurrentShape& shape = plan->shape;
  shape.directions = packed.attributes.directions;
  shape.hidden = packed.hidden;
  shape.gates = packed.gates;
  shape.steps = x[batch_major ? 1 : 0];
  shape.batch = x[batch_major ? 0 : 1];
  shape.input = packed.input;
  shape.set_strides(batch_major);
  expect_input(context, kX, packed.x_dtype, {x[0], x[1], packed.input});
  expect_input(context, kLengths, DType::kInt32, {shape.batch});
  expect_state(context, packed.h, shape.state(batch_major));
  expect_state(context, packed.wide, shape.state(batch_major));
  const auto sums = [](int64_t count) { return static_cast<size_t>(count) * sizeof(int32_t); };
  const int64_t state = shape.batch * shape.hidden, gates = shape.batch * shape.gates;
  size_t end = 0;
  const auto take = [&](size_t bytes) { return std::exchange(end, end + aligned(bytes)); };
  take(sums(walk_rows(shape) * shape.gates));
  plan->h_sums_at = take(sums(gates));
  plan->n_sums_at = take(packed.last.empty() ? 0 : sums(state));
  plan->wide_at = take(packed.wide.dtype == DType::kUndefined ? 0 : sums(state));
  plan->h_at = take(static_cast<size_t>(state));
  plan->reset_at = take(packed.last.empty() ? 0 : static_cast<size_t>(state));
  plan->dense_at = end;
  size_t dense = 0;
  for (const auto* side : {&packed.w, &packed.r, &packed.last}) {
    if (!side->empty()) dense = std::max(dense, dense_scratch_bytes(side->front()));
  }
  context.scratch_bytes = end + dense;
  return plan;
}

// Values of 8 or 16 bits as int32 and back.
template <typename F>
void with_state_type(DType dtype, F&& call) {
  dtype_switch<int8_t, uint8_t, int16_t, uint16_t>(dtype, call);
}

class CellsRun {
 public:
  explicit CellsRun(RunContext& context)
      : context_(context),
        plan_(context.plan_as<CellsPlan>()),
        packed_(*plan_.packed),
        shape_(plan_.shape),
        lengths_(sequence_lengths(context, shape_, kLengths)),
        longest_(shape_.steps),
        x_sums_(reinterpret_cast<int32_t*>(context.scratch)),
        h_sums_(reinterpret_cast<int32_t*>(context.scratch + plan_.h_sums_at)),
        n_sums_(reinterpret_cast<int32_t*>(context.scratch + plan_.n_sums_at)),
        wide_(reinterpret_cast<int32_t*>(context.scratch + plan_.wide_at)),
        h_(context.scratch + plan_.h_at),
        reset_(context.scratch + plan_.reset_at),
        lstm_(packed_.lstm),
        gru_(packed_.gru),
        rnn_(packed_.rnn) {
    if (lengths_) {
      longest_ = shape_.batch > 0 ? *std::max_element(lengths_, lengths_ + shape_.batch) : 0;
    }
  }

  void run(int64_t direction) {
    direction_ = static_cast<size_t>(direction);
    for (CellGates* cell :
         {static_cast<CellGates*>(&lstm_), static_cast<CellGates*>(&gru_), &rnn_}) {
      cell->x_scale = packed_.x_scale.data() + direction * shape_.gates;
      cell->h_scale = packed_.h_scale.data() + direction * shape_.gates;
    }
    load_states();
    const int64_t chunk = walk_steps(shape_);
    const bool reverse = packed_.attributes.is_reverse(direction);
    for (int64_t done = 0; done < longest_; done += chunk) {
      const int64_t count = std::min(chunk, longest_ - done);
      run_chunk(reverse ? longest_ - done - count : done, count, reverse);
    }
    for (int64_t n = 0; n < shape_.batch; ++n) {
      for (int64_t t = length(n); t < shape_.steps; ++t) store_h(kY, y_at(t, n), nullptr);
      const uint8_t* h = length(n) > 0 ? h_ + n * shape_.hidden : nullptr;
      if (packed_.h.output >= 0) store_h(static_cast<size_t>(packed_.h.output), state_at(n), h);
      store_wide(n);
    }
  }

 private:
  int64_t length(int64_t item) const { return lengths_ ? lengths_[item] : shape_.steps; }
  int64_t direction() const { return static_cast<int64_t>(direction_); }
  int64_t state_at(int64_t n) const {
    return direction() * shape_.state_direction + n * shape_.state_item;
  }
  int64_t y_at(int64_t t, int64_t n) const {
    return direction() * shape_.y_direction + t * shape_.y_step + n * shape_.y_item;
  }

  bool is_given(const State& state) const {
    return state.input >= 0 && context_.has_input(static_cast<size_t>(state.input));
  }

  void load_states() {
    const int64_t hidden = shape_.hidden, all = shape_.batch * hidden;
    std::memset(h_, packed_.y_zero(), static_cast<size_t>(all));
    for (int64_t n = 0; n < shape_.batch && is_given(packed_.h); ++n) {
      const auto& from = context_.inputs[static_cast<size_t>(packed_.h.input)];
      std::copy_n(from.as<uint8_t>() + state_at(n), hidden, h_ + n * hidden);
    }
    if (packed_.wide.dtype == DType::kUndefined) return;
    std::fill_n(wide_, all, packed_.wide_zero());
    if (!is_given(packed_.wide)) return;
    with_state_type(packed_.wide.dtype, [&](auto tag) {
      const auto& from = context_.inputs[static_cast<size_t>(packed_.wide.input)];
      for (int64_t n = 0; n < shape_.batch; ++n) {
        std::copy_n(from.as<decltype(tag)>() + state_at(n), hidden, wide_ + n * hidden);
      }
    });
    if (packed_.attributes.kind != CellKind::kGru) return;
    const CellPlace& y = gru_.hidden_state;
    const Int8Output range{h_, packed_.y_dtype, y.zero, y.lo, y.hi};
    for (int64_t i = 0; i < all; ++i) {
      h_[i] =
          static_cast<uint8_t>(requantize_int8(wide_[i] - gru_.state.zero, gru_.h_factor, range));
    }
  }

  // `from` null: the quantized zero.
  void store_h(size_t output, int64_t at, const uint8_t* from) const {
    if (!context_.has_output(output)) return;
    uint8_t* to = context_.outputs[output].as<uint8_t>() + at;
    if (from) {
      std::copy_n(from, shape_.hidden, to);
    } else {
      std::memset(to, packed_.y_zero(), static_cast<size_t>(shape_.hidden));
    }
  }

  void store_wide(int64_t n) const {
    if (packed_.wide.output < 0) return;
    const auto output = static_cast<size_t>(packed_.wide.output);
    if (!context_.has_output(output)) return;
    with_state_type(packed_.wide.dtype, [&](auto tag) {
      using T = decltype(tag);
      T* to = context_.outputs[output].as<T>() + state_at(n);
      for (int64_t j = 0; j < shape_.hidden; ++j) {
        to[j] = static_cast<T>(length(n) > 0 ? wide_[n * shape_.hidden + j] : packed_.wide_zero());
      }
    });
  }

  void multiply(const PackedDense& weights, const Int8Input& input, int64_t rows,
                int32_t* sums) const {
    dense_rows(weights, input, {sums, DType::kInt32}, {rows, weights.k, weights.n},
               context_.scratch + plan_.dense_at);
  }

  void run_chunk(int64_t first, int64_t count, bool reverse) {
    const bool batch_major = packed_.attributes.batch_major;
    const uint8_t* x = context_.inputs[kX].as<uint8_t>() + first * shape_.x_step;
    const int64_t blocks = batch_major ? shape_.batch : 1;
    const int64_t rows = batch_major ? count : count * shape_.batch;
    for (int64_t block = 0; block < blocks; ++block) {
      multiply(packed_.w[direction_], {x + block * shape_.x_item, plan_.x_signed, packed_.x_zero},
               rows, x_sums_ + block * rows * shape_.gates);
    }
    const int64_t step = batch_major ? 1 : shape_.batch, item = batch_major ? count : 1;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t t = reverse ? count - 1 - i : i;
      run_step(first + t, x_sums_ + t * step * shape_.gates, item * shape_.gates);
    }
  }

  // Of hidden vectors, one per batch item.
  void multiply(const PackedDense& weights, const uint8_t* h, int32_t* sums) const {
    multiply(weights, {h, packed_.y_dtype == DType::kInt8, packed_.y_zero()}, shape_.batch, sums);
  }

  void run_step(int64_t t, const int32_t* x_sums, int64_t item) {
    const int64_t hidden = shape_.hidden;
    const PackedDense& r = packed_.r[direction_];
    multiply(r, h_, h_sums_);
    const auto gru_at = [&](int64_t n, const int32_t* n_sums, uint8_t* h) {
      return GruStepInt8{&gru_,  x_sums + n * item,  h_sums_ + n * r.n,
                         n_sums, wide_ + n * hidden, h + n * hidden};
    };
    if (!packed_.last.empty()) {
      const auto kernel = select<GruCellInt8>();
      for (int64_t n = 0; n < shape_.batch; ++n) kernel->reset(gru_at(n, nullptr, reset_));
      multiply(packed_.last[direction_], reset_, n_sums_);
    }
    for (int64_t n = 0; n < shape_.batch; ++n) {
      if (t >= length(n)) continue;
      const int32_t *x = x_sums + n * item, *sums = h_sums_ + n * r.n;
      uint8_t* h = h_ + n * hidden;
      switch (packed_.attributes.kind) {
        case CellKind::kLstm:
          select<LstmCellInt8>()->run({&lstm_, x, sums, wide_ + n * hidden, h});
          break;
        case CellKind::kGru:
          select<GruCellInt8>()->run(
              gru_at(n, packed_.last.empty() ? sums + 2 * hidden : n_sums_ + n * hidden, h_));
          break;
        case CellKind::kRnn: select<RnnCellInt8>()->run({&rnn_, x, sums, h}); break;
      }
      store_h(kY, y_at(t, n), h);
    }
  }

  RunContext& context_;
  const CellsPlan& plan_;
  const Packed& packed_;
  const RecurrentShape& shape_;
  const int32_t* lengths_;
  int64_t longest_;
  int32_t *x_sums_, *h_sums_, *n_sums_, *wide_;
  uint8_t *h_, *reset_;
  LstmCellParams lstm_;
  GruCellParams gru_;
  CellGates rnn_;
  size_t direction_ = 0;
};

void run_cells(RunContext& context) {
  CellsRun run(context);
  const int64_t directions = context.plan_as<CellsPlan>().shape.directions;
  for (int64_t direction = 0; direction < directions; ++direction) run.run(direction);
}

void infer_lstm(InferContext& context) {
  const DType h = context.dtype(kLstmH + 1);
  set_recurrent_outputs(context, kR, {h, h, context.dtype(kLstmC + 1)});
}
void infer_gru(InferContext& context) {
  set_recurrent_outputs(context, kR, {context.dtype(kGruY + 1), context.dtype(kGruH + 1)});
}
void infer_rnn(InferContext& context) {
  const DType h = context.dtype(kRnnH + 1);
  set_recurrent_outputs(context, kR, {h, h});
}

int64_t cells_macs(const Node&, std::span<const Shape> inputs, std::span<const Shape>) {
  return inputs[kX][0] * inputs[kX][1] * (element_count(inputs[kW]) + element_count(inputs[kR]));
}

template <CellKind kKind>
OpDef cells_row(std::string_view op_type, Roles inputs, void (*infer)(InferContext&)) {
  return {.domain = kEightfoldDomain,
          .op_type = op_type,
          .inputs = inputs,
          .infer = infer,
          .pack = pack_cells<kKind>,
          .plan = plan_cells<kKind>,
          .run = run_cells,
          .macs = cells_macs};
}

}  // namespace

std::vector<OpDef> qlinear_recurrent_rows() {
  const Roles lstm{Role::kActivation, Role::kParameter,  Role::kParameter,  Role::kWeight,
                   Role::kParameter,  Role::kWeight,     Role::kParameter,  Role::kBias,
                   Role::kShape,      Role::kActivation, Role::kActivation, Role::kParameter};
  const Roles others{Role::kActivation, Role::kParameter,  Role::kParameter, Role::kWeight,
                     Role::kParameter,  Role::kWeight,     Role::kParameter, Role::kBias,
                     Role::kShape,      Role::kActivation, Role::kParameter};
  return {cells_row<CellKind::kLstm>("QLinearLSTM", lstm, infer_lstm),
          cells_row<CellKind::kGru>("QLinearGRU", others, infer_gru),
          cells_row<CellKind::kRnn>("QLinearRNN", others, infer_rnn)};
}

}  // namespace eightfold
