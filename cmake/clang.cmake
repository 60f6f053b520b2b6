# Toolchain file of the native presets: the clang that scripts/setup.mjs installs, or the newest one at hand.
find_program(EIGHTFOLD_CLANG NAMES clang++-19 clang++-21 clang++-20 clang++ REQUIRED)
set(CMAKE_CXX_COMPILER "${EIGHTFOLD_CLANG}")
