# One interface target, ef_flags, with what every translation unit of ours is compiled with.
# -ffp-contract=off: a multiply and an add stay two roundings, so that all machines compute the same bits.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(ef_flags INTERFACE)
target_compile_features(ef_flags INTERFACE cxx_std_20)
target_compile_options(ef_flags INTERFACE -Wall -Wextra -Wpedantic -Werror -ffp-contract=off)

# What the linker of every program needs as well, third-party code included.
add_library(ef_platform INTERFACE)
target_link_libraries(ef_flags INTERFACE ef_platform)

# Bulk memory and conversions without traps are in every engine that has simd128; both are smaller, and faster.
if(EMSCRIPTEN)
  target_compile_options(ef_platform INTERFACE -fwasm-exceptions -msimd128 -mbulk-memory -mnontrapping-fptoint)
  target_link_options(ef_platform INTERFACE -fwasm-exceptions -msimd128)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # SIMDe maps the wasm intrinsics to SSE4; every x86-64 machine since 2009 has it.
  target_compile_options(ef_platform INTERFACE -march=x86-64-v2)
endif()

if(EIGHTFOLD_VARIANT MATCHES "^relaxed")
  # Only the kernels of src/kernels/relaxed are compiled with -mrelaxed-simd (rooms.cmake); all others see this define.
  target_compile_definitions(ef_flags INTERFACE EIGHTFOLD_RELAXED=1)
  target_link_options(ef_platform INTERFACE -mrelaxed-simd)
endif()
if(NOT EMSCRIPTEN)
  target_link_options(ef_platform INTERFACE -pthread)
endif()
if(EIGHTFOLD_SANITIZE)
  set(sanitize -fsanitize=${EIGHTFOLD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # Checked loops are not vectorized, whatever a pragma asks.
  list(APPEND sanitize -Wno-pass-failed)
  target_compile_options(ef_platform INTERFACE ${sanitize})
  target_link_options(ef_platform INTERFACE ${sanitize})
endif()
