// See pattern_graph.h: named nodes become a tree from the anchor; a node met again is a kSame.
#include "pattern/pattern_graph.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/error.h"

namespace eightfold {
namespace {

[[noreturn]] void refuse(const std::string& what, std::string_view hint = {}) {
  throw Error(ErrorCode::kInvalidConfig, "a pattern graph " + what, hint);
}

struct Edge {
  std::string node;
  int output = -1;
};

// "split:1" is the second output of split; a name without a number takes any.
Edge read_edge(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {text};
  int output = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, output);
  if (error != std::errc() || stop != end || output < 0) return {text};
  return {text.substr(0, colon), output};
}

class Builder {
 public:
  explicit Builder(const PatternGraph& graph) : graph_(graph) {}

  Pattern run() {
    check_names();
    if (graph_.outputs.empty()) refuse("has no outputs", "list the last node among its outputs");
    Pattern anchor = build({graph_.outputs[0]});
    if (anchor.kind != Pattern::Kind::kOp) {
      refuse("ends in '" + graph_.outputs[0] + "', which is no operator");
    }
    if (anchor.optional) refuse("ends in '" + graph_.outputs[0] + "', which is optional");
    for (size_t i = 1; i < graph_.outputs.size(); ++i) add_output(anchor, graph_.outputs[i]);
    for (const auto& [name, node] : graph_.nodes) {
      if (!built_.contains(name)) refuse("has the node '" + name + "' that no output reaches");
    }
    plain_forms(anchor);  // refuses what stands for too much
    return anchor;
  }

 private:
  void check_names() {
    std::set<std::string> names;
    for (const auto& [name, node] : graph_.nodes) {
      if (name.empty()) refuse("has a node without a name");
      if (!names.insert(name).second) refuse("has two nodes named '" + name + "'");
    }
  }

  const PatternNode& find(const std::string& name) const {
    for (const auto& [known, node] : graph_.nodes) {
      if (known == name) return node;
    }
    refuse("names the node '" + name + "', which it does not have");
  }

  Pattern build(const Edge& edge) {
    if (path_.contains(edge.node)) refuse("has a cycle through '" + edge.node + "'");
    const PatternNode& node = find(edge.node);
    Pattern pattern = node.node;
    if (!built_.insert(edge.node).second) pattern = Pattern::same(edge.node);
    pattern.name = edge.node;
    pattern.output = edge.output;
    if (pattern.kind == Pattern::Kind::kSame) return pattern;
    pattern.args.clear();
    if (pattern.kind != Pattern::Kind::kOp && !node.inputs.empty()) {
      refuse("gives inputs to '" + edge.node + "', which is no operator");
    }
    path_.insert(edge.node);
    for (const std::string& input : node.inputs) pattern.args.push_back(build(read_edge(input)));
    path_.erase(edge.node);
    return pattern;
  }

  void add_output(Pattern& anchor, const std::string& name) {
    if (built_.contains(name)) {
      mark_used_outside(anchor, name);
      return;
    }
    Pattern output = build({name});
    if (output.kind != Pattern::Kind::kOp || !joins(output)) {
      refuse("has the output '" + name + "', which shares no node with '" + graph_.outputs[0] +
             "'");
    }
    anchor.also.push_back(std::move(output));
  }

  static void mark_used_outside(Pattern& pattern, const std::string& name) {
    if (pattern.kind != Pattern::Kind::kSame && pattern.name == name) pattern.used_outside = true;
    for (Pattern& arg : pattern.args) mark_used_outside(arg, name);
    for (Pattern& other : pattern.also) mark_used_outside(other, name);
  }

  static bool joins(const Pattern& pattern) {
    return pattern.kind == Pattern::Kind::kSame ||
           std::any_of(pattern.args.begin(), pattern.args.end(), joins);
  }

  const PatternGraph& graph_;
  std::set<std::string> built_, path_;
};

void collect_names(const Pattern& pattern, std::vector<std::string>& names) {
  if (pattern.kind != Pattern::Kind::kSame && !pattern.name.empty()) names.push_back(pattern.name);
  for (const Pattern& arg : pattern.args) collect_names(arg, names);
  for (const Pattern& other : pattern.also) collect_names(other, names);
}

}  // namespace

Pattern from_graph(const PatternGraph& graph) { return Builder(graph).run(); }

std::vector<std::string> node_names(const Pattern& pattern) {
  std::vector<std::string> names;
  collect_names(pattern, names);
  return names;
}

}  // namespace eightfold
