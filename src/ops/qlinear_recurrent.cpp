// The walk of eightfold:QLinearLSTM over time. See qlinear_recurrent.h.
//
// Directions and lengths as in recurrent_walk.h; a state that is not given, an item of no steps and
// Y past an item's length hold the quantized zero.
#include "ops/qlinear_recurrent.h"

#include "core/aligned.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/kernels.h"
#include "ops/dtype_switch.h"
#include "ops/quantized_operands.h"
#include "ops/recurrent_walk.h"

namespace eightfold {
namespace {

using namespace qlinear_recurrent;
constexpr size_t kY = 0, kYh = 1, kYc = 2;

struct LstmPlan {
  OpState own;  // of a node whose inputs are all constant: it is computed without a pack before
  const Packed* packed = nullptr;
  RecurrentShape shape;
  bool x_signed = false;
  size_t h_sums_at = 0, c_at = 0, h_at = 0, dense_at = 0;  // in the scratch, behind X's sums
};

OpState plan_lstm(PlanContext& context) {
  auto plan = std::make_shared<LstmPlan>();
  if (!context.packed) plan->own = pack({context.node, context.opset, context.constants, {}});
  plan->packed = static_cast<const Packed*>(plan->own ? plan->own.get() : context.packed);
  const Packed& packed = *plan->packed;
  plan->x_signed = is_signed_input(context, kX);
  const bool batch_major = packed.attributes.batch_major;
  const Shape& x = context.inputs[kX].shape;
  RecurrentShape& shape = plan->shape;
  shape.directions = packed.attributes.directions;
  shape.hidden = packed.hidden;
  shape.gates = 4 * packed.hidden;
  shape.steps = x[batch_major ? 1 : 0];
  shape.batch = x[batch_major ? 0 : 1];
  shape.input = packed.input;
  shape.set_strides(batch_major);
  expect_input(context, kX, packed.x_dtype, {x[0], x[1], packed.input});
  expect_input(context, kLengths, DType::kInt32, {shape.batch});
  expect_input(context, kInitialH, packed.h_dtype, shape.state(batch_major));
  expect_input(context, kInitialC, packed.c_dtype, shape.state(batch_major));
  const auto gates = static_cast<size_t>(shape.gates) * sizeof(int32_t);
  const auto state = static_cast<size_t>(shape.batch * shape.hidden);
  plan->h_sums_at = aligned(static_cast<size_t>(walk_rows(shape)) * gates);
  plan->c_at = plan->h_sums_at + aligned(static_cast<size_t>(shape.batch) * gates);
  plan->h_at = plan->c_at + aligned(state * sizeof(int32_t));
  plan->dense_at = plan->h_at + aligned(state);
  context.scratch_bytes =
      plan->dense_at + std::max(dense_scratch_bytes(packed.w[0]), dense_scratch_bytes(packed.r[0]));
  return plan;
}

// Values of 8 or 16 bits as int32 and back.
template <typename F>
void with_state_type(DType dtype, F&& call) {
  dtype_switch<int8_t, uint8_t, int16_t, uint16_t>(dtype, call);
}

class LstmRun {
 public:
  explicit LstmRun(RunContext& context)
      : context_(context),
        plan_(context.plan_as<LstmPlan>()),
        packed_(*plan_.packed),
        shape_(plan_.shape),
        lengths_(sequence_lengths(context, shape_, kLengths)),
        longest_(shape_.steps),
        x_sums_(reinterpret_cast<int32_t*>(context.scratch)),
        h_sums_(reinterpret_cast<int32_t*>(context.scratch + plan_.h_sums_at)),
        c_(reinterpret_cast<int32_t*>(context.scratch + plan_.c_at)),
        h_(context.scratch + plan_.h_at),
        cell_(packed_.cell) {
    if (lengths_) {
      longest_ = shape_.batch > 0 ? *std::max_element(lengths_, lengths_ + shape_.batch) : 0;
    }
  }

