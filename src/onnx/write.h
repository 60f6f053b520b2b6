// Encoding of the messages inside a graph, for export.
//
// protozero leaves out submessages that turn out empty; where an empty one means
// something (a scalar's shape, a free dimension) it is written as empty bytes.
#pragma once

#include <protozero/basic_pbf_writer.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "ir/graph.h"
#include "onnx/byte_buffer.h"
#include "onnx/onnx.h"

namespace eightfold {

using Writer = protozero::basic_pbf_writer<std::vector<uint8_t>>;

// Adds the field only when there is something to say.
void write_text(Writer& message, uint32_t field, std::string_view text);
// A TensorProto with raw_data (string_data for strings), as field `field` of `parent`; its data in
// the external file where there is one and it is large.
void write_tensor(Writer& parent, uint32_t field, std::string_view name,
                  std::string_view doc_string, const Tensor& tensor,
                  ExternalOutput* external = nullptr);
// A ValueInfoProto.
void write_value_info(Writer& parent, uint32_t field, std::string_view name, const Value& value);

}  // namespace eightfold
