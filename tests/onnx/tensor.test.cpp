// TensorProto in every encoding: what is read, and what is refused before memory is taken.
#include <catch_amalgamated.hpp>
#include <cstring>

#include "core/error.h"
#include "onnx/proto.h"
#include "onnx/proto_builder.h"
#include "onnx/read_tensor.h"

using namespace eightfold;
using namespace eightfold::test;
namespace t = eightfold::proto::tensor;

namespace {

Tensor read(const FieldList& fields, const ExternalDataReader& external = {}) {
  return read_tensor(message(fields), {{}, nullptr, &external}).tensor;
}

std::vector<uint8_t> bytes_of(const Tensor& tensor) {
  const auto* data = static_cast<const uint8_t*>(tensor.raw());
  return {data, data + tensor.size_bytes()};
}

ErrorCode fault(const FieldList& fields, const ExternalDataReader& external = {}) {
  try {
    read(fields, external);
  } catch (const Error& error) {
    CHECK(!error.message().empty());
    return error.code();
  }
  return ErrorCode::kInternal;  // nothing was thrown
}

Field dims(int64_t n) { return {t::kDims, n}; }
Field type(DType dtype) { return {t::kDataType, static_cast<int64_t>(dtype)}; }

// Numbers as varints one by one, the way unpacked writers do.
FieldList varints(uint32_t field, const std::vector<int64_t>& numbers) {
  FieldList list;
  for (const int64_t number : numbers) list.push_back({field, number});
  return list;
}

Field external_entry(const std::string& key, const std::string& value) {
  return {t::kExternalData, message({{proto::entry::kKey, key}, {proto::entry::kValue, value}})};
}

}  // namespace

TEST_CASE("typed lists are narrowed to the element type", "[onnx][tensor]") {
  struct Row {
    DType dtype;
    uint32_t field;
    std::vector<int64_t> numbers;
    std::vector<uint8_t> bytes;  // little-endian
    int64_t elements;
  };
  const Row rows[] = {
      {DType::kInt8, t::kInt32Data, {-1, 127}, {0xff, 0x7f}, 2},
      {DType::kUint8, t::kInt32Data, {0, 255}, {0x00, 0xff}, 2},
      {DType::kBool, t::kInt32Data, {1, 0}, {1, 0}, 2},
      {DType::kInt16, t::kInt32Data, {-2}, {0xfe, 0xff}, 1},
      {DType::kUint16, t::kInt32Data, {65535}, {0xff, 0xff}, 1},
      {DType::kFloat16, t::kInt32Data, {0x3c00}, {0x00, 0x3c}, 1},
      {DType::kBfloat16, t::kInt32Data, {0x3f80}, {0x80, 0x3f}, 1},
      {DType::kFloat8e4m3fn, t::kInt32Data, {0x38}, {0x38}, 1},
      {DType::kInt32, t::kInt32Data, {-2}, {0xfe, 0xff, 0xff, 0xff}, 1},
      {DType::kInt64, t::kInt64Data, {-2}, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1},
      {DType::kUint32, t::kUint64Data, {4294967295}, {0xff, 0xff, 0xff, 0xff}, 1},
      {DType::kUint64, t::kUint64Data, {1}, {1, 0, 0, 0, 0, 0, 0, 0}, 1},
      {DType::kInt4, t::kInt32Data, {0x21, 0x03}, {0x21, 0x03}, 3},  // two to a byte
      {DType::kUint4, t::kInt32Data, {0xf0}, {0xf0}, 2},
      {DType::kUint2, t::kInt32Data, {0xe4}, {0xe4}, 4},
  };
  for (const Row& row : rows) {
    INFO(dtype_name(row.dtype));
    const Tensor tensor =
        read(FieldList{dims(row.elements), type(row.dtype)} + varints(row.field, row.numbers));
    CHECK(tensor.dtype() == row.dtype);
    CHECK(tensor.size() == row.elements);
    CHECK(bytes_of(tensor) == row.bytes);
    const std::string raw(row.bytes.begin(), row.bytes.end());
    CHECK(bytes_of(read({dims(row.elements), type(row.dtype), {t::kRawData, raw}})) == row.bytes);
  }
}

TEST_CASE("packed and unpacked lists mean the same", "[onnx][tensor]") {
  std::string packed;
  protozero::pbf_writer writer(packed);
  const std::vector<float> values{1.5f, -2.0f};
  writer.add_packed_float(t::kFloatData, values.begin(), values.end());
  const std::string head = message({dims(2), type(DType::kFloat32)});
  const Tensor a = read_tensor(head + packed, {{}, nullptr, nullptr}).tensor;
  const Tensor b =
      read({dims(2), type(DType::kFloat32), {t::kFloatData, 1.5f}, {t::kFloatData, -2.0f}});
  CHECK(bytes_of(a) == bytes_of(b));
  CHECK(a.data<float>()[1] == -2.0f);
}

