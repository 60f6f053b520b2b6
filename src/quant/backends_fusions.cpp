// Fusions of targets that run graphs of ONNX; see backends_rows.h. Each sum and product comes in
// both orders of its operands.
#include "quant/backends_rows.h"

namespace eightfold {
namespace {

constexpr const char *kConv = "eightfold:Conv", *kTransposed = "eightfold:ConvTranspose";
constexpr const char *kGemm = "eightfold:Gemm", *kAdd = "eightfold:Add", *kMul = "eightfold:Mul";

// ConvTranspose's rows are for fusing alone: ONNX Runtime has no integer kernel for it.
constexpr Row kRows[] = {
    folded_row("Conv>BatchNormalization>Relu", "conv_bn_relu", kConv),
    folded_row("Conv>BatchNormalization", "conv_bn"),
    folded_row("(Add,Conv,*)", "conv_add_const", "", "first"),
    folded_row("(Add,*,Conv)", "conv_add_const"),
    folded_row("(Mul,Conv,*)", "conv_mul_const", "", "first"),
    folded_row("(Mul,*,Conv)", "conv_mul_const"),
    fused_row(kLayers, "Conv>Relu", "conv_relu", kConv),
    fused_row(kLayers, "Conv>Clip", "conv_clip", kConv),

    folded_row("ConvTranspose>BatchNormalization>Relu", "convtranspose_bn_relu", kTransposed),
    folded_row("ConvTranspose>BatchNormalization", "convtranspose_bn"),
    folded_row("(Add,ConvTranspose,*)", "convtranspose_add_const", "", "first"),
    folded_row("(Add,*,ConvTranspose)", "convtranspose_add_const"),
    folded_row("(Mul,ConvTranspose,*)", "convtranspose_mul_const", "", "first"),
    folded_row("(Mul,*,ConvTranspose)", "convtranspose_mul_const"),
    folded_row("ConvTranspose>Relu", "convtranspose_relu", kTransposed),
    folded_row("ConvTranspose>Clip", "convtranspose_clip", kTransposed),

    folded_row("Gemm>BatchNormalization>Relu", "linear_bn_relu", kGemm),
    folded_row("Gemm>BatchNormalization", "linear_bn"),
    folded_row("(Add,Gemm,*)", "linear_add_const", "", "first"),
    folded_row("(Add,*,Gemm)", "linear_add_const"),
    folded_row("(Mul,Gemm,*)", "linear_mul_const", "", "first"),
    folded_row("(Mul,*,Gemm)", "linear_mul_const"),
    fused_row(kLayers, "Gemm>Relu", "linear_relu", kGemm),
    fused_row(kLayers, "Gemm>Clip", "linear_clip", kGemm),

    fused_row(kOthers, "Add>Relu", "add_relu", kAdd),
    fused_row(kOthers, "Add>Clip", "add_clip", kAdd),
    fused_row(kOthers, "Mul>Relu", "mul_relu", kMul),
    fused_row(kOthers, "Mul>Clip", "mul_clip", kMul),
    ops_row(kLayers, "MatMul>Relu MatMul>Clip"),
    folded_row("(Add,MatMul,*)", "matmul_add", "", "first"),
    folded_row("(Add,*,MatMul)", "matmul_add"),
    folded_row("MatMul>BatchNormalization", "matmul_bn"),
    folded_row("BatchNormalization>Conv", "bn_conv", "", "anchor"),
    folded_row("Pad>Conv Pad>eightfold:Conv", "pad_into_conv", "", "anchor"),
    folded_row("Pad>MaxPool Pad>AveragePool", "pad_into_pool", "", "anchor"),
};

}  // namespace

std::span<const Row> onnx_fusion_rows() { return kRows; }

}  // namespace eightfold
