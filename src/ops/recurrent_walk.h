// The walk over time that float and dynamically quantized recurrent ops share: directions,
// sequence lengths, states, outputs. What differs, the products, is handed in.
//
// An item of length L takes the steps 0..L-1, backwards from L-1 in the reverse direction. Steps
// past L leave the states and give zeros in Y; an item of no steps ends in zeros, as in ONNX
// Runtime.
#pragma once

#include <cstdint>

#include "ops/recurrent.h"

namespace eightfold {

class GateProducts {
 public:
  virtual ~GateProducts() = default;
  // Before a direction. `steps` is the longest length: later ones are not asked for.
  virtual void start(int64_t direction, int64_t steps) = 0;
  // gates[row] = x[row] * W^T + biases; rows lie one after another.
  virtual void of_input(const float* x, int64_t rows, float* gates) = 0;
  // The same of H and R, all gates; or in two parts: z and r, then the hidden gate.
  enum class Part : uint8_t { kAll, kFirstTwo, kLast };
  virtual void of_hidden(Part part, const float* h, int64_t rows, float* products) = 0;
  // What `of_input` leaves to be added last (recurrent_cell.h), or null.
  virtual const float* late_bias() const { return nullptr; }
};

// GRU's reset comes before its product: two parts.
bool resets_first(const RecurrentAttributes& attributes);

int64_t walk_steps(const RecurrentShape& shape);    // whose products of X are made at once
int64_t walk_rows(const RecurrentShape& shape);     // the most that of_input is asked for at once
int64_t walk_scratch(const RecurrentShape& shape);  // floats
void walk_recurrent(RunContext& context, const RecurrentAttributes& attributes,
                    const RecurrentShape& shape, GateProducts& products, float* scratch);

}  // namespace eightfold
