// Pattern: what a matcher looks for. One value type for every notation.
//
//   Pattern := op | MatchAllNode | constant | (op, Pattern, Pattern, ...)
//
// The head of a tuple is the consumer, the rest are patterns of its inputs in
// order (the "complex" nested form of PyTorch, spec-facts 1.7). Forward-order
// tuples (Conv, BatchNormalization, Relu) are converted by `forward`.
// An op identity is "domain:op_type"; "Conv" alone means the ONNX domain.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eightfold {

struct Pattern {
  enum class Kind : unsigned char { kOp, kMatchAll, kConstant };
  Kind kind = Kind::kOp;
  std::string op;             // identity, for kOp
  double constant = 0;        // for kConstant: a scalar initializer of this value
  std::vector<Pattern> args;  // empty: inputs are unconstrained

  static Pattern of(std::string op);
  static Pattern of(std::string op, std::vector<Pattern> args);
  static Pattern match_all();
  static Pattern literal(double value);
  // (a, b, c) read "a feeds b feeds c"; two or more ops. Throws kInvalidConfig otherwise.
  static Pattern forward(std::vector<std::string> ops);

  bool operator==(const Pattern&) const = default;
};

int leaf_count(const Pattern& pattern);  // size for precedence; MatchAllNode and constants count 1
std::string to_text(const Pattern& pattern);  // "(Relu, (BatchNormalization, Conv))"

}  // namespace eightfold
