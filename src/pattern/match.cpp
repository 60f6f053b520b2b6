// The matcher of match.h: one recursive walk from the anchor towards the inputs, per plain form.
//
//   fits(value, pattern): MatchAllNode takes anything; a constant takes one that its condition
//   allows; an op takes a node of that identity and attributes, whose data inputs fit its args; a
//   name met again takes the node it is bound to.
// A walk that fails on a condition alone (users, arity, add(y, y)) goes on to the end, so that a
// report can tell "came close" from "is something else".
#include "pattern/match.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/heap_sort.h"
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

std::optional<std::vector<double>> numbers_of(const Tensor& tensor) {
  const auto widen = [](const auto& data) { return std::vector<double>(data.begin(), data.end()); };
  switch (tensor.dtype()) {
    case DType::kFloat32: return widen(tensor.data<float>());
    case DType::kFloat64: return widen(tensor.data<double>());
    case DType::kInt32: return widen(tensor.data<int32_t>());
    case DType::kInt64: return widen(tensor.data<int64_t>());
    default: return std::nullopt;
  }
}

bool constant_fits(const Graph& graph, ValueId value, const ConstantCondition& wanted) {
  const Tensor* tensor = fixed_constant(graph, value);
  if (tensor == nullptr) return false;
  if (wanted.size && tensor->size() != *wanted.size) return false;
  if (!wanted.min && !wanted.max) return true;
  const auto numbers = numbers_of(*tensor);
  // A float32 constant is compared with the nearest float32 of the bound: 0.1 is 0.1f.
  const bool is_single = tensor->dtype() == DType::kFloat32;
  const auto bound = [&](double b) { return is_single ? static_cast<float>(b) : b; };
  return numbers && std::all_of(numbers->begin(), numbers->end(), [&](double number) {
           return (!wanted.min || number >= bound(*wanted.min)) &&
                  (!wanted.max || number <= bound(*wanted.max));
         });
}

bool attribute_is(const Attribute* attribute, const AttributeCondition::Value& wanted) {
  if (attribute == nullptr) return std::holds_alternative<std::monostate>(wanted);
  if (const auto* text = std::get_if<std::string>(&wanted)) {
    const auto* actual = std::get_if<std::string>(&attribute->value);
    return actual != nullptr && *actual == *text;
  }
  const auto* number = std::get_if<double>(&wanted);
  if (number == nullptr) return false;
  if (const auto* whole = std::get_if<int64_t>(&attribute->value)) {
    return static_cast<double>(*whole) == *number;
  }
  const auto* real = std::get_if<float>(&attribute->value);
  return real != nullptr && *real == static_cast<float>(*number);
}

bool attributes_fit(const Node& node, const std::vector<AttributeCondition>& conditions) {
  return std::all_of(
      conditions.begin(), conditions.end(), [&](const AttributeCondition& condition) {
        const Attribute* attribute = node.find_attribute(condition.attribute);
        return std::any_of(condition.one_of.begin(), condition.one_of.end(),
                           [&](const auto& wanted) { return attribute_is(attribute, wanted); });
      });
}

bool contains(const std::vector<NodeId>& nodes, NodeId id) {
  return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
}

class Walk {
 public:
  Walk(const Graph& graph, const MatchOptions& options) : graph_(graph), options_(options) {}

  // False when the operators are others than the pattern's; conditions go to `reason`.
  bool run(NodeId anchor, const Pattern& form, Match* match) {
    match->anchor = anchor;
    match->tree.value = graph_.node(anchor).output(0);
    if (!node_fits(anchor, form, &match->tree)) return false;
    exposed_.push_back(anchor);
    for (const Pattern& other : form.also) {
      if (!output_fits(other, &match->also.emplace_back())) return false;
    }
    if (complete_) check_users();
    if (complete_) check_others(match->tree);
    if (complete_ && reason_.empty() && exposed_.size() > 1) check_no_cycle();
    match->claimed = claimed_;
    return true;
  }

  bool complete() const { return complete_; }  // every arg of the pattern was compared
  const std::string& reason() const { return reason_; }

