// Attention in onnxruntime's forms, rotary embeddings and long sequences against the definition,
// computed in double. The ONNX forms are covered by the operator suite.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr Tolerance kNear{1e-5f, 1e-5f};
constexpr double kMasked = -std::numeric_limits<double>::infinity();

double at(const Tensor& tensor, int64_t i) { return tensor.data<float>()[static_cast<size_t>(i)]; }

// A head's element by batch, head, row and feature.
using Element = std::function<double(int64_t, int64_t, int64_t, int64_t)>;
Element flat(const Tensor& x, int64_t heads) {
  return [&x, heads](int64_t b, int64_t h, int64_t i, int64_t d) {
    const int64_t size = x.shape()[2] / heads;
    return at(x, ((b * x.shape()[1] + i) * heads + h) * size + d);
  };
}
Element cube(const Tensor& x) {
  return [&x](int64_t b, int64_t h, int64_t i, int64_t d) {
    return at(x, ((b * x.shape()[1] + h) * x.shape()[2] + i) * x.shape()[3] + d);
  };
}

struct Sizes {
  int64_t batch, heads, kv_heads, queries, keys, size;
};
// [batch, queries, heads * size]; `bias` is added to the scaled scores.
Tensor reference(const Sizes& n, const Element& q, const Element& k, const Element& v,
                 const std::function<double(int64_t, int64_t, int64_t, int64_t)>& bias) {
  Tensor y = Tensor::allocate(DType::kFloat32, {n.batch, n.queries, n.heads * n.size});
  auto out = y.mutable_data<float>();
  for (int64_t b = 0; b < n.batch; ++b) {
    for (int64_t h = 0; h < n.heads; ++h) {
      const int64_t kv = h / (n.heads / n.kv_heads);
      for (int64_t i = 0; i < n.queries; ++i) {
        std::vector<double> p(static_cast<size_t>(n.keys));
        double sum = 0;
        for (int64_t j = 0; j < n.keys; ++j) {
          double score = 0;
          for (int64_t d = 0; d < n.size; ++d) score += q(b, h, i, d) * k(b, kv, j, d);
          score = score / std::sqrt(static_cast<double>(n.size)) + bias(b, h, i, j);
          sum += p[static_cast<size_t>(j)] = std::exp(score);
        }
        for (int64_t d = 0; d < n.size; ++d) {
          double value = 0;
          for (int64_t j = 0; j < n.keys; ++j) value += p[static_cast<size_t>(j)] * v(b, kv, j, d);
          out[static_cast<size_t>(((b * n.queries + i) * n.heads + h) * n.size + d)] =
              static_cast<float>(sum > 0 ? value / sum : 0.0);
        }
      }
    }
  }
  return y;
}

}  // namespace

TEST_CASE("Attention goes in blocks of queries, or directly when they are few",
          "[ops][attention]") {
  const int64_t queries = GENERATE(1, 3, 4, 64, 65, 131);
  const bool causal = GENERATE(true, false);
  const Sizes n{2, 4, 2, queries, queries + 5, 9};
  const Tensor q = random_tensor({2, queries, 36}, 1), k = random_tensor({2, n.keys, 18}, 2),
               v = random_tensor({2, n.keys, 18}, 3);
  const Tensor y = run_op({.op = "Attention",
                           .opset = 23,
                           .attributes = {{"q_num_heads", int64_t{4}},
                                          {"kv_num_heads", int64_t{2}},
                                          {"is_causal", int64_t{causal}}},
                           .inputs = {q, k, v}})[0];
  const auto bias = [&](int64_t, int64_t, int64_t i, int64_t j) {
    return causal && j > i ? kMasked : 0.0;
  };
  CHECK(difference(y, reference(n, flat(q, 4), flat(k, 2), flat(v, 2), bias), kNear) == "");
}

