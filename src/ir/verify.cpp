// The invariants of verify.h, one function each, bodies included.
#include "ir/verify.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.h"

namespace eightfold {
namespace {

constexpr int kMaxNesting = 128;

// What of our own domain a stage may hold; other domains may occur everywhere.
struct StageRule {
  Stage stage;
  bool fused;    // eightfold:Conv and the like, float
  bool lowered;  // eightfold:QLinearConv and the like, int8
};
constexpr StageRule kStages[] = {
    {Stage::kFloat, false, false},
    {Stage::kFused, true, false},
    {Stage::kQuantized, true, false},
    {Stage::kLowered, true, true},
};

// Integer ops that convert writes itself (ops/place_form.h): the reference model holds them too.
constexpr std::array<std::string_view, 5> kModules{"QLinearLSTM", "QLinearGRU", "QLinearRNN",
                                                   "DynamicQuantizeGRU", "DynamicQuantizeRNN"};

class Verifier {
 public:
  Verifier(const Graph& graph, Stage stage, int depth)
      : graph_(graph), rule_(kStages[static_cast<size_t>(stage)]), depth_(depth) {}

  void run() {
    if (depth_ > kMaxNesting) fail("subgraphs are nested too deep");
    available_.assign(static_cast<size_t>(graph_.value_count()), false);
    for (ValueId id : graph_.inputs) check_exists(id, "a graph input");
    for (ValueId id = 0; id < graph_.value_count(); ++id) check_value(id);
    for (NodeId id : graph_.nodes()) check_node(id);
    check_use_count();
    for (ValueId id : graph_.outputs) {
      check_exists(id, "a graph output");
      if (!available(id)) fail("the graph output " + quoted(id) + " is never produced");
    }
  }

 private:
  [[noreturn]] void fail(std::string_view message, NodeId node = kNone) const {
    const Error error(ErrorCode::kInvalidGraph, message);
    if (node == kNone) throw error;
    throw error.at(display_name(graph_, node), graph_.node(node).op_type);
  }
  std::string quoted(ValueId id) const { return "'" + graph_.value(id).name + "'"; }
  bool in_range(ValueId id) const { return id >= 0 && id < graph_.value_count(); }
  bool available(ValueId id) const { return available_[static_cast<size_t>(id)]; }
  void check_exists(ValueId id, const std::string& what, NodeId node = kNone) const {
    if (!in_range(id)) fail(what + " is no value of the graph", node);
  }

  void check_value(ValueId id) {
    const Value& value = graph_.value(id);
    const bool is_input =
        std::find(graph_.inputs.begin(), graph_.inputs.end(), id) != graph_.inputs.end();
    if (!value.name.empty() && graph_.find_value(value.name) != id) {
      fail("the name " + quoted(id) + " belongs to two values, or was changed behind the graph");
    }
    if (value.producer() != kNone) {
      if (!graph_.alive(value.producer())) fail(quoted(id) + " is produced by an erased node");
      if (is_input || value.is_constant() || value.captured) {
        fail(quoted(id) + " is given and produced", value.producer());
      }
    }
    for (const Use& use : value.uses()) check_use(id, use);
    use_count_ += value.uses().size();
    available_[static_cast<size_t>(id)] = is_input || value.is_constant() || value.captured;
  }

  void check_use(ValueId id, const Use& use) const {
    if (!graph_.alive(use.node)) fail(quoted(id) + " is used by an erased node");
    const Node& node = graph_.node(use.node);
    const auto index = static_cast<size_t>(use.index);
    const size_t inputs = node.inputs().size();
    const bool known = index < inputs ? node.input(index) == id
                                      : index - inputs < node.captures().size() &&
                                            node.captures()[index - inputs] == id;
    if (!known) fail("a link of " + quoted(id) + " is not mutual", use.node);
  }

  void check_node(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.domain == kEightfoldDomain) check_stage(id);
    for (ValueId input : node.inputs()) {
      if (input != kNone) check_operand(id, input);
    }
    for (ValueId capture : node.captures()) check_operand(id, capture);
    for (ValueId output : node.outputs()) {
      if (output == kNone) continue;
      check_exists(output, "an output", id);
      if (graph_.value(output).producer() != id)
        fail("the output " + quoted(output) + " has another producer", id);
      available_[static_cast<size_t>(output)] = true;
    }
    check_bodies(id);
  }

  void check_operand(NodeId id, ValueId operand) {
    check_exists(operand, "an input", id);
    ++link_count_;
    if (!available(operand)) fail("the input " + quoted(operand) + " is not produced before", id);
  }

  void check_use_count() const {
    if (use_count_ != link_count_) fail("the graph's links are not mutual");
  }

  void check_stage(NodeId id) const {
    const Node& node = graph_.node(id);
    const bool lowered = node.op_type.starts_with("QLinear") || node.op_type.starts_with("QGemm");
    if (lowered ? rule_.lowered : rule_.fused) return;
    if (rule_.fused && std::ranges::find(kModules, node.op_type) != kModules.end()) return;
    fail("this operator of the eightfold domain does not belong to the stage '" +
             std::string(stage_name(rule_.stage)) + "'",
         id);
  }

  void check_bodies(NodeId id) const {
    for (const Attribute& attribute : graph_.node(id).attributes) {
      if (const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
        check_body(id, **body);
      } else if (const auto* bodies =
                     std::get_if<std::vector<Attribute::GraphPtr>>(&attribute.value)) {
        for (const auto& each : *bodies) check_body(id, *each);
      }
    }
  }

  void check_body(NodeId id, const Graph& body) const {
    const auto captures = graph_.node(id).captures();
    for (ValueId inner = 0; inner < body.value_count(); ++inner) {
      const Value& value = body.value(inner);
      if (!value.captured) continue;
      const ValueId outer = graph_.find_value(value.name);
      if (std::find(captures.begin(), captures.end(), outer) == captures.end()) {
        fail("a body uses '" + value.name + "', which the node does not capture", id);
      }
    }
    Verifier(body, rule_.stage, depth_ + 1).run();
  }

  const Graph& graph_;
  const StageRule& rule_;
  int depth_;
  std::vector<bool> available_;
  size_t use_count_ = 0, link_count_ = 0;
};

}  // namespace

void verify(const Graph& graph) { Verifier(graph, graph.stage, 0).run(); }

}  // namespace eightfold
