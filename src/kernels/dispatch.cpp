// The rows of kernels.inc as data, and the instruction set in use.
#include "kernels/kernels.h"

#include <atomic>
#include <string>

#include "core/error.h"

namespace eightfold {
namespace {

constexpr KernelRow kRows[] = {
#define EIGHTFOLD_KERNEL(isa, kernel, types, name) {Isa::isa, #kernel, types, #name},
#include "kernels/kernels.inc"
#undef EIGHTFOLD_KERNEL
};

constexpr Isa kIsas[] = {Isa::scalar, Isa::simd128, Isa::relaxed};

std::atomic<Isa>& chosen() {
  static std::atomic<Isa> isa{best_isa()};
  return isa;
}

}  // namespace

std::span<const KernelRow> kernel_rows() { return kRows; }

std::string_view isa_name(Isa isa) {
  constexpr std::string_view kNames[] = {"scalar", "simd128", "relaxed"};
  return kNames[static_cast<size_t>(isa)];
}

Isa best_isa() {
#ifdef EIGHTFOLD_RELAXED
  return Isa::relaxed;
#else
  return Isa::simd128;
#endif
}

Isa current_isa() { return chosen().load(std::memory_order_relaxed); }

void set_isa(std::string_view name) {
  if (name.empty()) {
    chosen().store(best_isa(), std::memory_order_relaxed);
    return;
  }
  for (Isa isa : kIsas) {
    if (isa_name(isa) != name) continue;
    if (isa > best_isa()) break;
    chosen().store(isa, std::memory_order_relaxed);
    return;
  }
  throw Error(ErrorCode::kInvalidConfig,
              "this build has no kernels for the instruction set '" + std::string(name) + "'",
              "use scalar, simd128 or, in the relaxed build, relaxed");
}

}  // namespace eightfold
