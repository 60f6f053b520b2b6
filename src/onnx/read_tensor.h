// TensorProto -> Tensor, in every encoding of the schema.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/tensor.h"
#include "onnx/onnx.h"

namespace eightfold {

// Where tensor bytes come from: the file, and whoever reads external files.
struct TensorSource {
  std::string_view file;               // all bytes of the model
  std::shared_ptr<const void> owner;   // keeps `file` alive; null: nothing is borrowed
  const ExternalDataReader* external;  // may hold an empty function
};

struct NamedConstant {
  std::string name, doc_string;
  Tensor tensor;
};

// Checks dims against overflow and the given bytes before it allocates. Large raw data is
// borrowed when it is aligned and followed by kTailBytes of the file.
// Throws kInvalidModel, kUnsupportedModel, kLimitExceeded.
NamedConstant read_tensor(std::string_view bytes, const TensorSource& source);

}  // namespace eightfold
