// Every type of whole number against C's arithmetic in that type, on more elements than one piece
// of pieces.h holds, also at the ends of the range.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

constexpr int64_t kCount = 300;

// Both ends of the range, zero and what lies between, as a fixed sequence.
template <typename T>
std::vector<T> numbers(uint64_t seed) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values{Limits::lowest(), Limits::max(), T{0}, T{1}, static_cast<T>(-1), T{3}};
  while (values.size() < kCount) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    values.push_back(static_cast<T>(seed >> 33 << (seed >> 61 == 0 ? 31 : 0)));
  }
  return values;
}

template <typename T>
Tensor tensor(const std::vector<T>& values) {
  return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
}

template <typename T>
std::vector<T> values_of(const Tensor& tensor) {
  return {tensor.data<T>().begin(), tensor.data<T>().end()};
}

// Operands and results go through uint64, as C++ leaves the overflow of signed numbers undefined.
template <typename T, typename F>
std::vector<T> each(const std::vector<T>& a, const std::vector<T>& b, F&& f) {
  std::vector<T> out;
  for (size_t i = 0; i < a.size(); ++i) out.push_back(static_cast<T>(f(a[i], b[i])));
  return out;
}
uint64_t bits(auto x) { return static_cast<uint64_t>(x); }

TEMPLATE_TEST_CASE("arithmetic wraps in every type of whole number", "[ops][types]", int8_t,
                   uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t) {
  using T = TestType;
  std::vector<T> a = numbers<T>(1), b = numbers<T>(2);
  std::ranges::rotate(b, b.begin() + 1);
  const auto run = [&](const char* op) {
    return values_of<T>(run_op({.op = op, .inputs = {tensor(a), tensor(b)}})[0]);
  };
  CHECK(run("Add") == each(a, b, [](T x, T y) { return bits(x) + bits(y); }));
  CHECK(run("Sub") == each(a, b, [](T x, T y) { return bits(x) - bits(y); }));
  CHECK(run("Mul") == each(a, b, [](T x, T y) { return bits(x) * bits(y); }));
  CHECK(run("Max") == each(a, b, [](T x, T y) { return std::max(x, y); }));
  CHECK(run("Min") == each(a, b, [](T x, T y) { return std::min(x, y); }));
  std::ranges::replace(b, T{0}, T{7});
  if (std::is_signed_v<T>) std::ranges::replace(b, static_cast<T>(-1), static_cast<T>(-7));
  CHECK(run("Div") == each(a, b, [](T x, T y) { return x / y; }));
  CHECK(run("Mod") == each(a, b, [](T x, T y) {
          const T rest = static_cast<T>(x % y);
          return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
        }));
}

TEMPLATE_TEST_CASE("order in every type of whole number", "[ops][types]", int8_t, uint8_t, int16_t,
                   uint16_t, int32_t, uint32_t, int64_t, uint64_t) {
  using T = TestType;
  std::vector<T> a = numbers<T>(3), b = numbers<T>(4);
  for (size_t i = 0; i < a.size(); i += 5) b[i] = a[i];
  const auto check = [&](const char* op, auto&& truth) {
    INFO(op);
    const Tensor got = run_op({.op = op, .inputs = {tensor(a), tensor(b)}})[0];
    bool same = true;
    for (size_t i = 0; i < a.size(); ++i) same &= got.data<bool>()[i] == truth(a[i], b[i]);
    CHECK(same);
  };
  check("Equal", [](T x, T y) { return x == y; });
  check("Less", [](T x, T y) { return x < y; });
  check("Greater", [](T x, T y) { return x > y; });
  check("LessOrEqual", [](T x, T y) { return x <= y; });
  check("GreaterOrEqual", [](T x, T y) { return x >= y; });

  const Tensor x = tensor(a);
  const auto most = std::ranges::max_element(a), least = std::ranges::min_element(a);
  const auto first = [](const Tensor& tensor) { return tensor.data<int64_t>()[0]; };
  CHECK(first(run_op({.op = "ArgMax", .inputs = {x}})[0]) == most - a.begin());
  CHECK(first(run_op({.op = "ArgMin", .inputs = {x}})[0]) == least - a.begin());
  CHECK(run_op({.op = "ReduceMax", .inputs = {x}})[0].template data<T>()[0] == *most);
  CHECK(run_op({.op = "ReduceMin", .inputs = {x}})[0].template data<T>()[0] == *least);
  uint64_t sum = 0;
  for (T value : a) sum += bits(value);
  CHECK(run_op({.op = "ReduceSum", .inputs = {x}})[0].template data<T>()[0] == static_cast<T>(sum));

  std::vector<int64_t> indices(kCount);
  std::iota(indices.begin(), indices.end(), 0);
  std::ranges::sort(indices, [&](int64_t i, int64_t j) {
    const T left = a[static_cast<size_t>(i)], right = a[static_cast<size_t>(j)];
    return left == right ? i < j : left > right;
  });
  std::vector<T> sorted;
  for (int64_t i : indices) sorted.push_back(a[static_cast<size_t>(i)]);
  const auto top =
      run_op({.op = "TopK", .inputs = {x, i64({kCount})}, .constants = {1}, .outputs = 2});
  CHECK(values_of<T>(top[0]) == sorted);
  CHECK(values_of<int64_t>(top[1]) == indices);

  const T low = *std::next(sorted.rbegin(), 60), high = sorted[60];
  const Tensor clipped =
      run_op({.op = "Clip", .inputs = {x, Tensor::scalar<T>(low), Tensor::scalar<T>(high)}})[0];
  CHECK(values_of<T>(clipped) == each(a, a, [&](T v, T) { return std::clamp(v, low, high); }));
}

