// explain: what a backend and a mapping would do with a model, node by node, and why.
//
// Runs the route to the lowered graph with made-up ranges, so it needs no data. Every node of the
// fused graph has a row: the pattern that claimed it or those that nearly did, its dtypes, its
// observers and whom it shares them with, and the operator and kernel that it will run on.
#pragma once

#include <string>
#include <vector>

#include "quant/route.h"

namespace eightfold {

struct ObservedValue {
  std::string value, role;  // "input", "weight", "output"
  std::string observer;     // HistogramObserver, ...; "" when it is not observed
  std::string dtype;
  int64_t quant_min = 0, quant_max = 0;
  int slot = -1;                         // activations; equal numbers are one observer
  std::vector<std::string> shared_with;  // other values of the slot
};

struct NodeExplanation {
  std::string node, op_type;
  bool quantized = false;
  bool makes_data = true;            // false for shape arithmetic, which is not counted
  std::string mode;                  // "static", "dynamic", "weight only", "float16", "float"
  std::string pattern;               // that claimed it; "" when none did
  std::vector<std::string> members;  // nodes of the file that were fused into it
  std::vector<NearPattern> near_misses;
  std::string reason;  // why it stays float
  std::string dtypes;  // "uint8 -> uint8, weight int8 per channel"
  std::vector<ObservedValue> observed;
  std::string runs_as;  // "QLinearConv"; the float op when it stays float
  std::string kernel;   // "depthwise_i8_simd128"; "" when it runs on none of its own
};

struct Explanation {
  std::string backend;
  std::vector<NodeExplanation> nodes;
  int quantized = 0, float_nodes = 0;  // of the nodes that make data
  Remarks remarks;                     // of fuse and prepare
};

Explanation explain(const Graph& graph, const QConfigMapping& mapping, const BackendConfig& backend,
                    const PrepareCustomConfig& custom = {});

// For a model that is quantized already (has_pairs, or int8 operators): the nodes that run, and why
// some of them are float. No backend and no mapping decide there.
Explanation explain_file(const Graph& graph);

std::string to_json(const Explanation& explanation, int indent = 2);
// For a terminal: one block per node, what stays float first named by its reason.
std::string to_text(const Explanation& explanation);

}  // namespace eightfold
