// The parts shape.cpp lists, by file, and what they share.
#pragma once

#include <cstring>

#include "ops/dtype_switch.h"
#include "ops/op.h"
#include "ops/strided_copy.h"
#include "ops/strides.h"

namespace eightfold {

void add_view_rows(std::vector<OpDef>& rows);       // Reshape, Flatten, Squeeze, Identity ...
void add_join_rows(std::vector<OpDef>& rows);       // Concat, Split
void add_slice_rows(std::vector<OpDef>& rows);      // Slice
void add_pad_rows(std::vector<OpDef>& rows);        // Pad
void add_transpose_rows(std::vector<OpDef>& rows);  // Transpose, DepthToSpace, SpaceToDepth
void add_gather_rows(std::vector<OpDef>& rows);     // Gather, GatherElements, GatherND
void add_scatter_rows(std::vector<OpDef>& rows);    // ScatterND, ScatterElements
void add_repeat_rows(std::vector<OpDef>& rows);     // Expand, Tile
void add_create_rows(std::vector<OpDef>& rows);     // Shape, Size, ConstantOfShape, Range ...
void add_resize_rows(std::vector<OpDef>& rows);     // Resize, Upsample

inline constexpr Observation kSameObservation{Observation::kSameAsInput, 0, 0};
inline constexpr Observation kNoObservation{Observation::kNotObserved, 0, 0};
inline constexpr QuantizedForm kDirectForm{QuantizedOperands::kDirect, {}, {}};

// Bytes of one element; fails for strings and sub-byte types.
template <typename Context>
size_t element_bytes(const Context& context, DType dtype) {
  const int bits = dtype_bits(dtype);
  if (bits < 8 || bits > 64) refuse_dtype(context, dtype);
  return static_cast<size_t>(bits) / 8;
}

inline void copy_bytes(void* to, const void* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

inline size_t view_bytes(const TensorView& view) { return byte_count(view.dtype, view.size()); }

// int32 or int64 data as int64; empty for an undefined tensor.
std::vector<int64_t> integers(const Tensor* tensor);
std::vector<int64_t> integers(const TensorView& view);

// The axes (or other integers) of a node: an input in newer opsets, an attribute in older ones.
// nullopt when the input is there but not known yet; `absent` when neither is given.
std::optional<std::vector<int64_t>> infer_integers(const InferContext& context, size_t input,
                                                   std::string_view attribute,
                                                   std::vector<int64_t> absent = {});
std::vector<int64_t> plan_integers(const PlanContext& context, size_t input,
                                   std::string_view attribute, std::vector<int64_t> absent = {});

// A row whose int8 form is itself and whose output shares its input's parameters.
OpDef moving_row(std::string_view op_type, int since, int until, void (*infer)(InferContext&),
                 OpState (*plan)(PlanContext&), void (*run)(RunContext&));

// The run of rows whose plan is a StridedCopy of input 0 into output 0.
void run_strided(RunContext& context);

}  // namespace eightfold