TEST_CASE("MultiHeadAttention adds biases and masks keys", "[ops][attention]") {
  const Sizes n{2, 3, 3, 5, 7, 4};
  const Tensor q = random_tensor({2, 5, 12}, 1), k = random_tensor({2, 7, 12}, 2),
               v = random_tensor({2, 7, 12}, 3), bias = random_tensor({36}, 4),
               addend = random_tensor({1, 3, 5, 7}, 5);
  const auto biased = [&](const Tensor& x, int64_t first) {
    return [&x, &bias, first](int64_t b, int64_t h, int64_t i, int64_t d) {
      return flat(x, 3)(b, h, i, d) + at(bias, first + h * 4 + d);
    };
  };
  OpCase run{.op = "MultiHeadAttention",
             .domain = "com.microsoft",
             .attributes = {{"num_heads", int64_t{3}}},
             .inputs = {q, k, v, bias, {}, addend},
             .outputs = 3};
  const std::vector<int32_t> mask{1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1};
  const int form = GENERATE(0, 1, 2);  // no padding, a mask, lengths
  if (form == 1) run.inputs[4] = i32({2, 7}, mask);
  if (form == 2) run.inputs[4] = i32({2}, {7, 2});
  const auto scores = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    const bool hidden =
        (form == 1 && !mask[static_cast<size_t>(b * 7 + j)]) || (form == 2 && b == 1 && j >= 2);
    return at(addend, (h * 5 + i) * 7 + j) - (hidden ? 10000.0 : 0.0);
  };
  const auto outputs = run_op(run);
  CHECK(difference(outputs[0], reference(n, biased(q, 0), biased(k, 12), biased(v, 24), scores),
                   kNear) == "");
  CHECK(outputs[1].shape() == Shape{2, 3, 7, 4});
  CHECK(at(outputs[2], (1 * 7 + 6) * 4 + 3) == Catch::Approx(biased(v, 24)(0, 1, 6, 3)));
}

TEST_CASE("MultiHeadAttention continues its past", "[ops][attention]") {
  const Tensor q = random_tensor({1, 2, 8}, 1), k = random_tensor({1, 2, 8}, 2),
               v = random_tensor({1, 2, 8}, 3), past_k = random_tensor({1, 2, 3, 4}, 4),
               past_v = random_tensor({1, 2, 3, 4}, 5);
  const OpCase run{.op = "MultiHeadAttention",
                   .domain = "com.microsoft",
                   .attributes = {{"num_heads", int64_t{2}}, {"unidirectional", int64_t{1}}},
                   .inputs = {q, k, v, {}, {}, {}, past_k, past_v},
                   .outputs = 3};
  const auto joined = [](const Tensor& past, const Tensor& x) {
    return [&](int64_t b, int64_t h, int64_t j, int64_t d) {
      return j < 3 ? cube(past)(b, h, j, d) : flat(x, 2)(b, h, j - 3, d);
    };
  };
  const auto bias = [](int64_t, int64_t, int64_t i, int64_t j) { return j > i + 3 ? kMasked : 0; };
  const auto outputs = run_op(run);
  CHECK(difference(
            outputs[0],
            reference({1, 2, 2, 2, 5, 4}, flat(q, 2), joined(past_k, k), joined(past_v, v), bias),
            kNear) == "");
  CHECK(at(outputs[1], 4) == at(past_k, 4));
  CHECK(at(outputs[1], 3 * 4 + 1) == at(k, 1));
}

TEST_CASE("RotaryEmbedding of onnxruntime turns by position", "[ops][attention]") {
  const bool interleaved = GENERATE(true, false);
  const Tensor x = random_tensor({2, 3, 12}, 1), angles = random_tensor({9, 2}, 2);
  Tensor cos = angles, sin = angles;
  for (float& value : cos.mutable_data<float>()) value = std::cos(value);
  for (float& value : sin.mutable_data<float>()) value = std::sin(value);
  const bool one_id = GENERATE(true, false);
  const Tensor ids = one_id ? i64({1}, {4}) : i64({2, 3}, {8, 0, 3, 2, 2, 7});
  const Tensor y = run_op({.op = "RotaryEmbedding",
                           .domain = "com.microsoft",
                           .attributes = {{"interleaved", int64_t{interleaved}},
                                          {"num_heads", int64_t{2}},
                                          {"rotary_embedding_dim", int64_t{4}}},
                           .inputs = {x, ids, cos, sin}})[0];
  for (int64_t token = 0; token < 6; ++token) {
    const int64_t id = one_id ? 4 + token % 3 : ids.data<int64_t>()[static_cast<size_t>(token)];
    for (int64_t h = 0; h < 2; ++h) {
      const int64_t base = token * 12 + h * 6;
      for (int64_t pair = 0; pair < 2; ++pair) {
        const int64_t a = base + (interleaved ? 2 * pair : pair);
        const int64_t b = interleaved ? a + 1 : a + 2;
        const double angle = at(angles, id * 2 + pair);
        CHECK(at(y, a) ==
              Catch::Approx(std::cos(angle) * at(x, a) - std::sin(angle) * at(x, b)).margin(1e-6));
        CHECK(at(y, b) ==
              Catch::Approx(std::sin(angle) * at(x, a) + std::cos(angle) * at(x, b)).margin(1e-6));
      }
      CHECK(at(y, base + 4) == at(x, base + 4));
      CHECK(at(y, base + 5) == at(x, base + 5));
    }
  }
}

