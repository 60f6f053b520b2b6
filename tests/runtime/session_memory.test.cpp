// Session: what it does with memory. Liveness, in place, views, layouts, limits, steady state.
#include <malloc.h>
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "runtime/session.h"
#include "support/bodies.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

constexpr size_t kValueBytes = 4096;               // of the values below
constexpr size_t kPaddedBytes = kValueBytes + 64;  // with tail and alignment

// `count` additions in a row that cannot run in place, because x + x needs both operands.
Graph chain(int count) {
  GraphBuilder g;
  auto value = g.input("x", {1024});
  for (int i = 0; i < count; ++i) value = g.node("Add", {value, value});
  g.output(value);
  return g.build();
}

TEST_CASE("dead values give their place to new ones", "[session][memory]") {
  Session session(chain(8));
  const auto outputs = session.run({{"x", ramp({1024})}});
  CHECK(difference(outputs[0].tensor, ramp({1024}, 0, 256)) == "");
  CHECK(session.stats().arena_bytes == 2 * kPaddedBytes);  // of 8 values
  CHECK(session.stats().arena_lower_bound == 2 * kPaddedBytes);
}

TEST_CASE("elementwise nodes run in place when their input dies", "[session][memory]") {
  GraphBuilder g;
  const auto x = g.input("x", {1024});
  auto value = g.node("Relu", {x});  // the feed itself is never overwritten
  for (int i = 0; i < 4; ++i) value = g.node("Add", {value, x});
  g.output(value);
  Session session(g.build());
  const Tensor feed = ramp({1024});
  CHECK(difference(session.run({{"x", feed}})[0].tensor, ramp({1024}, 0, 5)) == "");
  CHECK(difference(feed, ramp({1024})) == "");
  CHECK(session.stats().arena_bytes == kPaddedBytes);
}

TEST_CASE("a value that is read later is not overwritten", "[session][memory]") {
  GraphBuilder g;
  const auto x = g.input("x", {1024});
  const auto a = g.node("Neg", {x});
  const auto b = g.node("Abs", {a});  // a is still needed
  const auto view = g.node("Reshape", {a, g.constant(i64({32, 32}))});
  const auto c = g.node("Neg", {view});  // in place over a's bytes: the last reader
  g.output(g.node("Add", {b, g.node("Reshape", {c, g.constant(i64({1024}))})}));
  Session session(g.build());
  CHECK(difference(session.run({{"x", ramp({1024})}})[0].tensor, ramp({1024}, 0, 2)) == "");
  CHECK(session.stats().arena_bytes == 2 * kPaddedBytes);
}

TEST_CASE("views cost nothing, and an output keeps the bytes it views", "[session][memory]") {
  GraphBuilder g;
  const auto x = g.input("x", {1024});
  const auto a = g.node("Neg", {x});
  const auto view = g.node("Unsqueeze", {g.node("Identity", {a}), g.constant(i64({0}))});
  g.output(view);
  g.output(g.node("Abs", {a}));  // must not overwrite a
  Session session(g.build());
  const auto outputs = session.run({{"x", ramp({1024})}});
  CHECK(difference(outputs[0].tensor, ramp({1, 1024}, 0, -1)) == "");
  CHECK(difference(outputs[1].tensor, ramp({1024})) == "");
  CHECK(session.stats().arena_bytes == 2 * kPaddedBytes);
}

// pool -> op(s) -> output: the pool makes channels-last values.
int conversions_of(const Shape& x, std::vector<std::string> ops) {
  GraphBuilder g;
  auto value = g.input("x", x);
  for (const std::string& op : ops) {
    std::vector<Attribute> attributes;
    if (op == "AveragePool") {
      attributes = {{"kernel_shape", ints({2, 2})}, {"strides", ints({1, 1})}};
    }
    value = g.node(op, {value}, attributes);
  }
  g.output(value);
  Session session(g.build());
  session.run({{"x", ramp(x)}});
  return session.stats().conversions;
}

TEST_CASE("layouts are converted at the edges only", "[session][memory]") {
  CHECK(conversions_of({1, 3, 8, 8}, {"Relu"}) == 0);
  CHECK(conversions_of({1, 3, 8, 8}, {"AveragePool"}) == 2);
  CHECK(conversions_of({1, 3, 8, 8}, {"AveragePool", "Relu", "AveragePool", "Sigmoid"}) == 2);
  CHECK(conversions_of({1, 1, 8, 8}, {"AveragePool", "AveragePool"}) == 0);        // one channel
  CHECK(conversions_of({1, 3, 8, 8}, {"AveragePool", "GlobalAveragePool"}) == 1);  // no extent
  CHECK(conversions_of({1, 3, 8, 8}, {"GlobalAveragePool", "Flatten"}) == 1);
}

TEST_CASE("a value is converted once for all its readers", "[session][memory]") {
  GraphBuilder g;
  const auto x = g.input("x", {1, 3, 4, 4});
  const std::vector<Attribute> window = {{"kernel_shape", ints({2, 2})}};
  const auto a = g.node("AveragePool", {x}, window);
  const auto b = g.node("AveragePool", {x}, window);
  g.output(g.node("Transpose", {a}));  // plain
  g.output(g.node("Transpose", {a}));
  g.output(b);
  Session session(g.build());
  const auto outputs = session.run({{"x", ramp({1, 3, 4, 4})}});
  CHECK(session.stats().conversions == 3);  // x, a, b
  CHECK(difference(outputs[0].tensor, outputs[1].tensor) == "");
}

