// Float kernels for 128-bit vectors: instantiations of the generic bodies.
#include "kernels/generic/depthwise_f32.h"
#include "kernels/generic/gemm_f32.h"
#include "kernels/generic/rows_f32.h"
#include "kernels/generic/sigmoid_f32.h"
#include "kernels/kernels.h"

namespace eightfold {

const GemmFloat32 gemm_f32_simd128{gemm_f32_run};
const DepthwiseFloat32 depthwise_f32_simd128{depthwise_f32_run};
const MaxRowsFloat32 max_rows_f32_simd128{max_rows_f32_run};
const SumRowsFloat32 sum_rows_f32_simd128{sum_rows_f32_run};
const ExpFloat32 exp_f32_simd128{largest_f32_run, exp_f32_run};
const SigmoidFloat32 sigmoid_f32_simd128{map_f32<sigmoid_of>};
const TanhFloat32 tanh_f32_simd128{map_f32<tanh_of>};
const ErfFloat32 erf_f32_simd128{map_f32<erf_of>};

}  // namespace eightfold
