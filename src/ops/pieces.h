// Elements of any type through the widest type of their kind, piece by piece, so that one loop
// serves all types of a kind: whole numbers (bool too) as int64, all else as double.
//
//   piece = load_piece(x);  piece[i] = f(piece[i]);  store_piece(piece, y)
//
// Whole numbers keep their low bits when they are stored, so that sums and products wrap as in
// their own type. A uint64 comes as the int64 of the same bits: loops that compare or divide
// (natural) read it back as what it is.
#pragma once

#include <array>
#include <cstdint>

#include "ops/op.h"

namespace eightfold {

inline constexpr int64_t kPiece = 256;

template <typename Wide>
using Piece = std::array<Wide, kPiece>;

enum class Kind : uint8_t {
  kNone,     // strings and what else is no number
  kFloat,    // double
  kInteger,  // int64
  kNatural,  // uint64 alone: as int64, to be read as uint64
};
Kind kind_of(DType dtype);

// For ops that compute: of input 0; refuses what is no number there (strings, bool, four bits).
Kind number_kind(const RunContext& context);

// to[i] = x[at + i * step], for n elements in memory order. Wide is double, for any
// number type, or int64_t, for whole numbers.
template <typename Wide>
void load_piece(const TensorView& x, int64_t at, int64_t step, int64_t n, Wide* to);

// y[at + i] = from[i], converted as Cast does. False when y's type is none that can be cast.
template <typename Wide>
bool store_piece(const Wide* from, int64_t n, const TensorView& y, int64_t at);

// Calls loop(piece, at, n) for all of x in memory order, and stores what it leaves in y.
template <typename Wide, typename F>
void map_pieces(const TensorView& x, const TensorView& y, F&& loop) {
  Piece<Wide> piece;
  const int64_t size = y.size();
  for (int64_t at = 0; at < size; at += kPiece) {
    const int64_t n = size - at < kPiece ? size - at : kPiece;
    load_piece(x, at, 1, n, piece.data());
    loop(piece.data(), n);
    store_piece(piece.data(), n, y, at);
  }
}

// y[i] = value_at(i) as a double. False when y's type is none that can be cast.
template <typename F>
bool fill_pieces(const TensorView& y, F&& value_at) {
  Piece<double> piece;
  const int64_t size = y.size();
  for (int64_t at = 0; at < size; at += kPiece) {
    const int64_t n = size - at < kPiece ? size - at : kPiece;
    for (int64_t i = 0; i < n; ++i) piece[static_cast<size_t>(i)] = value_at(at + i);
    if (!store_piece(piece.data(), n, y, at)) return false;
  }
  return true;
}

}  // namespace eightfold
