// Fusing with functions of the caller's: fusers, root node getters and extra inputs getters as
// questions and replies (spec-facts 1.8-1.10; feature rows 3, 8, 9).
#include <catch_amalgamated.hpp>
#include <functional>

#include "core/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "quant/backends_dtypes.h"
#include "quant/fuse_getters.h"
#include "quant/fusing.h"
#include "support/layers.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

const Pattern kAny = Pattern::match_all();
const std::vector<std::string> kFunctions{"my_fuser", "my_root", "my_extra"};

using Answer = std::function<Reply(const Graph& graph, const Question& question)>;

struct Outcome {
  Graph graph;
  OpCounts ops;
  Remarks remarks;
  int rounds = 0, questions = 0;
};

// Drives the rounds with one function for all questions.
Outcome fuse_with(const Graph& graph, const BackendConfig& config, const Answer& answer) {
  Outcome outcome;
  Fusing fusing(graph, config, kFunctions);
  while (fusing.next_round()) {
    ++outcome.rounds;
    std::vector<Reply> replies;
    for (const Question& question : fusing.questions()) {
      ++outcome.questions;
      replies.push_back(answer(fusing.graph(), question));
    }
    fusing.answer(replies);
    REQUIRE(outcome.rounds < 10);
  }
  outcome.graph = fusing.finish(&outcome.remarks);
  verify(outcome.graph);
  outcome.ops = compute_ops(outcome.graph);
  return outcome;
}

BackendConfig one_row(BackendPatternConfig row) {
  return BackendConfig("mine").set_backend_pattern_config(std::move(row));
}

FusedNode block(std::string op = "test:Block") {
  FusedNode node;
  node.op = std::move(op);
  return node;
}

// relu(side + conv(x)), as in the README's example of complex patterns.
struct Residual {
  GraphBuilder g;
  ValueId x = g.input("x", {1, 3, 6, 6});
  ValueId side = g.node("Abs", {x});
  ValueId layer = conv(g, x, 3, 3);
  ValueId sum = g.node("Add", {side, layer});
  ValueId y = relu(g, sum);
  Residual() { g.output(y); }
};

BackendPatternConfig residual_row() {
  BackendPatternConfig row;
  row.set_pattern_complex_format(
      Pattern::of("Relu", {Pattern::of("Add", {kAny, Pattern::of("Conv")})}));
  return row.set_fuser_method("my_fuser")
      .set_root_node_getter("my_root")
      .set_extra_inputs_getter("my_extra");
}

// Of match_nodes: relu, add, MatchAllNode, conv.
constexpr size_t kRelu = 0, kAdd = 1, kExtra = 2, kConv = 3;

Reply residual_reply() {
  Reply reply;
  reply.root = kConv;
  reply.extra_inputs = {kExtra};
  reply.fused = block();
  return reply;
}

// ---------------------------------------------------------------- questions and replies
TEST_CASE("a question is the match as written, and what is asked of it", "[rows][fusing]") {
  Residual r;
  Outcome outcome =
      fuse_with(r.g.build(), one_row(residual_row()), [&](const Graph& graph, const Question& q) {
        CHECK(q.asks_root);
        CHECK(q.asks_extra_inputs);
        CHECK(q.asks_fuser);
        CHECK(q.config->fuser_method == "my_fuser");
        const auto nodes = match_nodes(q.match);
        REQUIRE(nodes.size() == 4);
        CHECK(graph.node(nodes[kRelu]->node).op_type == "Relu");
        CHECK(graph.node(nodes[kAdd]->node).op_type == "Add");
        CHECK(nodes[kExtra]->match_all);
        CHECK(graph.node(nodes[kConv]->node).op_type == "Conv");
        return residual_reply();
      });
  CHECK(outcome.rounds == 1);
  CHECK(outcome.questions == 1);
  CHECK(outcome.ops == OpCounts{{"Abs", 1}, {"Block", 1}});
  const Node& fused = outcome.graph.node(outcome.graph.nodes().back());
  CHECK(fused.name == "Conv_1");
  CHECK(fused.inputs().size() == 4);
  CHECK(outcome.graph.value(fused.input(3)).name == "Abs_0_0");
  CHECK(outcome.graph.value(fused.output(0)).name == "Relu_3_0");
  REQUIRE(outcome.remarks.size() == 1);
  CHECK(outcome.remarks[0].kind == "fused");
  CHECK(outcome.remarks[0].reason.starts_with("the caller's fuser: "));
}

