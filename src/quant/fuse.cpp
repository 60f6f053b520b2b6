// fuse: Graph(Float) -> Graph(Fused), by the patterns of a backend that name a fuser.
//
//   cleanup -> fold (BatchNormalization, constants, Pad, MatMul + Add, caller's fusers) to its
//   fixpoint -> activations to their fixpoint
// Larger patterns go first; the fused node keeps the root's name and makes the anchor's value.
#include <algorithm>
#include <set>

#include "ops/op.h"
#include "ops/split_fused.h"
#include "quant/cleanup/cleanup.h"
#include "quant/data_inputs.h"
#include "quant/fuse_getters.h"
#include "quant/fuse_inputs.h"
#include "quant/fuse_module.h"
#include "quant/fusers/fuser.h"
#include "quant/fusing.h"
#include "quant/unfold.h"
#include "quant/widen_halves.h"

namespace eightfold {
namespace {

// The match becomes one node of its config's fused module.
constexpr std::string_view kFusedModule = "fused_module";

std::vector<Fuser> all_fusers() {
  std::vector<Fuser> all{{kFusedModule, FuserPhase::kFold, nullptr, nullptr}};
  for (auto family :
       {batch_norm_fusers, norm_before_fusers, constant_fusers, matmul_fusers, pad_fusers,
        residual_fusers, activation_fusers, hard_swish_fusers, reduce_mean_fusers, sub_fusers}) {
    for (const Fuser& fuser : family()) all.push_back(fuser);
  }
  return all;
}

[[noreturn]] void refuse_name(const BackendPatternConfig& config, const std::string& what,
                              const std::string& name, std::string_view hint) {
  throw Error(ErrorCode::kInvalidConfig,
              "the pattern " + to_text(config.pattern()) + " names the " + what + " '" + name +
                  "', and there is none of this name",
              hint);
}

// A pattern that is fused, with the functions that do it.
struct Rule {
  const BackendPatternConfig* config;
  Fuser fuser;  // rewrite null: the general one
  bool asks_root, asks_extra_inputs, asks_fuser;
  bool asks() const { return asks_root || asks_extra_inputs || asks_fuser; }
};

Rule make_rule(const BackendPatternConfig& config, const std::vector<Fuser>& fusers,
               const std::set<std::string>& callers) {
  Rule rule{&config, {"", FuserPhase::kFold, nullptr, nullptr}, false, false, false};
  rule.asks_root = callers.contains(config.root_node_getter);
  rule.asks_extra_inputs = callers.contains(config.extra_inputs_getter);
  rule.asks_fuser = callers.contains(config.fuser_method);
  if (!rule.asks_root && !is_root_node_getter(config.pattern(), config.root_node_getter)) {
    refuse_name(config, "root node getter", config.root_node_getter,
                "known are last, first, anchor, innermost and the nodes of a pattern graph");
  }
  if (!rule.asks_extra_inputs &&
      !is_extra_inputs_getter(config.pattern(), config.extra_inputs_getter)) {
    refuse_name(config, "extra inputs getter", config.extra_inputs_getter,
                "known are match_all and the nodes of a pattern graph");
  }
  if (rule.asks_fuser) return rule;
  std::string known;
  for (const Fuser& fuser : fusers) {
    if (fuser.name == config.fuser_method) {
      rule.fuser = fuser;
      return rule;
    }
    known += (known.empty() ? "" : ", ") + std::string(fuser.name);
  }
  refuse_name(config, "fuser", config.fuser_method, "known are " + known);
}

// A fused module takes over the root's constants alone. Empty when no other node has any.
std::string lost_constants(const Graph& graph, const Match& match, NodeId root) {
  for (const MatchedNode* matched : match_nodes(match)) {
    const bool is_other = matched->node != kNone && !matched->match_all && matched->node != root;
    const OpDef* def = is_other ? find_op(graph, graph.node(matched->node)) : nullptr;
    if (def == nullptr) continue;
    const Node& node = graph.node(matched->node);
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      if (is_brought_along(def->role(i)) && graph.constant(node.input(i)) != nullptr) {
        return "the constants of " + display_name(graph, matched->node) +
               " have no place in the fused module and are lost; a fuser of your own can keep them";
      }
    }
  }
  return {};
}

// Nodes without a name get one now, while their index is that of the file.
void name_nodes(Graph& graph) {
  for (NodeId id : graph.nodes()) {
    if (graph.node(id).name.empty()) graph.node(id).name = display_name(graph, id);
  }
}

// The same reason, for a part of the nodes: (BatchNormalization, Conv) of (Relu, (...)).
bool says_the_same(const NearMiss& part, const NearMiss& whole) {
  return part.nodes.size() < whole.nodes.size() && part.reason == whole.reason &&
         std::all_of(
             part.nodes.begin(), part.nodes.end(),
             [&](NodeId id) {
               return std::find(whole.nodes.begin(), whole.nodes.end(), id) != whole.nodes.end();
             });
}

}  // namespace

