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

// Where the data of a tensor lies in an external file, and where it goes to.
struct ExternalPart {
  std::string tensor;  // its name, for errors
  std::string location;
  int64_t offset = 0;
  std::shared_ptr<Buffer> buffer;  // as long as the data; without memory before obtain()
};

// Called for each external tensor. The import reads no data itself, so the reader may fill the
// buffer at once, or keep the part and fill it before the graph is used. Throws Error when the
// file is not at hand.
using ExternalDataReader = std::function<void(ExternalPart part)>;

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

// A second file, for the initializers of at least `min_bytes`: a file of ONNX alone ends at 2 GiB.
struct ExternalOutput {
  std::string location;  // its name, as seen from the folder of the model
  int64_t min_bytes = 1024;
  // Called with the bytes of each, in rising order of offsets; what is between them is zero. May be
  // empty, when only the size is asked for.
  std::function<void(int64_t offset, std::span<const uint8_t> bytes)> write;
  int64_t size = 0;  // of the second file, once save_onnx has returned
};

// Plain ONNX only: throws kInvalidState if a node of the eightfold domain is left. The same graph
// gives the same bytes; constants that nothing uses are not written.
std::vector<uint8_t> save_onnx(const Graph& graph, ExternalOutput* external = nullptr);

}  // namespace eightfold
