// What the attention rows share: how heads lie in a tensor, and the rows by file.
#pragma once

#include <initializer_list>
#include <vector>

#include "ops/attention_core.h"
#include "ops/op.h"

namespace eightfold {

// [batch, heads, length, size], or [batch, length, heads * size] cut into `heads`.
struct HeadsShape {
  int64_t batch, heads, length, size;
};
// nullopt when the shape is neither, or does not divide.
std::optional<HeadsShape> heads_shape(std::span<const int64_t> shape, int64_t heads);

// The heads of such a tensor.
template <typename T>
HeadsOf<T> heads_of(T* data, std::span<const int64_t> shape, const HeadsShape& heads) {
  if (shape.size() == 4) {
    return {data, heads.heads * heads.length * heads.size, heads.length * heads.size, heads.size};
  }
  const int64_t row = heads.heads * heads.size;
  return {data, heads.length * row, heads.size, row};
}

// Heads of a tensor [batch, heads, length, size] of its own.
inline HeadsOf<float> dense_heads(float* data, const HeadsShape& heads, int64_t length) {
  return {data, heads.heads * length * heads.size, length * heads.size, heads.size};
}
inline Heads reading(const HeadsOf<float>& heads) {
  return {heads.data, heads.batch, heads.head, heads.row};
}
inline size_t floats_of(const HeadsShape& heads, int64_t length) {
  return static_cast<size_t>(heads.batch * heads.heads * length * heads.size);
}

// Input i is [batch, heads, any length, size].
bool past_fits(const PlanContext& context, size_t i, const HeadsShape& heads);
void require_floats(const PlanContext& context, std::initializer_list<size_t> inputs);

// Rows [0, length) of every head of `from` to those of `to`, `size` floats each.
struct HeadRows {
  int64_t batch, heads, length, size;
};
void copy_heads(const Heads& from, const HeadRows& rows, HeadsOf<float> to);

// A mask or bias that broadcasts to [batch, heads, queries, keys]; its last axis may be shorter
// than the keys.
AttentionMask mask_of(const TensorView& mask);
bool mask_fits(std::span<const int64_t> mask, const AttentionShape& shape);

void add_onnx_attention_rows(std::vector<OpDef>& rows);    // attention.cpp: Attention
void add_multi_head_rows(std::vector<OpDef>& rows);        // MultiHeadAttention
void add_grouped_rows(std::vector<OpDef>& rows);           // GroupQueryAttention
void add_linear_attention_rows(std::vector<OpDef>& rows);  // LinearAttention
void add_rotary_rows(std::vector<OpDef>& rows);            // RotaryEmbedding

}  // namespace eightfold
