// Numpy broadcasting of any number of operands, over either layout.
//
//   out[i] = f(a[i * sa], b[i * sb], ...)   strides of 0 repeat an operand
//
// Axes are put in the output's physical order and merged where all operands allow it, so that
// equal shapes become one row, and a per-channel operand becomes rows with stride 0 or 1.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/parallel.h"
#include "ops/op.h"

namespace eightfold {

// dims[0] is the outermost axis; the innermost one is the row. The output is contiguous.
struct Broadcast {
  Shape dims;
  std::vector<Shape> strides;  // per operand, in elements, one per entry of dims

  int64_t row_size() const { return dims.empty() ? 1 : dims.back(); }
  int64_t row_stride(size_t operand) const { return dims.empty() ? 0 : strides[operand].back(); }

  // Calls row(out offset, operand offsets) for every row, in the order of the output.
  template <typename F>
  void for_each_row(F&& row) const {
    for_rows(0, rows(), row);
  }
  // Calls piece(out offset, operand offsets, n) for pieces of rows that make up the output, on
  // several threads. `cost` of an element as in ParallelLoop.
  template <typename F>
  void for_each_piece(int64_t cost, const F& piece) const;

  static constexpr size_t kMaxOperands = 32;
  static constexpr size_t kMaxRank = 16;

  int64_t rows() const {
    int64_t count = 1;
    for (size_t d = 0; d + 1 < dims.size(); ++d) count *= dims[d];
    return count;
  }

 private:
  template <typename F>
  void for_rows(int64_t begin, int64_t end, F&& row) const;
};

// Throws kLimitExceeded beyond kMaxOperands and kMaxRank.
Broadcast make_broadcast(const TensorInfo& output, std::span<const TensorInfo> operands);

// The `plan` of broadcasting rows: a Broadcast of all inputs into output 0.
OpState plan_broadcast(PlanContext& context);

// Infers dims of a broadcast of inputs [first, end); fails with kInvalidShape where dims differ.
std::optional<Dims> broadcast_dims(const InferContext& context, size_t first = 0);

// Before opset 7 the second operand was placed by attributes `broadcast` and `axis`.
Shape legacy_operand_shape(const Node& node, int64_t opset, const Shape& a, const Shape& b);

template <typename F>
void Broadcast::for_rows(int64_t begin, int64_t end, F&& row) const {
  const size_t operands = strides.size();
  std::array<int64_t, kMaxOperands> offsets{};
  const int64_t size = row_size();
  if (size == 0 || begin >= end) return;
  const size_t outer = dims.empty() ? 0 : dims.size() - 1;
  std::array<int64_t, kMaxRank> index{};
  int64_t left = begin;
  for (size_t d = outer; d-- > 0; left /= dims[d]) {
    index[d] = left % dims[d];
    for (size_t k = 0; k < operands; ++k) offsets[k] += index[d] * strides[k][d];
  }
  for (int64_t r = begin; r < end; ++r) {
    row(r * size, offsets.data());
    for (size_t d = outer; d-- > 0;) {
      const bool wraps = ++index[d] == dims[d];
      if (wraps) index[d] = 0;
      for (size_t k = 0; k < operands; ++k) {
        offsets[k] += wraps ? strides[k][d] * (1 - dims[d]) : strides[k][d];
      }
      if (!wraps) break;
    }
  }
}

template <typename F>
void Broadcast::for_each_piece(int64_t cost, const F& piece) const {
  const int64_t size = row_size(), count = rows();
  if (count > 1) {
    return parallel_for({count, size * cost}, [&](const LoopPart& part) {
      for_rows(part.begin, part.end,
               [&](int64_t out, const int64_t* offsets) { piece(out, offsets, size); });
    });
  }
  parallel_for({size, cost, 64}, [&](const LoopPart& part) {
    std::array<int64_t, kMaxOperands> offsets{};
    for (size_t k = 0; k < strides.size(); ++k) offsets[k] = part.begin * row_stride(k);
    piece(part.begin, offsets.data(), part.count());
  });
}

}  // namespace eightfold
