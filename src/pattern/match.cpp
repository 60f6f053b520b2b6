// The matcher of match.h: one recursive walk from the anchor towards the inputs.
//
//   fits(value, pattern): MatchAllNode takes anything; a literal takes a scalar constant;
//   an op takes a node of that identity with one user, whose data inputs fit its args.
// A walk that fails on a condition alone (users, arity, add(y, y)) goes on to the end, so
// that a report can tell "came close" from "is something else".
#include "pattern/match.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "ir/constant.h"

namespace eightfold {

std::string op_identity(const Node& node) {
  return node.domain.empty() ? node.op_type : node.domain + ":" + node.op_type;
}

namespace {

std::vector<ValueId> default_data_inputs(const Graph& graph, NodeId id, const Pattern& pattern) {
  const bool literals = std::any_of(pattern.args.begin(), pattern.args.end(), [](const Pattern& p) {
    return p.kind == Pattern::Kind::kConstant;
  });
  std::vector<ValueId> data;
  for (ValueId input : graph.node(id).inputs()) {
    if (input != kNone && (literals || graph.constant(input) == nullptr)) data.push_back(input);
  }
  return data;
}

bool is_literal(const Graph& graph, ValueId value, double wanted) {
  const Tensor* tensor = fixed_constant(graph, value);
  if (tensor == nullptr || tensor->size() != 1) return false;
  switch (tensor->dtype()) {
    case DType::kFloat32: return tensor->data<float>()[0] == static_cast<float>(wanted);
    case DType::kFloat64: return tensor->data<double>()[0] == wanted;
    case DType::kInt32: return tensor->data<int32_t>()[0] == wanted;
    case DType::kInt64: return static_cast<double>(tensor->data<int64_t>()[0]) == wanted;
    default: return false;
  }
}

class Walk {
 public:
  Walk(const Graph& graph, const MatchOptions& options) : graph_(graph), options_(options) {}

  // False when the operators are others than the pattern's; conditions go to `reason`.
  bool node_fits(NodeId id, const Pattern& pattern, MatchedNode* matched) {
    const Node& node = graph_.node(id);
    if (op_identity(node) != pattern.op) return false;
    claimed_.push_back(id);
    matched->node = id;
    if (pattern.args.empty()) return true;
    const std::vector<ValueId> data = options_.data_inputs
                                          ? options_.data_inputs(graph_, id)
                                          : default_data_inputs(graph_, id, pattern);
    if (data.size() != pattern.args.size()) return arity_misses(id, pattern, data);
    matched->args.resize(data.size());
    for (size_t i = 0; i < data.size(); ++i) {
      if (!value_fits(data[i], pattern.args[i], &matched->args[i])) return false;
    }
    refuse_repeated_operand(id, data);
    return true;
  }

  std::vector<NodeId> take_claimed() { return std::move(claimed_); }
  bool complete() const { return complete_; }  // every arg of the pattern was compared
  const std::string& reason() const { return reason_; }

 private:
  bool value_fits(ValueId value, const Pattern& pattern, MatchedNode* matched) {
    matched->value = value;
    const NodeId producer = graph_.value(value).producer();
    if (pattern.kind == Pattern::Kind::kMatchAll) {
      matched->node = producer;
      matched->match_all = true;
      return true;
    }
    if (pattern.kind == Pattern::Kind::kConstant)
      return is_literal(graph_, value, pattern.constant);
    if (producer == kNone || !node_fits(producer, pattern, matched)) return false;
    if (const int users = graph_.user_count(value); users != 1) {
      note("the value '" + graph_.value(value).name + "' has " + std::to_string(users) +
           (graph_.is_output(value) ? " users, the graph's outputs among them" : " users"));
    }
    return true;
  }

