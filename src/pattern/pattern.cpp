// The pattern value: making, measuring, printing it, and its plain forms.
#include "pattern/pattern.h"

#include <cmath>
#include <utility>

#include "core/error.h"

namespace eightfold {

std::string plain_identity(std::string op) {
  if (op.empty()) throw Error(ErrorCode::kInvalidConfig, "a pattern needs the name of an operator");
  for (std::string_view prefix : {":", "ai.onnx:"}) {
    if (op.starts_with(prefix)) op.erase(0, prefix.size());
  }
  return op;
}

Pattern Pattern::of(std::string op) { return of(std::move(op), {}); }

Pattern Pattern::of(std::string op, std::vector<Pattern> args) {
  Pattern pattern;
  pattern.ops.push_back(plain_identity(std::move(op)));
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
  pattern.constant = {value, value, 1};
  return pattern;
}

Pattern Pattern::same(std::string name) {
  Pattern pattern;
  pattern.kind = Kind::kSame;
  pattern.name = std::move(name);
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

Pattern Pattern::named(std::string new_name) const {
  Pattern copy = *this;
  copy.name = std::move(new_name);
  return copy;
}

int leaf_count(const Pattern& pattern) {
  int count = 1;
  for (const Pattern& arg : pattern.args) count += leaf_count(arg);
  for (const Pattern& other : pattern.also) count += leaf_count(other);
  return count;
}

// ---------------------------------------------------------------- text
namespace {

std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) {
    return std::to_string(static_cast<long long>(value));
  }
  return std::to_string(value);
}

std::string constant_text(const ConstantCondition& constant) {
  if (constant.min && constant.min == constant.max) return number_text(*constant.min);
  return "constant";
}

std::string head_text(const Pattern& pattern) {
  switch (pattern.kind) {
    case Pattern::Kind::kMatchAll: return "MatchAllNode";
    case Pattern::Kind::kConstant: return constant_text(pattern.constant);
    case Pattern::Kind::kSame: return "same " + pattern.name;
    case Pattern::Kind::kOp: break;
  }
  std::string text;
  for (const std::string& op : pattern.ops) text += (text.empty() ? "" : "|") + op;
  return pattern.optional ? text + "?" : text;
}

}  // namespace

std::string to_text(const Pattern& pattern) {
  std::string text = head_text(pattern);
  if (!pattern.args.empty()) {
    for (const Pattern& arg : pattern.args) text += ", " + to_text(arg);
    text = "(" + text + ")";
  }
  for (const Pattern& other : pattern.also) text += " and " + to_text(other);
  return text;
}

// ---------------------------------------------------------------- plain forms
namespace {

constexpr size_t kMaxForms = 64;
using Forms = std::vector<Pattern>;

[[noreturn]] void refuse(const Pattern& pattern, const char* what) {
  throw Error(ErrorCode::kInvalidConfig, "the pattern " + to_text(pattern) + " " + what);
}

// Every choice of one form per part, first parts varying slowest.
std::vector<Forms> combinations(const std::vector<Forms>& parts, const Pattern& pattern) {
  std::vector<Forms> all{{}};
  for (const Forms& part : parts) {
    std::vector<Forms> longer;
    for (const Forms& done : all) {
      for (const Pattern& form : part) {
        longer.push_back(done);
        longer.back().push_back(form);
      }
    }
    if (longer.size() > kMaxForms) refuse(pattern, "stands for too many forms");
    all = std::move(longer);
  }
  return all;
}

std::vector<Forms> forms_of_all(const std::vector<Pattern>& patterns) {
  std::vector<Forms> forms;
  for (const Pattern& pattern : patterns) forms.push_back(plain_forms(pattern));
  return forms;
}

// The arg that stands in for an optional node which is missing.
const Pattern& stand_in(const Pattern& pattern) {
  for (const Pattern& arg : pattern.args) {
    if (arg.kind == Pattern::Kind::kOp || arg.kind == Pattern::Kind::kSame) return arg;
  }
  for (const Pattern& arg : pattern.args) {
    if (arg.kind == Pattern::Kind::kMatchAll) return arg;
  }
  refuse(pattern, "has an optional node without an input that could take its place");
}

}  // namespace

std::vector<Pattern> plain_forms(const Pattern& pattern) {
  if (pattern.commutative && pattern.args.size() != 2) {
    refuse(pattern, "is commutative and has other than two inputs");
  }
  Forms forms;
  const auto also = combinations(forms_of_all(pattern.also), pattern);
  for (const Forms& args : combinations(forms_of_all(pattern.args), pattern)) {
    for (const Forms& outputs : also) {
      Pattern form = pattern;
      form.commutative = form.optional = false;
      form.args = args;
      form.also = outputs;
      forms.push_back(form);
      if (!pattern.commutative) continue;
      form.swapped = true;
      forms.push_back(std::move(form));
    }
  }
  if (pattern.optional) {
    for (Pattern form : plain_forms(stand_in(pattern))) {
      form.output = pattern.output;
      forms.push_back(std::move(form));
    }
  }
  if (forms.size() > kMaxForms) refuse(pattern, "stands for too many forms");
  return forms;
}

}  // namespace eightfold
