// Sessions, passes and comparisons as JavaScript sees them.
#include "bindings/stepping.h"

#include "quant/absorb_clips.h"
#include "quant/report.h"

namespace eightfold::bindings {
namespace {

using emscripten::val;

val names_of(const Graph& graph, std::span<const ValueId> ids) {
  std::vector<std::string> names;
  for (ValueId id : ids) names.push_back(graph.value(id).name);
  return names_to_js(names);
}

// What runs: float models fused, QDQ models lowered, whoever made them.
Graph runnable(const ModelHandle& model) {
  const Graph& graph = model.graph;
  if (graph.stage == Stage::kFused || graph.stage == Stage::kLowered) return graph;
  if (has_pairs(graph)) return lower(graph);
  Graph fused = fuse(graph, backend(kDefaultBackend));
  absorb_clips(fused);  // of files that hold integer operators alone
  return fused;
}

}  // namespace

void finish_correction(BiasCorrectorHandle& handle) { handle.worker->finish(); }

std::string comparison(const ComparatorHandle& handle) {
  return to_json(handle.worker->result(), /*indent=*/-1);
}

SessionHandle make_session(ModelHandle& model, bool takes) {
  Graph graph = runnable(model);
  if (takes) model.graph = Graph();
  return {std::make_unique<Session>(std::move(graph))};
}

val input_names(const SessionHandle& session) {
  const Graph& graph = session.worker->graph();
  return names_of(graph, graph.required_inputs());
}

val output_names(const SessionHandle& session) {
  const Graph& graph = session.worker->graph();
  return names_of(graph, graph.outputs);
}

val finish_run(SessionHandle& session) { return tensors_to_js(session.worker->finish()); }

val session_stats(const SessionHandle& session) {
  const SessionStats stats = session.worker->stats();
  val object = val::object();
  object.set("arenaBytes", static_cast<double>(stats.arena_bytes));
  object.set("arenaLowerBound", static_cast<double>(stats.arena_lower_bound));
  object.set("packedBytes", static_cast<double>(stats.packed_bytes));
  object.set("plans", stats.plans);
  return object;
}

void set_profiling(SessionHandle& session, bool on) {
  if (!on) return session.worker->profile({});
  session.worker->profile([] { return emscripten_get_now() * 1000.0; });
}

val node_times(const SessionHandle& session) {
  const Graph& graph = session.worker->graph();
  val list = val::array();
  for (const NodeTime& time : session.worker->times()) {
    val row = val::object();
    const bool converts = time.node == kNone;  // a change of layout between two nodes
    row.set("node", converts ? std::string() : display_name(graph, time.node));
    row.set("opType", converts ? std::string("layout") : graph.node(time.node).op_type);
    row.set("ms", time.microseconds / 1000.0);
    list.call<void>("push", row);
  }
  return list;
}

}  // namespace eightfold::bindings