TEST_CASE("GroupQueryAttention decodes as it would have read the whole prompt",
          "[ops][attention]") {
  // A prompt of 7 tokens at once, against 6 at once and the 7th with their cache.
  const int64_t heads = 4, states = 2, size = 6, window = GENERATE(-1, 3);
  const bool rotary = GENERATE(true, false), packed = GENERATE(true, false);
  const Tensor all = random_tensor({1, 7, (heads + 2 * states) * size}, 1);
  const Tensor cos = random_tensor({8, 3}, 2), sin = random_tensor({8, 3}, 3);
  // Columns [first, first + width) of rows [from, to).
  const auto cut = [&](int64_t from, int64_t to, int64_t first, int64_t width) {
    std::vector<float> values;
    for (int64_t i = from; i < to; ++i) {
      for (int64_t c = 0; c < width; ++c) {
        values.push_back(static_cast<float>(at(all, i * all.shape()[2] + first + c)));
      }
    }
    return f32({1, to - from, width}, values);
  };
  const auto run = [&](int64_t from, int64_t to, Tensor past_k, Tensor past_v) {
    OpCase one{.op = "GroupQueryAttention",
               .domain = "com.microsoft",
               .attributes = {{"num_heads", heads},
                              {"kv_num_heads", states},
                              {"local_window_size", window},
                              {"do_rotary", int64_t{rotary}}},
               .outputs = 3};
    const int32_t last = static_cast<int32_t>(to) - 1;
    one.inputs = {cut(from, to, 0, heads * size),
                  cut(from, to, heads * size, states * size),
                  cut(from, to, (heads + states) * size, states * size),
                  past_k,
                  past_v,
                  i32({1}, {last}),
                  i32({1}, {last + 1}),
                  cos,
                  sin};
    if (packed) {
      one.inputs[0] = cut(from, to, 0, all.shape()[2]);
      one.inputs[1] = one.inputs[2] = {};
    }
    return run_op(one);
  };
  const auto whole = run(0, 7, {}, {});
  const auto prompt = run(0, 6, {}, {});
  const auto next = run(6, 7, prompt[1], prompt[2]);
  CHECK(whole[1].shape() == Shape{1, states, 7, size});
  CHECK(difference(next[1], whole[1], kNear) == "");
  CHECK(difference(next[2], whole[2], kNear) == "");
  for (int64_t c = 0; c < heads * size; ++c) {
    CHECK(at(next[0], c) == Catch::Approx(at(whole[0], 6 * heads * size + c)).margin(1e-5));
  }
  if (rotary) return;
  const Tensor q = cut(0, 7, 0, heads * size), k = cut(0, 7, heads * size, states * size),
               v = cut(0, 7, (heads + states) * size, states * size);
  const auto bias = [&](int64_t, int64_t, int64_t i, int64_t j) {
    return j > i || (window > 0 && j <= i - window) ? kMasked : 0.0;
  };
  CHECK(difference(whole[0],
                   reference({1, heads, states, 7, 7, size}, flat(q, heads), flat(k, states),
                             flat(v, states), bias),
                   kNear) == "");
}

TEST_CASE("GroupQueryAttention refuses lengths that its cache does not hold", "[ops][attention]") {
  OpCase run{.op = "GroupQueryAttention",
             .domain = "com.microsoft",
             .attributes = {{"num_heads", int64_t{2}}, {"kv_num_heads", int64_t{1}}},
             .inputs = {random_tensor({1, 1, 8}, 1), random_tensor({1, 1, 4}, 2),
                        random_tensor({1, 1, 4}, 3), random_tensor({1, 1, 3, 4}, 4),
                        random_tensor({1, 1, 3, 4}, 5), i32({1}, {3}), i32({}, {4})},
             .outputs = 3};
  CHECK(run_op(run)[1].shape() == Shape{1, 1, 4, 4});
  for (const int32_t last : {9, -3}) {
    run.inputs[5] = i32({1}, {last});
    CHECK_THROWS_AS(run_op(run), Error);
  }
}

TEST_CASE("Attention without any key gives zeros", "[ops][attention]") {
  const Tensor y = run_op({.op = "Attention",
                           .opset = 24,
                           .inputs = {random_tensor({1, 2, 3, 4}, 1), f32({1, 2, 0, 4}, {}),
                                      f32({1, 2, 0, 5}, {})}})[0];
  CHECK(difference(y, Tensor::of<float>({1, 2, 3, 5}, std::vector<float>(30, 0.0f)), kNear) == "");
}
