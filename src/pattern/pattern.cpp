// The pattern value: making, measuring and printing it.
#include "pattern/pattern.h"

#include <cmath>
#include <utility>

#include "core/error.h"

namespace eightfold {

Pattern Pattern::of(std::string op) { return of(std::move(op), {}); }

Pattern Pattern::of(std::string op, std::vector<Pattern> args) {
  if (op.empty()) throw Error(ErrorCode::kInvalidConfig, "a pattern needs the name of an operator");
  Pattern pattern;
  // ":Conv", "ai.onnx:Conv" and "Conv" are one identity.
  for (std::string_view prefix : {":", "ai.onnx:"}) {
    if (op.starts_with(prefix)) op.erase(0, prefix.size());
  }
  pattern.op = std::move(op);
  pattern.args = std::move(args);
  return pattern;
}

Pattern Pattern::match_all() {
  Pattern pattern;
  pattern.kind = Kind::kMatchAll;
  return pattern;
}

Pattern Pattern::literal(double value) {
  Pattern pattern;
  pattern.kind = Kind::kConstant;
  pattern.constant = value;
  return pattern;
}

Pattern Pattern::forward(std::vector<std::string> ops) {
  if (ops.size() < 2) {
    throw Error(ErrorCode::kInvalidConfig, "a forward pattern needs two or more operators",
                "give a single operator as a pattern of its own");
  }
  Pattern pattern = of(std::move(ops[0]));
  for (size_t i = 1; i < ops.size(); ++i) {
    pattern = of(std::move(ops[i]), std::vector<Pattern>{std::move(pattern)});
  }
  return pattern;
}

int leaf_count(const Pattern& pattern) {
  int count = 1;
  for (const Pattern& arg : pattern.args) count += leaf_count(arg);
  return count;
}

namespace {

std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) {
    return std::to_string(static_cast<long long>(value));
  }
  return std::to_string(value);
}

}  // namespace

std::string to_text(const Pattern& pattern) {
  if (pattern.kind == Pattern::Kind::kMatchAll) return "MatchAllNode";
  if (pattern.kind == Pattern::Kind::kConstant) return number_text(pattern.constant);
  if (pattern.args.empty()) return pattern.op;
  std::string text = "(" + pattern.op;
  for (const Pattern& arg : pattern.args) text += ", " + to_text(arg);
  return text + ")";
}

}  // namespace eightfold
