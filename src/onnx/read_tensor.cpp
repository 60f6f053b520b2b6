// Decoding of TensorProto: raw_data, the typed lists, strings and external data.
//
// Which list holds which element type is the table kLists; everything narrower
// than its list is narrowed element by element.
#include "onnx/read_tensor.h"

#include <charconv>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "onnx/fields.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

constexpr size_t kBorrowBytes = 1024;  // smaller tensors are copied
constexpr size_t kRoomBytes = 4096;    // and a share of larger external data: a packed form fits
constexpr size_t kMaxRank = 64;

struct External {
  std::string location;
  int64_t offset = 0, length = -1;
};

struct TensorFields {
  std::string name, doc_string;
  int64_t data_type = 0;
  Shape dims;
  std::optional<std::string_view> raw;
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int32_t> int32s;
  std::vector<int64_t> int64s;
  std::vector<uint64_t> uint64s;
  std::vector<std::string> strings;
  External external;
  bool is_external = false;
};

int64_t parse_number(std::string_view key, const std::string& text) {
  int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size() || number < 0) {
    throw_damaged("external data has the " + std::string(key) + " '" + text + "'");
  }
  return number;
}

void read_external_entry(std::string_view bytes, External* external) {
  std::string key, value;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == proto::entry::kKey) key = fields.text();
    if (fields.number() == proto::entry::kValue) value = fields.text();
  }
  if (key == "location") external->location = value;
  if (key == "offset") external->offset = parse_number(key, value);
  if (key == "length") external->length = parse_number(key, value);
}

TensorFields read_fields(std::string_view bytes) {
  TensorFields t;
  for (Fields fields(bytes); fields.next();) {
    switch (fields.number()) {
      case proto::tensor::kDims: fields.append(&t.dims); break;
      case proto::tensor::kDataType: t.data_type = fields.int64(); break;
      case proto::tensor::kSegment:
        throw Error(ErrorCode::kUnsupportedModel, "a tensor is stored in segments");
      case proto::tensor::kFloatData: fields.append(&t.floats); break;
      case proto::tensor::kInt32Data: fields.append(&t.int32s); break;
      case proto::tensor::kStringData: t.strings.push_back(fields.text()); break;
      case proto::tensor::kInt64Data: fields.append(&t.int64s); break;
      case proto::tensor::kName: t.name = fields.text(); break;
      case proto::tensor::kRawData: t.raw = fields.bytes(); break;
      case proto::tensor::kDoubleData: fields.append(&t.doubles); break;
      case proto::tensor::kUint64Data: fields.append(&t.uint64s); break;
      case proto::tensor::kDocString: t.doc_string = fields.text(); break;
      case proto::tensor::kExternalData: read_external_entry(fields.bytes(), &t.external); break;
      case proto::tensor::kDataLocation:
        t.is_external = fields.int64() == proto::tensor::kLocationExternal;
        break;
      default: break;
    }
  }
  return t;
}

[[noreturn]] void throw_count(const TensorFields& t, std::string_view unit, uint64_t wanted,
                              uint64_t given) {
  throw_damaged("a tensor of shape " + shape_text(t.dims) + " needs " + std::to_string(wanted) +
                " " + std::string(unit) + ", " + std::to_string(given) + " are given");
}

// Copies `given` numbers into a new tensor that holds `wanted` of them as Stored.
template <typename Stored, typename Listed>
Tensor narrow(const TensorFields& t, DType dtype, uint64_t wanted,
              const std::vector<Listed>& given) {
  if (given.size() != wanted) throw_count(t, "numbers", wanted, given.size());
  Tensor tensor = Tensor::allocate(dtype, t.dims);
  auto* out = static_cast<Stored*>(tensor.mutable_raw());
  for (size_t i = 0; i < given.size(); ++i) out[i] = static_cast<Stored>(given[i]);
  return tensor;
}

using Decode = Tensor (*)(const TensorFields&, DType, uint64_t elements);

template <typename Stored, auto List, size_t kNumbersPerElement = 1>
Tensor from_list(const TensorFields& t, DType dtype, uint64_t elements) {
  return narrow<Stored>(t, dtype, elements * kNumbersPerElement, t.*List);
}

// Sub-byte elements: each number of int32_data is one byte of the packed form.
Tensor from_packed(const TensorFields& t, DType dtype, uint64_t elements) {
  return narrow<uint8_t>(t, dtype, byte_count(dtype, static_cast<int64_t>(elements)), t.int32s);
}

