// Session: prepared graph, plan cache, arena. See session.h.
#include "runtime/session.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "runtime/execution.h"
#include "runtime/feeds.h"

namespace eightfold {
namespace {

// The one place where a failed allocation of the standard library becomes our error.
template <typename F>
auto guarded(F&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kOutOfMemory, "the memory of this instance is used up",
                "use a smaller batch or a smaller model");
  }
}

}  // namespace

struct Session::Impl {
  Impl(Graph graph, SessionOptions given)
      : prepared(std::move(graph), given.taps), options(std::move(given)) {
    tapped.resize(static_cast<size_t>(prepared.graph.value_count()));
    for (ValueId id : options.taps) tapped.at(static_cast<size_t>(id)) = true;
    stats.packed_bytes = static_cast<size_t>(prepared.packed_bytes);
  }

  std::shared_ptr<Plan> plan_for(std::span<const Tensor> feeds) {
    std::vector<TensorInfo> infos;
    for (const Tensor& feed : feeds) {
      infos.push_back({feed.dtype(), feed.shape(), Layout::kPlain, true});
    }
    return prepared.plan_for(infos, options.plan_cache);
  }

  // Bytes left under the limit once this plan runs; throws when there are none.
  int64_t memory_left(const Plan& plan, std::span<const Tensor> feeds) const {
    int64_t needed = plan.arena_bytes + prepared.packed_bytes;
    for (const Tensor& feed : feeds) needed += static_cast<int64_t>(feed.size_bytes());
    const int64_t left = options.memory_limit_bytes - needed;
    if (left < 0) {
      throw Error(ErrorCode::kOutOfMemory,
                  "a run with these input shapes needs " + std::to_string(needed) +
                      " bytes, the limit is " + std::to_string(options.memory_limit_bytes),
                  "use a smaller batch or a smaller model");
    }
    return left;
  }

  void start(const Feeds& feeds, Tap tap) {
    execution.reset();
    std::vector<Tensor> ordered = ordered_feeds(prepared.graph, feeds);
    std::shared_ptr<Plan> plan = plan_for(ordered);
    resources.bytes_left = memory_left(*plan, ordered);
    resources.body_run_limit = resources.body_runs_left = options.body_run_limit;
    resources.grow(0, plan->arena_bytes);
    stats.arena_bytes = static_cast<size_t>(plan->arena_bytes);
    stats.arena_lower_bound = static_cast<size_t>(plan->lower_bound);
    stats.conversions = plan->conversions;
    times.clear();
    execution.emplace(Execution::Setup{prepared, std::move(plan), resources, std::move(ordered),
                                       std::move(tap), tapped});
  }

  bool step() {
    if (!execution) throw Error(ErrorCode::kInvalidState, "step() before start()");
    if (execution->done()) return false;
    const NodeId node = execution->next().node;
    const bool goes_on = execution->paused();
    const double begin = clock ? clock() : 0;
    try {
      execution->step();
    } catch (...) {
      execution.reset();
      throw;
    }
    if (clock && !goes_on) times.push_back({node, 0});
    if (clock) times.back().microseconds += clock() - begin;
    return !execution->done();
  }

  std::vector<NamedTensor> finish() {
    if (!execution || !execution->done()) {
      throw Error(ErrorCode::kInvalidState, "finish() before the last step");
    }
    std::vector<Tensor> outputs = execution->outputs();
    execution.reset();
    std::vector<NamedTensor> named;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueId id = prepared.graph.outputs[i];
      named.push_back({prepared.graph.value(id).name, std::move(outputs[i])});
    }
    return named;
  }

  PreparedGraph prepared;
  SessionOptions options;
  std::vector<bool> tapped;
  RunResources resources;
  std::optional<Execution> execution;
  SessionStats stats;
  std::function<double()> clock;
  std::vector<NodeTime> times;
};

Session::Session(Graph graph, SessionOptions options)
    : impl_(guarded([&] { return std::make_unique<Impl>(std::move(graph), std::move(options)); })) {
}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const Graph& Session::graph() const { return impl_->prepared.graph; }

std::vector<NamedTensor> Session::run(const Feeds& feeds, const Tap& tap) {
  start(feeds, tap);
  while (step()) {
  }
  return finish();
}

void Session::start(const Feeds& feeds, Tap tap) {
  guarded([&] { impl_->start(feeds, std::move(tap)); });
}

bool Session::step() {
  return guarded([&] { return impl_->step(); });
}

std::vector<NamedTensor> Session::finish() {
  return guarded([&] { return impl_->finish(); });
}

SessionStats Session::stats() const {
  SessionStats stats = impl_->stats;
  stats.plans = impl_->prepared.plans_made;
  return stats;
}
void Session::profile(std::function<double()> clock) { impl_->clock = std::move(clock); }
const std::vector<NodeTime>& Session::times() const { return impl_->times; }

}  // namespace eightfold
