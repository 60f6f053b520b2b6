// Gemm and MatMul against their sums in double, over transposes, broadcasts, batches and types.
#include <catch_amalgamated.hpp>
#include <functional>
#include <string>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr Tolerance kDot{1e-5f, 3e-5f};

using At = std::function<double(int64_t, int64_t)>;

Tensor table(int64_t m, int64_t n, const At& at) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, {m, n});
  for (int64_t i = 0; i < m * n; ++i) {
    tensor.mutable_data<float>()[static_cast<size_t>(i)] = static_cast<float>(at(i / n, i % n));
  }
  return tensor;
}

float at(const Tensor& tensor, int64_t i) { return tensor.data<float>()[static_cast<size_t>(i)]; }

double dot(const Tensor& a, const Tensor& b, bool trans_a, bool trans_b, int64_t m, int64_t n) {
  const int64_t k = a.shape()[trans_a ? 0 : 1];
  double sum = 0;
  for (int64_t i = 0; i < k; ++i) {
    const int64_t a_at = trans_a ? i * a.shape()[1] + m : m * k + i;
    const int64_t b_at = trans_b ? n * k + i : i * b.shape()[1] + n;
    sum += static_cast<double>(at(a, a_at)) * at(b, b_at);
  }
  return sum;
}

// numpy's batched product, one element at a time.
Tensor naive_matmul(const Tensor& a, const Tensor& b, const Shape& y_shape, int64_t m, int64_t n,
                    int64_t k, const std::function<int64_t(int64_t)>& a_matrix,
                    const std::function<int64_t(int64_t)>& b_matrix) {
  Tensor y = Tensor::allocate(DType::kFloat32, y_shape);
  for (int64_t i = 0; i < y.size(); ++i) {
    const int64_t matrix = i / (m * n), row = i / n % m, col = i % n;
    double sum = 0;
    for (int64_t j = 0; j < k; ++j) {
      sum += static_cast<double>(at(a, (a_matrix(matrix) * m + row) * k + j)) *
             at(b, (b_matrix(matrix) * k + j) * n + col);
    }
    y.mutable_data<float>()[static_cast<size_t>(i)] = static_cast<float>(sum);
  }
  return y;
}

}  // namespace

TEST_CASE("Gemm multiplies any extent, transposed or not", "[ops][linear]") {
  for (int64_t m : {1, 2, 3, 4, 5, 7, 8, 33}) {
    for (int64_t n : {1, 7, 8, 9, 16, 31, 33}) {
      for (int64_t k : {1, 3, 64}) {
        for (int bits = 0; bits < 4; ++bits) {
          const bool trans_a = bits & 1, trans_b = bits & 2;
          INFO("m " << m << " n " << n << " k " << k << " transposed " << bits);
          const Tensor a = random_tensor(trans_a ? Shape{k, m} : Shape{m, k}, 1);
          const Tensor b = random_tensor(trans_b ? Shape{n, k} : Shape{k, n}, 2);
          const Tensor c = random_tensor({n}, 3);
          const Tensor expected = table(m, n, [&](int64_t i, int64_t j) {
            return 0.5 * dot(a, b, trans_a, trans_b, i, j) + 2.0 * at(c, j);
          });
          OpCase run{.op = "Gemm",
                     .attributes = {{"transA", int64_t{trans_a}},
                                    {"transB", int64_t{trans_b}},
                                    {"alpha", 0.5f},
                                    {"beta", 2.0f}},
                     .inputs = {a, b, c},
                     .constants = {1, 2}};
          const Tensor packed = run_op(run)[0];
          CHECK(difference(packed, expected, kDot) == "");
          run.constants = {};
          CHECK(difference(run_op(run)[0], packed) == "");
        }
      }
    }
  }
}

TEST_CASE("Gemm broadcasts C", "[ops][linear]") {
  const int64_t m = 5, n = 11, k = 6;
  const Tensor a = random_tensor({m, k}, 1), b = random_tensor({k, n}, 2);
  struct Row {
    Shape shape;
    int64_t m_stride, n_stride;
  };
  for (const Row& row : {Row{{}, 0, 0}, Row{{1}, 0, 0}, Row{{n}, 0, 1}, Row{{1, n}, 0, 1},
                         Row{{1, 1}, 0, 0}, Row{{m, 1}, 1, 0}, Row{{m, n}, n, 1}}) {
    INFO("C " << shape_text(row.shape));
    const Tensor c = random_tensor(row.shape, 3);
    const Tensor expected = table(m, n, [&](int64_t i, int64_t j) {
      const double sum = dot(a, b, false, false, i, j) + at(c, i * row.m_stride + j * row.n_stride);
      return sum < 0 ? 0 : sum;
    });
    // B alone, B and C, or neither known beforehand.
    for (const std::vector<size_t>& constants :
         {std::vector<size_t>{1}, std::vector<size_t>{1, 2}, std::vector<size_t>{}}) {
      const OpCase run{.op = "Gemm",
                       .domain = "eightfold",
                       .opset = 1,
                       .attributes = {{"activation", "Relu"}},
                       .inputs = {a, b, c},
                       .constants = constants};
      CHECK(difference(run_op(run)[0], expected, kDot) == "");
    }
  }
  const OpCase wrong{.op = "Gemm", .inputs = {a, b, random_tensor({m}, 3)}};
  CHECK_THROWS_AS(run_op(wrong), Error);
}