std::vector<std::string> fuser_names() {
  std::vector<std::string> names;
  for (const Fuser& fuser : all_fusers()) names.emplace_back(fuser.name);
  return names;
}

struct Fusing::Impl {
  Impl(const Graph& float_graph, const BackendConfig& config, std::vector<std::string> functions,
       FuseCustomConfig custom_config)
      : graph(float_graph), backend(config), custom(std::move(custom_config)) {
    name_nodes(graph);
    infer_types(graph);
    split_fused(graph);
    settle_listed_weights(graph, &remarks);
    widen_halves(graph);
    infer_types(graph);
    clean_up(graph, backend, &remarks);
    const std::vector<Fuser> fusers = all_fusers();
    const std::set<std::string> callers(functions.begin(), functions.end());
    for (const BackendPatternConfig& pattern : backend.configs()) {
      if (!pattern.fuser_method.empty()) rules.push_back(make_rule(pattern, fusers, callers));
    }
    begin_phase(FuserPhase::kFold);
  }

  // ---- rounds
  void begin_phase(FuserPhase next) {
    phase = next;
    active.clear();
    patterns.clear();
    for (const Rule& rule : rules) {
      if (rule.fuser.phase != phase) continue;
      active.push_back(&rule);
      patterns.push_back(rule.config->pattern());
    }
  }

  bool next_round() {
    if (!questions.empty()) {
      throw Error(ErrorCode::kInvalidState, "the questions of the last round are not answered");
    }
    for (;;) {
      find();
      if (matches.empty()) {
        keep_near_misses();
        if (phase == FuserPhase::kActivation) return false;
        begin_phase(FuserPhase::kActivation);
        continue;
      }
      for (const Match& match : matches) {
        const Rule& rule = rule_of(match);
        if (!rule.asks()) continue;
        questions.push_back(
            {match, rule.config, rule.asks_root, rule.asks_extra_inputs, rule.asks_fuser});
      }
      if (!questions.empty()) return true;
      apply({});
    }
  }

  void find() {
    near_misses.clear();
    MatchOptions options;
    options.data_inputs = data_inputs;
    options.near_misses = &near_misses;
    options.accept = [&](const Match& match, std::string* why_not) {
      const Rule& rule = rule_of(match);
      if (settled.contains({rule.config, match.anchor})) {
        const auto refusal = refusals.find({rule.config, match.anchor});
        if (refusal != refusals.end()) *why_not = refusal->second;
        return false;
      }
      if (rule.fuser.check == nullptr) return true;
      Verdict verdict = rule.fuser.check(graph, match);
      *why_not = std::move(verdict.reason);
      return verdict.ok;
    };
    matches = find_matches(graph, patterns, options);
  }

  const Rule& rule_of(const Match& match) const {
    return *active[static_cast<size_t>(match.pattern)];
  }

