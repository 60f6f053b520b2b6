// The relaxed rows of the int8 kernels: instantiations only.
#include "kernels/generic/dense_dot8.h"
#include "kernels/kernels.h"
#include "kernels/relaxed/dot.h"

namespace eightfold {

const DenseInt8 dense_fused_relaxed = generic::kDenseDot8<generic::Dot8::kFused, EngineDot>;
const DenseInt8 dense_quads_relaxed = generic::kDenseDot8<generic::Dot8::kQuads, EngineDot>;
const DenseInt8 dense_pairs_relaxed = generic::kDenseDot8<generic::Dot8::kPairs, EngineDot>;

}  // namespace eightfold
