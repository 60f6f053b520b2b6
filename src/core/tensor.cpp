// Buffers with a readable tail, dtype names, checked element counts.
#include "core/tensor.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace eightfold {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  int bits;
};

constexpr DTypeRow kDTypes[] = {
    {DType::kFloat32, "float32", 32},
    {DType::kUint8, "uint8", 8},
    {DType::kInt8, "int8", 8},
    {DType::kUint16, "uint16", 16},
    {DType::kInt16, "int16", 16},
    {DType::kInt32, "int32", 32},
    {DType::kInt64, "int64", 64},
    {DType::kString, "string", 0},
    {DType::kBool, "bool", 8},
    {DType::kFloat16, "float16", 16},
    {DType::kFloat64, "float64", 64},
    {DType::kUint32, "uint32", 32},
    {DType::kUint64, "uint64", 64},
    {DType::kComplex64, "complex64", 64},
    {DType::kComplex128, "complex128", 128},
    {DType::kBfloat16, "bfloat16", 16},
    {DType::kFloat8e4m3fn, "float8e4m3fn", 8},
    {DType::kFloat8e4m3fnuz, "float8e4m3fnuz", 8},
    {DType::kFloat8e5m2, "float8e5m2", 8},
    {DType::kFloat8e5m2fnuz, "float8e5m2fnuz", 8},
    {DType::kUint4, "uint4", 4},
    {DType::kInt4, "int4", 4},
    {DType::kFloat4e2m1, "float4e2m1", 4},
    {DType::kFloat8e8m0, "float8e8m0", 8},
    {DType::kUint2, "uint2", 2},
    {DType::kInt2, "int2", 2},
};

constexpr std::pair<std::string_view, DType> kAliases[] = {
    {"quint8", DType::kUint8},   {"qint8", DType::kInt8},   {"qint32", DType::kInt32},
    {"float", DType::kFloat32},  {"fp16", DType::kFloat16}, {"double", DType::kFloat64},
    {"quint4x2", DType::kUint4},
};

const DTypeRow* find_row(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return &row;
  }
  return nullptr;
}

constexpr int64_t kMaxElements = int64_t{1} << 48;

}  // namespace

std::string_view dtype_name(DType dtype) {
  if (dtype == DType::kSequence) return "sequence";
  if (dtype == DType::kOptional) return "optional";
  const DTypeRow* row = find_row(dtype);
  return row ? row->name : "undefined";
}

DType dtype_from_name(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  for (const auto& [alias, dtype] : kAliases) {
    if (alias == name) return dtype;
  }
  return DType::kUndefined;
}

int dtype_bits(DType dtype) {
  const DTypeRow* row = find_row(dtype);
  return row ? row->bits : 0;
}

bool is_float(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBfloat16 ||
         dtype == DType::kFloat64;
}

bool is_quantized_int8(DType dtype) { return dtype == DType::kUint8 || dtype == DType::kInt8; }

bool is_tensor(DType dtype) { return dtype != DType::kSequence && dtype != DType::kOptional; }

int64_t element_count(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (int64_t dim : shape) {
    if (dim < 0) {
      throw Error(ErrorCode::kInvalidShape, "negative dimension in " + shape_text(shape));
    }
    if (dim != 0 && count > kMaxElements / dim) {
      throw Error(ErrorCode::kLimitExceeded, "shape " + shape_text(shape) + " is too large");
    }
    count *= dim;
  }
  return count;
}