TEST_CASE("Gemm and MatMul take integers and doubles", "[ops][linear]") {
  const Tensor a = i32({2, 3}, {1, 2, 3, 4, 5, 6}), b = i32({3, 2}, {1, -1, 2, -2, 3, -3});
  const Tensor product = i32({2, 2}, {14, -14, 32, -32});
  CHECK(difference(run_op({.op = "MatMul", .inputs = {a, b}})[0], product) == "");
  const Tensor shifted = i32({2, 2}, {38, -18, 74, -54});
  const OpCase gemm{.op = "Gemm",
                    .attributes = {{"alpha", 2.0f}, {"beta", 10.0f}},
                    .inputs = {a, b, i32({2}, {1, 1})}};
  CHECK(difference(run_op(gemm)[0], shifted) == "");
  const Tensor x = Tensor::of<double>({1, 2}, std::vector<double>{1e10, 1});
  const Tensor y = Tensor::of<double>({2, 1}, std::vector<double>{1, 0.5});
  CHECK(run_op({.op = "MatMul", .inputs = {x, y}})[0].data<double>()[0] == 1e10 + 0.5);
}

TEST_CASE("MatMul follows numpy", "[ops][linear]") {
  struct Row {
    const char* what;
    Shape a, b, y;
    int64_t m, n, k;
    std::function<int64_t(int64_t)> a_matrix, b_matrix;
  };
  const auto same = [](int64_t i) { return i; };
  const auto first = [](int64_t) { return int64_t{0}; };
  const Row rows[] = {
      {"matrices", {5, 7}, {7, 9}, {5, 9}, 5, 9, 7, same, same},
      {"vector x matrix", {7}, {7, 9}, {9}, 1, 9, 7, same, same},
      {"matrix x vector", {5, 7}, {7}, {5}, 5, 1, 7, same, same},
      {"vector x vector", {7}, {7}, {}, 1, 1, 7, same, same},
      {"a batch of A", {3, 2, 5, 7}, {7, 9}, {3, 2, 5, 9}, 5, 9, 7, same, first},
      {"a batch of both", {6, 5, 7}, {6, 7, 9}, {6, 5, 9}, 5, 9, 7, same, same},
      {"a batch of B", {5, 7}, {4, 7, 9}, {4, 5, 9}, 5, 9, 7, first, same},
      {"crossing batches",
       {3, 1, 5, 7},
       {1, 2, 7, 9},
       {3, 2, 5, 9},
       5,
       9,
       7,
       [](int64_t i) { return i / 2; },
       [](int64_t i) { return i % 2; }},
      {"vector x batch", {7}, {2, 7, 9}, {2, 9}, 1, 9, 7, first, same},
      {"batch x vector", {2, 5, 7}, {7}, {2, 5}, 5, 1, 7, same, first},
      {"repeated A of one batch", {1, 5, 7}, {3, 7, 2}, {3, 5, 2}, 5, 2, 7, first, same},
      {"no rows", {0, 7}, {7, 3}, {0, 3}, 1, 3, 7, same, same},
      {"no terms", {2, 0}, {0, 3}, {2, 3}, 2, 3, 0, same, same},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const Tensor a = random_tensor(row.a, 1), b = random_tensor(row.b, 2);
    const Tensor expected =
        naive_matmul(a, b, row.y, row.m, row.n, row.k, row.a_matrix, row.b_matrix);
    OpCase run{.op = "MatMul", .inputs = {a, b}, .constants = {1}};
    CHECK(difference(run_op(run)[0], expected, kDot) == "");
    run.constants = {};
    CHECK(difference(run_op(run)[0], expected, kDot) == "");
  }
  CHECK_THROWS_AS(
      run_op({.op = "MatMul", .inputs = {random_tensor({2, 3}, 1), random_tensor({2, 3}, 1)}}),
      Error);
  CHECK_THROWS_AS(
      run_op({.op = "MatMul", .inputs = {random_tensor({}, 1), random_tensor({2, 3}, 1)}}), Error);
}

TEST_CASE("linear ops infer symbolic dims", "[ops][linear]") {
  const Dim n{-1, "N"}, s{-1, "S"}, one{1, {}}, four{4, {}}, eight{8, {}};
  const Tensor a = Tensor::allocate(DType::kFloat32, {2, 4}),
               b = Tensor::allocate(DType::kFloat32, {4, 8});
  const OpCase gemm{.op = "Gemm", .inputs = {a, b}};
  CHECK(infer_op(gemm, {Dims{n, four}})[0].dims == Dims{n, eight});
  const OpCase matmul{.op = "MatMul", .inputs = {a, b}};
  CHECK(infer_op(matmul, {Dims{n, s, four}})[0].dims == Dims{n, s, eight});
  CHECK(infer_op(matmul, {Dims{n, s, four}, Dims{one, four, eight}})[0].dims == Dims{n, s, eight});
  CHECK(infer_op(matmul, {Dims{n, s, four}, Dims{n, four, s}})[0].dims == Dims{n, s, s});
}
