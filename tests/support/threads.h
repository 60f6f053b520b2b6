// Runs tests on several numbers of threads: those that the build has.
#pragma once

#include <vector>

#include "kernels/parallel.h"

namespace eightfold::test {

inline std::vector<int> thread_counts() {
#ifdef __EMSCRIPTEN__
  return {1};
#else
  return {1, 2, 3, 4};
#endif
}

// So many threads until the end of the block.
class Threads {
 public:
  explicit Threads(int count) : before_(thread_count()) { set_threads(count); }
  ~Threads() { set_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace eightfold::test
