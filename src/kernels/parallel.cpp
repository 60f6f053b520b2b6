// The workers behind parallel_for.
//
// A loop is open while its generation stands in `open_`. Workers enter it (`inside_`), take parts
// by a counter and leave; the caller takes parts too, closes it and waits for those inside. So a
// worker that sleeps or is late holds nobody up. Both sides look for a while before they sleep:
// layers follow each other closely.
#include "kernels/parallel.h"

#include <string>

#include "core/error.h"

#if !defined(__EMSCRIPTEN__) || defined(__EMSCRIPTEN_PTHREADS__)
#define EIGHTFOLD_THREADS 1
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/tensor.h"
#endif

namespace eightfold {
namespace {

[[noreturn]] void refuse(int count, const std::string& hint) {
  throw Error(ErrorCode::kInvalidConfig, std::to_string(count) + " threads are not possible", hint);
}

}  // namespace

#ifdef EIGHTFOLD_THREADS
namespace {

constexpr int kMaxThreads = 64;
constexpr int64_t kMinPartCost = 100'000;  // ten microseconds: below them the start shows
constexpr int64_t kPartsPerThread = 4;     // so that one slow thread is not waited for long
constexpr int kLooks = 100'000;            // a tenth of a millisecond or two

thread_local bool inside_part = false;

class Pool {
 public:
  ~Pool() { stop(); }

  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void resize(int count) {
    const std::lock_guard hold(callers_);
    stop();
    scratch_.resize(static_cast<size_t>(count - 1));
    try {
      for (size_t i = 0; i < scratch_.size(); ++i) workers_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error&) {
      stop();
      throw Error(ErrorCode::kInternal, "a thread could not be started", "use fewer threads");
    }
    threads_ = count;
  }

  // False when another thread's loop has the workers.
  bool run(const ParallelLoop& loop, int64_t part_steps, PartBody body, const void* context) {
    const std::unique_lock hold(callers_, std::try_to_lock);
    if (!hold) return false;
    for (std::shared_ptr<Buffer>& scratch : scratch_) {
      if (scratch && scratch->size() >= loop.scratch_bytes) continue;
      scratch.reset();
      scratch = Buffer::allocate(loop.scratch_bytes);
    }
    loop_ = &loop;
    part_steps_ = part_steps;
    body_ = body;
    context_ = context;
    next_.store(0, std::memory_order_relaxed);
    failure_ = nullptr;
    generation_ = generation_ % INT32_MAX + 1;
    open_ = generation_;
    wake(sleepers_, bell_);
    take_parts(loop.scratch);
    open_ = 0;
    wait(caller_sleeps_, done_, [this] { return inside_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
    return true;
  }

 private:
  void stop() {
    stopping_ = true;
    wake(sleepers_, bell_);
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    stopping_ = false;
    threads_ = 1;
  }

  void serve(size_t index) {
    for (int32_t seen = 0;;) {
      wait(sleepers_, bell_, [&] { return stopping_ || (open_ != 0 && open_ != seen); });
      if (stopping_) return;
      ++inside_;
      // Closed meanwhile: the caller may be writing the next loop.
      if (const int32_t now = open_; now != 0) {
        seen = now;
        take_parts(scratch_[index]->data());
      }
      if (--inside_ == 0) wake(caller_sleeps_, done_);
    }
  }

  void take_parts(uint8_t* scratch) {
    inside_part = true;
    try {
      for (;;) {
        const int64_t begin = next_.fetch_add(part_steps_, std::memory_order_relaxed);
        if (begin >= loop_->count) break;
        body_(context_, {begin, std::min(begin + part_steps_, loop_->count), scratch});
      }
    } catch (...) {
      const std::lock_guard hold(mutex_);
      if (!failure_) failure_ = std::current_exception();
      next_.store(loop_->count, std::memory_order_relaxed);
    }
    inside_part = false;
  }

  // Sleepers count themselves before they look a last time, and wakers look at the count after
  // they changed what is looked at: one of the two sees the other.
  template <class Ready>
  void wait(std::atomic<int>& sleepers, std::condition_variable& bell, Ready ready) {
    for (int look = 0; look < kLooks; ++look) {
      if (ready()) return;
    }
    std::unique_lock hold(mutex_);
    ++sleepers;
    bell.wait(hold, ready);
    --sleepers;
  }
  void wake(std::atomic<int>& sleepers, std::condition_variable& bell) {
    if (sleepers == 0) return;
    {
      const std::lock_guard hold(mutex_);
    }
    bell.notify_all();
  }

  std::mutex callers_;
  std::vector<std::thread> workers_;
  std::vector<std::shared_ptr<Buffer>> scratch_;  // one per worker
  std::atomic<int> threads_{1};

  // The loop; written while it is closed and nobody is inside.
  const ParallelLoop* loop_ = nullptr;
  int64_t part_steps_ = 0;
  PartBody body_ = nullptr;
  const void* context_ = nullptr;
  std::atomic<int64_t> next_{0};
  std::exception_ptr failure_;
  int32_t generation_ = 0;

  std::atomic<int32_t> open_{0};
  std::atomic<int> inside_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable bell_, done_;
  std::atomic<int> sleepers_{0}, caller_sleeps_{0};
};

Pool& pool() {
  static Pool pool;
  return pool;
}

// Steps of one part; all of them where cutting does not pay.
int64_t steps_per_part(const ParallelLoop& loop, int threads) {
  const int64_t least = (kMinPartCost + loop.cost - 1) / std::max<int64_t>(loop.cost, 1);
  const int64_t fair = (loop.count + threads - 1) / threads;
  const int64_t fine = (fair + kPartsPerThread - 1) / kPartsPerThread;
  const int64_t steps = std::max(std::min(fair, least), fine);
  return (steps + loop.grain - 1) / loop.grain * loop.grain;
}

}  // namespace

int thread_count() { return pool().threads(); }

void set_threads(int count) {
  if (count < 1 || count > kMaxThreads) {
    refuse(count, "ask for 1 to " + std::to_string(kMaxThreads));
  }
  if (count != thread_count()) pool().resize(count);
}

void run_loop(const ParallelLoop& loop, PartBody run, const void* body) {
  if (loop.count <= 0) return;
  const int threads = inside_part ? 1 : thread_count();
  if (threads > 1 && loop.count * loop.cost >= 2 * kMinPartCost) {
    const int64_t steps = steps_per_part(loop, threads);
    if (steps < loop.count && pool().run(loop, steps, run, body)) return;
  }
  run(body, {0, loop.count, loop.scratch});
}

#else

int thread_count() { return 1; }

void set_threads(int count) {
  if (count != 1) refuse(count, "this build runs on one thread");
}

void run_loop(const ParallelLoop& loop, PartBody run, const void* body) {
  if (loop.count > 0) run(body, {0, loop.count, loop.scratch});
}

#endif

}  // namespace eightfold
