// The equations of the ONNX operators, written out.
#include "support/recurrent_reference.h"

#include <algorithm>
#include <cmath>

#include "support/random_tensor.h"

namespace eightfold::test {
namespace {

using Vector = std::vector<double>;

double at(const Tensor& tensor, int64_t i) {
  return tensor.defined() ? tensor.data<float>()[static_cast<size_t>(i)] : 0.0;
}
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double tanh_of(double x) { return std::tanh(x); }

class Reference {
 public:
  Reference(const RecurrentCase& one, const std::vector<Tensor>& inputs)
      : one_(one), inputs_(inputs), functions_(one.functions) {
    const std::vector<Scalar> defaults = one.op == "LSTM"
                                             ? std::vector<Scalar>{sigmoid, tanh_of, tanh_of}
                                         : one.op == "GRU" ? std::vector<Scalar>{sigmoid, tanh_of}
                                                           : std::vector<Scalar>{tanh_of};
    per_direction_ = static_cast<int64_t>(defaults.size());
    while (functions_.size() < static_cast<size_t>(per_direction_ * one.directions())) {
      functions_.insert(functions_.end(), defaults.begin(), defaults.end());
    }
    const int64_t d = one.directions(), h = one.hidden, t = one.steps, n = one.batch;
    const Shape y = one.batch_major ? Shape{n, t, d, h} : Shape{t, d, n, h};
    const Shape state = one.batch_major ? Shape{n, d, h} : Shape{d, n, h};
    outputs_ = {Tensor::allocate(DType::kFloat32, y), Tensor::allocate(DType::kFloat32, state)};
    if (one.op == "LSTM") outputs_.push_back(Tensor::allocate(DType::kFloat32, state));
  }

  std::vector<Tensor> run() {
    for (int64_t d = 0; d < one_.directions(); ++d) {
      for (int64_t n = 0; n < one_.batch; ++n) walk(d, n);
    }
    return outputs_;
  }

 private:
  int64_t x_at(int64_t t, int64_t n) const {
    return (one_.batch_major ? n * one_.steps + t : t * one_.batch + n) * one_.input;
  }
  int64_t y_at(int64_t t, int64_t d, int64_t n) const {
    const int64_t directions = one_.directions();
    return (one_.batch_major ? (n * one_.steps + t) * directions + d
                             : (t * directions + d) * one_.batch + n) *
           one_.hidden;
  }
  int64_t state_at(int64_t d, int64_t n) const {
    return (one_.batch_major ? n * one_.directions() + d : d * one_.batch + n) * one_.hidden;
  }
  double call(int64_t d, int64_t function, double x) const {
    return functions_[static_cast<size_t>(d * per_direction_ + function)](x);
  }
  double gate(int64_t d, int64_t function, double x) const {
    return call(d, function, one_.clip > 0 ? std::clamp(x, -one_.clip, one_.clip) : x);
  }

  // Row `row` of W times x, with its bias.
  double of_x(int64_t d, int64_t row, int64_t x) const {
    const int64_t rows = one_.gate_count() * one_.hidden;
    double sum = at(inputs_[3], d * 2 * rows + row);
    for (int64_t i = 0; i < one_.input; ++i) {
      sum += at(inputs_[1], (d * rows + row) * one_.input + i) * at(inputs_[0], x + i);
    }
    return sum;
  }
  double of_h(int64_t d, int64_t row, const Vector& h) const {
    const int64_t rows = one_.gate_count() * one_.hidden;
    double sum = at(inputs_[3], d * 2 * rows + rows + row);
    for (int64_t i = 0; i < one_.hidden; ++i) {
      sum += at(inputs_[2], (d * rows + row) * one_.hidden + i) * h[static_cast<size_t>(i)];
    }
    return sum;
  }
  double peephole(int64_t d, int64_t gate, int64_t j) const {
    return at(inputs_[7], (d * 3 + gate) * one_.hidden + j);
  }

  void lstm(int64_t d, int64_t x, Vector& h, Vector& c) const {
    const int64_t size = one_.hidden;
    const Vector old = h;
    for (int64_t j = 0; j < size; ++j) {
      const auto k = static_cast<size_t>(j);
      const auto sum = [&](int64_t block) {
        return of_x(d, block * size + j, x) + of_h(d, block * size + j, old);
      };
      const double i = gate(d, 0, sum(0) + peephole(d, 0, j) * c[k]);
      const double f = one_.input_forget ? 1 - i : gate(d, 0, sum(2) + peephole(d, 2, j) * c[k]);
      c[k] = f * c[k] + i * gate(d, 1, sum(3));
      h[k] = gate(d, 0, sum(1) + peephole(d, 1, j) * c[k]) * call(d, 2, c[k]);
    }
  }

