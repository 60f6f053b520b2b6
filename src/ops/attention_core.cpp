// Attention by two GEMMs per head and block of queries; few queries are multiplied directly, since
// packing the keys would cost more. See attention_core.h.
#include "ops/attention_core.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/float.h"
#include "kernels/kernels.h"

namespace eightfold {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();
constexpr int64_t kBlockRows = 64;  // queries whose scores are in scratch together
constexpr int64_t kDirectRows = 4;  // fewer queries per key head than these are not worth packing

bool is_direct(const AttentionShape& shape) { return shape.q_length * shape.group() < kDirectRows; }

float dot(const float* a, const float* b, int64_t n) {
  std::array<float, 8> sums{};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (size_t j = 0; j < 8; ++j)
      sums[j] += a[i + static_cast<int64_t>(j)] * b[i + static_cast<int64_t>(j)];
  }
  float sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const float part : sums) sum += part;
  return sum;
}

// One block of queries of one head.
struct Block {
  const AttentionCall& call;
  int64_t batch, head, first, rows;
  float* scores;  // [rows, kv_length]

  KeyRange keys(int64_t row) const {
    const int64_t length = call.shape.kv_length;
    if (!call.keys) return {0, length};
    const KeyRange range = call.keys(batch, first + row);
    const int64_t end = std::clamp<int64_t>(range.end, 0, length);
    return {std::clamp<int64_t>(range.begin, 0, end), end};
  }
  // Keys that some row sees; all of them when the scores are an output.
  int64_t seen() const {
    if (call.scores) return call.shape.kv_length;
    int64_t end = 0;
    for (int64_t i = 0; i < rows; ++i) end = std::max(end, keys(i).end);
    return end;
  }
};

void add_mask(const AttentionMask& mask, const Block& block, int64_t row, KeyRange keys, float* s) {
  const int64_t at =
      block.batch * mask.batch + block.head * mask.head + (block.first + row) * mask.row;
  const int64_t end = std::min(keys.end, mask.length);
  for (int64_t j = keys.begin; j < end; ++j) {
    const int64_t from = at + j * mask.column;
    if (mask.floats) {
      s[j] += mask.floats[from];
    } else if (!mask.bytes[from]) {
      s[j] += mask.fill;
    }
  }
  if (end < keys.end) std::fill(s + std::max(end, keys.begin), s + keys.end, kMasked);
}

// In place, over [begin, end); the rest becomes 0.
void softmax_row(float* s, KeyRange keys, int64_t length) {
  const auto kernel = select<ExpFloat32>();
  const int64_t count = keys.end - keys.begin;
  const float largest = count > 0 ? kernel->largest(s + keys.begin, count) : kMasked;
  if (largest == kMasked) {
    std::fill_n(s, length, 0.0f);
    return;
  }
  const float share = 1.0f / kernel->run(s + keys.begin, count, largest, s + keys.begin);
  for (int64_t j = keys.begin; j < keys.end; ++j) s[j] *= share;
  std::fill_n(s, keys.begin, 0.0f);
  std::fill(s + keys.end, s + length, 0.0f);
}

// From products to probabilities; the stage that was asked for is copied out.
void finish_row(const Block& block, int64_t row) {
  const AttentionCall& call = block.call;
  const int64_t length = call.shape.kv_length;
  float* s = block.scores + row * length;
  float* out = nullptr;
  if (call.scores) {
    const int64_t heads = block.batch * call.shape.q_heads + block.head;
    out = call.scores + (heads * call.shape.q_length + block.first + row) * length;
  }
  const auto keep = [&](AttentionStage stage) {
    if (out && call.stage == stage) std::copy_n(s, length, out);
  };
  const KeyRange keys = block.keys(row);
  keep(AttentionStage::kProduct);
  if (call.softcap > 0) {
    const KeyRange capped = out ? KeyRange{0, length} : keys;
    for (int64_t j = capped.begin; j < capped.end; ++j) {
      s[j] = call.softcap * std::tanh(s[j] / call.softcap);
    }
  }
  keep(AttentionStage::kCapped);
  for (const AttentionMask& mask : call.masks) add_mask(mask, block, row, keys, s);
  if (out) {
    std::fill_n(s, keys.begin, kMasked);
    std::fill(s + keys.end, s + length, kMasked);
  }
  keep(AttentionStage::kMasked);
  softmax_row(s, keys, length);
  keep(AttentionStage::kSoftmax);
}

