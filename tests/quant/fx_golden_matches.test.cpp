// PyTorch's order of patterns and its fusion matches against ours (tests/golden/fx: `orders`,
// `matches`).
#include <algorithm>
#include <catch_amalgamated.hpp>

#include "pattern/match.h"
#include "support/fx_golden.h"

namespace eightfold {
namespace {

using namespace test;

std::vector<Pattern> patterns_of(const Json& row) {
  std::vector<Pattern> patterns;
  for (const Json& written : row["patterns"]) patterns.push_back(fx_pattern(written));
  return patterns;
}

// "4 at relu: conv relu", by anchor.
std::string text_of(const std::vector<Match>& matches, const Graph& graph) {
  std::vector<std::string> lines;
  for (const Match& match : matches) {
    std::vector<std::string> names;
    for (NodeId id : match.claimed) names.push_back(graph.node(id).name);
    std::ranges::sort(names);
    std::string line = graph.node(match.anchor).name + " by " + std::to_string(match.pattern) + ":";
    for (const std::string& name : names) line += " " + name;
    lines.push_back(std::move(line));
  }
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) text += line + "; ";
  return text;
}

std::string golden_text(const Json& matches) {
  if (matches.is_object()) return "AttributeError";
  std::vector<std::string> lines;
  for (const Json& match : matches) {
    std::string line = match["anchor"].get<std::string>() + " by " + match["pattern"].dump() + ":";
    for (const Json& name : match["nodes"]) line += " " + name.get<std::string>();
    lines.push_back(std::move(line));
  }
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) text += line + "; ";
  return text;
}

TEST_CASE("patterns are tried in PyTorch's order", "[fx]") {
  GoldenRows rows("orders");
  for (const Json& row : fx_section("orders")) {
    rows.compare(row["patterns"].dump(), Json(precedence(patterns_of(row))).dump(),
                 row["order"].dump());
  }
  rows.finish(3);
}

TEST_CASE("patterns claim what PyTorch's fusion claims", "[fx]") {
  GoldenRows rows(
      "matches",
      {{R"(add_one ["Conv",["Add","*",1]])", "add by 1: add; conv by 0: conv; ",
        "PyTorch's fusion asks a constant for its name and raises AttributeError"},
       {R"(add_itself ["Conv",["Relu",["Add","*","Conv"]]])", "conv by 0: conv; ",
        "the convolution would be root and extra input at once"},
       {R"(add_itself ["Conv",["Relu",["Add","Conv","Conv"]]])", "conv by 0: conv; ",
        "two nodes of a pattern are two nodes of the graph"},
       {R"(conv_two_users ["Conv",["Add","Conv","Relu"],["Add","*",["Relu","Conv"]]])",
        "add by 1: add conv relu; ", "both users of the convolution are nodes of the match"}});
  for (const Json& row : fx_section("matches")) {
    const std::string model = row["model"];
    const Graph graph = fx_graph(model);
    rows.compare(model + " " + row["patterns"].dump(),
                 text_of(find_matches(graph, patterns_of(row)), graph), golden_text(row["fusion"]));
  }
  rows.finish(23, 4);
}

}  // namespace
}  // namespace eightfold
