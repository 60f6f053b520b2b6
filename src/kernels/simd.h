// The 128-bit intrinsics of WebAssembly under their own names: the compiler's on wasm, SIMDe's on
// native builds. The only include of either.
#pragma once

#if defined(__wasm_simd128__)  // with the relaxed ones where the file is compiled for them
#include <wasm_simd128.h>
#else
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/wasm/simd128.h>
#endif