  void run(int64_t direction) {
    direction_ = static_cast<size_t>(direction);
    cell_.x_scale = packed_.x_scale.data() + direction * shape_.gates;
    cell_.h_scale = packed_.h_scale.data() + direction * shape_.gates;
    load_states();
    const int64_t chunk = walk_steps(shape_);
    const bool reverse = packed_.attributes.is_reverse(direction);
    for (int64_t done = 0; done < longest_; done += chunk) {
      const int64_t count = std::min(chunk, longest_ - done);
      run_chunk(reverse ? longest_ - done - count : done, count, reverse);
    }
    for (int64_t n = 0; n < shape_.batch; ++n) {
      for (int64_t t = length(n); t < shape_.steps; ++t) store_h(kY, y_at(t, n), nullptr);
      store_h(kYh, state_at(n), length(n) > 0 ? h_ + n * shape_.hidden : nullptr);
      store_c(n);
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

  void load_states() {
    const int64_t hidden = shape_.hidden;
    std::memset(h_, cell_.hidden_state.zero, static_cast<size_t>(shape_.batch * hidden));
    std::fill_n(c_, shape_.batch * hidden, cell_.cell.zero);
    for (int64_t n = 0; n < shape_.batch; ++n) {
      if (context_.has_input(kInitialH)) {
        std::copy_n(context_.inputs[kInitialH].as<uint8_t>() + state_at(n), hidden,
                    h_ + n * hidden);
      }
      if (!context_.has_input(kInitialC)) continue;
      with_state_type(packed_.c_dtype, [&](auto tag) {
        std::copy_n(context_.inputs[kInitialC].as<decltype(tag)>() + state_at(n), hidden,
                    c_ + n * hidden);
      });
    }
  }

  // `from` null: the quantized zero.
  void store_h(size_t output, int64_t at, const uint8_t* from) const {
    if (!context_.has_output(output)) return;
    uint8_t* to = context_.outputs[output].as<uint8_t>() + at;
    if (from) {
      std::copy_n(from, shape_.hidden, to);
    } else {
      std::memset(to, cell_.hidden_state.zero, static_cast<size_t>(shape_.hidden));
    }
  }

  void store_c(int64_t n) const {
    if (!context_.has_output(kYc)) return;
    with_state_type(packed_.c_dtype, [&](auto tag) {
      using T = decltype(tag);
      T* to = context_.outputs[kYc].as<T>() + state_at(n);
      for (int64_t j = 0; j < shape_.hidden; ++j) {
        to[j] = static_cast<T>(length(n) > 0 ? c_[n * shape_.hidden + j] : cell_.cell.zero);
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

  void run_step(int64_t t, const int32_t* x_sums, int64_t item) {
    const int64_t hidden = shape_.hidden;
    multiply(packed_.r[direction_], {h_, packed_.h_dtype == DType::kInt8, cell_.hidden_state.zero},
             shape_.batch, h_sums_);
    const auto kernel = select<LstmCellInt8>();
    for (int64_t n = 0; n < shape_.batch; ++n) {
      if (t >= length(n)) continue;
      uint8_t* h = h_ + n * hidden;
      kernel->run({&cell_, x_sums + n * item, h_sums_ + n * shape_.gates, c_ + n * hidden, h});
      store_h(kY, y_at(t, n), h);
    }
  }

  RunContext& context_;
  const LstmPlan& plan_;
  const Packed& packed_;
  const RecurrentShape& shape_;
  const int32_t* lengths_;
  int64_t longest_;
  int32_t *x_sums_, *h_sums_, *c_;
  uint8_t* h_;
  LstmCellParams cell_;
  size_t direction_ = 0;
};

void run_lstm(RunContext& context) {
  LstmRun run(context);
  const int64_t directions = context.plan_as<LstmPlan>().shape.directions;
  for (int64_t direction = 0; direction < directions; ++direction) run.run(direction);
}

void infer_lstm(InferContext& context) {
  set_recurrent_outputs(context, kR, context.dtype(kHZero), context.dtype(kCZero));
}

int64_t lstm_macs(const Node&, std::span<const Shape> inputs, std::span<const Shape>) {
  return inputs[kX][0] * inputs[kX][1] * (element_count(inputs[kW]) + element_count(inputs[kR]));
}

}  // namespace

OpDef qlinear_lstm_row() {
  return {.domain = kEightfoldDomain,
          .op_type = "QLinearLSTM",
          .inputs = {Role::kActivation, Role::kParameter, Role::kParameter, Role::kWeight,
                     Role::kParameter, Role::kWeight, Role::kParameter, Role::kBias, Role::kShape,
                     Role::kActivation, Role::kActivation, Role::kParameter},
          .infer = infer_lstm,
          .pack = pack,
          .plan = plan_lstm,
          .run = run_lstm,
          .macs = lstm_macs};
}

}  // namespace eightfold