TEST_CASE("mixed layouts give what plain ones give", "[session][memory]") {
  // pool(x) is channels-last; y is plain; c is per channel; the sum follows the pool.
  GraphBuilder g;
  const auto x = g.input("x", {2, 3, 5, 5});
  const auto y = g.input("y", {2, 3, 4, 4});
  const auto pool = g.node("AveragePool", {x}, {{"kernel_shape", ints({2, 2})}});
  const auto sum = g.node("Add", {g.node("Add", {y, pool}), g.constant(f32({3, 1, 1}, {1, 2, 3}))});
  g.output(g.node("Concat", {sum, y, g.constant(ramp({2, 1, 4, 4}))}, {{"axis", int64_t{1}}}));
  g.output(pool);
  Session session(g.build());
  const Tensor xs = ramp({2, 3, 5, 5}, -10, 0.25f), ys = ramp({2, 3, 4, 4}, 5, -1);
  const auto outputs = session.run({{"x", xs}, {"y", ys}});
  const Tensor& pooled = outputs[1].tensor;
  const auto got = outputs[0].tensor.data<float>();
  REQUIRE(outputs[0].tensor.shape() == Shape{2, 7, 4, 4});
  for (size_t n = 0; n < 2; ++n) {
    for (size_t c = 0; c < 3; ++c) {
      for (size_t i = 0; i < 16; ++i) {
        const size_t at = (n * 3 + c) * 16 + i;
        const float want =
            (ys.data<float>()[at] + pooled.data<float>()[at]) + static_cast<float>(c + 1);
        REQUIRE(got[(n * 7 + c) * 16 + i] == want);
        REQUIRE(got[(n * 7 + 3 + c) * 16 + i] == ys.data<float>()[at]);
      }
    }
    REQUIRE(got[(n * 7 + 6) * 16 + 5] == static_cast<float>(n * 16 + 5));
  }
}

TEST_CASE("the memory limit is an error, not a crash", "[session][memory]") {
  Session session(chain(3), {.memory_limit_bytes = 10000});
  try {
    session.run({{"x", ramp({1024})}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kOutOfMemory);
    CHECK(error.message().find("10000") != std::string::npos);
  }
  GraphBuilder g;
  const auto x = g.input("x", {-1, 1, 1});
  g.output(g.node("Expand", {x, g.constant(i64({1, 1 << 20, 1 << 20}))}));
  Session huge(g.build());
  CHECK_THROWS_AS(huge.run({{"x", ramp({1, 1, 1})}}), Error);
  CHECK_THROWS_AS(huge.run({{"x", ramp({3, 1, 1})}}), Error);
}

size_t bytes_in_use() {
#ifdef __EMSCRIPTEN__
  return static_cast<size_t>(mallinfo().uordblks);
#else
  return mallinfo2().uordblks;  // 0 under the address sanitizer
#endif
}

TEST_CASE("repeated runs leave no bytes behind", "[session][memory]") {
  Session session(chain(4));
  const Feeds feeds = {{"x", ramp({1024})}};
  session.run(feeds);
  session.run(feeds);
  const size_t mark = bytes_in_use();
  constexpr int kRuns = 50;
  constexpr size_t kSlack = 1024;  // of the allocator's own lists; 50 leaks would be more
  for (int i = 0; i < kRuns; ++i) session.run(feeds);
  CHECK(bytes_in_use() <= mark + kSlack);
  if (mark == 0) WARN("the allocator counts nothing in this build");
}

// A Loop that scans, around an If whose branches differ in shape: stopped in the middle as well.
TEST_CASE("bodies leave no bytes behind", "[session][memory][control]") {
  GraphBuilder g;
  const auto trips = g.input("trips", {}, DType::kInt64);
  const auto x = g.input("x", {64});
  BodyBuilder body(g.graph(), "l_");
  const auto i = body.input("i", {}, DType::kInt64);
  const auto go = body.input("go", {}, DType::kBool);
  const auto early = body.node("Less", {i, body.constant(i64({}, {3}))});
  BodyBuilder a(body.graph(), "a_"), b(body.graph(), "b_");
  const auto inside = body.capture(x);
  a.output(a.capture(inside));
  const auto half = b.capture(inside);
  b.output(b.node("Concat", {half, half}, {{"axis", int64_t{0}}}));
  const auto some = add_control(body, "If", {early}, 1, {{"then_branch", &a}, {"else_branch", &b}});
  body.output(body.node("Identity", {go}));
  body.output(some[0]);
  g.output(add_control(g, "Loop", {trips, kNone}, 1, {{"body", &body}})[0]);
  Session session(g.build());
  const auto run = [&](int64_t count) {
    session.run({{"trips", i64({}, {count})}, {"x", ramp({64})}});
  };
  const auto round = [&] {
    run(3);
    CHECK_THROWS_AS(run(5), Error);  // the fourth slice is longer
  };
  round();
  round();
  const size_t mark = bytes_in_use();
  for (int k = 0; k < 50; ++k) round();
  CHECK(bytes_in_use() <= mark + 1024);
}

}  // namespace
}  // namespace eightfold::test
