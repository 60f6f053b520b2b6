// The families of presets: each fills a config by its name. backends.cpp lists the members.
#pragma once

#include "quant/backend_config.h"

namespace eightfold {

void fill_wasm(BackendConfig& config);         // exact8, fast8, turbo
void fill_onnxruntime(BackendConfig& config);  // onnxruntime
void fill_pytorch(BackendConfig& config);  // native, fbgemm, x86, qnnpack, onednn, executorch, ...

}  // namespace eightfold