  // The wrong number of data inputs is a near miss if one of them is what the pattern asks for.
  bool arity_misses(NodeId id, const Pattern& pattern, const std::vector<ValueId>& data) {
    for (ValueId value : data) {
      const Node* producer = graph_.producer(value);
      if (producer == nullptr) continue;
      for (const Pattern& arg : pattern.args) {
        if (arg.kind != Pattern::Kind::kOp || op_identity(*producer) != arg.op) continue;
        note(display_name(graph_, id) + " takes " + std::to_string(data.size()) +
             " computed inputs where the pattern has " + std::to_string(pattern.args.size()));
        complete_ = false;
        return true;
      }
    }
    return false;
  }

  // add(y, y): y counts as one user, yet it would be root and extra input at once.
  void refuse_repeated_operand(NodeId id, const std::vector<ValueId>& data) {
    const std::set<ValueId> distinct(data.begin(), data.end());
    if (distinct.size() == data.size()) return;
    note(display_name(graph_, id) + " takes the same value twice");
  }

  void note(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
  }

  const Graph& graph_;
  const MatchOptions& options_;
  std::vector<NodeId> claimed_;
  std::string reason_;
  bool complete_ = true;
};

}  // namespace

bool match_at(const Graph& graph, NodeId node, const Pattern& pattern, Match* match,
              std::string* why_not, const MatchOptions& options) {
  if (why_not != nullptr) why_not->clear();
  if (pattern.kind != Pattern::Kind::kOp) return false;
  Match found;
  found.anchor = node;
  found.tree.value = graph.node(node).output(0);
  Walk walk(graph, options);
  if (!walk.node_fits(node, pattern, &found.tree)) return false;
  std::string reason = walk.reason();
  bool good = reason.empty();
  found.claimed = walk.take_claimed();
  if (options.accept && walk.complete()) {
    std::string refusal;
    if (!options.accept(found, &refusal)) {
      good = false;
      // Refused without a reason: the pattern means other places than this.
      if (refusal.empty() || reason.empty()) reason = std::move(refusal);
    }
  }
  if (!good && why_not != nullptr) *why_not = std::move(reason);
  if (match != nullptr) *match = std::move(found);
  return good;
}

std::vector<int> precedence(std::span<const Pattern> patterns) {
  std::vector<int> order(patterns.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const auto rank = [&](int i) {
    const Pattern& pattern = patterns[static_cast<size_t>(i)];
    return std::pair(pattern.args.empty() ? 0 : -leaf_count(pattern), i);
  };
  std::sort(order.begin(), order.end(), [&](int a, int b) { return rank(a) < rank(b); });
  return order;
}

std::vector<Match> find_matches(const Graph& graph, std::span<const Pattern> patterns,
                                const MatchOptions& options) {
  const std::vector<int> order = precedence(patterns);
  std::vector<bool> claimed(static_cast<size_t>(graph.node_slots()));
  const auto is_claimed = [&](NodeId id) { return claimed[static_cast<size_t>(id)]; };
  std::vector<Match> matches;
  int candidate = -1;

  // Nodes of an earlier match are taken, whatever the caller thinks of the rest.
  MatchOptions unclaimed = options;
  unclaimed.near_misses = nullptr;
  unclaimed.accept = [&](const Match& match, std::string* why_not) {
    if (std::any_of(match.claimed.begin(), match.claimed.end(), is_claimed)) return false;
    if (!options.accept) return true;
    Match named = match;
    named.pattern = candidate;
    return options.accept(named, why_not);
  };

  const std::span<const NodeId> nodes = graph.nodes();
  for (size_t i = nodes.size(); i-- > 0;) {
    if (is_claimed(nodes[i])) continue;
    for (int index : order) {
      candidate = index;
      Match match;
      std::string why_not;
      if (match_at(graph, nodes[i], patterns[static_cast<size_t>(index)], &match, &why_not,
                   unclaimed)) {
        match.pattern = index;
        for (NodeId id : match.claimed) claimed[static_cast<size_t>(id)] = true;
        matches.push_back(std::move(match));
        break;
      }
      if (!why_not.empty() && options.near_misses != nullptr) {
        options.near_misses->push_back(
            {index, nodes[i], std::move(why_not), std::move(match.claimed)});
      }
    }
  }
  return matches;
}

}  // namespace eightfold
