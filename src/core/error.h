// The one error type of the core, and the single list of its codes.
//
// Every fault that a user can cause ends as an `Error` that names a code, the
// node and op type it happened at (empty where there is none) and a hint that
// says what to do next. The list below is the only place a code is written:
// the enum, the texts, the JavaScript constants and the docs come from it.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace eightfold {

// X(Enumerator, "code_as_users_see_it", "what it means")
#define EIGHTFOLD_ERROR_CODES(X)                                                         \
  X(kInvalidModel, "invalid_model", "the bytes are not a well-formed ONNX model")        \
  X(kUnsupportedModel, "unsupported_model", "the model uses a form that is not handled") \
  X(kInvalidGraph, "invalid_graph", "the graph breaks an invariant")                     \
  X(kUnsupportedOp, "unsupported_op", "no implementation for this operator")             \
  X(kInvalidAttribute, "invalid_attribute", "an attribute is missing or out of range")   \
  X(kInvalidShape, "invalid_shape", "shapes do not fit the operator")                    \
  X(kInvalidType, "invalid_type", "a dtype does not fit the operator")                   \
  X(kInvalidInput, "invalid_input", "the given feeds do not fit the model")              \
  X(kInvalidData, "invalid_data", "data is NaN, infinite, empty or out of range")        \
  X(kInvalidConfig, "invalid_config", "a configuration value is wrong")                  \
  X(kInvalidState, "invalid_state", "the call does not fit the state of the object")     \
  X(kOutOfMemory, "out_of_memory", "the memory limit of the instance is reached")        \
  X(kLimitExceeded, "limit_exceeded", "a built-in limit (nesting, size) is exceeded")    \
  X(kAborted, "aborted", "the call was cancelled")                                       \
  X(kCallbackFailed, "callback_failed", "a function given by the caller threw")          \
  X(kInternal, "internal", "a fault of Eightfold itself")

enum class ErrorCode {
#define EIGHTFOLD_ENUMERATOR(name, text, meaning) name,
  EIGHTFOLD_ERROR_CODES(EIGHTFOLD_ENUMERATOR)
#undef EIGHTFOLD_ENUMERATOR
};

// "invalid_shape" and the like; stable, part of the public API.
std::string_view error_code_name(ErrorCode code);
// The one-sentence meaning of the list.
std::string_view error_code_meaning(ErrorCode code);

class Error : public std::exception {
 public:
  // Views, so that the many places that throw build no strings of what is written in the source.
  Error(ErrorCode code, std::string_view message, std::string_view hint = {});

  // Returns the error with the place filled in, unless it already names one.
  Error at(std::string_view node, std::string_view op_type) const;
  Error with_hint(std::string_view hint) const;

  const char* what() const noexcept override { return what_.c_str(); }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& node() const { return node_; }
  const std::string& op_type() const { return op_type_; }
  const std::string& hint() const { return hint_; }

 private:
  void compose();

  ErrorCode code_;
  std::string message_, node_, op_type_, hint_, what_;
};

}  // namespace eightfold
