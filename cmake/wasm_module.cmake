# The shipped modules: bindings/*.cpp and the whole core as <dist>/wasm/<variant>/eightfold.{mjs,wasm}, and once more with
# threads as <dist>/wasm/<variant>-threads/. Both are linked from the same rooms: what these were compiled to becomes code
# only when linked, atomic where memory is shared. Compiled again are the bindings and the one unit that knows threads.
function(ef_wasm_module)
  file(GLOB units CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bindings/*.cpp")
  if(NOT units)
    return()
  endif()
  ef_wasm_program(eightfold_module "${EIGHTFOLD_VARIANT}" ${units})
  ef_wasm_program(eightfold_module_threads "${EIGHTFOLD_VARIANT}-threads" ${units}
    "${PROJECT_SOURCE_DIR}/src/kernels/parallel.cpp")
  target_compile_options(eightfold_module_threads PRIVATE -pthread)
  # The page that asks says how many threads are started before the module is, and starts their scripts (load.ts).
  target_link_options(eightfold_module_threads PRIVATE
    -pthread
    -Wno-pthreads-mem-growth
    -sDEFAULT_PTHREAD_STACK_SIZE=1MB
    -sPTHREAD_POOL_SIZE=Module.extraThreads
    -sEXPORTED_RUNTIME_METHODS=PThread)
  find_program(EIGHTFOLD_NODE NAMES node nodejs NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  add_custom_command(TARGET eightfold_module_threads POST_BUILD
    COMMAND "${EIGHTFOLD_NODE}" "${PROJECT_SOURCE_DIR}/bindings/name_thread_script.mjs"
      "$<TARGET_FILE:eightfold_module_threads>" VERBATIM)
endfunction()

function(ef_wasm_program name folder)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE eightfold ef_flags ef_headers)
  target_compile_options(${name} PRIVATE -Oz -flto)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES
    OUTPUT_NAME eightfold
    SUFFIX .mjs
    RUNTIME_OUTPUT_DIRECTORY "${EIGHTFOLD_DIST}/wasm/${folder}")
  # Loops keep what their room was compiled with and are inlined by then; across units a call is smaller than a copy.
  # The rest is written small once more.
  target_link_options(${name} PRIVATE
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
endfunction()
