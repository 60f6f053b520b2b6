// DType, Shape, Tensor and TensorView: what flows through a graph.
//
// A Tensor is an immutable, reference-counted buffer with a dtype and a shape,
// copied on write, so that graphs of one model share their weights and the
// importer may borrow the bytes of the file. A TensorView is the non-owning
// form that operators and kernels see; only views know about memory layout.
// Every buffer may be read kTailBytes past its end (vector loads).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eightfold {

// The numbers are those of ONNX TensorProto.DataType.
enum class DType : int32_t {
  kUndefined = 0,
  kFloat32 = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8e4m3fn = 17,
  kFloat8e4m3fnuz = 18,
  kFloat8e5m2 = 19,
  kFloat8e5m2fnuz = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4e2m1 = 23,
  kFloat8e8m0 = 24,
  kUint2 = 25,
  kInt2 = 26,
  // Ours: values of a run that are no tensors. No file and no caller names them as element types.
  kSequence = 1001,  // a list of tensors, or of sequences
  kOptional = 1002,  // an optional that holds nothing; one that holds a value is that value
};

// "float32", "uint8", ... as onnxruntime-web names them; "undefined" for others.
std::string_view dtype_name(DType dtype);
// Accepts the names above and PyTorch's quint8, qint8, qint32; kUndefined when unknown.
DType dtype_from_name(std::string_view name);
// Bits of one element: 32 for float32, 4 for int4; 0 for string and undefined.
int dtype_bits(DType dtype);
bool is_float(DType dtype);           // float16, bfloat16, float32, float64
bool is_quantized_int8(DType dtype);  // uint8 or int8
bool is_tensor(DType dtype);          // neither a sequence nor an empty optional

using Shape = std::vector<int64_t>;

// Number of elements; throws kInvalidShape on a negative dim or on overflow past 2^48.
int64_t element_count(std::span<const int64_t> shape);
// Bytes of a packed buffer (sub-byte types rounded up).
size_t byte_count(DType dtype, int64_t elements);
std::string shape_text(std::span<const int64_t> shape);  // "[1, 3, 224, 224]"

inline constexpr size_t kTailBytes = 32;
inline constexpr size_t kAlignment = 64;

// Owns or borrows bytes; alignment is kAlignment when owned.
class Buffer {
 public:
  static std::shared_ptr<Buffer> allocate(size_t bytes);  // zeroed, throws kOutOfMemory
  // Without memory until obtain(), for bytes that come later. With `room` for a little more, so
  // that once it is freed something slightly larger fits where it was.
  static std::shared_ptr<Buffer> reserve(size_t bytes, size_t room = 0);
  // Borrowed memory stays alive through `owner`; it need not be aligned or padded.
  static std::shared_ptr<Buffer> borrow(std::shared_ptr<const void> owner, const uint8_t* data,
                                        size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void obtain();  // the memory of a reserved buffer, not zeroed; throws kOutOfMemory

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return bytes_; }
  size_t block_bytes() const { return bytes_ + room_ + kAlignment + kTailBytes + 16; }  // in all
  bool owned() const { return owned_; }

 private:
  Buffer() = default;
  void* block_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0, room_ = 0;
  bool owned_ = false;
  std::shared_ptr<const void> owner_;
};

template <typename T>
struct DTypeOf;
#define EIGHTFOLD_DTYPE_OF(type, value)           \
  template <>                                     \
  struct DTypeOf<type> {                          \
    static constexpr DType kValue = DType::value; \
  };
EIGHTFOLD_DTYPE_OF(float, kFloat32)
EIGHTFOLD_DTYPE_OF(double, kFloat64)
EIGHTFOLD_DTYPE_OF(uint8_t, kUint8)
EIGHTFOLD_DTYPE_OF(int8_t, kInt8)
EIGHTFOLD_DTYPE_OF(uint16_t, kUint16)
EIGHTFOLD_DTYPE_OF(int16_t, kInt16)
EIGHTFOLD_DTYPE_OF(int32_t, kInt32)
EIGHTFOLD_DTYPE_OF(uint32_t, kUint32)
EIGHTFOLD_DTYPE_OF(int64_t, kInt64)
EIGHTFOLD_DTYPE_OF(uint64_t, kUint64)
EIGHTFOLD_DTYPE_OF(bool, kBool)
#undef EIGHTFOLD_DTYPE_OF

class Tensor {
 public:
  Tensor() = default;                                // undefined dtype, no data
  static Tensor allocate(DType dtype, Shape shape);  // zeroed
  static Tensor wrap(DType dtype, Shape shape, std::shared_ptr<Buffer> buffer);
  static Tensor strings(Shape shape, std::vector<std::string> values);
  static Tensor sequence(std::vector<Tensor> items);
  static Tensor none();                               // an optional that holds nothing
  static Tensor described(DType dtype, Shape shape);  // has no data, and is not to be read
  template <typename T>
  static Tensor of(Shape shape, std::span<const T> values);
  template <typename T>
  static Tensor of(Shape shape, const std::vector<T>& values) {
    return of<T>(std::move(shape), std::span<const T>(values));
  }
  template <typename T>
  static Tensor scalar(T value) {
    return of<T>({}, std::span<const T>(&value, 1));
  }

  bool defined() const { return dtype_ != DType::kUndefined; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  int64_t size() const { return size_; }  // elements
  size_t size_bytes() const { return byte_count(dtype_, size_); }

  bool has_data() const { return buffer_ || strings_; }
  const void* raw() const { return buffer_ ? buffer_->data() : nullptr; }
  // Makes the buffer unique (copying when shared or borrowed), then hands it out.
  void* mutable_raw();
  template <typename T>
  std::span<const T> data() const {  // throws kInvalidType when T is not the dtype
    check_type(DTypeOf<T>::kValue);
    return {static_cast<const T*>(raw()), static_cast<size_t>(size_)};
  }
  template <typename T>
  std::span<T> mutable_data() {
    check_type(DTypeOf<T>::kValue);
    return {static_cast<T*>(mutable_raw()), static_cast<size_t>(size_)};
  }
  const std::vector<std::string>& string_data() const;
  const std::vector<Tensor>& items() const;  // of a sequence
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

  Tensor reshaped(Shape shape) const;  // same buffer; throws kInvalidShape if counts differ

 private:
  void check_type(DType wanted) const;

  DType dtype_ = DType::kUndefined;
  Shape shape_;
  int64_t size_ = 0;
  std::shared_ptr<Buffer> buffer_;
  std::shared_ptr<std::vector<std::string>> strings_;
  std::shared_ptr<const std::vector<Tensor>> items_;
};

template <typename T>
Tensor Tensor::of(Shape shape, std::span<const T> values) {
  Tensor tensor = allocate(DTypeOf<T>::kValue, std::move(shape));
  std::span<T> out = tensor.mutable_data<T>();
  for (size_t i = 0; i < out.size() && i < values.size(); ++i) out[i] = values[i];
  return tensor;
}

// Physical order of a value of rank >= 3 whose logical shape is [N, C, spatial...].
enum class Layout : uint8_t {
  kPlain,         // as the logical shape says, row-major
  kChannelsLast,  // [N, spatial..., C]; the logical shape stays [N, C, spatial...]
};

// Non-owning; `shape` is the logical shape in either layout.
struct TensorView {
  DType dtype = DType::kUndefined;
  Layout layout = Layout::kPlain;
  Shape shape;
  void* data = nullptr;

  bool present() const { return dtype != DType::kUndefined; }
  int64_t size() const { return element_count(shape); }
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace eightfold
