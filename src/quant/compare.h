// Float against quantized, layer by layer, on the same feeds.
//
//   SQNR = 10 log10( sum x^2 / sum (x - y)^2 )  in dB, sums over all samples
//
// x: a value of the reference graph (best the fused one), y: the value of that
// name in the quantized or lowered graph, dequantized. Both sessions advance in
// turn, so only values that wait for their twin are kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "ir/graph.h"
#include "runtime/session.h"

namespace eightfold {

// Streaming sums of one pair of values; any number of samples.
struct ErrorSums {
  double signal = 0, noise = 0, max_error = 0;
  int64_t elements = 0;
  void add(const std::vector<float>& reference, const std::vector<float>& other);
  // +infinity when equal, NaN when nothing was compared.
  double sqnr_db() const;
};

struct LayerError {
  std::string node, op_type;  // of the reference graph
  std::string value;          // name of the reference value
  ErrorSums error;
};

struct OutputError {
  std::string name;
  ErrorSums error;
  // Share of rows (along the last axis) whose largest element is at the same index; 1 for integer
  // outputs that are equal. Rows of one element are not counted.
  int64_t rows = 0, agreeing_rows = 0;
  std::optional<double> argmax_agreement() const {
    if (rows == 0) return std::nullopt;
    return static_cast<double>(agreeing_rows) / static_cast<double>(rows);
  }
};

struct Comparison {
  std::vector<LayerError> layers;  // in graph order of the reference
  std::vector<OutputError> outputs;
  int samples = 0;
};

class Comparator {
 public:
  // Throws kInvalidInput when the graphs' outputs do not have the same names.
  Comparator(const Graph& reference, const Graph& quantized);
  ~Comparator();
  Comparator(Comparator&&) noexcept;

  // One sample:  start(feeds); while (step()) {}
  void start(const Feeds& feeds);
  bool step();
  void observe(const Feeds& feeds);

  const Comparison& result() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eightfold
