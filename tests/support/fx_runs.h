// The models of tests/golden/fx through fuse, prepare and calibrate, as make_fx_goldens.py does it.
#pragma once

#include <string>

#include "quant/route.h"
#include "support/fx_golden.h"

namespace eightfold::test {

// A preset, or "custom_residual": one complex pattern with both getters, Conv, and Conv with Relu.
BackendConfig fx_backend(const std::string& name);
// "default", or "minmax": MinMax over 0..255 and weights per channel, the rest as by default.
QConfigMapping fx_mapping(const std::string& mapping, const std::string& backend);
PreparedModel fx_prepared(const std::string& model, const std::string& mapping,
                          const std::string& backend);  // calibrated

// Rounds weights as PyTorch does, by a product with 1 / scale; ONNX divides, and weights that lie
// in the middle of two integers then go the other way.
void round_as_pytorch(PreparedModel& model);

// The row of `graphs` for a model and one of its backends.
const Json& fx_graph_row(const std::string& model, const std::string& backend);

}  // namespace eightfold::test
