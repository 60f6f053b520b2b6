// PlaceForm: how an op that has places of its own inside, a recurrent cell, is observed and
// quantized. Data of its OpDef row: passes read it, and know no such op by name.
//
//   float op   --prepare-->  observed twin    the op of the same name in the eightfold domain, with
//                                             an output more for each place inside it
//   observed   --convert-->  integer op       OpDef::quantized, its operands by `operands`
//   float op   --convert-->  dynamic op       where its QConfig is dynamic
//
// To add an op: its PlaceForm, the row of its observed twin, the row of its integer op.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/qparams.h"
#include "ir/graph.h"

namespace eightfold {

enum class PlaceTypes : uint8_t {
  kBytes,     // uint8, int8
  kAny,       // 8 or 16 bits
  kUnsigned,  // uint8, uint16
};

inline bool fits(PlaceTypes types, DType dtype) {
  const bool is_unsigned = dtype == DType::kUint8 || dtype == DType::kUint16;
  const bool is_wide = dtype == DType::kInt16 || dtype == DType::kUint16;
  if (types == PlaceTypes::kUnsigned) return is_unsigned;
  return is_quantized_int8(dtype) || (types == PlaceTypes::kAny && is_wide);
}

// Values that share parameters: at most one input, an output with all of them, and one with some.
struct PlaceRow {
  std::string_view path;       // in a nested QConfig: "x", "state.0", "linear"
  std::string_view also = {};  // asked where the first is not given
  int8_t input = -1;           // of the float op
  int8_t output = -1;          // of the observed twin
  int8_t last = -1;            // of the float op
  int8_t like = -1;  // another place: one slot for both, unless this one's observer differs
  PlaceTypes types = PlaceTypes::kBytes;
  // The observer where the QConfig has none for the path: the QConfig's own for activations; or,
  // where a dtype is given, fixed parameters, or (scale 0) symmetric by minimum and maximum.
  DType dtype = DType::kUndefined;
  float scale = 0;
  int32_t zero_point = 0;
};

// One or two inputs of the integer or the dynamic op.
struct PlaceOperand {
  enum Kind : uint8_t {
    kInput,    // an input of the float op
    kPlace,    // scale, zero point of a place
    kRows,     // a weight [D, N, K] as integers
    kColumns,  // the same as [D, K, N]
    kScale,    // its scale: [D, N], or one
    kZero,     // its zero point, alike
    kBias,     // an input as int32
  };
  Kind kind;
  uint8_t index;  // of the input, or of the place
};

// Part of the bias, in steps of a place's scale times those of a weight.
struct BiasPart {
  int8_t place = -1;
  int8_t weight = -1;  // input
};

struct PlaceTarget {
  std::string_view domain, op_type;
  std::span<const PlaceOperand> operands;
  // Empty, or why the node cannot become this op: a sentence.
  std::string (*why_not)(const Node&) = nullptr;
};

struct PlaceForm {
  std::span<const PlaceRow> places;
  int outputs = 0;                 // of the float op
  std::array<BiasPart, 2> bias{};  // side by side, per direction
  PlaceTarget integers, dynamic;
};

}  // namespace eightfold
