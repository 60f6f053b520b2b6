// The scalar rows of the int8 kernels: instantiations only.
#include "kernels/generic/average_scalar.h"
#include "kernels/generic/bend_scalar.h"
#include "kernels/generic/dense_scalar.h"
#include "kernels/generic/depthwise_scalar.h"
#include "kernels/generic/elementwise_scalar.h"
#include "kernels/generic/gru_scalar.h"
#include "kernels/generic/lstm_scalar.h"
#include "kernels/kernels.h"

namespace eightfold {

const DenseInt8 dense_i8_scalar{.fits = nullptr,
                                .packed_bytes = generic::dense_scalar_bytes,
                                .pack = generic::dense_scalar_pack,
                                .step = 1,
                                .element_bytes = 2,
                                .row_bytes = generic::int16_row_bytes,
                                .load = generic::load_int16_scalar,
                                .pad = generic::pad_int16,
                                .in_place = nullptr,
                                .run = generic::dense_scalar_run};
const DepthwiseInt8 depthwise_i8_scalar{
    nullptr, generic::depthwise_scalar_bytes, generic::depthwise_scalar_pack,
    generic::depthwise_scalar_scratch, generic::depthwise_scalar_run};
const AddInt8 add_i8_scalar{generic::binary_scalar<generic::BinaryOp::kAdd>};
const MulInt8 mul_i8_scalar{generic::binary_scalar<generic::BinaryOp::kMul>};
const BendInt8 bend_i8_scalar{generic::bend_scalar};
const ResidualInt8 residual_i8_scalar{generic::residual_scalar};
const MaxRowsInt8 max_rows_i8_scalar{generic::max_rows_scalar};
const SumRowsInt8 sum_rows_i8_scalar{generic::sum_rows_scalar};
const AverageRowsInt8 average_rows_i8_scalar{generic::average_scalar};
const QuantizeInt8 quantize_i8_scalar{generic::quantize_scalar};
const DequantizeInt8 dequantize_i8_scalar{generic::dequantize_scalar};
const LstmCellInt8 lstm_cell_i8_scalar{generic::lstm_cell_scalar};
const GruCellInt8 gru_cell_i8_scalar{generic::gru_reset_scalar, generic::gru_cell_scalar};
const RnnCellInt8 rnn_cell_i8_scalar{generic::rnn_cell_scalar};

}  // namespace eightfold
