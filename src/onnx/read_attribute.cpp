// AttributeProto -> Attribute, and the data of Constant nodes.
//
// Kinds without a type of their own (sparse tensors, types) are carried as the
// encoded fields, the name left out so that a function call may rename them.
#include <protozero/pbf_writer.hpp>

#include "core/error.h"
#include "onnx/fields.h"
#include "onnx/import_context.h"
#include "onnx/proto.h"

namespace eightfold {
namespace {

namespace attr = proto::attribute;

struct AttributeFields {
  int64_t kind = attr::kUndefined;
  int64_t i = 0;
  float f = 0;
  std::string s;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> strings;
  std::vector<std::string_view> tensors, graphs;  // t and g are their first elements
};

struct KindOfField {
  uint32_t field;
  int32_t kind;
};
// Files of the first IR versions leave `type` out: the field that is there says it.
constexpr KindOfField kKinds[] = {
    {attr::kF, attr::kKindFloat},
    {attr::kI, attr::kKindInt},
    {attr::kS, attr::kKindString},
    {attr::kT, attr::kKindTensor},
    {attr::kG, attr::kKindGraph},
    {attr::kFloats, attr::kKindFloats},
    {attr::kInts, attr::kKindInts},
    {attr::kStrings, attr::kKindStrings},
    {attr::kTensors, attr::kKindTensors},
    {attr::kGraphs, attr::kKindGraphs},
    {attr::kSparseTensor, attr::kKindSparseTensor},
    {attr::kSparseTensors, attr::kKindSparseTensors},
    {attr::kTp, attr::kKindTypeProto},
    {attr::kTypeProtos, attr::kKindTypeProtos},
};

int32_t kind_of(uint32_t field) {
  for (const KindOfField& row : kKinds) {
    if (row.field == field) return row.kind;
  }
  return attr::kUndefined;
}

AttributeFields read_fields(std::string_view bytes) {
  AttributeFields a;
  int32_t guess = attr::kUndefined;
  for (Fields fields(bytes); fields.next();) {
    if (const int32_t kind = kind_of(fields.number())) guess = kind;
    switch (fields.number()) {
      case attr::kType: a.kind = fields.int64(); break;
      case attr::kF: a.f = fields.float32(); break;
      case attr::kI: a.i = fields.int64(); break;
      case attr::kS: a.s = fields.text(); break;
      case attr::kFloats: fields.append(&a.floats); break;
      case attr::kInts: fields.append(&a.ints); break;
      case attr::kStrings: a.strings.push_back(fields.text()); break;
      case attr::kT:
      case attr::kTensors: a.tensors.push_back(fields.bytes()); break;
      case attr::kG:
      case attr::kGraphs: a.graphs.push_back(fields.bytes()); break;
      default: break;
    }
  }
  if (a.kind == attr::kUndefined) a.kind = guess;
  return a;
}

// All fields but the name and the texts.
std::string read_raw(std::string_view bytes) {
  std::string raw;
  for (Fields fields(bytes); fields.next();) {
    const uint32_t number = fields.number();
    const bool naming =
        number == attr::kName || number == attr::kDocString || number == attr::kRefAttrName;
    if (!naming) raw += fields.whole();
  }
  return raw;
}

// Functions are expanded once per call; their tensors are decoded once.
Tensor tensor_at(std::string_view bytes, const FramePtr& frame, ImportContext& context) {
  if (!frame) return read_tensor(bytes, context.tensors).tensor;
  const auto known = context.shared_tensors.find(bytes.data());
  if (known != context.shared_tensors.end()) return known->second;
  Tensor tensor = read_tensor(bytes, context.tensors).tensor;
  context.shared_tensors.emplace(bytes.data(), tensor);
  return tensor;
}

template <typename Views, typename Read>
auto read_each(const Views& views, Read read) {
  std::vector<decltype(read(views[0]))> out;
  for (std::string_view view : views) out.push_back(read(view));
  return out;
}

const std::string_view& only(const std::vector<std::string_view>& views) {
  if (views.empty()) throw_damaged("an attribute has no value");
  return views.back();
}

decltype(Attribute::value) value_of(AttributeFields a, const AttributeRef& ref,
                                    ImportContext& context, const BodyReader& body) {
  const auto tensor = [&](std::string_view v) { return tensor_at(v, ref.frame, context); };
  const auto graph = [&](std::string_view v) -> Attribute::GraphPtr {
    return std::make_shared<const Graph>(body(v, ref.frame));
  };
  switch (a.kind) {
    case attr::kKindFloat: return a.f;
    case attr::kKindInt: return a.i;
    case attr::kKindString: return std::move(a.s);
    case attr::kKindTensor: return tensor(only(a.tensors));
    case attr::kKindGraph: return graph(only(a.graphs));
    case attr::kKindFloats: return std::move(a.floats);
    case attr::kKindInts: return std::move(a.ints);
    case attr::kKindStrings: return std::move(a.strings);
    case attr::kKindTensors: return read_each(a.tensors, tensor);
    case attr::kKindGraphs: return read_each(a.graphs, graph);
    default: break;
  }
  if (a.kind < attr::kKindSparseTensor || a.kind > attr::kKindTypeProtos) {
    throw Error(ErrorCode::kUnsupportedModel,
                "attribute '" + ref.name + "' is of kind number " + std::to_string(a.kind));
  }
  return Attribute::Raw{read_raw(ref.bytes)};
}

using Constant = std::optional<Tensor> (*)(AttributeFields);

template <typename T, auto Member>
std::optional<Tensor> scalar(AttributeFields a) {
  return Tensor::scalar<T>(a.*Member);
}
template <typename T, auto Member>
std::optional<Tensor> vector(AttributeFields a) {
  const std::vector<T>& values = a.*Member;
  return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
}

struct ConstantRow {
  std::string_view attribute;
  Constant make;
};
constexpr ConstantRow kConstants[] = {
    {"value_float", scalar<float, &AttributeFields::f>},
    {"value_int", scalar<int64_t, &AttributeFields::i>},
    {"value_floats", vector<float, &AttributeFields::floats>},
    {"value_ints", vector<int64_t, &AttributeFields::ints>},
    {"value_string",
     [](AttributeFields a) -> std::optional<Tensor> {
       return Tensor::strings({}, {std::move(a.s)});
     }},
    {"value_strings",
     [](AttributeFields a) -> std::optional<Tensor> {
       const auto count = static_cast<int64_t>(a.strings.size());
       return Tensor::strings({count}, std::move(a.strings));
     }},
};

}  // namespace

Attribute read_attribute(const AttributeRef& ref, ImportContext& context, const BodyReader& body) {
  return {ref.name, value_of(read_fields(ref.bytes), ref, context, body)};
}

std::optional<Tensor> constant_data(const NodeRecord& record, ImportContext& context) {
  for (const AttributeRef& ref : record.attributes) {
    if (ref.name == "value") {
      return tensor_at(only(read_fields(ref.bytes).tensors), ref.frame, context);
    }
    for (const ConstantRow& row : kConstants) {
      if (row.attribute == ref.name) return row.make(read_fields(ref.bytes));
    }
  }
  return std::nullopt;
}

NodeRecord sparse_constant(std::string_view bytes, const FramePtr& frame) {
  std::string name, raw;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() != proto::sparse_tensor::kValues) continue;
    for (Fields values(fields.bytes()); values.next();) {
      if (values.number() == proto::tensor::kName) name = values.text();
    }
  }
  protozero::pbf_writer writer(raw);
  writer.add_int32(attr::kType, attr::kKindSparseTensor);
  writer.add_bytes(attr::kSparseTensor, bytes.data(), bytes.size());
  NodeRecord record;
  record.node.op_type = "Constant";
  record.node.attributes.push_back({"sparse_value", Attribute::Raw{std::move(raw)}});
  record.outputs = {renamed(frame, name)};
  record.frame = frame;
  return record;
}

}  // namespace eightfold
