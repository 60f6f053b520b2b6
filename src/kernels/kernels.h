// The table of kernels: which rows exist, which instruction set is in use, and how a row is chosen.
//
// A kernel is a struct of function pointers (int8.h, float.h). Every instruction set that has a
// form of it gives one constant of that struct; kernels.inc lists them all, best first. select<K>()
// returns the first row of kernel K that the current instruction set can run. Whichever row runs,
// the integers are the same.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace eightfold {

enum class Isa : uint8_t { scalar, simd128, relaxed };

// Built before the rows are named, so that a row's struct need not be complete here.
#define EIGHTFOLD_KERNEL(isa, kernel, types, name) \
  struct kernel;                                   \
  extern const kernel name;
#include "kernels/kernels.inc"
#undef EIGHTFOLD_KERNEL

struct KernelRow {
  Isa isa;
  std::string_view kernel, types, name;
};
std::span<const KernelRow> kernel_rows();

std::string_view isa_name(Isa isa);
Isa best_isa();     // of this build
Isa current_isa();  // best_isa() unless set_isa said otherwise
// Process-wide, for tests and measurements. "" restores the best one; throws kInvalidConfig on a
// name that is unknown or that this build does not hold.
void set_isa(std::string_view name);

template <class Kernel>
struct Selected {
  const Kernel* kernel = nullptr;
  const KernelRow* row = nullptr;
  const Kernel* operator->() const { return kernel; }
};

// The first row that the instruction set can run and that `fits` takes. Every kernel has a scalar
// row that fits whatever comes, so there always is one.
template <class Kernel, class Fits>
Selected<Kernel> select(Fits&& fits) {
  const KernelRow* row = kernel_rows().data();
#define EIGHTFOLD_KERNEL(isa, type, types, name)                      \
  if constexpr (std::is_same_v<Kernel, type>) {                       \
    if (Isa::isa <= current_isa() && fits(name)) return {&name, row}; \
  }                                                                   \
  ++row;
#include "kernels/kernels.inc"
#undef EIGHTFOLD_KERNEL
  return {};
}

template <class Kernel>
Selected<Kernel> select() {
  return select<Kernel>([](const Kernel&) { return true; });
}

}  // namespace eightfold
