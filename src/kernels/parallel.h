// Loops that run on several threads.
//
// parallel_for cuts a loop into parts; the calling thread and the workers take one after the other
// until none is left. What a part computes does not depend on who runs it or on where the cuts are,
// so that all numbers of threads give the same bytes. Builds without EIGHTFOLD_THREADS run the
// whole loop as one part.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eightfold {

// Steps [begin, end) of a loop, and scratch that no other part uses meanwhile.
struct LoopPart {
  int64_t begin, end;
  uint8_t* scratch;
  int64_t count() const { return end - begin; }
};

struct ParallelLoop {
  int64_t count = 0;           // steps
  int64_t cost = 1;            // of one step, in tenths of a nanosecond, roughly
  int64_t grain = 1;           // parts begin at multiples of it
  uint8_t* scratch = nullptr;  // for the calling thread
  size_t scratch_bytes = 0;    // as many are kept for each worker
};

// Process-wide. 1 until set; set_threads starts and ends the workers and throws kInvalidConfig on a
// number below 1, or above 1 in a build without threads.
int thread_count();
void set_threads(int count);

using PartBody = void (*)(const void* body, const LoopPart& part);
void run_loop(const ParallelLoop& loop, PartBody run, const void* body);

// body(part) for parts that cover the loop. Loops inside of a part, and loops that are not worth
// the cutting, are one part. What a body throws is thrown here when all have ended.
template <class Body>
void parallel_for(const ParallelLoop& loop, const Body& body) {
  run_loop(
      loop, [](const void* to, const LoopPart& part) { (*static_cast<const Body*>(to))(part); },
      &body);
}

}  // namespace eightfold