  void gru(int64_t d, int64_t x, Vector& h) const {
    const int64_t size = one_.hidden;
    const Vector old = h;
    Vector z(old.size()), r(old.size()), reset(old.size());
    for (int64_t j = 0; j < size; ++j) {
      const auto k = static_cast<size_t>(j);
      z[k] = gate(d, 0, of_x(d, j, x) + of_h(d, j, old));
      r[k] = gate(d, 0, of_x(d, size + j, x) + of_h(d, size + j, old));
      reset[k] = r[k] * old[k];
    }
    for (int64_t j = 0; j < size; ++j) {
      const auto k = static_cast<size_t>(j);
      const double recurrent = one_.linear_before_reset ? r[k] * of_h(d, 2 * size + j, old)
                                                        : of_h(d, 2 * size + j, reset);
      h[k] = (1 - z[k]) * gate(d, 1, of_x(d, 2 * size + j, x) + recurrent) + z[k] * old[k];
    }
  }

  void walk(int64_t d, int64_t n) {
    const auto size = static_cast<size_t>(one_.hidden);
    Vector h(size), c(size);
    for (size_t j = 0; j < size; ++j) {
      h[j] = at(inputs_[5], state_at(d, n) + static_cast<int64_t>(j));
      if (one_.op == "LSTM") c[j] = at(inputs_[6], state_at(d, n) + static_cast<int64_t>(j));
    }
    const int64_t length = one_.lengths.empty() ? one_.steps : one_.lengths[static_cast<size_t>(n)];
    const bool reverse = one_.direction == "reverse" || d == 1;
    for (int64_t s = 0; s < length; ++s) {
      const int64_t t = reverse ? length - 1 - s : s;
      const Vector old = h;
      if (one_.op == "LSTM") lstm(d, x_at(t, n), h, c);
      if (one_.op == "GRU") gru(d, x_at(t, n), h);
      for (int64_t j = 0; j < one_.hidden && one_.op == "RNN"; ++j) {
        h[static_cast<size_t>(j)] = gate(d, 0, of_x(d, j, x_at(t, n)) + of_h(d, j, old));
      }
      put(0, y_at(t, d, n), h);
    }
    if (length == 0) return;  // zeros
    put(1, state_at(d, n), h);
    if (one_.op == "LSTM") put(2, state_at(d, n), c);
  }

  void put(size_t output, int64_t first, const Vector& values) {
    float* to = outputs_[output].mutable_data<float>().data() + first;
    for (double value : values) *to++ = static_cast<float>(value);
  }

  const RecurrentCase& one_;
  const std::vector<Tensor>& inputs_;
  std::vector<Scalar> functions_;
  int64_t per_direction_ = 1;
  std::vector<Tensor> outputs_;
};

}  // namespace

std::vector<Tensor> recurrent_inputs(const RecurrentCase& one) {
  const int64_t d = one.directions(), h = one.hidden, rows = one.gate_count() * h;
  const Shape x = one.batch_major ? Shape{one.batch, one.steps, one.input}
                                  : Shape{one.steps, one.batch, one.input};
  const Shape state = one.batch_major ? Shape{one.batch, d, h} : Shape{d, one.batch, h};
  const bool lstm = one.op == "LSTM";
  std::vector<Tensor> inputs{random_tensor(x, 1, -2, 2), random_tensor({d, rows, one.input}, 2),
                             random_tensor({d, rows, h}, 3)};
  inputs.resize(8);
  if (one.bias) inputs[3] = random_tensor({d, 2 * rows}, 4);
  if (!one.lengths.empty()) inputs[4] = Tensor::of<int32_t>({one.batch}, one.lengths);
  if (one.initial) inputs[5] = random_tensor(state, 5);
  if (one.initial && lstm) inputs[6] = random_tensor(state, 6);
  if (one.peepholes) inputs[7] = random_tensor({d, 3 * h}, 7);
  if (!lstm) inputs.resize(6);
  return inputs;
}

std::vector<Tensor> recurrent_reference(const RecurrentCase& one,
                                        const std::vector<Tensor>& inputs) {
  std::vector<Tensor> padded = inputs;
  padded.resize(8);
  return Reference(one, padded).run();
}

}  // namespace eightfold::test