TEST_CASE("only what the caller answers for is asked", "[rows][fusing]") {
  Residual r;
  SECTION("the fuser alone") {
    BackendPatternConfig row = residual_row();
    row.set_root_node_getter("last").set_extra_inputs_getter("match_all");
    Outcome outcome = fuse_with(r.g.build(), one_row(row), [](const Graph&, const Question& q) {
      CHECK_FALSE(q.asks_root);
      CHECK_FALSE(q.asks_extra_inputs);
      CHECK(q.asks_fuser);
      Reply reply;
      reply.fused = block();
      return reply;
    });
    CHECK(outcome.ops == OpCounts{{"Abs", 1}, {"Block", 1}});
    CHECK(outcome.graph.node(outcome.graph.nodes().back()).inputs().size() == 4);
  }
  SECTION("the getters alone, of the fused module") {
    BackendPatternConfig row = residual_row();
    row.set_fuser_method("fused_module").set_fused_module("test:Module");
    Outcome outcome = fuse_with(r.g.build(), one_row(row), [](const Graph&, const Question& q) {
      CHECK(q.asks_root);
      CHECK_FALSE(q.asks_fuser);
      Reply reply;
      reply.root = kConv;
      reply.extra_inputs = {kExtra};
      return reply;
    });
    CHECK(outcome.ops == OpCounts{{"Abs", 1}, {"Module", 1}});
  }
  SECTION("nothing") {
    BackendPatternConfig row = residual_row();
    row.set_fuser_method("fused_module").set_fused_module("test:Module");
    row.set_root_node_getter("").set_extra_inputs_getter("");
    Outcome outcome = fuse_with(r.g.build(), one_row(row), [](const Graph&, const Question&) {
      FAIL("a question");
      return Reply();
    });
    CHECK(outcome.rounds == 0);
    CHECK(outcome.ops["Module"] == 1);
  }
}

TEST_CASE("a reply sets attributes, removes them, and replaces weights", "[rows][fusing]") {
  // Scales the convolution by two instead of a Mul behind it: the caller folds by itself.
  GraphBuilder g;
  const ValueId c = conv(g, g.input("x", {1, 3, 6, 6}), 3, 4);
  g.output(relu(g, g.node("Mul", {c, g.constant(Tensor::scalar(2.0f), "two")})));
  BackendPatternConfig row;
  Pattern two = Pattern::literal(2);
  row.set_pattern_complex_format(
         Pattern::of("Relu", {Pattern::of("Mul", {Pattern::of("Conv"), two})}))
      .set_fuser_method("my_fuser")
      .set_root_node_getter("my_root");
  Outcome outcome = fuse_with(g.build(), one_row(row), [](const Graph& graph, const Question& q) {
    const auto nodes = match_nodes(q.match);
    REQUIRE(nodes.size() == 4);
    const Node& layer = graph.node(nodes[2]->node);
    REQUIRE(layer.op_type == "Conv");
    Reply reply;
    reply.root = 2;
    reply.fused = block("eightfold:Conv");
    reply.fused->attributes = {{"activation", std::string("Relu")}};
    for (int input : {1, 2}) {
      Tensor doubled = *graph.constant(layer.input(static_cast<size_t>(input)));
      for (float& value : doubled.mutable_data<float>()) value *= 2;
      reply.fused->initializers[input] = doubled;
    }
    return reply;
  });
  REQUIRE(outcome.ops == OpCounts{{"Conv", 1}});
  const Node& fused = outcome.graph.node(outcome.graph.nodes()[0]);
  CHECK(fused.domain == kEightfoldDomain);
  CHECK(fused.has_attribute("pads"));  // the root's own
  const Feeds feeds = feeds_for(g.build());
  CHECK(difference(Session(outcome.graph).run(feeds)[0].tensor,
                   Session(g.build()).run(feeds)[0].tensor, kFloatSums) == "");

  Outcome without = fuse_with(g.build(), one_row(row), [](const Graph&, const Question&) {
    Reply reply;
    reply.root = 2;
    reply.fused = block();
    reply.fused->removed_attributes = {"pads"};
    return reply;
  });
  CHECK_FALSE(without.graph.node(without.graph.nodes()[0]).has_attribute("pads"));
}

