// The parts of the QLinear family, one file each; qlinear.cpp joins them.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

std::vector<OpDef> qlinear_conv_rows();         // QLinearConv, QLinearConvAdd, ConvInteger
std::vector<OpDef> qlinear_matmul_rows();       // QLinearMatMul, MatMulInteger
std::vector<OpDef> qlinear_gemm_rows();         // QGemm
std::vector<OpDef> qlinear_elementwise_rows();  // QLinearAdd, QLinearMul
std::vector<OpDef> qlinear_unary_rows();        // QLinearLeakyRelu, QLinearSigmoid
std::vector<OpDef> qlinear_concat_rows();
std::vector<OpDef> qlinear_pool_rows();  // QLinearAveragePool, QLinearGlobalAveragePool
std::vector<OpDef> qlinear_softmax_rows();
std::vector<OpDef> qlinear_where_rows();
std::vector<OpDef> qlinear_reduce_rows();  // QLinearReduceMean
std::vector<OpDef> qlinear_conv_transpose_rows();
std::vector<OpDef> qlinear_float_rows();  // eightfold:QLinearPRelu, QLinearResize ...
OpDef matmul_nbits_row();
OpDef gather_block_quantized_row();

// Of the rows with one data input, followed by scales and zero points.
inline bool needs_parameters(size_t input) { return input != 0; }

// A row and its twin in the eightfold domain, which may carry clamp_min and clamp_max.
std::vector<OpDef> with_twin(OpDef row);

}  // namespace eightfold