void multiply_directly(const Block& block, int64_t kv_head) {
  const AttentionCall& call = block.call;
  const AttentionShape& shape = call.shape;
  for (int64_t i = 0; i < block.rows; ++i) {
    float* s = block.scores + i * shape.kv_length;
    const float* q = call.q.at(block.batch, block.head, block.first + i);
    for (int64_t j = 0; j < block.seen(); ++j) {
      s[j] = call.scale * dot(q, call.k.at(block.batch, kv_head, j), shape.head_size);
    }
    finish_row(block, i);
    float* y = call.y.at(block.batch, block.head, block.first + i);
    std::fill_n(y, shape.v_size, 0.0f);
    for (int64_t j = 0; j < shape.kv_length; ++j) {
      if (s[j] == 0) continue;
      const float* v = call.v.at(block.batch, kv_head, j);
      for (int64_t d = 0; d < shape.v_size; ++d) y[d] += s[j] * v[d];
    }
  }
}

struct Panels {
  float *k, *v;
};
void pack(const AttentionCall& call, int64_t batch, int64_t kv_head, Panels panels) {
  const AttentionShape& shape = call.shape;
  pack_dense_f32({.data = call.k.at(batch, kv_head, 0),
                  .inner = shape.head_size,
                  .n = shape.kv_length,
                  .inner_stride = 1,
                  .n_stride = call.k.row,
                  .alpha = call.scale},
                 panels.k);
  pack_dense_f32({.data = call.v.at(batch, kv_head, 0),
                  .inner = shape.kv_length,
                  .n = shape.v_size,
                  .inner_stride = call.v.row,
                  .n_stride = 1},
                 panels.v);
}

void multiply_panels(const Block& block, Panels panels) {
  const AttentionCall& call = block.call;
  const AttentionShape& shape = call.shape;
  gemm_f32({panels.k,
            call.q.at(block.batch, block.head, block.first),
            block.rows,
            shape.head_size,
            block.seen(),
            call.q.row,
            block.scores,
            shape.kv_length,
            {}});
  for (int64_t i = 0; i < block.rows; ++i) finish_row(block, i);
  gemm_f32({panels.v,
            block.scores,
            block.rows,
            shape.kv_length,
            shape.v_size,
            shape.kv_length,
            call.y.at(block.batch, block.head, block.first),
            call.y.row,
            {}});
}

}  // namespace

size_t attention_scratch(const AttentionShape& shape) {
  const auto scores = static_cast<size_t>(std::min(shape.q_length, kBlockRows) * shape.kv_length);
  if (is_direct(shape)) return scores;
  return scores + packed_dense_f32(shape.head_size, shape.kv_length) +
         packed_dense_f32(shape.kv_length, shape.v_size);
}

void attend(const AttentionCall& call, float* scratch) {
  const AttentionShape& shape = call.shape;
  const Panels panels{scratch, scratch + packed_dense_f32(shape.head_size, shape.kv_length)};
  const bool direct = is_direct(shape);
  float* scores = direct ? scratch : panels.v + packed_dense_f32(shape.kv_length, shape.v_size);
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.q_heads; ++h) {
      const int64_t kv_head = h / shape.group();
      if (!direct && h % shape.group() == 0) pack(call, b, kv_head, panels);
      for (int64_t first = 0; first < shape.q_length; first += kBlockRows) {
        const Block block{call, b, h, first, std::min(kBlockRows, shape.q_length - first), scores};
        direct ? multiply_directly(block, kv_head) : multiply_panels(block, panels);
      }
    }
  }
}

}  // namespace eightfold
