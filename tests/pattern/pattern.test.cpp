// The pattern value: notations, sizes, text.
#include "pattern/pattern.h"

#include <catch_amalgamated.hpp>

#include "core/error.h"

namespace eightfold {
namespace {

TEST_CASE("forward tuples become nested patterns", "[pattern]") {
  CHECK(Pattern::forward({"Conv", "Relu"}) == Pattern::of("Relu", {Pattern::of("Conv")}));
  const Pattern chain = Pattern::forward({"Conv", "BatchNormalization", "Relu"});
  CHECK(to_text(chain) == "(Relu, (BatchNormalization, Conv))");
  CHECK_THROWS_AS(Pattern::forward({"Conv"}), Error);
  CHECK_THROWS_AS(Pattern::forward({}), Error);
}

TEST_CASE("an identity has one spelling", "[pattern]") {
  CHECK(Pattern::of(":Conv") == Pattern::of("Conv"));
  CHECK(Pattern::of("ai.onnx:Conv") == Pattern::of("Conv"));
  CHECK_FALSE(Pattern::of("eightfold:Conv") == Pattern::of("Conv"));
  CHECK_THROWS_AS(Pattern::of(""), Error);
}

TEST_CASE("size and text of patterns", "[pattern]") {
  struct Row {
    Pattern pattern;
    int leaves;
    const char* text;
  };
  const Pattern residual =
      Pattern::of("Relu", {Pattern::of("Add", {Pattern::match_all(), Pattern::of("Conv")})});
  const Row rows[] = {
      {Pattern::of("Conv"), 1, "Conv"},
      {Pattern::match_all(), 1, "MatchAllNode"},
      {Pattern::literal(6), 1, "6"},
      {Pattern::literal(0.5), 1, "0.500000"},
      {residual, 4, "(Relu, (Add, MatchAllNode, Conv))"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    CHECK(leaf_count(row.pattern) == row.leaves);
    CHECK(to_text(row.pattern) == row.text);
  }
}

}  // namespace
}  // namespace eightfold
