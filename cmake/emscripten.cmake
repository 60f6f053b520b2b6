# Toolchain file of the wasm presets: finds Emscripten on PATH (as scripts/setup.mjs arranges it, or the user's own) or
# in the private tool folder, and goes on with Emscripten's own toolchain file.
find_program(EIGHTFOLD_EMCC emcc NO_CMAKE_FIND_ROOT_PATH HINTS
  "$ENV{EIGHTFOLD_PREFIX}/emscripten/emscripten"
  "$ENV{XDG_CACHE_HOME}/eightfold/emscripten/emscripten"
  "$ENV{HOME}/.cache/eightfold/emscripten/emscripten")
if(NOT EIGHTFOLD_EMCC)
  message(FATAL_ERROR "No emcc found. Run `node scripts/setup.mjs` first.")
endif()
get_filename_component(emcc_path "${EIGHTFOLD_EMCC}" REALPATH)
get_filename_component(emscripten_root "${emcc_path}" DIRECTORY)
if(NOT EXISTS "${emscripten_root}/cmake/Modules/Platform/Emscripten.cmake")
  set(emscripten_root "${emscripten_root}/../libexec") # where Homebrew keeps it
endif()
include("${emscripten_root}/cmake/Modules/Platform/Emscripten.cmake")