  // ---- replies: all are checked before the first one is applied
  void answer(const std::vector<Reply>& replies) {
    if (replies.size() != questions.size()) {
      throw Error(ErrorCode::kInvalidConfig, std::to_string(replies.size()) + " replies to " +
                                                 std::to_string(questions.size()) + " questions");
    }
    for (size_t i = 0; i < replies.size(); ++i) check(questions[i], replies[i]);
    questions.clear();
    apply(replies);
  }

  [[noreturn]] static void refuse_reply(const Graph& graph, const Question& question,
                                        const std::string& what) {
    throw Error(ErrorCode::kInvalidConfig,
                "a reply for the pattern " + to_text(question.config->pattern()) + " " + what)
        .at(display_name(graph, question.match.anchor), graph.node(question.match.anchor).op_type);
  }

  void check(const Question& question, const Reply& reply) const {
    const std::vector<const MatchedNode*> nodes = match_nodes(question.match);
    const auto refuse = [&](const std::string& what) { refuse_reply(graph, question, what); };
    if (question.asks_root && !reply.root) refuse("names no root node");
    if (reply.root) {
      if (*reply.root >= nodes.size()) refuse("names a root that is not of the match");
      const MatchedNode& root = *nodes[*reply.root];
      if (root.match_all || root.node == kNone)
        refuse("names a root that the match does not claim");
    }
    for (size_t index : reply.extra_inputs) {
      if (index >= nodes.size()) refuse("names an extra input that is not of the match");
    }
    if (question.asks_fuser && !reply.fused) return;
    const FusedNode fused = reply.fused.value_or(FusedNode{});
    for (const auto& [index, tensor] : fused.initializers) {
      if (index < 0 || index > 64) refuse("replaces the input " + std::to_string(index));
    }
    const BackendPatternConfig& config = *question.config;
    if (!question.asks_fuser && config.fuser_method != kFusedModule) return;
    const MatchedNode* root =
        reply.root ? nodes[*reply.root] : root_node_of(question.match, config.root_node_getter);
    if (root == nullptr || root->match_all || root->node == kNone) return;  // apply says so
    const std::vector<ValueId> extra =
        extra_values(question.match, config, question.asks_extra_inputs ? &reply : nullptr);
    refuse_absorbed_input(config, question.match, root->node, extra, fused);
  }

  // `reply`: of the caller who answers for the getter; null for one that is known by name.
  static std::vector<ValueId> extra_values(const Match& match, const BackendPatternConfig& config,
                                           const Reply* reply) {
    const std::vector<const MatchedNode*> nodes = match_nodes(match);
    std::vector<const MatchedNode*> extra;
    if (reply == nullptr) {
      extra_inputs_of(match, config.extra_inputs_getter, &extra);
    } else {
      for (size_t index : reply->extra_inputs) extra.push_back(nodes[index]);
    }
    std::vector<ValueId> values;
    for (const MatchedNode* node : extra) values.push_back(node->value);
    return values;
  }

  void refuse_absorbed_input(const BackendPatternConfig& config, const Match& match, NodeId root,
                             const std::vector<ValueId>& extra, const FusedNode& fused) const {
    const ValueId absorbed = absorbed_input(graph, match, root, extra, fused);
    if (absorbed == kNone) return;
    throw Error(ErrorCode::kInvalidConfig,
                "the fused node of the pattern " + to_text(config.pattern()) + " would read '" +
                    graph.value(absorbed).name + "', which is made inside of the match",
                "name a root node whose inputs come from outside, and extra inputs that do")
        .at(display_name(graph, match.anchor), graph.node(match.anchor).op_type);
  }

  // ---- the rewriting of a round
  void apply(const std::vector<Reply>& replies) {
    size_t next = 0;
    for (const Match& match : matches) {
      const Rule& rule = rule_of(match);
      const Reply* reply = rule.asks() ? &replies[next++] : nullptr;
      apply(rule, match, reply);
    }
    matches.clear();
    graph.sort_topologically();
  }

