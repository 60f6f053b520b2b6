// See loading.h.
#include "bindings/loading.h"

#include <cstdint>
#include <utility>

#include "bindings/convert.h"
#include "core/error.h"

namespace eightfold::bindings {

using emscripten::val;

LoadingHandle start_loading(const val& bytes) {
  LoadingHandle loading;
  ImportOptions options;
  options.external_data = [&](ExternalPart part) { loading.parts.push_back(std::move(part)); };
  std::vector<uint8_t> copy = bytes_from_js(bytes);
  loading.file_bytes = static_cast<double>(copy.size());
  loading.graph = load_onnx(std::move(copy), options);
  return loading;
}

val loading_parts(const LoadingHandle& loading) {
  val list = val::array();
  for (const ExternalPart& part : loading.parts) {
    val object = val::object();
    object.set("tensor", part.tensor);
    object.set("location", part.location);
    object.set("offset", static_cast<double>(part.offset));
    object.set("length", static_cast<double>(part.buffer->size()));
    list.call<void>("push", object);
  }
  return list;
}

void reserve_parts(LoadingHandle& loading) {
  uint64_t total = 0;
  for (const ExternalPart& part : loading.parts) total += part.buffer->block_bytes();
  // One block and not many, given back at once: the heap then grows by what is needed, without the
  // share that it takes beforehand each time it grows.
  if (total <= SIZE_MAX / 2) Buffer::reserve(static_cast<size_t>(total))->obtain();
  for (const ExternalPart& part : loading.parts) part.buffer->obtain();
}

void fill_part(LoadingHandle& loading, double part, double at, const val& bytes) {
  Buffer& buffer = *loading.parts.at(static_cast<size_t>(part)).buffer;
  const size_t length = bytes["byteLength"].as<size_t>();
  const auto offset = static_cast<size_t>(at);
  if (offset > buffer.size() || length > buffer.size() - offset) {
    throw Error(ErrorCode::kInternal, "a slice of external data is too long");
  }
  copy_bytes(bytes, buffer.data() + offset, length);
}

ModelHandle finish_loading(LoadingHandle& loading) {
  loading.parts.clear();
  return {std::move(loading.graph), {}, loading.file_bytes};
}

}  // namespace eightfold::bindings
