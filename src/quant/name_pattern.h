// A small regular-expression matcher for node names (QConfigMapping's regex style).
//
// Knows . * + ? {m,n} [] [^] | () ^ $ \d \w \s and escapes; matching is anchored at the
// start of the text and need not reach its end, as Python's re.match. Backtracking with a
// limit of steps, so that no pattern can hang the caller.
#pragma once

#include <memory>
#include <string_view>

namespace eightfold {

class NamePattern {
 public:
  // Throws kInvalidConfig naming the position of the fault.
  explicit NamePattern(std::string_view pattern);
  ~NamePattern();
  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;

  // Throws kLimitExceeded when the search takes too many steps.
  bool matches_start_of(std::string_view text) const;

  struct Sequence;

 private:
  std::unique_ptr<Sequence> root_;
};

}  // namespace eightfold
