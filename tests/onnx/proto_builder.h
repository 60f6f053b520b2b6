// Small ONNX files written field by field, for the importer's tests.
//
//   Bytes node = message({{1, "x"}, {2, "y"}, {4, "Relu"}});
// A field is text (or a nested message), a varint, or a float.
#pragma once

#include <protozero/pbf_writer.hpp>
#include <string>
#include <variant>
#include <vector>

#include "onnx/proto.h"

namespace eightfold::test {

struct Field {
  uint32_t number;
  std::variant<std::string, int64_t, float> value;
  Field(uint32_t n, std::string text) : number(n), value(std::move(text)) {}
  Field(uint32_t n, const char* text) : number(n), value(std::string(text)) {}
  Field(uint32_t n, int64_t varint) : number(n), value(varint) {}
  Field(uint32_t n, int varint) : number(n), value(int64_t{varint}) {}
  Field(uint32_t n, float real) : number(n), value(real) {}
};
using FieldList = std::vector<Field>;

inline std::string message(const FieldList& fields) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  for (const Field& field : fields) {
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      writer.add_bytes(field.number, *text);
    } else if (const auto* varint = std::get_if<int64_t>(&field.value)) {
      writer.add_int64(field.number, *varint);
    } else {
      writer.add_float(field.number, std::get<float>(field.value));
    }
  }
  return bytes;
}

inline FieldList operator+(FieldList a, const FieldList& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::string value_info(const std::string& name, int64_t dtype = 1) {
  namespace p = proto;
  return message({{p::value_info::kName, name},
                  {p::value_info::kType,
                   message({{p::type::kTensor, message({{p::tensor_type::kElemType, dtype}})}})}});
}

inline std::string node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const FieldList& extra = {}) {
  FieldList fields;
  for (const auto& input : inputs) fields.push_back({proto::node::kInput, input});
  for (const auto& output : outputs) fields.push_back({proto::node::kOutput, output});
  fields.push_back({proto::node::kOpType, op});
  return message(fields + extra);
}

inline std::string float_tensor(const std::string& name, float value) {
  return message({{proto::tensor::kDataType, 1},
                  {proto::tensor::kFloatData, value},
                  {proto::tensor::kDims, 1},
                  {proto::tensor::kName, name}});
}

// x -> nodes -> y; `extra` adds fields to the graph.
inline FieldList graph_fields(const std::vector<std::string>& nodes) {
  FieldList fields{{proto::graph::kName, "g"},
                   {proto::graph::kInput, value_info("x")},
                   {proto::graph::kOutput, value_info("y")}};
  for (const auto& bytes : nodes) fields.push_back({proto::graph::kNode, bytes});
  return fields;
}

inline std::vector<uint8_t> model(const FieldList& graph, const FieldList& extra = {},
                                  int64_t ir_version = 8, int64_t opset = 17) {
  const FieldList fields{{proto::model::kIrVersion, ir_version},
                         {proto::model::kGraph, message(graph)},
                         {proto::model::kOpsetImport, message({{proto::opset::kVersion, opset}})}};
  const std::string bytes = message(fields + extra);
  return {bytes.begin(), bytes.end()};
}

}  // namespace eightfold::test
