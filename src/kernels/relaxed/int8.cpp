// The relaxed rows of the int8 kernels: instantiations only.
#include "kernels/generic/depthwise_dot8.h"
#include "kernels/kernels.h"
#include "kernels/relaxed/dot.h"

namespace eightfold {

const DenseInt8 dense_fused_relaxed = generic::kDenseDot8<generic::Dot8::kFused, EngineDot>;
const DenseInt8 dense_quads_relaxed = generic::kDenseDot8<generic::Dot8::kQuads, EngineDot>;
const DenseInt8 dense_signs_relaxed = generic::kDenseDot8<generic::Dot8::kSigns, EngineDot>;
const DenseInt8 dense_pairs_relaxed = generic::kDenseDot8<generic::Dot8::kPairs, EngineDot>;

const DepthwiseInt8 depthwise_fused_relaxed =
    generic::kDepthwiseDot8<generic::Dot8::kFused, EngineDot>;
const DepthwiseInt8 depthwise_pairs_relaxed =
    generic::kDepthwiseDot8<generic::Dot8::kPairs, EngineDot>;

}  // namespace eightfold
