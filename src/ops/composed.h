// Operators of our own domain that are ONNX's by another opset: LayerNormalization in a file of
// opset 12, say. Their rows are copies of the plain ones; export writes them out in parts.
#pragma once

#include <cstdint>
#include <string_view>

namespace eightfold {

// The opset from which on plain ONNX has the operator; 1 for one that is not composed.
int64_t composed_since(std::string_view op_type);

}  // namespace eightfold
