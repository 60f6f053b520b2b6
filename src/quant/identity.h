// Module identities, "domain:op_type", written to nodes. Reading one is pattern/match.h's
// op_identity.
#pragma once

#include <string>

#include "ir/graph.h"

namespace eightfold {

inline void set_identity(Node& node, const std::string& identity) {
  const size_t colon = identity.rfind(':');
  node.domain = colon == std::string::npos ? std::string() : identity.substr(0, colon);
  node.op_type = colon == std::string::npos ? identity : identity.substr(colon + 1);
}

}  // namespace eightfold
