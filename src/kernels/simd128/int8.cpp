// The simd128 rows of the int8 kernels: instantiations only.
#include "kernels/generic/average_simd.h"
#include "kernels/generic/bend_simd.h"
#include "kernels/generic/dense_dot16.h"
#include "kernels/generic/depthwise_dot.h"
#include "kernels/generic/elementwise_simd.h"
#include "kernels/generic/gru_simd.h"
#include "kernels/generic/lstm_simd.h"
#include "kernels/kernels.h"

namespace eightfold {

const DenseInt8 dense_i8_simd128{.fits = nullptr,
                                 .packed_bytes = generic::dot16_packed_bytes,
                                 .pack = generic::dot16_pack,
                                 .step = 2,
                                 .element_bytes = 2,
                                 .row_bytes = generic::int16_row_bytes,
                                 .load = generic::load_int16_simd,
                                 .pad = generic::pad_int16,
                                 .in_place = nullptr,
                                 .run = generic::dot16_run,
                                 .block_columns = 16};
const DepthwiseInt8 depthwise_i8_simd128 = generic::depthwise_kernel<generic::Dot16>(nullptr);
const AddInt8 add_i8_simd128{generic::binary_simd<generic::BinaryOp::kAdd>};
const MulInt8 mul_i8_simd128{generic::binary_simd<generic::BinaryOp::kMul>};
const BendInt8 bend_i8_simd128{generic::bend_simd};
const ResidualInt8 residual_i8_simd128{generic::residual_simd};
const MaxRowsInt8 max_rows_i8_simd128{generic::max_rows_simd};
const SumRowsInt8 sum_rows_i8_simd128{generic::sum_rows_simd};
const AverageRowsInt8 average_rows_i8_simd128{generic::average_simd};
const QuantizeInt8 quantize_i8_simd128{generic::quantize_simd};
const DequantizeInt8 dequantize_i8_simd128{generic::dequantize_simd};
const LstmCellInt8 lstm_cell_i8_simd128{generic::lstm_cell_simd};
const GruCellInt8 gru_cell_i8_simd128{generic::gru_reset_simd, generic::gru_cell_simd};
const RnnCellInt8 rnn_cell_i8_simd128{generic::rnn_cell_simd};

}  // namespace eightfold