 private:
  bool node_fits(NodeId id, const Pattern& pattern, MatchedNode* matched) {
    const Node& node = graph_.node(id);
    const std::string identity = op_identity(node);
    if (std::find(pattern.ops.begin(), pattern.ops.end(), identity) == pattern.ops.end() ||
        !attributes_fit(node, pattern.attributes)) {
      return false;
    }
    if (contains(claimed_, id)) note(display_name(graph_, id) + " would have to be two nodes");
    claimed_.push_back(id);
    if (pattern.used_outside) exposed_.push_back(id);
    matched->node = id;
    bind(pattern, *matched);
    if (pattern.args.empty()) return true;
    const std::vector<ValueId> data = options_.data_inputs
                                          ? options_.data_inputs(graph_, id)
                                          : default_data_inputs(graph_, id, pattern);
    if (data.size() != pattern.args.size()) return arity_misses(id, pattern, data);
    matched->args.resize(data.size());
    for (size_t i = 0; i < data.size(); ++i) {
      const size_t input = pattern.swapped ? data.size() - 1 - i : i;
      if (!value_fits(data[input], pattern.args[i], &matched->args[i])) return false;
    }
    refuse_repeated_operand(id, data);
    return true;
  }

  void bind(const Pattern& pattern, MatchedNode& matched) {
    matched.name = pattern.name;
    if (!pattern.name.empty()) bound_[pattern.name] = {matched.node, matched.value};
  }

  bool value_fits(ValueId value, const Pattern& pattern, MatchedNode* matched) {
    matched->value = value;
    const NodeId producer = graph_.value(value).producer();
    switch (pattern.kind) {
      case Pattern::Kind::kMatchAll:
        matched->node = producer;
        matched->match_all = true;
        bind(pattern, *matched);
        return true;
      case Pattern::Kind::kConstant:
        bind(pattern, *matched);
        return constant_fits(graph_, value, pattern.constant);
      case Pattern::Kind::kSame: return is_bound(value, pattern, matched);
      case Pattern::Kind::kOp: break;
    }
    return producer != kNone && is_output(producer, value, pattern.output) &&
           node_fits(producer, pattern, matched);
  }

  bool is_output(NodeId producer, ValueId value, int output) const {
    return output < 0 || graph_.node(producer).output(static_cast<size_t>(output)) == value;
  }

  bool is_bound(ValueId value, const Pattern& pattern, MatchedNode* matched) {
    const auto found = bound_.find(pattern.name);
    if (found == bound_.end()) return false;
    matched->name = pattern.name;
    matched->node = found->second.node;
    if (found->second.node == kNone || !contains(claimed_, found->second.node)) {
      return found->second.value == value;  // a graph input, a constant, what MatchAllNode took
    }
    return graph_.value(value).producer() == found->second.node &&
           is_output(found->second.node, value, pattern.output);
  }

  // Another output of the subgraph: the first node that fits what is bound so far.
  bool output_fits(const Pattern& pattern, MatchedNode* matched) {
    const Walk before = *this;
    for (NodeId id : graph_.nodes()) {
      if (contains(claimed_, id)) continue;
      MatchedNode candidate;
      candidate.value = graph_.node(id).output(0);
      if (node_fits(id, pattern, &candidate) && complete_ && reason_ == before.reason_) {
        exposed_.push_back(id);
        *matched = std::move(candidate);
        return true;
      }
      restore(before);
    }
    return false;
  }

  void restore(const Walk& before) {
    claimed_ = before.claimed_;
    exposed_ = before.exposed_;
    bound_ = before.bound_;
    reason_ = before.reason_;
    complete_ = before.complete_;
  }

  // Inner values die with the match: nobody else may read them.
  void check_users() {
    for (NodeId id : claimed_) {
      if (contains(exposed_, id)) continue;
      for (ValueId output : graph_.node(id).outputs()) {
        if (output != kNone) check_users_of(output);
      }
    }
  }

  void check_users_of(ValueId value) {
    const auto uses = graph_.value(value).uses();
    const bool inside = std::all_of(uses.begin(), uses.end(), [&](const Use& use) {
      const bool captured =
          use.index >= static_cast<int32_t>(graph_.node(use.node).inputs().size());
      return contains(claimed_, use.node) && !captured;
    });
    if (inside && !graph_.is_output(value)) return;
    note("the value '" + graph_.value(value).name + "' has " +
         std::to_string(graph_.user_count(value)) +
         (graph_.is_output(value) ? " users, the graph's outputs among them" : " users"));
  }

  // What MatchAllNode takes stays, so the match must not absorb what makes it.
  void check_others(const MatchedNode& matched) {
    if (matched.match_all && contains(claimed_, matched.node)) {
      note("an input of it is the value of " + display_name(graph_, matched.node) +
           ", which it would absorb");
    }
    for (const MatchedNode& arg : matched.args) check_others(arg);
  }

