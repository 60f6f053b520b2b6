// ValueInfoProto and TypeProto -> ValueType.
#pragma once

#include <string>
#include <string_view>

#include "ir/graph.h"

namespace eightfold {

struct ValueInfo {
  std::string name, doc_string;
  ValueType type;
};

// Sequences, maps and optionals keep their encoded form in ValueType::raw.
ValueType read_type(std::string_view bytes);
ValueInfo read_value_info(std::string_view bytes);

}  // namespace eightfold
