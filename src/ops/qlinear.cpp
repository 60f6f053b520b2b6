// The QLinear operators: int8 in, int8 out; and those that read weights of few bits.
// Source: ONNX QLinearConv, QLinearMatMul; ONNX Runtime's com.microsoft operators for the others.
#include <iterator>

#include "ops/families.h"
#include "ops/qlinear_rows.h"

namespace eightfold {

std::vector<OpDef> with_twin(OpDef row) {
  OpDef twin = row;
  twin.domain = kEightfoldDomain;
  twin.since = 1;
  return {std::move(row), std::move(twin)};
}

std::vector<OpDef> qlinear_ops() {
  std::vector<OpDef> rows;
  for (auto* part :
       {qlinear_conv_rows, qlinear_matmul_rows, qlinear_gemm_rows, qlinear_elementwise_rows,
        qlinear_unary_rows, qlinear_concat_rows, qlinear_pool_rows, qlinear_softmax_rows,
        qlinear_where_rows, qlinear_reduce_rows, qlinear_float_rows, qlinear_conv_transpose_rows}) {
    for (OpDef& row : part()) rows.push_back(std::move(row));
  }
  rows.push_back(matmul_nbits_row());
  rows.push_back(gather_block_quantized_row());
  return rows;
}

}  // namespace eightfold
