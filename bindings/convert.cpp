// Copies in and out; see convert.h for the form of a tensor.
#include "bindings/convert.h"

#include <emscripten/em_js.h>

#include <cmath>
#include <cstdlib>
#include <memory>

#include "core/error.h"

namespace {

constexpr int kMostDims = 64;

// A tensor of JavaScript, read in one call: a property at a time would take longer than small
// models run.
struct Described {
  double bytes;  // of the data; below 0: an array of something else
  double dims[kMostDims];
  int32_t rank;
  char* name;  // for free()
  char type[16];
};
static_assert(offsetof(Described, rank) == 8 + 8 * kMostDims);

}  // namespace

// clang-format off
EM_JS_DEPS(eightfold_convert, "$stringToNewUTF8,$stringToUTF8,$UTF8ToString");
EM_JS(void, eightfold_describe, (emscripten::EM_VAL list, int32_t index, void* described), {
  const { name, type, dims, data } = Emval.toValue(list)[index];
  const chars = stringToNewUTF8(name); // may let memory grow, which ends views of it
  // Asked for once: with threads every time looks whether memory has grown.
  const [doubles, words] = [HEAPF64, HEAP32];
  const [first, rank] = [described >>> 3, (described >>> 2) + 2 * (1 + 64)];
  doubles[first] = data instanceof Uint8Array ? data.byteLength : -1;
  for (let i = 0; i < dims.length && i < 64; ++i) doubles[first + 1 + i] = dims[i];
  words[rank] = dims.length;
  words[rank + 1] = chars;
  stringToUTF8(type, 4 * (rank + 2), 16);
});
EM_JS(void, eightfold_fetch, (emscripten::EM_VAL list, int32_t index, void* target), {
  HEAPU8.set(Emval.toValue(list)[index].data, target >>> 0);
});
// `bytes` below 0: a tensor whose data comes later.
EM_JS(void, eightfold_append, (emscripten::EM_VAL list, const char* name, const char* type,
                               const double* dims, int32_t rank, const void* data, double bytes), {
  const [first, begin] = [dims >>> 3, data >>> 0];
  Emval.toValue(list).push({
    name: UTF8ToString(name),
    type: UTF8ToString(type),
    dims: Array.from(HEAPF64.subarray(first, first + rank)),
    data: bytes < 0 ? null : HEAPU8.slice(begin, begin + bytes),
  });
});
// clang-format on

namespace eightfold::bindings {
namespace {

using emscripten::typed_memory_view;
using emscripten::val;

constexpr double kLargestDim = 281474976710656.0;  // 2^48, as element_count

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw Error(ErrorCode::kInvalidInput, "tensor '" + name + "' " + what,
              "A tensor is {type, data, dims} with as many elements in data as dims say.");
}

Shape shape_of(const Described& described, const std::string& name) {
  if (described.rank > kMostDims) {
    refuse(name, "has more than " + std::to_string(kMostDims) + " dimensions");
  }
  Shape shape;
  shape.reserve(static_cast<size_t>(described.rank));
  for (int32_t i = 0; i < described.rank; ++i) {
    const double dim = described.dims[i];
    if (!(dim >= 0 && dim <= kLargestDim) || dim != std::floor(dim)) {
      refuse(name, "has a dimension that is not a whole number");
    }
    shape.push_back(static_cast<int64_t>(dim));
  }
  return shape;
}

Tensor strings_from_js(const val& data, Shape shape, const std::string& name) {
  std::vector<std::string> values = emscripten::vecFromJSArray<std::string>(data);
  if (static_cast<int64_t>(values.size()) != element_count(shape)) {
    refuse(name, "has " + std::to_string(values.size()) + " strings for " + shape_text(shape));
  }
  return Tensor::strings(std::move(shape), std::move(values));
}

NamedTensor tensor_from_js(const val& list, int32_t index) {
  Described described;
  eightfold_describe(list.as_handle(), index, &described);
  const std::unique_ptr<char, decltype(&std::free)> name_bytes(described.name, std::free);
  std::string name = described.name;
  const DType dtype = dtype_from_name(described.type);
  if (dtype == DType::kUndefined) {
    refuse(name, "has the unknown type '" + std::string(described.type) + "'");
  }
  Shape shape = shape_of(described, name);
  if (dtype == DType::kString) {
    Tensor strings = strings_from_js(list[index]["data"], std::move(shape), name);
    return {std::move(name), std::move(strings)};
  }
  const size_t wanted = byte_count(dtype, element_count(shape));
  if (described.bytes != static_cast<double>(wanted)) {  // before memory is taken for a claim
    refuse(name, "has " + std::to_string(static_cast<int64_t>(described.bytes)) +
                     " bytes of data where " + std::string(described.type) + " " +
                     shape_text(shape) + " needs " + std::to_string(wanted));
  }
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  if (wanted > 0) eightfold_fetch(list.as_handle(), index, tensor.mutable_raw());
  return {std::move(name), std::move(tensor)};
}

void append(const val& list, const NamedTensor& named) {
  const Tensor& tensor = named.tensor;
  const bool strings = tensor.dtype() == DType::kString;
  const std::string type(dtype_name(tensor.dtype()));
  if (!strings && dtype_from_name(type) == DType::kUndefined) {
    throw Error(ErrorCode::kInvalidType,
                "output '" + named.name + "' is of a type that JavaScript has no array for",
                "Add a node at the end of the model that makes a float32 tensor of it.");
  }
  const std::vector<double> dims(tensor.shape().begin(), tensor.shape().end());
  eightfold_append(list.as_handle(), named.name.c_str(), type.c_str(), dims.data(),
                   static_cast<int32_t>(dims.size()), tensor.raw(),
                   strings ? -1 : static_cast<double>(tensor.size_bytes()));
  if (strings) list[list["length"].as<int>() - 1].set("data", names_to_js(tensor.string_data()));
}

}  // namespace

void copy_bytes(const val& bytes, void* target, size_t size) {
  if (size == 0) return;
  val(typed_memory_view(size, static_cast<uint8_t*>(target))).call<void>("set", bytes);
}

std::vector<uint8_t> bytes_from_js(const val& bytes) {
  std::vector<uint8_t> copy(bytes["byteLength"].as<size_t>());
  copy_bytes(bytes, copy.data(), copy.size());
  return copy;
}

val bytes_to_js(std::span<const uint8_t> bytes) {
  return val(typed_memory_view(bytes.size(), bytes.data())).call<val>("slice");
}

Feeds feeds_from_js(const val& list) {
  Feeds feeds;
  const auto count = list["length"].as<int32_t>();
  feeds.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) feeds.push_back(tensor_from_js(list, i));
  return feeds;
}

val tensors_to_js(const std::vector<NamedTensor>& tensors) {
  val list = val::array();
  for (const NamedTensor& named : tensors) append(list, named);
  return list;
}

val names_to_js(const std::vector<std::string>& names) {
  val list = val::array();
  for (const std::string& name : names) list.call<void>("push", name);
  return list;
}

}  // namespace eightfold::bindings
