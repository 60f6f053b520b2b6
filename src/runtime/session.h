// Session: runs a graph of any stage.
//
// Nodes are packed once when the session is made, planned once per signature
// of input shapes (kept in a small cache), and run in one arena whose offsets
// come from liveness; so are the bodies of If, Loop and Scan. Shape arithmetic whose inputs are
// known is evaluated while planning. Feeds are validated against the graph's inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "ir/graph.h"

namespace eightfold {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};
using Feeds = std::vector<NamedTensor>;

// Called with each tapped value right after it is computed (inputs included,
// before the first node). The view is valid during the call and may be
// channels-last. Taps read only.
using Tap = std::function<void(ValueId, const TensorView&)>;

struct SessionOptions {
  std::vector<ValueId> taps = {};  // values that Tap is called with
  int64_t memory_limit_bytes = int64_t{4} << 30;
  int plan_cache = 4;  // signatures kept
  // How often a run may run bodies of Loop and Scan, nested ones included, before it is stopped
  // with kLimitExceeded: a Loop need not have an end.
  int64_t body_run_limit = int64_t{1} << 24;
};

struct SessionStats {
  size_t arena_bytes = 0;        // of the current plan
  size_t arena_lower_bound = 0;  // the largest sum of bytes alive at once
  size_t packed_bytes = 0;
  int plans = 0;        // made so far
  int conversions = 0;  // steps of the current plan that change a layout
};

// Time of one node in the last profiled run.
struct NodeTime {
  NodeId node = kNone;
  double microseconds = 0;
};

class Session {
 public:
  explicit Session(Graph graph, SessionOptions options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const Graph& graph() const;  // packed weights have no data in it

  // Outputs in graph order, in plain layout. Throws kInvalidInput on feeds that do not fit.
  std::vector<NamedTensor> run(const Feeds& feeds, const Tap& tap = {});

  // The same in steps of one node, or of one turn of a Loop or Scan that is in no other body, for
  // callers that must be able to stop:
  //   session.start(feeds, tap); while (session.step()) {}  outputs = session.finish();
  void start(const Feeds& feeds, Tap tap = {});
  bool step();  // false when the last node has run
  std::vector<NamedTensor> finish();

  SessionStats stats() const;
  // Clock in microseconds used for NodeTime; profiling is on while it is set.
  void profile(std::function<double()> clock);
  const std::vector<NodeTime>& times() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Runs one node on constant inputs (kNone-able tensors undefined); used for folding.
std::vector<Tensor> run_node(const Graph& graph, NodeId node, std::span<const Tensor> inputs);

}  // namespace eightfold
