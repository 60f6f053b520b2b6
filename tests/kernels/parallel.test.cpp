// Loops on several threads: every step once, scratch of one's own, errors, loops inside of loops.
#include <algorithm>
#include <atomic>
#include <catch_amalgamated.hpp>
#include <stdexcept>
#include <vector>

#include "core/error.h"
#include "kernels/parallel.h"
#include "support/threads.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr int64_t kCostly = 1'000'000;  // of a step that is worth a thread

}  // namespace

TEST_CASE("parallel_for covers every step once, in parts that begin at the grain", "[kernels]") {
  for (int threads : thread_counts()) {
    const Threads set(threads);
    for (int64_t count : {0, 1, 2, 7, 8, 9, 64, 1000}) {
      for (int64_t grain : {1, 4, 16}) {
        for (int64_t cost : {int64_t{1}, kCostly}) {
          INFO(threads << " threads, " << count << " steps, grain " << grain << ", cost " << cost);
          std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
          std::atomic<int> wrong = 0;
          parallel_for({count, cost, grain}, [&](const LoopPart& part) {
            if (part.begin % grain != 0 || part.begin >= part.end) ++wrong;
            for (int64_t i = part.begin; i < part.end; ++i) ++visits[static_cast<size_t>(i)];
          });
          CHECK(wrong == 0);
          CHECK(std::ranges::all_of(visits, [](const auto& visit) { return visit == 1; }));
        }
      }
    }
  }
}

TEST_CASE("parts that run at the same time have scratch of their own", "[kernels]") {
  constexpr size_t kBytes = 4096;
  for (int threads : thread_counts()) {
    const Threads set(threads);
    std::vector<uint8_t> own(kBytes);
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> spoiled = 0;
      parallel_for({64, kCostly, 1, own.data(), kBytes}, [&](const LoopPart& part) {
        const auto mark = static_cast<uint8_t>(part.begin + 1);
        std::fill_n(part.scratch, kBytes, mark);
        spoiled += static_cast<int>(std::count_if(part.scratch, part.scratch + kBytes,
                                                  [&](uint8_t byte) { return byte != mark; }));
      });
      CHECK(spoiled == 0);
    }
  }
}

TEST_CASE("what a part throws reaches the caller, and the next loop runs", "[kernels]") {
  for (int threads : thread_counts()) {
    const Threads set(threads);
    for (int64_t culprit : {0, 50, 99}) {
      INFO(threads << " threads, step " << culprit);
      const auto run = [&] {
        parallel_for({100, kCostly}, [&](const LoopPart& part) {
          if (part.begin <= culprit && culprit < part.end) throw std::out_of_range("found");
        });
      };
      CHECK_THROWS_AS(run(), std::out_of_range);
      std::atomic<int64_t> sum = 0;
      parallel_for({100, kCostly}, [&](const LoopPart& part) { sum += part.count(); });
      CHECK(sum == 100);
    }
  }
}

TEST_CASE("a loop inside of a part is one part, with the scratch it is given", "[kernels]") {
  for (int threads : thread_counts()) {
    const Threads set(threads);
    std::atomic<int> inner_parts = 0, elsewhere = 0;
    parallel_for({16, kCostly}, [&](const LoopPart& part) {
      if (part.count() == 16) return;  // the one thread of the caller
      uint8_t mine = 0;
      parallel_for({1000, kCostly, 1, &mine, 1}, [&](const LoopPart& inner) {
        ++inner_parts;
        if (inner.count() != 1000 || inner.scratch != &mine) ++elsewhere;
      });
    });
    CHECK(elsewhere == 0);
    CHECK((inner_parts > 0) == (threads > 1));
  }
}

TEST_CASE("set_threads refuses numbers that cannot be", "[kernels]") {
  for (int count : {0, -1, 65, 1 << 30}) CHECK_THROWS_AS(set_threads(count), Error);
  CHECK(thread_count() == 1);
#ifdef __EMSCRIPTEN__
  CHECK_THROWS_AS(set_threads(2), Error);
#endif
}
