// The first elements of a tensor and a checksum (FNV-1a, 32 bits) of all its bytes.
#include "ir/text_tensor.h"

#include <cstdio>

namespace eightfold {
namespace {

constexpr int64_t kShownElements = 4;
constexpr size_t kShownBytes = 40;

constexpr uint32_t kSeed = 2166136261u;

uint32_t checksum(std::string_view bytes, uint32_t hash) {
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 16777619u;
  return hash;
}

uint32_t checksum(const Tensor& tensor) {
  if (tensor.dtype() != DType::kString) {
    return checksum({static_cast<const char*>(tensor.raw()), tensor.size_bytes()}, kSeed);
  }
  uint32_t hash = kSeed;
  for (const std::string& text : tensor.string_data()) hash = checksum(text, hash) + 1;
  return hash;
}

template <typename T>
std::string element(const Tensor& tensor, size_t i) {
  return number_text(static_cast<double>(tensor.data<T>()[i]));
}
template <>
std::string element<int64_t>(const Tensor& tensor, size_t i) {
  return std::to_string(tensor.data<int64_t>()[i]);
}

struct ElementRow {
  DType dtype;
  std::string (*text)(const Tensor&, size_t);
};
constexpr ElementRow kElements[] = {
    {DType::kFloat32, element<float>},
    {DType::kFloat64, element<double>},
    {DType::kUint8, element<uint8_t>},
    {DType::kInt8, element<int8_t>},
    {DType::kUint16, element<uint16_t>},
    {DType::kInt16, element<int16_t>},
    {DType::kInt32, element<int32_t>},
    {DType::kUint32, element<uint32_t>},
    {DType::kInt64, element<int64_t>},
    {DType::kBool,
     [](const Tensor& t, size_t i) {
       return std::to_string(static_cast<const uint8_t*>(t.raw())[i]);
     }},
    {DType::kString, [](const Tensor& t, size_t i) { return string_text(t.string_data()[i]); }},
};

}  // namespace

std::string number_text(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.9g", number);
  return buffer;
}

std::string string_text(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text.substr(0, kShownBytes)) {
    if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\') {
      out += byte;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(byte) & 0xffu);
    out += escaped;
  }
  return out + (text.size() > kShownBytes ? "\"..." : "\"");
}

std::string tensor_text(const Tensor& tensor) {
  std::string text(dtype_name(tensor.dtype()));
  text += '[';
  for (size_t i = 0; i < tensor.shape().size(); ++i) {
    text += (i ? "," : "") + std::to_string(tensor.shape()[i]);
  }
  text += "] {";
  for (const ElementRow& row : kElements) {
    if (row.dtype != tensor.dtype()) continue;
    for (int64_t i = 0; i < tensor.size() && i < kShownElements; ++i) {
      text += (i ? ", " : "") + row.text(tensor, static_cast<size_t>(i));
    }
    if (tensor.size() > kShownElements) text += ", ...";
  }
  char sum[16];
  std::snprintf(sum, sizeof sum, "} #%08x", checksum(tensor));
  return text + sum;
}

}  // namespace eightfold
