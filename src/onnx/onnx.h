// bytes <-> Graph. Op-agnostic: nothing here knows what an operator does.
//
// Source: the ONNX protobuf schema (field numbers in proto.h), opset 1 to 25.
// What is not understood is kept as raw bytes and written back unchanged.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

// Returns the bytes [offset, offset + length) of an external data file; length < 0 means to
// the end. Throws Error when the file is not at hand.
using ExternalDataReader =
    std::function<std::vector<uint8_t>(std::string_view location, int64_t offset, int64_t length)>;

struct ImportOptions {
  ExternalDataReader external_data;
  int max_nesting = 64;  // of subgraphs and functions
};

// Model-local functions are inlined, Constant nodes become initializers, the node order is made
// topological. `bytes` is borrowed: large initializers point into it and keep `owner` alive; with
// a null owner everything is copied.
// Throws kInvalidModel, kUnsupportedModel, kInvalidGraph, kLimitExceeded.
Graph load_onnx(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner,
                const ImportOptions& options = {});
Graph load_onnx(std::vector<uint8_t> bytes, const ImportOptions& options = {});

// Plain ONNX only: throws kInvalidState if a node of the eightfold domain is left. The same graph
// gives the same bytes; constants that nothing uses are not written.
std::vector<uint8_t> save_onnx(const Graph& graph);

}  // namespace eightfold