TEMPLATE_TEST_CASE("one operand in every type of whole number", "[ops][types]", int8_t, uint8_t,
                   int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t) {
  using T = TestType;
  const std::vector<T> a = numbers<T>(5);
  const auto run = [&](const char* op) {
    return values_of<T>(run_op({.op = op, .inputs = {tensor(a)}})[0]);
  };
  const auto negated = [](T x) { return static_cast<T>(-bits(x)); };
  CHECK(run("Neg") == each(a, a, [&](T x, T) { return negated(x); }));
  CHECK(run("Abs") == each(a, a, [&](T x, T) { return x < 0 ? negated(x) : x; }));
  CHECK(run("Sign") == each(a, a, [](T x, T) { return (x > 0) - (x < 0); }));
  std::vector<T> sums;
  uint64_t sum = 0;
  for (T value : a) sums.push_back(static_cast<T>(sum += bits(value)));
  CHECK(values_of<T>(run_op({.op = "CumSum", .inputs = {tensor(a), i64({}, {0})}})[0]) == sums);
}

TEST_CASE("a broadcast row longer than a piece", "[ops][types]") {
  std::vector<int32_t> column{5, -7}, row(kCount), want;
  std::iota(row.begin(), row.end(), -100);
  for (int32_t left : column) {
    for (int32_t right : row) want.push_back(left * right);
  }
  CHECK(difference(run_op({.op = "Mul", .inputs = {i32({2, 1}, column), tensor(row)}})[0],
                   i32({2, kCount}, want)) == "");
}

TEST_CASE("reductions of bool are any and all", "[ops][types]") {
  const Tensor x = booleans({2, 3}, {0, 1, 0, 1, 1, 1});
  CHECK(difference(run_op({.op = "ReduceMax", .inputs = {x, i64({0})}})[0],
                   booleans({1, 3}, {1, 1, 1})) == "");
  CHECK(difference(run_op({.op = "ReduceMin", .inputs = {x, i64({1})}})[0],
                   booleans({2, 1}, {0, 1})) == "");
  const Tensor none = booleans({0, 2}, {});
  CHECK(difference(run_op({.op = "ReduceMax", .inputs = {none, i64({0})}})[0],
                   booleans({1, 2}, {0, 0})) == "");
  CHECK(difference(run_op({.op = "ReduceMin", .inputs = {none, i64({0})}})[0],
                   booleans({1, 2}, {1, 1})) == "");
}

// As numpy sorts: NaN above all numbers, one NaN as good as another.
TEST_CASE("NaN has a place in the order", "[ops][types]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = f32({5}, {2, nan, 7, nan, -1});
  const auto top = run_op({.op = "TopK", .inputs = {x, i64({5})}, .constants = {1}, .outputs = 2});
  CHECK(values_of<int64_t>(top[1]) == std::vector<int64_t>{1, 3, 2, 0, 4});
  const auto unique = run_op({.op = "Unique", .inputs = {x}, .outputs = 4});
  CHECK(values_of<int64_t>(unique[1]) == std::vector<int64_t>{4, 0, 2, 1});
  CHECK(values_of<int64_t>(unique[3]) == std::vector<int64_t>{1, 1, 1, 2});
}

TEMPLATE_TEST_CASE("Unique in every type of whole number", "[ops][types]", int8_t, uint8_t, int16_t,
                   uint16_t, int32_t, uint32_t, int64_t, uint64_t) {
  using T = TestType;
  std::vector<T> a = numbers<T>(6);
  for (size_t i = 7; i < a.size(); i += 7) a[i] = a[i - 7];
  const Tensor y = run_op({.op = "Unique", .inputs = {tensor(a)}})[0];
  std::ranges::sort(a);
  a.erase(std::unique(a.begin(), a.end()), a.end());
  CHECK(values_of<T>(y) == a);
}

TEST_CASE("a bool is no number", "[ops][types]") {
  const Tensor x = booleans({2}, {0, 1});
  for (const char* op : {"Add", "Max"}) {
    INFO(op);
    CHECK_THROWS_AS(run_op({.op = op, .inputs = {x, x}}), Error);
  }
  for (const char* op : {"Neg", "Relu", "ReduceSum", "ArgMax", "Clip"}) {
    INFO(op);
    CHECK_THROWS_AS(run_op({.op = op, .inputs = {x}}), Error);
  }
}

}  // namespace
}  // namespace eightfold::test
