// Validation of feeds. See feeds.h.
#include "runtime/feeds.h"

#include <algorithm>

#include "core/error.h"

namespace eightfold {
namespace {

std::string dims_text(const Dims& dims) {
  std::string text = "[";
  for (const Dim& dim : dims) {
    if (text.size() > 1) text += ", ";
    text += dim.known() ? std::to_string(dim.value) : dim.name.empty() ? "?" : dim.name;
  }
  return text + "]";
}

std::string type_text(const ValueType& type) {
  return std::string(dtype_name(type.dtype)) + (type.dims ? " " + dims_text(*type.dims) : "");
}

std::string quoted_inputs(const Graph& graph) {
  std::string text;
  for (ValueId id : graph.required_inputs()) {
    if (!text.empty()) text += ", ";
    text += "'" + graph.value(id).name + "'";
  }
  return text.empty() ? "none" : text;
}

[[noreturn]] void refuse(const Graph& graph, std::string message) {
  throw Error(ErrorCode::kInvalidInput, std::move(message),
              "the model's inputs: " + quoted_inputs(graph));
}

bool fits(const ValueType& type, const Tensor& tensor) {
  if (type.dtype != DType::kUndefined && type.dtype != tensor.dtype()) return false;
  if (!type.dims) return true;
  return std::ranges::equal(*type.dims, tensor.shape(), [](const Dim& dim, int64_t given) {
    return !dim.known() || dim.value == given;
  });
}

void check_names(const Graph& graph, const Feeds& feeds) {
  const std::vector<ValueId> required = graph.required_inputs();
  for (size_t i = 0; i < feeds.size(); ++i) {
    const std::string& name = feeds[i].name;
    const ValueId id = graph.find_value(name);
    if (std::ranges::find(required, id) == required.end() || id == kNone) {
      const bool constant = id != kNone && graph.constant(id);
      refuse(graph, "'" + name + "' is " +
                        (constant ? "a constant of the model and cannot be fed"
                                  : "not an input of the model"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (feeds[j].name == name) refuse(graph, "input '" + name + "' is given twice");
    }
  }
}

// A vector load may read past a borrowed buffer's end, and it may be unaligned.
Tensor padded(Tensor tensor) {
  if (tensor.buffer() && !tensor.buffer()->owned()) tensor.mutable_raw();
  return tensor;
}

// Of a sequence or an optional the kind alone is checked: the operators that read it see the rest.
Tensor checked_list(const Graph& graph, const Value& value, const Tensor& tensor) {
  constexpr char kSequenceTag = 4 << 3 | 2, kOptionalTag = 9 << 3 | 2;  // fields of a TypeProto
  const char tag = value.type.raw[0];
  const bool sequence = tag == kSequenceTag;
  if (!sequence && tag != kOptionalTag) {
    throw Error(ErrorCode::kUnsupportedModel,
                "input '" + value.name + "' is neither a tensor nor a sequence nor an optional");
  }
  if (!tensor.defined() || (sequence && tensor.dtype() != DType::kSequence)) {
    refuse(graph, "input '" + value.name + "' expects a sequence, got " +
                      std::string(dtype_name(tensor.dtype())));
  }
  return padded(tensor);
}

Tensor checked(const Graph& graph, const Value& value, const Feeds& feeds) {
  const auto found = std::ranges::find(feeds, value.name, &NamedTensor::name);
  if (found == feeds.end()) refuse(graph, "input '" + value.name + "' is missing");
  const Tensor& tensor = found->tensor;
  if (!value.type.raw.empty()) return checked_list(graph, value, tensor);
  if (!fits(value.type, tensor)) {
    refuse(graph, "input '" + value.name + "' expects " + type_text(value.type) + ", got " +
                      std::string(dtype_name(tensor.dtype())) + " " + shape_text(tensor.shape()));
  }
  if (!tensor.buffer() && tensor.dtype() != DType::kString)
    refuse(graph, "input '" + value.name + "' has no data");
  return padded(tensor);
}

}  // namespace

std::vector<Tensor> ordered_feeds(const Graph& graph, const Feeds& feeds) {
  check_names(graph, feeds);
  std::vector<Tensor> ordered;
  for (ValueId id : graph.required_inputs()) {
    ordered.push_back(checked(graph, graph.value(id), feeds));
  }
  return ordered;
}

}  // namespace eightfold
