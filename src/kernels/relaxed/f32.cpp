// Float kernels with fused multiply-add: the generic bodies again, compiled for relaxed SIMD.
#include "kernels/generic/depthwise_f32.h"
#include "kernels/generic/gemm_f32.h"
#include "kernels/kernels.h"

namespace eightfold {

const GemmFloat32 gemm_f32_relaxed{gemm_f32_run};
const DepthwiseFloat32 depthwise_f32_relaxed{depthwise_f32_run};

}  // namespace eightfold
