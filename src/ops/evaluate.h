// Runs one node by itself: infer, plan, run, with storage of its own for every output.
//
// Used for constant folding, for shape arithmetic while planning, for nodes whose shapes depend
// on data, and by tests. The route of a planned node is src/runtime; results are the same.
#pragma once

#include <span>
#include <vector>

#include "ops/op.h"

namespace eightfold {

// A value on its way into or out of a node. `tensor` holds the bytes in the layout that `info`
// states (its own shape is the logical one); it is undefined when only the type is known.
struct Operand {
  TensorInfo info;
  Tensor tensor;

  static Operand of(Tensor tensor);  // plain; absent when the tensor is undefined
  bool present() const { return info.present(); }
  TensorView view() const;
};

struct NodeRun {
  const OpDef& op;
  const Node& node;
  int64_t opset = 0;
  const void* packed = nullptr;
  RunHost* host = nullptr;  // for run_subgraph and claim; null: bodies are refused
};

// Outputs in the layout that the row produces; absent outputs are not present.
std::vector<Operand> evaluate(const NodeRun& run, std::span<const Operand> inputs);

// Calls the row's pack when it has one; null otherwise. A null tensor is not constant.
OpState pack_node(const OpDef& op, const Node& node, int64_t opset,
                  std::span<const Tensor* const> constants, std::span<const ValueType> types,
                  std::span<const ByteRange> ranges = {});

// Whether an input that the row must see while packing and planning is not at hand.
bool lacks_constants(const OpDef& op, const Node& node, std::span<const Tensor* const> constants);

// The same value in the other layout; shares the bytes when no element moves.
Operand with_layout(const Operand& operand, Layout layout);

// Whether both layouts of this shape are the same bytes (rank < 3, C == 1, or no spatial extent).
bool layouts_coincide(std::span<const int64_t> shape);

// The layout of an output of this rank, given the layouts of the inputs (by the row's LayoutRule).
Layout output_layout(const OpDef& op, size_t rank, std::span<const TensorInfo> inputs);
// The layout input i must have once the outputs' layout is chosen.
Layout input_layout(const OpDef& op, size_t i, const TensorInfo& input, size_t output_rank,
                    Layout output);

}  // namespace eightfold
