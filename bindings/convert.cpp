// Copies in and out; see convert.h for the form of a tensor.
#include "bindings/convert.h"

#include <cmath>

#include "core/error.h"

namespace eightfold::bindings {
namespace {

using emscripten::typed_memory_view;
using emscripten::val;

constexpr double kLargestDim = 281474976710656.0;  // 2^48, as element_count

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw Error(ErrorCode::kInvalidInput, "tensor '" + name + "' " + what,
              "A tensor is {type, data, dims} with as many elements in data as dims say.");
}

Shape shape_from_js(const val& dims, const std::string& name) {
  Shape shape;
  const size_t rank = dims["length"].as<size_t>();
  for (size_t i = 0; i < rank; ++i) {
    const double dim = dims[i].as<double>();
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

Tensor tensor_from_js(const val& object, const std::string& name) {
  const std::string type = object["type"].as<std::string>();
  const DType dtype = dtype_from_name(type);
  if (dtype == DType::kUndefined) refuse(name, "has the unknown type '" + type + "'");
  Shape shape = shape_from_js(object["dims"], name);
  const val data = object["data"];
  if (dtype == DType::kString) return strings_from_js(data, std::move(shape), name);
  const size_t given = data["byteLength"].as<size_t>();
  const size_t wanted = byte_count(dtype, element_count(shape));
  if (given != wanted) {  // before memory is taken for a shape that was only claimed
    refuse(name, "has " + std::to_string(given) + " bytes of data where " + type + " " +
                     shape_text(shape) + " needs " + std::to_string(wanted));
  }
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  copy_bytes(data, tensor.mutable_raw(), wanted);
  return tensor;
}

val dims_to_js(const Shape& shape) {
  val dims = val::array();
  for (int64_t dim : shape) dims.call<void>("push", static_cast<double>(dim));
  return dims;
}

val data_to_js(const NamedTensor& named) {
  const Tensor& tensor = named.tensor;
  if (tensor.dtype() == DType::kString) return names_to_js(tensor.string_data());
  if (dtype_from_name(dtype_name(tensor.dtype())) == DType::kUndefined) {
    throw Error(ErrorCode::kInvalidType,
                "output '" + named.name + "' is of a type that JavaScript has no array for",
                "Add a node at the end of the model that makes a float32 tensor of it.");
  }
  return bytes_to_js({static_cast<const uint8_t*>(tensor.raw()), tensor.size_bytes()});
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
  const size_t count = list["length"].as<size_t>();
  feeds.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const val object = list[i];
    std::string name = object["name"].as<std::string>();
    Tensor tensor = tensor_from_js(object, name);
    feeds.push_back({std::move(name), std::move(tensor)});
  }
  return feeds;
}

val tensors_to_js(const std::vector<NamedTensor>& tensors) {
  val list = val::array();
  for (const NamedTensor& named : tensors) {
    val object = val::object();
    object.set("name", named.name);
    object.set("type", std::string(dtype_name(named.tensor.dtype())));
    object.set("dims", dims_to_js(named.tensor.shape()));
    object.set("data", data_to_js(named));
    list.call<void>("push", object);
  }
  return list;
}

val names_to_js(const std::vector<std::string>& names) {
  val list = val::array();
  for (const std::string& name : names) list.call<void>("push", name);
  return list;
}

}  // namespace eightfold::bindings
