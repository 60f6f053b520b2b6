// See prepare_qconfigs.h. Source: spec-facts 2.2.
#include "quant/prepare_qconfigs.h"

#include <algorithm>

#include "core/error.h"
#include "quant/identity.h"

namespace eightfold {
namespace {

void collect_ops(const Pattern& pattern, std::vector<std::string>& ops) {
  if (pattern.kind == Pattern::Kind::kOp) ops.push_back(pattern.ops[0]);
  for (const Pattern& arg : pattern.args) collect_ops(arg, ops);
}

// The op types that a fused node was made of.
std::vector<std::string> members_of(const Node& node, const BackendConfig& backend) {
  std::vector<std::string> members;
  if (node.domain == kEightfoldDomain) {
    members.push_back(node.op_type);
    const std::string activation = node.string_attribute("activation", "");
    if (!activation.empty()) members.push_back(activation);
  } else if (const BackendPatternConfig* config = backend.fused_by(op_identity(node))) {
    collect_ops(config->pattern(), members);
  }
  return members;
}

}  // namespace

QConfigTable::QConfigTable(const Graph& graph, const PatternTable& patterns,
                           const PrepareCustomConfig& custom)
    : graph_(graph), patterns_(patterns), custom_(custom) {}

QConfigMapping::Query QConfigTable::query_of(NodeId id) {
  QConfigMapping::Query query;
  query.name = display_name(graph_, id);
  query.op = op_identity(graph_.node(id));
  const size_t cut = query.name.find_last_of("./");
  if (cut != std::string::npos) query.module = query.name.substr(0, cut);
  query.index_in_module = occurrences_[{query.module, query.op}]++;
  return query;
}

MaybeQConfig QConfigTable::find(NodeId id, const QConfigMapping::Query& query) const {
  const Node& node = graph_.node(id);
  const Scope& scope = patterns_.scope_of(id);
  const MaybeQConfig* common = nullptr;
  std::string of;
  for (const std::string& member : members_of(node, *scope.backend)) {
    const MaybeQConfig* own = scope.mapping->object_type(member);
    if (own == nullptr) continue;
    if (common != nullptr && *own != *common) {
      throw Error(ErrorCode::kInvalidConfig,
                  "the object types " + of + " and " + member +
                      " have different QConfigs, and nodes of both are fused into one",
                  "give both the same QConfig, or name the node by setModuleName")
          .at(query.name, node.op_type);
    }
    common = own;
    of = member;
  }
  return scope.mapping->find(query);
}

std::string QConfigTable::why_not_traced(NodeId id) const {
  const std::string name = display_name(graph_, id);
  const auto& names = custom_.non_traceable_module_names;
  const auto& classes = custom_.non_traceable_module_classes;
  const bool named =
      std::ranges::any_of(names, [&](const std::string& path) { return is_path_of(path, name); });
  const bool classed = std::ranges::find(classes, op_identity(graph_.node(id))) != classes.end();
  return named || classed ? "it is declared non-traceable" : std::string();
}

const std::string* QConfigTable::observed_of(NodeId id) const {
  const std::string identity = op_identity(graph_.node(id));
  for (const auto& [from, to] : custom_.float_to_observed_mapping) {
    if (from == identity) return &to;
  }
  return nullptr;
}

bool QConfigTable::is_custom(NodeId id) const { return observed_of(id) != nullptr; }

bool QConfigTable::is_twin(NodeId id, const OpDef* def) const {
  return def && def->places &&
         *observed_of(id) == std::string(kEightfoldDomain) + ":" + std::string(def->op_type);
}

void QConfigTable::make_observed(Graph& graph, NodeId id) const {
  set_identity(graph.node(id), *observed_of(id));
}

}  // namespace eightfold
