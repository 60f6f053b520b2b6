# The shipped module: bindings/*.cpp and the whole core as <dist>/wasm/<variant>/eightfold.{mjs,wasm}.
function(ef_wasm_module)
  file(GLOB units CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bindings/*.cpp")
  if(NOT units)
    return()
  endif()
  add_executable(eightfold_module ${units})
  target_link_libraries(eightfold_module PRIVATE eightfold ef_flags ef_headers)
  target_compile_options(eightfold_module PRIVATE -Oz -flto)
  target_include_directories(eightfold_module PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  set_target_properties(eightfold_module PROPERTIES
    OUTPUT_NAME eightfold
    SUFFIX .mjs
    RUNTIME_OUTPUT_DIRECTORY "${EIGHTFOLD_DIST}/wasm/${EIGHTFOLD_VARIANT}")
  # Loops keep what their room was compiled with and are inlined by then; across units a call is smaller than a copy.
  # The rest is written small once more.
  target_link_options(eightfold_module PRIVATE
    -Oz
    -flto
    -Wl,-mllvm,-inline-threshold=-30
    -lembind
    -sMODULARIZE=1
    -sEXPORT_ES6=1
    -sEXPORT_NAME=createEightfold
    -sENVIRONMENT=web,worker,node
    -sALLOW_MEMORY_GROWTH=1
    -sMAXIMUM_MEMORY=4GB
    -sSTACK_SIZE=1MB
    -sDYNAMIC_EXECUTION=0
    -sFILESYSTEM=0
    -sWASM_BIGINT=1)
  if(EIGHTFOLD_VARIANT MATCHES "-threads$")
    target_link_options(eightfold_module PRIVATE -sDEFAULT_PTHREAD_STACK_SIZE=1MB)
  endif()
endfunction()
