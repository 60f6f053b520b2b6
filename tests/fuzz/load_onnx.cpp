// libFuzzer target: load_onnx on any bytes, then save and load again.
//
// Built by the option EIGHTFOLD_FUZZ (clang, with the sanitizers of the dev preset):
//   cmake --preset dev -DEIGHTFOLD_FUZZ=ON && cmake --build build/dev --target fuzz_load_onnx
//   build/dev/tests/fuzz/fuzz_load_onnx -max_len=65536 -rss_limit_mb=2048 corpus/
// Any small .onnx files make a corpus.
#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "ir/text.h"
#include "onnx/onnx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eightfold;
  try {
    const Graph graph = load_onnx({data, size}, nullptr);
    // What was loaded can be printed, saved and loaded again; only size limits may refuse.
    const std::string text = to_text(graph);
    const auto saved = save_onnx(graph);
    if (to_text(load_onnx(saved, nullptr)) != text) std::abort();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) std::abort();
  }
  return 0;
}