  void apply(const Rule& rule, const Match& match, const Reply* reply) {
    if (reply != nullptr && rule.asks_fuser && !reply->fused) {
      settled.insert({rule.config, match.anchor});
      refusals[{rule.config, match.anchor}] =
          reply->refusal.empty() ? "the caller's fuser leaves it as it is" : reply->refusal;
      return;
    }
    const std::vector<const MatchedNode*> nodes = match_nodes(match);
    const MatchedNode* root =
        reply && reply->root ? nodes[*reply->root] : root_node_of(match, root_getter(rule));
    if (root == nullptr || root->match_all || root->node == kNone) {
      throw Error(ErrorCode::kInvalidConfig,
                  "the root node getter of the pattern " + to_text(rule.config->pattern()) +
                      " finds no node of the match",
                  "name a getter that finds the node to keep, such as \"first\"")
          .at(display_name(graph, match.anchor), graph.node(match.anchor).op_type);
    }
    remarks.push_back(describe(rule, match, root->node));
    const std::vector<Attribute> preserved = preserved_of(match);
    std::vector<std::string> joined = members_of(match);
    const ValueId made = graph.node(match.anchor).output(0);
    if (rule.fuser.rewrite != nullptr) {
      rule.fuser.rewrite(graph, match);
    } else {
      apply_general(rule, match, reply, *root);
    }
    const NodeId producer = made == kNone ? kNone : graph.value(made).producer();
    if (producer == kNone) return;
    members[display_name(graph, producer)] = std::move(joined);
    for (const Attribute& attribute : preserved) {
      Node& node = graph.node(producer);
      if (!node.has_attribute(attribute.name)) node.set_attribute(attribute.name, attribute.value);
    }
  }

  // A built-in fuser names its survivor by itself; the getter is for the report then.
  std::string root_getter(const Rule& rule) const {
    return rule.asks_root ? std::string() : rule.config->root_node_getter;
  }

  void apply_general(const Rule& rule, const Match& match, const Reply* reply,
                     const MatchedNode& root) {
    const std::vector<ValueId> values =
        extra_values(match, *rule.config, rule.asks_extra_inputs ? reply : nullptr);
    FusedNode fused = reply && reply->fused ? *reply->fused : FusedNode{};
    if (fused.op.empty()) fused.op = rule.config->fused_module;
    refuse_absorbed_input(*rule.config, match, root.node, values, fused);
    if (!rule.asks_fuser) warn_of_loss(match, root.node);
    const NodeId made = fuse_match(graph, match, root.node, values, fused);
    settled.insert({rule.config, made});
  }

  // In graph order, with all that was joined to them before.
  std::vector<std::string> members_of(const Match& match) {
    std::vector<std::string> all;
    for (size_t i = match.claimed.size(); i-- > 0;) {
      const std::string name = display_name(graph, match.claimed[i]);
      const auto known = members.find(name);
      if (known == members.end()) {
        all.push_back(name);
      } else {
        all.insert(all.end(), known->second.begin(), known->second.end());
        members.erase(known);
      }
    }
    return all;
  }

  void warn_of_loss(const Match& match, NodeId root) {
    std::string loss = lost_constants(graph, match, root);
    if (loss.empty()) return;
    remarks.push_back(
        {display_name(graph, root), graph.node(root).op_type, "warning", std::move(loss)});
  }

  std::vector<Attribute> preserved_of(const Match& match) const {
    std::vector<Attribute> kept;
    for (NodeId id : match.claimed) {
      for (const std::string& name : custom.preserved_attributes) {
        const Attribute* attribute = graph.node(id).find_attribute(name);
        if (attribute != nullptr) kept.push_back(*attribute);
      }
    }
    return kept;
  }