struct ListRow {
  DType dtype;
  Decode decode;
};
constexpr auto kInt32s = &TensorFields::int32s;
constexpr ListRow kLists[] = {
    {DType::kFloat32, from_list<float, &TensorFields::floats>},
    {DType::kComplex64, from_list<float, &TensorFields::floats, 2>},
    {DType::kFloat64, from_list<double, &TensorFields::doubles>},
    {DType::kComplex128, from_list<double, &TensorFields::doubles, 2>},
    {DType::kInt64, from_list<int64_t, &TensorFields::int64s>},
    {DType::kUint32, from_list<uint32_t, &TensorFields::uint64s>},
    {DType::kUint64, from_list<uint64_t, &TensorFields::uint64s>},
    {DType::kInt32, from_list<int32_t, kInt32s>},
    {DType::kInt16, from_list<int16_t, kInt32s>},
    {DType::kUint16, from_list<uint16_t, kInt32s>},
    {DType::kFloat16, from_list<uint16_t, kInt32s>},
    {DType::kBfloat16, from_list<uint16_t, kInt32s>},
    {DType::kInt8, from_list<int8_t, kInt32s>},
    {DType::kUint8, from_list<uint8_t, kInt32s>},
    {DType::kBool, from_list<uint8_t, kInt32s>},
    {DType::kFloat8e4m3fn, from_list<uint8_t, kInt32s>},
    {DType::kFloat8e4m3fnuz, from_list<uint8_t, kInt32s>},
    {DType::kFloat8e5m2, from_list<uint8_t, kInt32s>},
    {DType::kFloat8e5m2fnuz, from_list<uint8_t, kInt32s>},
    {DType::kFloat8e8m0, from_list<uint8_t, kInt32s>},
    {DType::kUint4, from_packed},
    {DType::kInt4, from_packed},
    {DType::kFloat4e2m1, from_packed},
    {DType::kUint2, from_packed},
    {DType::kInt2, from_packed},
};

uint64_t checked_elements(const TensorFields& t) {
  if (t.dims.size() > kMaxRank) {
    throw Error(ErrorCode::kLimitExceeded,
                "a tensor has " + std::to_string(t.dims.size()) + " dimensions");
  }
  for (int64_t dim : t.dims) {
    if (dim < 0) throw_damaged("a tensor has the shape " + shape_text(t.dims));
  }
  return static_cast<uint64_t>(element_count(t.dims));
}

bool can_borrow(std::string_view raw, DType dtype, const TensorSource& source) {
  if (!source.owner || raw.size() < kBorrowBytes) return false;
  const auto align = static_cast<uintptr_t>(dtype_bits(dtype) + 7) / 8;
  const char* const file_end = source.file.data() + source.file.size();
  return reinterpret_cast<uintptr_t>(raw.data()) % align == 0 &&
         static_cast<size_t>(file_end - raw.data()) >= raw.size() + kTailBytes;
}

Tensor from_raw(const TensorFields& t, DType dtype, uint64_t elements, const TensorSource& source) {
  const std::string_view raw = *t.raw;
  const size_t wanted = byte_count(dtype, static_cast<int64_t>(elements));
  if (raw.size() != wanted) throw_count(t, "bytes", wanted, raw.size());
  if (can_borrow(raw, dtype, source)) {
    const auto* data = reinterpret_cast<const uint8_t*>(raw.data());
    return Tensor::wrap(dtype, t.dims, Buffer::borrow(source.owner, data, raw.size()));
  }
  Tensor tensor = Tensor::allocate(dtype, t.dims);
  if (wanted > 0) std::memcpy(tensor.mutable_raw(), raw.data(), wanted);
  return tensor;
}

void check_location(const std::string& location) {
  const bool escapes = location.empty() || location[0] == '/' || location[0] == '\\' ||
                       location.find("..") != std::string::npos ||
                       location.find(':') != std::string::npos;
  if (escapes) {
    throw Error(ErrorCode::kInvalidModel,
                "external data at '" + location + "' is not beside the model",
                "external data must lie in the folder of the model, or below it");
  }
}

Tensor from_external(const TensorFields& t, DType dtype, uint64_t elements,
                     const TensorSource& source) {
  check_location(t.external.location);
  if (!source.external || !*source.external) {
    throw Error(ErrorCode::kUnsupportedModel,
                "the data is in the external file '" + t.external.location + "'",
                "give the external data files along with the model");
  }
  const size_t wanted = byte_count(dtype, static_cast<int64_t>(elements));
  const int64_t length = t.external.length;
  if (length >= 0 && static_cast<uint64_t>(length) != wanted) {
    throw_count(t, "bytes", wanted, static_cast<uint64_t>(length));
  }
  auto buffer = Buffer::reserve(wanted, wanted < kRoomBytes ? 0 : wanted / 64 + kRoomBytes);
  Tensor tensor = Tensor::wrap(dtype, t.dims, buffer);
  (*source.external)({t.name, t.external.location, t.external.offset, std::move(buffer)});
  return tensor;
}

Tensor decode(TensorFields& t, const TensorSource& source) {
  const auto dtype = static_cast<DType>(t.data_type);
  const size_t elements = checked_elements(t);
  if (dtype == DType::kString && !t.is_external && !t.raw) {
    if (t.strings.size() != elements) throw_count(t, "strings", elements, t.strings.size());
    return Tensor::strings(t.dims, std::move(t.strings));
  }
  for (const ListRow& row : kLists) {
    if (row.dtype != dtype) continue;
    if (t.is_external) return from_external(t, dtype, elements, source);
    if (t.raw) return from_raw(t, dtype, elements, source);
    return row.decode(t, dtype, elements);
  }
  throw Error(ErrorCode::kUnsupportedModel,
              "a tensor has the data type number " + std::to_string(t.data_type));
}

}  // namespace

NamedConstant read_tensor(std::string_view bytes, const TensorSource& source) {
  TensorFields fields = read_fields(bytes);
  try {
    Tensor tensor = decode(fields, source);
    return {std::move(fields.name), std::move(fields.doc_string), std::move(tensor)};
  } catch (const Error& error) {
    if (fields.name.empty()) throw;
    throw Error(error.code(), "tensor '" + fields.name + "': " + error.message(), error.hint());
  }
}

}  // namespace eightfold
