// Element type and dims of tensor types; everything else is kept encoded.
#include "onnx/read_type.h"

#include "onnx/fields.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

Dim read_dim(std::string_view bytes) {
  Dim dim;
  for (Fields fields(bytes); fields.next();) {
    // Some exporters write -1 for a free dimension.
    if (fields.number() == proto::dim::kValue) dim.value = fields.int64();
    if (fields.number() == proto::dim::kParam) dim.name = fields.text();
  }
  if (dim.value < 0) dim.value = -1;
  if (dim.known()) dim.name.clear();
  return dim;
}

Dims read_dims(std::string_view bytes) {
  Dims dims;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::shape::kDim) dims.push_back(read_dim(fields.bytes()));
  }
  return dims;
}

ValueType read_tensor_type(std::string_view bytes) {
  ValueType type;
  for (Fields fields(bytes); fields.next();) {
    switch (fields.number()) {
      case proto::tensor_type::kElemType: {
        const auto dtype = static_cast<DType>(fields.int64());
        // An element type of the future is left unknown here; data of that type is refused.
        type.dtype = dtype_from_name(dtype_name(dtype));
        break;
      }
      case proto::tensor_type::kShape: type.dims = read_dims(fields.bytes()); break;
      default: break;
    }
  }
  return type;
}

}  // namespace

ValueType read_type(std::string_view bytes) {
  ValueType type;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::type::kTensor) return read_tensor_type(fields.bytes());
    if (fields.number() != proto::type::kDenotation) type.raw = std::string(bytes);
  }
  return type;
}

ValueInfo read_value_info(std::string_view bytes) {
  ValueInfo info;
  for (Fields fields(bytes); fields.next();) {
    switch (fields.number()) {
      case proto::value_info::kName: info.name = fields.text(); break;
      case proto::value_info::kType: info.type = read_type(fields.bytes()); break;
      case proto::value_info::kDocString: info.doc_string = fields.text(); break;
      default: break;
    }
  }
  return info;
}

}  // namespace eightfold
