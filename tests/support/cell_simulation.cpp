// See cell_simulation.h.
#include "support/cell_simulation.h"

#include <algorithm>
#include <cmath>

#include "ops/recurrent.h"

namespace eightfold::test {
namespace {

struct Place {
  double scale = 1, zero = 0, lo = 0, hi = 0;
  double operator()(double v) const {
    return (std::clamp(std::nearbyint(v / scale) + zero, lo, hi) - zero) * scale;
  }
};

class Simulation {
 public:
  Simulation(const Routed& routed, const LstmSpec& spec, CellKind kind)
      : model_(routed.prepared),
        id_(model_.graph.value(model_.graph.find_value("cell_0")).producer()),
        node_(model_.graph.node(id_)),
        spec_(spec),
        kind_(kind),
        gates_(gate_count(kind) * spec.hidden),
        x_(place(input_slot(model_, id_, node_.input(0)))),
        y_(of_output(0)),
        linear_(of_output(static_cast<size_t>(tap_output(kind, kTapLinear)))),
        feed_(routed.sample[0].tensor.data<float>()) {
    w_ = weight(1, spec.input, x_, w_bias_);
    r_ = weight(2, spec.hidden, y_, r_bias_);
  }

  std::vector<double> run(bool linear_before_reset) {
    std::vector<double> state(static_cast<size_t>(spec_.hidden)), y;
    for (int64_t t = 0; t < spec_.steps; ++t) {
      if (kind_ == CellKind::kGru) {
        gru_step(t, linear_before_reset, state);
      } else {
        const std::vector<double> old = read(state);
        for (size_t j = 0; j < state.size(); ++j) {
          const auto row = static_cast<int64_t>(j);
          state[j] = std::tanh(linear_(of_x(t, row) + of_h(row, old)));
        }
      }
      for (double v : state) y.push_back(y_(v) / y_.scale);
    }
    return y;
  }

 private:
  Place place(int slot) const {
    const QParams q = model_.slots[static_cast<size_t>(slot)].observer->qparams();
    const QRange all = full_range(q.dtype);  // an observer may leave room
    return {q.scale[0], static_cast<double>(q.zero_point[0]), static_cast<double>(all.quant_min),
            static_cast<double>(all.quant_max)};
  }
  Place of_output(size_t output) const { return place(model_.slot_of.at(node_.output(output))); }

  // On its grid; and its half of the bias, on the grid of the sums.
  std::vector<double> weight(size_t input, int64_t k, const Place& of, std::vector<double>& bias) {
    const auto slot =
        static_cast<size_t>(model_.plans.at(id_).weight_slots.at(static_cast<int>(input)));
    const std::vector<float> scales = model_.weight_slots[slot].observer->qparams().scale;
    const auto scale_of = [&](int64_t row) {
      return scales[scales.size() == 1 ? 0 : static_cast<size_t>(row)];
    };
    std::vector<double> rounded;
    for (float w : model_.graph.constant(node_.input(input))->data<float>()) {
      const float scale = scale_of(static_cast<int64_t>(rounded.size()) / k);
      // The largest of a row is a tie: 127.5 steps.
      rounded.push_back(quantize(w, scale, 0, {-128, 127}) * static_cast<double>(scale));
    }
    const auto b = model_.graph.constant(node_.input(3))->data<float>();
    for (int64_t row = 0; row < gates_; ++row) {
      const double step = of.scale * scale_of(row);
      const float value = b[static_cast<size_t>(row + (input == 2 ? gates_ : 0))];
      bias.push_back(std::nearbyint(value / step) * step);
    }
    return rounded;
  }

  double of_x(int64_t t, int64_t row) const {
    double sum = w_bias_[static_cast<size_t>(row)];
    for (int64_t i = 0; i < spec_.input; ++i) {
      sum += w_[static_cast<size_t>(row * spec_.input + i)] *
             x_(feed_[static_cast<size_t>(t * spec_.input + i)]);
    }
    return sum;
  }
  double of_h(int64_t row, const std::vector<double>& h) const {
    double sum = r_bias_[static_cast<size_t>(row)];
    for (size_t i = 0; i < h.size(); ++i) {
      sum += r_[static_cast<size_t>(row) * h.size() + i] * h[i];
    }
    return sum;
  }
  // What the products read of the state.
  std::vector<double> read(const std::vector<double>& state) const {
    std::vector<double> h;
    for (double v : state) h.push_back(y_(v));
    return h;
  }

  void gru_step(int64_t t, bool linear_before_reset, std::vector<double>& state) const {
    const int64_t size = spec_.hidden;
    const auto tap = [&](CellTap which) {
      return of_output(static_cast<size_t>(tap_output(kind_, which)));
    };
    const Place sigmoid = tap(kTapSigmoid), tanh = tap(kTapTanh), carried = tap(kTapCell);
    const std::vector<double> old = read(state);
    const auto gate = [&](int64_t row) {
      return sigmoid(1 / (1 + std::exp(-linear_(of_x(t, row) + of_h(row, old)))));
    };
    std::vector<double> r, reset;
    for (int64_t j = 0; j < size; ++j) {
      r.push_back(gate(kGruReset * size + j));
      reset.push_back(y_(r.back() * state[static_cast<size_t>(j)]));
    }
    for (int64_t j = 0; j < size; ++j) {
      const auto k = static_cast<size_t>(j);
      const int64_t row = kGruHidden * size + j;
      const double term = linear_before_reset ? r[k] * of_h(row, old) : of_h(row, reset);
      const double n = tanh(std::tanh(linear_(of_x(t, row) + term)));
      const double z = gate(kGruUpdate * size + j);
      state[k] = carried((1 - z) * n + z * state[k]);
    }
  }

  const PreparedModel& model_;
  NodeId id_;
  const Node& node_;
  const LstmSpec& spec_;
  CellKind kind_;
  int64_t gates_;
  Place x_, y_, linear_;
  std::span<const float> feed_;
  std::vector<double> w_, r_, w_bias_, r_bias_;
};

}  // namespace

std::vector<double> simulate_cells(const Routed& routed, const LstmSpec& spec, CellKind kind,
                                   bool linear_before_reset) {
  return Simulation(routed, spec, kind).run(linear_before_reset);
}

}  // namespace eightfold::test
