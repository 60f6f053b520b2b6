// Texts of the error list and the composition of what().
#include "core/error.h"

namespace eightfold {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
#define EIGHTFOLD_NAME(name, text, meaning) \
  case ErrorCode::name: return text;
    EIGHTFOLD_ERROR_CODES(EIGHTFOLD_NAME)
#undef EIGHTFOLD_NAME
  }
  return "internal";
}

std::string_view error_code_meaning(ErrorCode code) {
  switch (code) {
#define EIGHTFOLD_MEANING(name, text, meaning) \
  case ErrorCode::name: return meaning;
    EIGHTFOLD_ERROR_CODES(EIGHTFOLD_MEANING)
#undef EIGHTFOLD_MEANING
  }
  return {};
}

Error::Error(ErrorCode code, std::string_view message, std::string_view hint)
    : code_(code), message_(message), hint_(hint) {
  compose();
}

Error Error::at(std::string_view node, std::string_view op_type) const {
  if (!node_.empty() || !op_type_.empty()) return *this;
  Error placed = *this;
  placed.node_ = node;
  placed.op_type_ = op_type;
  placed.compose();
  return placed;
}

Error Error::with_hint(std::string_view hint) const {
  Error hinted = *this;
  hinted.hint_ = hint;
  hinted.compose();
  return hinted;
}

void Error::compose() {
  what_.assign(error_code_name(code_));
  what_ += ": ";
  what_ += message_;
  if (!node_.empty() || !op_type_.empty()) {
    what_ += " (node '" + node_ + "', op " + op_type_ + ")";
  }
  if (!hint_.empty()) what_ += " Hint: " + hint_;
}

}  // namespace eightfold
