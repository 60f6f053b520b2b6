// The one error type: its parts, its text, and the list of codes.
#include <catch_amalgamated.hpp>
#include <set>

#include "core/error.h"

using namespace eightfold;

TEST_CASE("the text of an error holds code, message, place and hint", "[core][error]") {
  const Error error(ErrorCode::kInvalidShape, "3 is not 4", "look again");
  CHECK(std::string(error.what()) == "invalid_shape: 3 is not 4 Hint: look again");
  const Error placed = error.at("conv1", "Conv");
  CHECK(std::string(placed.what()) ==
        "invalid_shape: 3 is not 4 (node 'conv1', op Conv) Hint: look again");
  CHECK(placed.code() == ErrorCode::kInvalidShape);
  CHECK(placed.message() == "3 is not 4");
}

TEST_CASE("the innermost place stays", "[core][error]") {
  const Error error = Error(ErrorCode::kInvalidType, "m").at("inner", "Op").at("outer", "If");
  CHECK(error.node() == "inner");
  CHECK(error.op_type() == "Op");
}

TEST_CASE("a hint can be added later", "[core][error]") {
  const Error error = Error(ErrorCode::kAborted, "stopped").with_hint("start again");
  CHECK(error.hint() == "start again");
  CHECK(std::string(error.what()).ends_with("Hint: start again"));
}

TEST_CASE("code names are distinct, and every code has a meaning", "[core][error]") {
  std::set<std::string_view> names;
  int count = 0;
#define EIGHTFOLD_COUNT(name, text, meaning)       \
  ++count;                                         \
  names.insert(error_code_name(ErrorCode::name));  \
  CHECK(error_code_name(ErrorCode::name) == text); \
  CHECK(error_code_meaning(ErrorCode::name) == meaning);
  EIGHTFOLD_ERROR_CODES(EIGHTFOLD_COUNT)
#undef EIGHTFOLD_COUNT
  CHECK(names.size() == static_cast<size_t>(count));
}