// ---------------------------------------------------------------- bad replies
TEST_CASE("replies that do not fit are refused, and the questions stand", "[rows][fusing]") {
  struct Row {
    const char* what;
    std::vector<Reply> (*replies)();
    const char* says;
  };
  const auto one = [](auto&& change) {
    Reply reply = residual_reply();
    change(reply);
    return std::vector{reply};
  };
  static const auto with = one;
  const Row rows[] = {
      {"too few", [] { return std::vector<Reply>(); }, "0 replies to 1 questions"},
      {"too many", [] { return std::vector{residual_reply(), residual_reply()}; },
       "2 replies to 1 questions"},
      {"no root", [] { return with([](Reply& r) { r.root.reset(); }); }, "names no root node"},
      {"a root out of the match", [] { return with([](Reply& r) { r.root = 4; }); },
       "names a root that is not of the match"},
      {"what MatchAllNode took as root", [] { return with([](Reply& r) { r.root = kExtra; }); },
       "names a root that the match does not claim"},
      {"an extra input out of the match",
       [] { return with([](Reply& r) { r.extra_inputs = {9}; }); },
       "names an extra input that is not of the match"},
      {"an input of no op",
       [] { return with([](Reply& r) { r.fused->initializers[-1] = Tensor::scalar(1.0f); }); },
       "replaces the input -1"},
      {"a far input",
       [] { return with([](Reply& r) { r.fused->initializers[1000] = Tensor::scalar(1.0f); }); },
       "replaces the input 1000"},
      {"a root that reads what is absorbed", [] { return with([](Reply& r) { r.root = kAdd; }); },
       "which is made inside of the match"},
      {"an extra input that is absorbed",
       [] { return with([](Reply& r) { r.extra_inputs = {kAdd}; }); },
       "which is made inside of the match"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Residual r;
    Fusing fusing(r.g.build(), one_row(residual_row()), kFunctions);
    REQUIRE(fusing.next_round());
    const std::string before = to_text(fusing.graph());
    try {
      fusing.answer(row.replies());
      FAIL("it was taken");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      CHECK(error.message().find(row.says) != std::string::npos);
    }
    CHECK(to_text(fusing.graph()) == before);
    REQUIRE(fusing.questions().size() == 1);
    // Asking on without an answer is another fault.
    try {
      fusing.next_round();
      FAIL("it went on");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidState);
    }
    // A good reply is taken still.
    fusing.answer({residual_reply()});
    CHECK_FALSE(fusing.next_round());
    CHECK(compute_ops(fusing.finish()) == OpCounts{{"Abs", 1}, {"Block", 1}});
  }
}

TEST_CASE("all replies of a round are checked before the first is applied", "[rows][fusing]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  g.output(relu(g, conv(g, x, 3, 3)));
  g.output(relu(g, conv(g, x, 3, 3)));
  BackendPatternConfig row({"Conv", "Relu"});
  Fusing fusing(g.build(),
                one_row(row.set_fuser_method("my_fuser").set_root_node_getter("my_root")),
                kFunctions);
  REQUIRE(fusing.next_round());
  REQUIRE(fusing.questions().size() == 2);
  Reply good, bad;
  good.root = bad.root = 1;
  good.fused = bad.fused = block();
  bad.root = 7;
  CHECK_THROWS_AS(fusing.answer({good, bad}), Error);
  CHECK(compute_ops(fusing.graph()) == OpCounts{{"Conv", 2}, {"Relu", 2}});
  fusing.answer({good, good});
  CHECK_FALSE(fusing.next_round());
  CHECK(compute_ops(fusing.finish()) == OpCounts{{"Block", 2}});
}

TEST_CASE("functions that nobody answers for are refused before any match", "[rows][fusing]") {
  for (const char* missing : {"my_fuser", "my_root", "my_extra"}) {
    INFO(missing);
    std::vector<std::string> known = kFunctions;
    std::erase(known, missing);
    try {
      Fusing(Graph(), one_row(residual_row()), known);
      FAIL("it was taken");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      CHECK(error.message().find(missing) != std::string::npos);
      CHECK_FALSE(error.hint().empty());
    }
  }
}

// ---------------------------------------------------------------- refusals
TEST_CASE("a caller's refusal leaves the match and is told once", "[rows][fusing]") {
  for (const char* reason : {"too small to pay", ""}) {
    GraphBuilder g;
    const ValueId x = g.input("x", {1, 3, 6, 6});
    g.output(relu(g, conv(g, relu(g, conv(g, x, 3, 3)), 3, 3)));
    BackendPatternConfig row({"Conv", "Relu"});
    row.set_fuser_method("my_fuser");
    Outcome outcome =
        fuse_with(g.build(), one_row(row), [&](const Graph& graph, const Question& q) {
          Reply reply;
          if (graph.node(q.match.anchor).name == "Relu_1") {
            reply.refusal = reason;
          } else {
            reply.fused = block();
          }
          return reply;
        });
    CHECK(outcome.questions == 2);  // never asked again
    CHECK(outcome.ops == OpCounts{{"Conv", 1}, {"Relu", 1}, {"Block", 1}});
    const auto refused = std::ranges::count(outcome.remarks, "not_fused", &Remark::kind);
    REQUIRE(refused == 1);
    const auto remark = std::ranges::find(outcome.remarks, "not_fused", &Remark::kind);
    CHECK(remark->node == "Relu_1");
    CHECK(remark->reason == std::string("the caller's fuser: ") +
                                (*reason ? reason : "the caller's fuser leaves it as it is"));
  }
}