  // Where values leave in the middle, what comes in must not be made from them.
  void check_no_cycle() {
    std::vector<NodeId> pending;
    const auto add_producers = [&](NodeId id) {
      for (std::span<const ValueId> list : {graph_.node(id).inputs(), graph_.node(id).captures()}) {
        for (ValueId input : list) {
          const NodeId producer = input == kNone ? kNone : graph_.value(input).producer();
          if (producer != kNone) pending.push_back(producer);
        }
      }
    };
    std::set<NodeId> seen;
    for (NodeId id : claimed_) add_producers(id);
    std::erase_if(pending, [&](NodeId id) { return contains(claimed_, id); });
    while (!pending.empty()) {
      const NodeId id = pending.back();
      pending.pop_back();
      if (contains(claimed_, id)) {
        return note("an input of it is computed from " + display_name(graph_, id) +
                    ", which it would absorb");
      }
      if (seen.insert(id).second) add_producers(id);
    }
  }

  // The wrong number of data inputs is a near miss if one of them is what the pattern asks for.
  bool arity_misses(NodeId id, const Pattern& pattern, const std::vector<ValueId>& data) {
    for (ValueId value : data) {
      const Node* producer = graph_.producer(value);
      if (producer == nullptr) continue;
      const std::string identity = op_identity(*producer);
      for (const Pattern& arg : pattern.args) {
        if (std::find(arg.ops.begin(), arg.ops.end(), identity) == arg.ops.end()) continue;
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

  struct Bound {
    NodeId node;
    ValueId value;
  };
  const Graph& graph_;
  const MatchOptions& options_;
  std::vector<NodeId> claimed_;
  std::vector<NodeId> exposed_;  // claimed nodes whose values others may read
  std::map<std::string, Bound> bound_;
  std::string reason_;
  bool complete_ = true;
};

// One plain form at one node; see match_at.
bool form_at(const Graph& graph, NodeId node, const Pattern& form, Match* match,
             std::string* why_not, const MatchOptions& options) {
  Walk walk(graph, options);
  Match found;
  if (!walk.run(node, form, &found)) return false;
  std::string reason = walk.reason();
  bool good = reason.empty();
  if (options.accept && walk.complete()) {
    std::string refusal;
    if (!options.accept(found, &refusal)) {
      good = false;
      // Refused without a reason: the pattern means other places than this.
      if (refusal.empty() || reason.empty()) reason = std::move(refusal);
    }
  }
  if (!good) *why_not = std::move(reason);
  *match = std::move(found);
  return good;
}

// The first form that fits; the first near miss where none does.
bool forms_at(const Graph& graph, NodeId node, const std::vector<Pattern>& forms, Match* match,
              std::string* why_not, const MatchOptions& options) {
  std::string near;
  for (const Pattern& form : forms) {
    Match found;
    std::string reason;
    if (form_at(graph, node, form, &found, &reason, options)) {
      if (match != nullptr) *match = std::move(found);
      return true;
    }
    if (reason.empty() || !near.empty()) continue;
    near = std::move(reason);
    if (match != nullptr) *match = std::move(found);
  }
  if (why_not != nullptr) *why_not = std::move(near);
  return false;
}

const MatchedNode* find_in(const MatchedNode& tree, std::string_view name) {
  if (tree.name == name) return &tree;
  for (const MatchedNode& arg : tree.args) {
    if (const MatchedNode* found = find_in(arg, name)) return found;
  }
  return nullptr;
}

}  // namespace

const MatchedNode* find_named(const Match& match, std::string_view name) {
  if (const MatchedNode* found = find_in(match.tree, name)) return found;
  for (const MatchedNode& other : match.also) {
    if (const MatchedNode* found = find_in(other, name)) return found;
  }
  return nullptr;
}

bool match_at(const Graph& graph, NodeId node, const Pattern& pattern, Match* match,
              std::string* why_not, const MatchOptions& options) {
  if (why_not != nullptr) why_not->clear();
  if (pattern.kind != Pattern::Kind::kOp) return false;
  return forms_at(graph, node, plain_forms(pattern), match, why_not, options);
}

std::vector<int> precedence(std::span<const Pattern> patterns) {
  std::vector<int> order(patterns.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const auto rank = [&](int i) {
    const Pattern& pattern = patterns[static_cast<size_t>(i)];
    return std::pair(pattern.is_single_op() ? 0 : -leaf_count(pattern), i);
  };
  heap_sort(order, [&](int a, int b) { return rank(a) < rank(b); });
  return order;
}

std::vector<Match> find_matches(const Graph& graph, std::span<const Pattern> patterns,
                                const MatchOptions& options) {
  const std::vector<int> order = precedence(patterns);
  std::vector<std::vector<Pattern>> forms;
  for (const Pattern& pattern : patterns) forms.push_back(plain_forms(pattern));
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
      if (forms_at(graph, nodes[i], forms[static_cast<size_t>(index)], &match, &why_not,
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
