// libFuzzer target: load_onnx on any bytes, then save and load again.
//
// Built by the option EIGHTFOLD_FUZZ (clang, with the sanitizers of the dev preset):
//   cmake --preset dev -DEIGHTFOLD_FUZZ=ON && cmake --build build/dev --target fuzz_load_onnx
//   build/dev/tests/fuzz/fuzz_load_onnx -max_len=65536 -rss_limit_mb=2048 corpus/
// Any small .onnx files make a corpus.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/error.h"
#include "ir/text.h"
#include "onnx/onnx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace eightfold;
  try {
    // What was loaded can be saved, and is a fixed point from then on: saving adds only what a
    // file must have (a graph name, the imports of all domains in use).
    const std::vector<uint8_t> saved = save_onnx(load_onnx({data, size}, nullptr));
    const Graph again = load_onnx(saved, nullptr);
    if (save_onnx(again) != saved) std::abort();
    if (to_text(load_onnx(saved, nullptr)) != to_text(again)) std::abort();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) std::abort();
  }
  return 0;
}
