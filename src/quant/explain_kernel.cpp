// See explain_kernel.h. To name the kernel of one more op: a row of kRows.
#include "quant/explain_kernel.h"

#include <string_view>

#include "kernels/kernels.h"

namespace eightfold {
namespace {

template <class Kernel>
std::string_view name() {
  return select<Kernel>().row->name;
}

std::string_view table() { return "table of 256 entries"; }

struct Row {
  std::string_view op_type;
  std::string_view (*kernel)();
  std::string_view (*depthwise)() = nullptr;  // where every channel is a group
};
constexpr Row kRows[] = {
    {"QLinearConv", name<DenseInt8>, name<DepthwiseInt8>},
    {"QLinearConvTranspose", name<DenseInt8>},
    {"QLinearConvAdd", name<DenseInt8>},
    {"QLinearMatMul", name<DenseInt8>},
    {"QGemm", name<DenseInt8>},
    {"MatMulInteger", name<DenseInt8>},
    {"ConvInteger", name<DenseInt8>},
    {"QLinearLSTM", name<LstmCellInt8>},
    {"QLinearGRU", name<GruCellInt8>},
    {"QLinearRNN", name<RnnCellInt8>},
    {"DynamicQuantizeLSTM", name<DenseInt8>},
    {"DynamicQuantizeGRU", name<DenseInt8>},
    {"DynamicQuantizeRNN", name<DenseInt8>},
    {"QLinearAdd", name<AddInt8>},
    {"QLinearMul", name<MulInt8>},
    {"QLinearSigmoid", table},
    {"QLinearLeakyRelu", table},
    {"QLinearHardSwish", table},
    {"QLinearHardSigmoid", table},
    {"QLinearPRelu", name<BendInt8>},
    {"QLinearBatchNormalization", name<BendInt8>},
    {"QLinearAveragePool", name<AverageRowsInt8>},
    {"QLinearGlobalAveragePool", name<SumRowsInt8>},
    {"QuantizeLinear", name<QuantizeInt8>},
    {"DequantizeLinear", name<DequantizeInt8>},
    {"Conv", name<GemmFloat32>, name<DepthwiseFloat32>},
    {"Gemm", name<GemmFloat32>},
    {"MatMul", name<GemmFloat32>},
};

bool is_depthwise(const Graph& graph, const Node& node) {
  if (node.int_attribute("group", 1) < 2) return false;
  for (ValueId input : node.inputs()) {
    const Tensor* weight = graph.constant(input);
    if (weight != nullptr && weight->rank() > 2) return weight->shape()[1] == 1;
  }
  return false;
}

}  // namespace

std::string kernel_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op_type == "MaxPool") {
    const DType dtype = graph.value(node.output(0)).type.dtype;
    return std::string(is_float(dtype) ? name<MaxRowsFloat32>() : name<MaxRowsInt8>());
  }
  for (const Row& row : kRows) {
    if (row.op_type != node.op_type) continue;
    const bool depthwise = row.depthwise != nullptr && is_depthwise(graph, node);
    return std::string(depthwise ? row.depthwise() : row.kernel());
  }
  return {};
}

}  // namespace eightfold
