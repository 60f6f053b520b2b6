// See fuse_getters.h. To add a getter: a row of one of the two tables.
#include "quant/fuse_getters.h"

#include <algorithm>
#include <string_view>

#include "pattern/pattern_graph.h"

namespace eightfold {
namespace {

const MatchedNode* last(const Match& match) {
  const MatchedNode* at = &match.tree;
  while (!at->args.empty()) at = &at->args.back();
  return at;
}
const MatchedNode* first(const Match& match) {
  const MatchedNode* at = &match.tree;
  while (!at->args.empty()) at = &at->args.front();
  return at;
}
const MatchedNode* anchor(const Match& match) { return &match.tree; }
const MatchedNode* innermost(const Match& match) {
  const MatchedNode* found = nullptr;
  for (const MatchedNode* node : match_nodes(match)) {
    if (!node->match_all && node->node != kNone) found = node;
  }
  return found;
}

struct RootRow {
  std::string_view name;
  const MatchedNode* (*get)(const Match&);
};
constexpr RootRow kRootGetters[] = {
    {"", last}, {"last", last}, {"first", first}, {"anchor", anchor}, {"innermost", innermost}};

std::vector<const MatchedNode*> none(const Match&) { return {}; }
std::vector<const MatchedNode*> match_all(const Match& match) {
  std::vector<const MatchedNode*> nodes = match_nodes(match);
  std::erase_if(nodes, [](const MatchedNode* node) { return !node->match_all; });
  return nodes;
}

struct ExtraRow {
  std::string_view name;
  std::vector<const MatchedNode*> (*get)(const Match&);
};
constexpr ExtraRow kExtraGetters[] = {{"", none}, {"match_all", match_all}};

void walk(const MatchedNode& tree, std::vector<const MatchedNode*>& nodes) {
  nodes.push_back(&tree);
  for (const MatchedNode& arg : tree.args) walk(arg, nodes);
}

template <typename Rows>
bool has_row(const Rows& rows, std::string_view name) {
  return std::any_of(std::begin(rows), std::end(rows),
                     [&](const auto& row) { return row.name == name; });
}

bool names_node(const Pattern& pattern, const std::string& name) {
  const std::vector<std::string> names = node_names(pattern);
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<const MatchedNode*> match_nodes(const Match& match) {
  std::vector<const MatchedNode*> nodes;
  walk(match.tree, nodes);
  for (const MatchedNode& other : match.also) walk(other, nodes);
  return nodes;
}

const MatchedNode* root_node_of(const Match& match, const std::string& getter) {
  for (const RootRow& row : kRootGetters) {
    if (row.name == getter) return row.get(match);
  }
  return find_named(match, getter);
}

bool extra_inputs_of(const Match& match, const std::string& getter,
                     std::vector<const MatchedNode*>* inputs) {
  for (const ExtraRow& row : kExtraGetters) {
    if (row.name != getter) continue;
    *inputs = row.get(match);
    return true;
  }
  const MatchedNode* named = find_named(match, getter);
  if (named != nullptr) *inputs = {named};
  return named != nullptr;
}

bool is_root_node_getter(const Pattern& pattern, const std::string& getter) {
  return has_row(kRootGetters, getter) || names_node(pattern, getter);
}
bool is_extra_inputs_getter(const Pattern& pattern, const std::string& getter) {
  return has_row(kExtraGetters, getter) || names_node(pattern, getter);
}

}  // namespace eightfold