TEST_CASE("doubles, complex numbers and strings", "[onnx][tensor]") {
  std::string doubles = message({dims(1), type(DType::kFloat64)});
  protozero::pbf_writer(doubles).add_double(t::kDoubleData, 0.1);
  CHECK(read_tensor(doubles, {{}, nullptr, nullptr}).tensor.data<double>()[0] == 0.1);
  const Tensor complex =
      read({dims(1), type(DType::kComplex64), {t::kFloatData, 1.0f}, {t::kFloatData, 2.0f}});
  CHECK(complex.size_bytes() == 8);
  const Tensor strings = read({dims(2),
                               type(DType::kString),
                               {t::kStringData, "a"},
                               {t::kStringData, std::string("b\0c", 3)}});
  CHECK(strings.string_data() == std::vector<std::string>{"a", std::string("b\0c", 3)});
}

TEST_CASE("scalars and empty tensors need no data", "[onnx][tensor]") {
  CHECK(read({type(DType::kFloat32), {t::kFloatData, 3.0f}}).shape().empty());
  CHECK(read({dims(0), dims(1 << 20), dims(1 << 20), type(DType::kFloat32)}).size() == 0);
}

TEST_CASE("sizes are checked against the bytes that are there", "[onnx][tensor]") {
  const Field raw{t::kRawData, "1234"};
  CHECK(fault({dims(2), type(DType::kFloat32), raw}) == ErrorCode::kInvalidModel);
  CHECK(fault({dims(1), type(DType::kInt8), raw}) == ErrorCode::kInvalidModel);
  CHECK(fault({dims(1), type(DType::kFloat32)}) == ErrorCode::kInvalidModel);
  CHECK(fault({dims(-1), type(DType::kFloat32), raw}) == ErrorCode::kInvalidModel);
  CHECK(fault({dims(int64_t{1} << 40), type(DType::kInt8), raw}) != ErrorCode::kInternal);
  // 2^32 elements must not look like none on a 32-bit machine, nor 2^64 like none anywhere
  const Field big = dims(int64_t{1} << 16);
  CHECK(fault({big, big, type(DType::kInt8)}) != ErrorCode::kInternal);
  CHECK(fault({big, big, big, big, type(DType::kInt8)}) == ErrorCode::kLimitExceeded);
  CHECK(fault(FieldList{type(DType::kInt8)} + varints(t::kDims, std::vector<int64_t>(65, 1))) ==
        ErrorCode::kLimitExceeded);
  CHECK(fault({type(static_cast<DType>(99)), raw}) == ErrorCode::kUnsupportedModel);
  CHECK(fault({dims(1), type(DType::kString), raw}) != ErrorCode::kInternal);
  CHECK(fault({{t::kSegment, ""}}) == ErrorCode::kUnsupportedModel);
}

TEST_CASE("external data is asked for by location, offset and length", "[onnx][tensor]") {
  const FieldList head{dims(1), type(DType::kInt32), {t::kDataLocation, 1}};
  const FieldList place{external_entry("location", "w.bin"), external_entry("offset", "8"),
                        external_entry("length", "4")};
  std::string asked;
  const ExternalDataReader reader = [&](const ExternalPart& part) {
    asked = part.location + " " + std::to_string(part.offset) + " " +
            std::to_string(part.buffer->size());
    CHECK(part.buffer->data() == nullptr);
    part.buffer->obtain();
    const uint8_t bytes[] = {7, 0, 0, 0};
    std::copy(std::begin(bytes), std::end(bytes), part.buffer->data());
  };
  CHECK(read(head + place, reader).data<int32_t>()[0] == 7);
  CHECK(asked == "w.bin 8 4");
  CHECK(fault(head + place) == ErrorCode::kUnsupportedModel);
  for (const char* outside : {"/etc/passwd", "../w.bin", "a/../../b", "C:/w.bin", ""}) {
    CHECK(fault(head + FieldList{external_entry("location", outside)}, reader) ==
          ErrorCode::kInvalidModel);
  }
  CHECK(fault(head + FieldList{external_entry("offset", "-1")}, reader) ==
        ErrorCode::kInvalidModel);
  CHECK(fault(head + FieldList{external_entry("location", "w"), external_entry("length", "8")},
              reader) == ErrorCode::kInvalidModel);
}
