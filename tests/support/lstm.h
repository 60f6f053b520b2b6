// LSTM, GRU and RNN nodes with random weights, for graphs of a few lines.
#pragma once

#include <string>
#include <vector>

#include "support/graph_builder.h"
#include "support/random_tensor.h"

namespace eightfold::test {

struct LstmSpec {
  int64_t input = 6, hidden = 5, steps = 7, batch = 2;
  std::string direction = "forward";
  int64_t layout = 0;
  bool bias = true;
  float weight = 0.6f;  // the largest
  std::vector<Attribute> attributes = {};
  uint32_t seed = 1;

  int64_t directions() const { return direction == "bidirectional" ? 2 : 1; }
  Shape x() const { return layout ? Shape{batch, steps, input} : Shape{steps, batch, input}; }
  Shape state() const {
    return layout ? Shape{batch, directions(), hidden} : Shape{directions(), batch, hidden};
  }
};

// Y, Y_h and, of LSTM, Y_c. `rest`: sequence_lens, initial_h, initial_c, P.
inline std::vector<ValueId> recurrent(GraphBuilder& g, const std::string& op, const LstmSpec& spec,
                                      ValueId x, std::string name,
                                      const std::vector<ValueId>& rest = {}) {
  const int64_t d = spec.directions(), h = spec.hidden;
  const int64_t gates = (op == "LSTM" ? 4 : op == "GRU" ? 3 : 1) * h;
  const auto weight = [&](Shape shape, uint32_t seed, const char* what) {
    return g.constant(random_tensor(std::move(shape), spec.seed + seed, -spec.weight, spec.weight),
                      name + "_" + what);
  };
  std::vector<ValueId> inputs{x, weight({d, gates, spec.input}, 11, "w"),
                              weight({d, gates, h}, 12, "r"),
                              spec.bias ? weight({d, 2 * gates}, 13, "b") : kNone};
  inputs.insert(inputs.end(), rest.begin(), rest.end());
  std::vector<Attribute> attributes = spec.attributes;
  attributes.push_back({"hidden_size", h});
  if (spec.direction != "forward") attributes.push_back({"direction", spec.direction});
  if (spec.layout) attributes.push_back({"layout", spec.layout});
  return g.nodes(op, std::move(inputs), op == "LSTM" ? 3 : 2,
                 {std::move(attributes), "", std::move(name)});
}

inline std::vector<ValueId> lstm(GraphBuilder& g, const LstmSpec& spec, ValueId x,
                                 std::string name = "lstm", std::vector<ValueId> rest = {}) {
  return recurrent(g, "LSTM", spec, x, std::move(name), rest);
}

}  // namespace eightfold::test
