// Steps in chunks, so that the products of X are one GEMM whose result stays in cache.
#include "ops/recurrent_walk.h"

#include <algorithm>

#include "ops/recurrent_cell.h"
#include "ops/recurrent_taps.h"

namespace eightfold {
namespace {

constexpr int64_t kChunkGates = 64 * 1024;
constexpr size_t kX = 0, kLengths = 4, kInitialH = 5, kInitialC = 6, kP = 7;
constexpr size_t kY = 0, kYh = 1, kYc = 2;

class Walk {
 public:
  Walk(RunContext& context, const RecurrentAttributes& attributes, const RecurrentShape& shape,
       GateProducts& products, float* scratch)
      : context_(context),
        attributes_(attributes),
        shape_(shape),
        products_(products),
        lengths_(sequence_lengths(context, shape, kLengths)),
        longest_(shape.steps),
        taps_(context, attributes.kind, shape) {
    const int64_t state = shape.batch * shape.hidden;
    h_ = scratch;
    c_ = h_ + state;
    reset_h_ = c_ + state;
    recurrent_ = reset_h_ + state;
    gates_ = recurrent_ + shape.batch * shape.gates;
    if (lengths_) {
      longest_ = shape.batch > 0 ? *std::max_element(lengths_, lengths_ + shape.batch) : 0;
    }
  }

  void run(int64_t direction) {
    direction_ = direction;
    load_state(kInitialH, h_);
    if (attributes_.kind == CellKind::kLstm) load_state(kInitialC, c_);
    products_.start(direction, longest_);
    const int64_t chunk = walk_steps(shape_);
    const bool reverse = attributes_.is_reverse(direction);
    for (int64_t done = 0; done < longest_; done += chunk) {
      const int64_t count = std::min(chunk, longest_ - done);
      run_chunk(reverse ? longest_ - done - count : done, count, reverse);
    }
    clear_rest();
    store_state(kYh, h_);
    if (attributes_.kind == CellKind::kLstm) store_state(kYc, c_);
  }

 private:
  int64_t length(int64_t item) const { return lengths_ ? lengths_[item] : shape_.steps; }

  void load_state(size_t input, float* state) const {
    const int64_t hidden = shape_.hidden;
    if (!context_.has_input(input)) {
      std::fill_n(state, shape_.batch * hidden, 0.0f);
      return;
    }
    const float* from = context_.inputs[input].as<float>() + direction_ * shape_.state_direction;
    for (int64_t n = 0; n < shape_.batch; ++n) {
      std::copy_n(from + n * shape_.state_item, hidden, state + n * hidden);
    }
  }

  void store_state(size_t output, const float* state) const {
    if (!context_.has_output(output)) return;
    const int64_t hidden = shape_.hidden;
    float* to = context_.outputs[output].as<float>() + direction_ * shape_.state_direction;
    for (int64_t n = 0; n < shape_.batch; ++n) {
      float* item = to + n * shape_.state_item;
      if (length(n) > 0) {
        std::copy_n(state + n * hidden, hidden, item);
      } else {
        std::fill_n(item, hidden, 0.0f);
      }
    }
  }

  float* y(int64_t step, int64_t item) const {
    return context_.outputs[kY].as<float>() + direction_ * shape_.y_direction +
           step * shape_.y_step + item * shape_.y_item;
  }

  void clear_rest() const {
    if (!context_.has_output(kY)) return;
    for (int64_t n = 0; n < shape_.batch; ++n) {
      for (int64_t t = length(n); t < shape_.steps; ++t) std::fill_n(y(t, n), shape_.hidden, 0.0f);
    }
  }

  // Gates of X for the steps first..first + count; rows in the order of X's memory.
  void run_chunk(int64_t first, int64_t count, bool reverse) {
    const float* x = context_.inputs[kX].as<float>() + first * shape_.x_step;
    if (attributes_.batch_major) {
      for (int64_t n = 0; n < shape_.batch; ++n) {
        products_.of_input(x + n * shape_.x_item, count, gates_ + n * count * shape_.gates);
      }
    } else {
      products_.of_input(x, count * shape_.batch, gates_);
    }
    const int64_t step = attributes_.batch_major ? 1 : shape_.batch;
    const int64_t item = attributes_.batch_major ? count : 1;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t t = reverse ? count - 1 - i : i;
      run_step(first + t, gates_ + t * step * shape_.gates, item * shape_.gates);
    }
  }

