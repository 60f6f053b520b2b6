// Every real model loads, verifies, saves, and loads again as the same graph.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "onnx/onnx.h"
#include "support/data_files.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// Empty when the round trip keeps everything.
std::string round_trip_fault(const std::vector<uint8_t>& bytes) {
  try {
    const Graph graph = load_onnx(bytes);
    verify(graph);
    const std::vector<uint8_t> saved = save_onnx(graph);
    const Graph again = load_onnx(saved);
    if (to_text(again) != to_text(graph)) return "the saved model is another graph";
    if (again.model().opsets != graph.model().opsets) return "the operator sets differ";
    if (save_onnx(again) != saved) return "saving is not stable";
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("the models of the data folder survive a round trip", "[onnx][data]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no data folder");
  const auto paths = model_paths(*folder);
  CHECK(paths.size() >= 10);
  for (const std::string& path : paths) {
    INFO(path);
    CHECK(round_trip_fault(read_file(path)) == "");
  }
}

TEST_CASE("the ONNX node tests survive a round trip", "[onnx][data]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no data folder");
  int models = 0;
  for (const auto& [path, bytes] :
       read_tar_gz(*folder + "/onnx-node-tests/onnx-node-tests.tar.gz")) {
    if (!path.ends_with(".onnx")) continue;
    ++models;
    const std::string fault = round_trip_fault(bytes);
    INFO(path);
    CHECK(fault == "");
  }
  CHECK(models > 900);
}

TEST_CASE("a file read through its owner is borrowed, without an owner copied", "[onnx]") {
  const std::string path = source_folder() + "/examples/digits/model.onnx";
  const auto bytes = std::make_shared<const std::vector<uint8_t>>(read_file(path));
  const auto borrowed = [&](const Graph& graph) {
    int count = 0;
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      const Tensor* constant = graph.constant(id);
      if (constant && constant->buffer() && !constant->buffer()->owned()) ++count;
    }
    return count;
  };
  const long before = bytes.use_count();
  const Graph copied = load_onnx(*bytes, nullptr);
  CHECK(borrowed(copied) == 0);
  CHECK(bytes.use_count() == before);
  const Graph graph = load_onnx(*bytes, bytes);
  CHECK(bytes.use_count() == before + borrowed(graph));
  CHECK(to_text(graph) == to_text(copied));
}
