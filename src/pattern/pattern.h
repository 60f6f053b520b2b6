// Pattern: what a matcher looks for. One value type for every notation.
//
//   Pattern := op | MatchAllNode | constant | (op, Pattern, Pattern, ...) | the same node as `name`
//
// The head of a tuple is the consumer, the rest are patterns of its inputs in order (the "complex"
// nested form of PyTorch, spec-facts 1.7). Forward-order tuples (Conv, BatchNormalization, Relu)
// are converted by `forward`, graphs of named nodes by `from_graph` (pattern/pattern_graph.h).
// An op identity is "domain:op_type"; "Conv" alone means the ONNX domain.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace eightfold {

// What an attribute of a node must be: one of these. monostate: absent.
struct AttributeCondition {
  using Value = std::variant<std::monostate, double, std::string>;
  std::string attribute;
  std::vector<Value> one_of;
  bool operator==(const AttributeCondition&) const = default;
};

// What a constant must be: every element in [min, max], so many elements. Nothing set: any.
struct ConstantCondition {
  std::optional<double> min, max;
  std::optional<int64_t> size;
  bool operator==(const ConstantCondition&) const = default;
};

struct Pattern {
  enum class Kind : unsigned char { kOp, kMatchAll, kConstant, kSame };
  Kind kind = Kind::kOp;
  std::vector<std::string> ops;  // identities, for kOp: any one of them
  std::string name;              // of the matched node; kSame: the name that stands elsewhere
  std::vector<Pattern> args;     // empty: inputs are unconstrained
  int output = -1;               // which output of the node feeds the consumer; -1: any
  bool commutative = false;      // the two args in either order
  bool optional = false;         // may be missing: its first arg then takes its place
  bool used_outside = false;     // others may read its value too
  std::vector<AttributeCondition> attributes;
  ConstantCondition constant;  // for kConstant
  bool swapped = false;        // set by plain_forms: args[0] is the second data input
  // Further outputs of the subgraph, on the head alone; each holds a kSame.
  std::vector<Pattern> also;

  static Pattern of(std::string op);
  static Pattern of(std::string op, std::vector<Pattern> args);
  static Pattern match_all();
  static Pattern literal(double value);  // a scalar constant of this value
  static Pattern same(std::string name);
  // (a, b, c) read "a feeds b feeds c"; two or more ops. Throws kInvalidConfig otherwise.
  static Pattern forward(std::vector<std::string> ops);

  Pattern named(std::string name) const;
  bool is_single_op() const { return kind == Kind::kOp && args.empty() && also.empty(); }
  bool operator==(const Pattern&) const = default;
};

// "Conv" for ":Conv", "ai.onnx:Conv" and "Conv".
std::string plain_identity(std::string op);

int leaf_count(const Pattern& pattern);  // size for precedence; MatchAllNode and constants count 1
std::string to_text(const Pattern& pattern);  // "(Relu, (BatchNormalization, Conv))"

// The pattern without `commutative` and `optional`: every plain form it stands for, optional nodes
// present and args as written first. Throws kInvalidConfig past 64 forms.
std::vector<Pattern> plain_forms(const Pattern& pattern);

}  // namespace eightfold