  template <typename F>
  void for_active(int64_t t, F&& call) {
    for (int64_t n = 0; n < shape_.batch; ++n) {
      if (t < length(n)) call(n);
    }
  }

  void run_step(int64_t t, float* gates, int64_t item) {
    using Part = GateProducts::Part;
    const auto index = static_cast<size_t>(direction_);
    const float* peepholes = context_.has_input(kP) && attributes_.kind == CellKind::kLstm
                                 ? context_.inputs[kP].as<float>() + direction_ * 3 * shape_.hidden
                                 : nullptr;
    const int64_t hidden = shape_.hidden;
    const auto row_of = [&](int64_t n) {
      return CellRow{attributes_, attributes_.activations[index], peepholes,
                     hidden,      products_.late_bias(),          taps_.linear({t, direction_, n})};
    };
    const auto after = [&](int64_t n, const float* x_gates, const float* state) {
      taps_.after({t, direction_, n}, x_gates, state + n * hidden);
    };
    const auto before = [&](int64_t n, const float* state) {
      taps_.before({t, direction_, n}, state + n * hidden);
    };
    if (resets_first(attributes_)) {
      products_.of_hidden(Part::kFirstTwo, h_, shape_.batch, recurrent_);
      for_active(t, [&](int64_t n) {
        before(n, h_);
        gru_reset(row_of(n), gates + n * item, recurrent_ + n * 2 * hidden, h_ + n * hidden,
                  reset_h_ + n * hidden);
      });
      products_.of_hidden(Part::kLast, reset_h_, shape_.batch, recurrent_);
      for_active(t, [&](int64_t n) {
        gru_step(row_of(n), gates + n * item, recurrent_ + n * hidden, h_ + n * hidden);
        after(n, gates + n * item, h_);
      });
    } else {
      products_.of_hidden(Part::kAll, h_, shape_.batch, recurrent_);
      for_active(t, [&](int64_t n) {
        float* x_gates = gates + n * item;
        const float* h_gates = recurrent_ + n * shape_.gates;
        float* h = h_ + n * hidden;
        switch (attributes_.kind) {
          case CellKind::kLstm: {
            before(n, c_);
            lstm_step(row_of(n), x_gates, h_gates, h, c_ + n * hidden);
            return after(n, x_gates, c_);
          }
          case CellKind::kGru:
            before(n, h_);
            gru_step_linear(row_of(n), x_gates, h_gates, h);
            return after(n, x_gates, h_);
          case CellKind::kRnn: return rnn_step(row_of(n), x_gates, h_gates, h);
        }
      });
    }
    if (!context_.has_output(kY)) return;
    for_active(t, [&](int64_t n) { std::copy_n(h_ + n * hidden, hidden, y(t, n)); });
  }

  RunContext& context_;
  const RecurrentAttributes& attributes_;
  const RecurrentShape& shape_;
  GateProducts& products_;
  const int32_t* lengths_;
  int64_t longest_, direction_ = 0;
  CellTaps taps_;
  float *h_, *c_, *reset_h_, *recurrent_, *gates_;
};

}  // namespace

bool resets_first(const RecurrentAttributes& attributes) {
  return attributes.kind == CellKind::kGru && !attributes.linear_before_reset;
}

int64_t walk_steps(const RecurrentShape& shape) {
  const int64_t per_step = std::max<int64_t>(1, shape.batch * shape.gates);
  return std::clamp<int64_t>(kChunkGates / per_step, 1, std::max<int64_t>(1, shape.steps));
}

int64_t walk_rows(const RecurrentShape& shape) { return shape.batch * walk_steps(shape); }

int64_t walk_scratch(const RecurrentShape& shape) {
  return 3 * shape.batch * shape.hidden + (shape.batch + walk_rows(shape)) * shape.gates;
}

void walk_recurrent(RunContext& context, const RecurrentAttributes& attributes,
                    const RecurrentShape& shape, GateProducts& products, float* scratch) {
  Walk walk(context, attributes, shape, products, scratch);
  for (int64_t direction = 0; direction < shape.directions; ++direction) walk.run(direction);
}

}  // namespace eightfold
