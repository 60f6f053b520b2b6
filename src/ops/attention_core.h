// Scaled dot product attention on float heads: what Attention, MultiHeadAttention and
// GroupQueryAttention share.
//
//   s[i][j] = cap(scale * q[i] . k[j]) + mask[i][j]       -infinity outside of keys(i)
//   y[i] = sum_j softmax(s[i])[j] * v[j]                  0 where every key is masked
//   cap(s) = softcap * tanh(s / softcap), or s when softcap is 0
// Query heads share key heads in groups of q_heads / kv_heads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>

namespace eightfold {

// A tensor of heads: strides in floats, the floats of a row adjacent.
template <typename T>
struct HeadsOf {
  T* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;
  T* at(int64_t b, int64_t h, int64_t i) const { return data + b * batch + h * head + i * row; }
};
using Heads = HeadsOf<const float>;

struct AttentionShape {
  int64_t batch = 0, q_heads = 0, kv_heads = 0, q_length = 0, kv_length = 0;
  int64_t head_size = 0, v_size = 0;
  int64_t group() const { return q_heads / kv_heads; }
  int64_t macs() const { return batch * q_heads * q_length * kv_length * (head_size + v_size); }
};

// Added to the scores: floats, or bytes of which 0 adds `fill`. Keys from `length` on are masked.
struct AttentionMask {
  const float* floats = nullptr;
  const uint8_t* bytes = nullptr;
  int64_t batch = 0, head = 0, row = 0, column = 0;  // strides, 0 repeats
  int64_t length = 0;
  float fill = -std::numeric_limits<float>::infinity();
};

struct KeyRange {
  int64_t begin, end;
};

// What of a row goes to `scores`.
enum class AttentionStage : uint8_t { kProduct, kCapped, kMasked, kSoftmax };

struct AttentionCall {
  AttentionShape shape;
  Heads q, k, v;
  HeadsOf<float> y;
  float scale = 1, softcap = 0;
  std::span<const AttentionMask> masks = {};
  std::function<KeyRange(int64_t batch, int64_t row)> keys = {};  // null: all
  float* scores = nullptr;  // [batch, q_heads, q_length, kv_length], or null
  AttentionStage stage = AttentionStage::kSoftmax;
};

size_t attention_scratch(const AttentionShape& shape);  // floats
void attend(const AttentionCall& call, float* scratch);

}  // namespace eightfold
