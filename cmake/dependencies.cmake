# Header-only libraries (protozero, nlohmann-json, SIMDe) and Catch2's amalgamated source, from the private tool folder
# of scripts/setup.mjs or from the system. They are linked into one folder of the build tree, because the system's
# whole include folder on emcc's path would break its C library.
set(EIGHTFOLD_PREFIX "$ENV{EIGHTFOLD_PREFIX}")
if(NOT EIGHTFOLD_PREFIX AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(EIGHTFOLD_PREFIX "$ENV{XDG_CACHE_HOME}/eightfold")
elseif(NOT EIGHTFOLD_PREFIX)
  set(EIGHTFOLD_PREFIX "$ENV{HOME}/.cache/eightfold")
endif()

set(ef_headers "${PROJECT_BINARY_DIR}/headers")
file(MAKE_DIRECTORY "${ef_headers}")

function(ef_link_headers folder probe)
  find_path(EF_${folder}_DIR "${folder}/${probe}" HINTS "${EIGHTFOLD_PREFIX}/include" NO_CMAKE_FIND_ROOT_PATH)
  if(NOT EF_${folder}_DIR)
    message(FATAL_ERROR "No ${folder}/${probe} found. Run `node scripts/setup.mjs` or install the library's headers.")
  endif()
  file(CREATE_LINK "${EF_${folder}_DIR}/${folder}" "${ef_headers}/${folder}" SYMBOLIC)
endfunction()

ef_link_headers(protozero pbf_reader.hpp)
ef_link_headers(nlohmann json.hpp)
ef_link_headers(simde wasm/simd128.h)

add_library(ef_headers INTERFACE)
target_include_directories(ef_headers SYSTEM INTERFACE "${ef_headers}")