size_t byte_count(DType dtype, int64_t elements) {
  const auto bits = static_cast<uint64_t>(dtype_bits(dtype));
  const uint64_t bytes = (static_cast<uint64_t>(elements) * bits + 7) / 8;
  if (bytes > SIZE_MAX / 2) {
    throw Error(ErrorCode::kOutOfMemory, "a tensor of " + std::to_string(bytes) + " bytes");
  }
  return static_cast<size_t>(bytes);
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

std::shared_ptr<Buffer> Buffer::reserve(size_t bytes, size_t room) {
  std::shared_ptr<Buffer> buffer(new Buffer);
  buffer->bytes_ = bytes;
  buffer->room_ = room;
  buffer->owned_ = true;
  return buffer;
}

// Aligned by hand: aligned_alloc() asks for more than it keeps, so what it gave back would not do
// for the next one of the same size.
void Buffer::obtain() {
  const size_t around = kTailBytes + kAlignment + room_;
  block_ = bytes_ > SIZE_MAX / 2 ? nullptr : std::malloc(bytes_ + around);
  if (!block_) {
    throw Error(ErrorCode::kOutOfMemory, "cannot allocate " + std::to_string(bytes_) + " bytes",
                "use a smaller batch, fewer samples at once, or a smaller model");
  }
  const auto address = reinterpret_cast<uintptr_t>(block_);
  const size_t skip = (kAlignment - address % kAlignment) % kAlignment;
  data_ = static_cast<uint8_t*>(block_) + skip;
  std::memset(data_ + bytes_, 0, around - skip);
}

std::shared_ptr<Buffer> Buffer::allocate(size_t bytes) {
  std::shared_ptr<Buffer> buffer = reserve(bytes);
  buffer->obtain();
  std::memset(buffer->data_, 0, bytes);
  return buffer;
}

std::shared_ptr<Buffer> Buffer::borrow(std::shared_ptr<const void> owner, const uint8_t* data,
                                       size_t bytes) {
  std::shared_ptr<Buffer> buffer(new Buffer);
  buffer->data_ = const_cast<uint8_t*>(data);
  buffer->bytes_ = bytes;
  buffer->owner_ = std::move(owner);
  return buffer;
}

Buffer::~Buffer() { std::free(block_); }

Tensor Tensor::allocate(DType dtype, Shape shape) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.size_ = element_count(shape);
  tensor.shape_ = std::move(shape);
  if (dtype == DType::kString) {
    tensor.strings_ = std::make_shared<std::vector<std::string>>(tensor.size_);
  } else {
    tensor.buffer_ = Buffer::allocate(tensor.size_bytes());
  }
  return tensor;
}

Tensor Tensor::wrap(DType dtype, Shape shape, std::shared_ptr<Buffer> buffer) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.size_ = element_count(shape);
  tensor.shape_ = std::move(shape);
  if (!buffer || buffer->size() < tensor.size_bytes()) {
    throw Error(ErrorCode::kInvalidData,
                "a tensor of shape " + shape_text(tensor.shape_) + " needs " +
                    std::to_string(tensor.size_bytes()) + " bytes, " +
                    std::to_string(buffer ? buffer->size() : 0) + " are given");
  }
  tensor.buffer_ = std::move(buffer);
  return tensor;
}

Tensor Tensor::strings(Shape shape, std::vector<std::string> values) {
  Tensor tensor;
  tensor.dtype_ = DType::kString;
  tensor.size_ = element_count(shape);
  tensor.shape_ = std::move(shape);
  if (static_cast<int64_t>(values.size()) != tensor.size_) {
    throw Error(ErrorCode::kInvalidData, "string tensor of shape " + shape_text(tensor.shape_) +
                                             " with " + std::to_string(values.size()) + " values");
  }
  tensor.strings_ = std::make_shared<std::vector<std::string>>(std::move(values));
  return tensor;
}

Tensor Tensor::sequence(std::vector<Tensor> items) {
  Tensor tensor;
  tensor.dtype_ = DType::kSequence;
  tensor.size_ = 1;
  tensor.items_ = std::make_shared<const std::vector<Tensor>>(std::move(items));
  return tensor;
}

Tensor Tensor::none() {
  Tensor tensor;
  tensor.dtype_ = DType::kOptional;
  tensor.size_ = 1;
  return tensor;
}

Tensor Tensor::described(DType dtype, Shape shape) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.size_ = element_count(shape);
  tensor.shape_ = std::move(shape);
  return tensor;
}

void* Tensor::mutable_raw() {
  if (!buffer_) return nullptr;
  if (buffer_.use_count() > 1 || !buffer_->owned()) {
    std::shared_ptr<Buffer> copy = Buffer::allocate(size_bytes());
    if (size_bytes() > 0) std::memcpy(copy->data(), buffer_->data(), size_bytes());
    buffer_ = std::move(copy);
  }
  return buffer_->data();
}

const std::vector<std::string>& Tensor::string_data() const {
  check_type(DType::kString);
  return *strings_;
}

const std::vector<Tensor>& Tensor::items() const {
  check_type(DType::kSequence);
  return *items_;
}

Tensor Tensor::reshaped(Shape shape) const {
  if (element_count(shape) != size_) {
    throw Error(ErrorCode::kInvalidShape,
                "cannot reshape " + shape_text(shape_) + " to " + shape_text(shape));
  }
  Tensor view = *this;
  view.shape_ = std::move(shape);
  return view;
}

void Tensor::check_type(DType wanted) const {
  if (dtype_ != wanted) {
    throw Error(ErrorCode::kInvalidType, "tensor is " + std::string(dtype_name(dtype_)) +
                                             ", expected " + std::string(dtype_name(wanted)));
  }
}

}  // namespace eightfold
