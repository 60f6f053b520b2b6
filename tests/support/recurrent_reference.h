// LSTM, GRU and RNN by their equations in double, one number at a time: the truth for tests.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace eightfold::test {

using Scalar = std::function<double(double)>;

struct RecurrentCase {
  std::string op = "LSTM";
  std::string direction = "forward";
  int64_t steps = 3, batch = 2, input = 5, hidden = 6;
  bool batch_major = false, bias = true, initial = true, peepholes = false;
  bool input_forget = false, linear_before_reset = false;
  double clip = 0;
  std::vector<int32_t> lengths = {};
  // Per direction f, g, h; the op's defaults where empty.
  std::vector<Scalar> functions = {};

  int64_t gate_count() const { return op == "LSTM" ? 4 : op == "GRU" ? 3 : 1; }
  int64_t directions() const { return direction == "bidirectional" ? 2 : 1; }
};

// X W R B sequence_lens initial_h initial_c P as the op takes them; undefined where absent.
std::vector<Tensor> recurrent_inputs(const RecurrentCase& one);
// Y, Y_h and, of an LSTM, Y_c.
std::vector<Tensor> recurrent_reference(const RecurrentCase& one,
                                        const std::vector<Tensor>& inputs);

}  // namespace eightfold::test