  // ---- the report
  Remark describe(const Rule& rule, const Match& match, NodeId root) const {
    std::string members;
    for (size_t i = match.claimed.size(); i-- > 0;) {
      const Node& node = graph.node(match.claimed[i]);
      members += (members.empty() ? ""
                  : i == 0        ? " and "
                                  : ", ") +
                 node.op_type + " '" + display_name(graph, match.claimed[i]) + "'";
    }
    const bool is_rewrite = match.claimed.size() == 1;
    return {display_name(graph, root), graph.node(root).op_type, is_rewrite ? "rewritten" : "fused",
            fuser_text(rule) + ": " + members + (is_rewrite ? " was rewritten" : " became one")};
  }

  static std::string fuser_text(const Rule& rule) {
    return rule.asks_fuser ? "the caller's fuser" : std::string(rule.fuser.name);
  }

  // The near misses of the last round of a phase are the lasting ones. Found backwards; told in the
  // order of the graph.
  void keep_near_misses() {
    for (auto miss = near_misses.rbegin(); miss != near_misses.rend(); ++miss) {
      const bool told_by_smaller =
          std::any_of(near_misses.begin(), near_misses.end(),
                      [&](const NearMiss& other) { return says_the_same(other, *miss); });
      const Rule& rule = *active[static_cast<size_t>(miss->pattern)];
      misses.push_back({display_name(graph, miss->node),
                        {to_text(rule.config->pattern()), fuser_text(rule) + ": " + miss->reason}});
      if (told_by_smaller) continue;
      remarks.push_back({display_name(graph, miss->node), graph.node(miss->node).op_type,
                         "not_fused", fuser_text(rule) + ": " + miss->reason});
    }
    near_misses.clear();
  }

  Graph graph;
  BackendConfig backend;
  FuseCustomConfig custom;
  std::vector<Rule> rules;
  FuserPhase phase = FuserPhase::kFold;
  std::vector<const Rule*> active;
  std::vector<Pattern> patterns;
  std::vector<Match> matches;
  std::vector<Question> questions;
  std::vector<NearMiss> near_misses;
  std::vector<Miss> misses;
  std::map<std::string, std::vector<std::string>> members;
  Remarks remarks;
  // Matches that the general fuser or the caller is done with, and why the caller declined.
  using Place = std::pair<const BackendPatternConfig*, NodeId>;
  std::set<Place> settled;
  std::map<Place, std::string> refusals;
};

Fusing::Fusing(const Graph& graph, const BackendConfig& backend,
               std::vector<std::string> caller_functions, FuseCustomConfig custom) {
  if (graph.stage != Stage::kFloat && graph.stage != Stage::kFused) {
    throw Error(ErrorCode::kInvalidState,
                "fuse takes a float graph, not a " + std::string(stage_name(graph.stage)) + " one");
  }
  impl_ = std::make_unique<Impl>(graph, backend, std::move(caller_functions), std::move(custom));
}
Fusing::~Fusing() = default;

bool Fusing::next_round() { return impl_->next_round(); }
const Graph& Fusing::graph() const { return impl_->graph; }
const std::vector<Question>& Fusing::questions() const { return impl_->questions; }
void Fusing::answer(const std::vector<Reply>& replies) { impl_->answer(replies); }
const std::vector<Fusing::Miss>& Fusing::misses() const { return impl_->misses; }
const std::map<std::string, std::vector<std::string>>& Fusing::members() const {
  return impl_->members;
}

Graph Fusing::finish(Remarks* remarks) {
  Graph& graph = impl_->graph;
  graph.remove_dead_nodes();
  update_imports(graph);
  graph.stage = Stage::kFused;
  infer_types(graph);
  if (remarks != nullptr) {
    remarks->insert(remarks->end(), impl_->remarks.begin(), impl_->remarks.end());
  }
  return graph;
}

Graph fuse(const Graph& graph, const BackendConfig& backend, Remarks* remarks) {
  Fusing fusing(graph, backend);
  fusing.next_round();
  return fusing.finish(remarks);
}

}  // namespace eightfold
