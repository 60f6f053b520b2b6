// The cleanup of a float graph before patterns are sought: a list of passes, each a pattern with a
// reason, in rounds until none finds anything.
//
//   Graph(Float) --clean_up--> the same function with fewer nodes, valid for its opset
// To add a pass: a function of passes.h and a row of the table in cleanup.cpp.
#pragma once

#include <string_view>
#include <vector>

#include "quant/backend_config.h"
#include "quant/route.h"

namespace eightfold {

struct CleanupPass {
  std::string_view name, reason;
  // Operators that the pass swallows: it does not run where a pattern of several nodes of the
  // backend names all of them, for that pattern is more to the point.
  std::vector<std::string_view> swallows;
  int (*run)(Graph&);
};
const std::vector<CleanupPass>& cleanup_passes();

// A remark of kind "cleaned" for each pass that found something, with how often.
void clean_up(Graph& graph, const BackendConfig& backend, Remarks* remarks = nullptr);

}  // namespace eightfold
