// The families of operators: each is one function in its own file that returns
// its rows. registry.cpp lists them; nothing else does.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

std::vector<OpDef> conv_ops();         // conv.cpp: Conv, ConvTranspose, their fused forms, ConvAdd
std::vector<OpDef> linear_ops();       // linear.cpp: Gemm, MatMul, fused eightfold:Gemm
std::vector<OpDef> pool_ops();         // pool.cpp
std::vector<OpDef> norm_ops();         // norm.cpp: BatchNormalization, ...
std::vector<OpDef> attention_ops();    // attention.cpp: Attention, GroupQueryAttention, Rotary...
std::vector<OpDef> elementwise_ops();  // elementwise.cpp: Add, Mul, Exp, ... broadcasting
std::vector<OpDef> activation_ops();   // activation.cpp: Relu, Clip, LeakyRelu, Sigmoid, Softmax
std::vector<OpDef> shape_ops();        // shape.cpp: Reshape, Transpose, Concat, Slice, Gather ...
std::vector<OpDef> reduce_ops();       // reduce.cpp: ReduceMean, ArgMax ...
std::vector<OpDef> control_ops();      // control.cpp: If, Loop, Scan; sequence.cpp
std::vector<OpDef> composed_ops();     // composed.cpp: operators of later opsets in our own domain
std::vector<OpDef> recurrent_ops();    // recurrent.cpp: LSTM, GRU, RNN
std::vector<OpDef> image_ops();        // image.cpp: GridSample, RoiAlign, DeformConv ...
std::vector<OpDef> quantize_ops();     // quantize.cpp: QuantizeLinear, DequantizeLinear
std::vector<OpDef>
qlinear_ops();  // qlinear.cpp: QLinearConv, QGemm, QLinearAdd ... and their eightfold forms

}  // namespace eightfold
