// Work in time slices: whatever has start(feeds) and step() advances for a few milliseconds per
// call, so that JavaScript can report progress, and stop, in between.
#pragma once

#include <emscripten.h>
#include <emscripten/val.h>

#include "bindings/convert.h"
#include "bindings/handles.h"

namespace eightfold::bindings {

template <typename Handle>
void start(Handle& handle, const emscripten::val& feeds) {
  handle.worker->start(feeds_from_js(feeds));
}

// Steps until `milliseconds` are over; false when the last step is done.
template <typename Handle>
bool advance(Handle& handle, double milliseconds) {
  const double end = emscripten_get_now() + milliseconds;
  while (handle.worker->step()) {
    if (emscripten_get_now() >= end) return true;
  }
  return false;
}

void finish_correction(BiasCorrectorHandle& handle);
std::string comparison(const ComparatorHandle& handle);

// With `takes` the model is spent, so that its weights are freed as they are packed.
SessionHandle make_session(ModelHandle& model, bool takes, double body_run_limit);
emscripten::val input_names(const SessionHandle& session);
emscripten::val output_names(const SessionHandle& session);
emscripten::val finish_run(SessionHandle& session);
// {arenaBytes, arenaLowerBound, packedBytes, plans}
emscripten::val session_stats(const SessionHandle& session);
// Switches the timing of nodes on or off; node_times() is of the last run: [{node, opType, ms}].
void set_profiling(SessionHandle& session, bool on);
emscripten::val node_times(const SessionHandle& session);

}  // namespace eightfold::bindings