TEST_CASE("what one pattern's fuser refuses goes to the next pattern", "[rows][fusing]") {
  Residual r;
  BackendConfig config = one_row(residual_row());
  BackendPatternConfig smaller;
  smaller.set_pattern_complex_format(Pattern::of("Add", {kAny, Pattern::of("Conv")}))
      .set_fuser_method("fused_module")
      .set_fused_module("test:Smaller")
      .set_extra_inputs_getter("match_all");
  config.set_backend_pattern_config(smaller);
  Outcome outcome = fuse_with(r.g.build(), config, [](const Graph&, const Question&) {
    Reply reply = residual_reply();
    reply.fused.reset();
    reply.refusal = "not this one";
    return reply;
  });
  CHECK(outcome.ops == OpCounts{{"Abs", 1}, {"Smaller", 1}, {"Relu", 1}});
}

// ---------------------------------------------------------------- several outputs
TEST_CASE("a block of two outputs: the anchor's first, then what is used outside",
          "[rows][fusing]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId trunk = conv(g, x, 3, 3);
  const ValueId left = g.node("Sigmoid", {trunk}), right = g.node("Tanh", {trunk});
  g.output(g.node("Exp", {left}));
  g.output(right);
  PatternGraph pattern;
  pattern.nodes = {{"left", {Pattern::of("Sigmoid"), {"trunk"}}},
                   {"right", {Pattern::of("Tanh"), {"trunk"}}},
                   {"trunk", {Pattern::of("Conv"), {}}}};
  pattern.outputs = {"left", "right"};
  BackendPatternConfig row;
  row.set_pattern_graph(pattern).set_fuser_method("my_fuser").set_root_node_getter("trunk");
  Outcome outcome = fuse_with(g.build(), one_row(row), [](const Graph& graph, const Question& q) {
    const MatchedNode* named = find_named(q.match, "right");
    REQUIRE(named != nullptr);
    CHECK(graph.node(named->node).op_type == "Tanh");
    CHECK(q.match.claimed.size() == 3);
    Reply reply;
    reply.fused = block();
    return reply;
  });
  CHECK(outcome.ops == OpCounts{{"Block", 1}, {"Exp", 1}});
  const Node& fused = outcome.graph.node(outcome.graph.nodes()[0]);
  REQUIRE(fused.outputs().size() == 2);
  CHECK(outcome.graph.value(fused.output(0)).name == g.graph().value(left).name);
  CHECK(outcome.graph.value(fused.output(1)).name == g.graph().value(right).name);
  CHECK(outcome.graph.outputs[1] == fused.output(1));
}

// ---------------------------------------------------------------- the example, to integers
// Y + conv(x), then Relu, into a fused module that is quantized by a config of its own.
TEST_CASE("the conv-add-relu example goes the whole route", "[rows][fusing]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId before = conv(g, x, 3, 3);
  g.output(relu(g, g.node("Add", {before, conv(g, before, 3, 3)})));
  const std::vector<DTypeConfig> w8 = dtypes_of("W8");
  BackendConfig config("mine");
  config.set_backend_pattern_config(
      residual_row().set_dtype_configs(w8).set_fused_module("eightfold:ConvAdd"));
  for (const char* op : {"eightfold:ConvAdd", "Conv"}) {
    config.set_backend_pattern_config(BackendPatternConfig(op)
                                          .set_dtype_configs(w8)
                                          .set_root_module("Conv")
                                          .set_reference_quantized_module("Conv"));
  }
  Outcome outcome = fuse_with(g.build(), config, [](const Graph&, const Question&) {
    Reply reply = residual_reply();
    reply.fused = block("eightfold:ConvAdd");
    reply.fused->attributes = {{"activation", std::string("Relu")}};
    return reply;
  });
  REQUIRE(outcome.ops == OpCounts{{"Conv", 1}, {"ConvAdd", 1}});
  // The fused graph is taken as it is by a backend that only quantizes.
  const Routed routed = route(outcome.graph, route_options("onednn", default_qconfig()));
  INFO(to_text(routed.lowered));
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearConv", 1}, {"QLinearConvAdd", 1}});
  CHECK(pairs(routed.lowered) == Pairs{1, 1});
  CHECK(lowered_apart(routed) == "");
  const Feeds feeds = routed.sample;
  CHECK(difference(Session(outcome.graph).run(feeds)[0].tensor,
                   Session(g.build()).run(feeds)[0].tensor, kFloatSums) == "");
}

}  // namespace
}  // namespace eightfold
