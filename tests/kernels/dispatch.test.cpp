// The table of rows: every kernel has a scalar row, the best row comes first, and set_isa is
// obeyed.
#include <catch_amalgamated.hpp>
#include <map>
#include <set>
#include <string>

#include "core/error.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"

using namespace eightfold;

TEST_CASE("every kernel has a scalar row and its rows go from best to scalar", "[kernels]") {
  std::map<std::string_view, std::vector<Isa>> isas;
  std::set<std::string_view> names;
  for (const KernelRow& row : kernel_rows()) {
    isas[row.kernel].push_back(row.isa);
    CHECK(names.insert(row.name).second);
    CHECK(row.name.ends_with(isa_name(row.isa)));
  }
  for (const auto& [kernel, order] : isas) {
    INFO(kernel);
    CHECK(order.back() == Isa::scalar);
    CHECK(std::is_sorted(order.rbegin(), order.rend()));
  }
}

TEST_CASE("set_isa forces the rows of an instruction set", "[kernels]") {
  set_isa("scalar");
  CHECK(select<DenseInt8>().row->name == "dense_i8_scalar");
  CHECK(select<DenseInt8>().kernel == &dense_i8_scalar);
  set_isa("simd128");
  CHECK(select<DenseInt8>().row->name == "dense_i8_simd128");
  set_isa("");
  CHECK(current_isa() == best_isa());
  CHECK_THROWS_AS(set_isa("avx512"), Error);
  if (best_isa() != Isa::relaxed) CHECK_THROWS_AS(set_isa("relaxed"), Error);
  CHECK(current_isa() == best_isa());
}
