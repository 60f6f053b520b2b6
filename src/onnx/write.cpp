// TensorProto, TypeProto and ValueInfoProto as bytes.
#include "onnx/write.h"

#include <string>

#include "onnx/proto.h"

namespace eightfold {
namespace {

void write_dim(Writer& shape, const Dim& dim) {
  if (!dim.known() && dim.name.empty()) {
    shape.add_message(proto::shape::kDim, "", 0);
    return;
  }
  Writer message(shape, proto::shape::kDim);
  if (dim.known()) {
    message.add_int64(proto::dim::kValue, dim.value);
  } else {
    message.add_string(proto::dim::kParam, dim.name);
  }
}

void write_shape(Writer& tensor_type, const Dims& dims) {
  if (dims.empty()) {
    tensor_type.add_message(proto::tensor_type::kShape, "", 0);
    return;
  }
  Writer shape(tensor_type, proto::tensor_type::kShape);
  for (const Dim& dim : dims) write_dim(shape, dim);
}

void write_type(Writer& info, const ValueType& type) {
  if (!type.raw.empty()) {
    info.add_message(proto::value_info::kType, type.raw);
    return;
  }
  if (type.dtype == DType::kUndefined && !type.dims) return;
  Writer message(info, proto::value_info::kType);
  Writer tensor(message, proto::type::kTensor);
  tensor.add_int32(proto::tensor_type::kElemType, static_cast<int32_t>(type.dtype));
  if (type.dims) write_shape(tensor, *type.dims);
}

// Offsets are multiples of a page, so that whoever reads the file may map it.
constexpr int64_t kPageBytes = 4096;

void write_entry(Writer& tensor, const char* key, const std::string& value) {
  Writer entry(tensor, proto::tensor::kExternalData);
  entry.add_string(proto::entry::kKey, key);
  entry.add_string(proto::entry::kValue, value);
}

void write_external(Writer& message, const Tensor& tensor, ExternalOutput& file) {
  const auto length = static_cast<int64_t>(tensor.size_bytes());
  const int64_t offset = (file.size + kPageBytes - 1) / kPageBytes * kPageBytes;
  if (file.write)
    file.write(offset, {static_cast<const uint8_t*>(tensor.raw()), tensor.size_bytes()});
  file.size = offset + length;
  write_entry(message, "location", file.location);
  write_entry(message, "offset", std::to_string(offset));
  write_entry(message, "length", std::to_string(length));
  message.add_int64(proto::tensor::kDataLocation, proto::tensor::kLocationExternal);
}

}  // namespace

void write_text(Writer& message, uint32_t field, std::string_view text) {
  if (!text.empty()) message.add_string(field, text.data(), text.size());
}

void write_tensor(Writer& parent, uint32_t field, std::string_view name,
                  std::string_view doc_string, const Tensor& tensor, ExternalOutput* external) {
  Writer message(parent, field);
  for (int64_t dim : tensor.shape()) message.add_int64(proto::tensor::kDims, dim);
  message.add_int32(proto::tensor::kDataType, static_cast<int32_t>(tensor.dtype()));
  if (tensor.dtype() == DType::kString) {
    for (const std::string& text : tensor.string_data()) {
      message.add_bytes(proto::tensor::kStringData, text);
    }
  }
  write_text(message, proto::tensor::kName, name);
  const bool is_text = tensor.dtype() == DType::kString;
  if (!is_text && external && static_cast<int64_t>(tensor.size_bytes()) >= external->min_bytes) {
    write_external(message, tensor, *external);
  } else if (!is_text) {
    message.add_bytes(proto::tensor::kRawData, static_cast<const char*>(tensor.raw()),
                      tensor.size_bytes());
  }
  write_text(message, proto::tensor::kDocString, doc_string);
}

void write_value_info(Writer& parent, uint32_t field, std::string_view name, const Value& value) {
  Writer message(parent, field);
  message.add_string(proto::value_info::kName, name.data(), name.size());
  write_type(message, value.type);
  write_text(message, proto::value_info::kDocString, value.doc_string);
}

}  // namespace eightfold
