// Einsum against nested loops over every label.
#include <catch_amalgamated.hpp>
#include <map>
#include <string>

#include "core/error.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct EinsumRow {
  std::string equation;
  std::vector<Shape> shapes;
  // The same without spaces, an ellipsis or an implicit result.
  std::vector<std::string> terms;
  std::string result;
};

std::vector<EinsumRow> rows() {
  return {
      {"ij,jk->ik", {{3, 4}, {4, 5}}, {"ij", "jk"}, "ik"},  // a GEMM
      {"ij,kj", {{3, 4}, {5, 4}}, {"ij", "kj"}, "ik"},      // implicit, transposed
      {"bij, bjk -> bik", {{2, 3, 4}, {2, 4, 5}}, {"bij", "bjk"}, "bik"},
      {"bhid,bhjd->bhij", {{2, 3, 4, 5}, {2, 3, 6, 5}}, {"bhid", "bhjd"}, "bhij"},
      {"bhij,bjhd->bihd", {{2, 3, 4, 5}, {2, 5, 3, 6}}, {"bhij", "bjhd"}, "bihd"},
      {"bij,jk->bik", {{2, 3, 4}, {4, 5}}, {"bij", "jk"}, "bik"},  // b in one operand alone
      {"ij,jk->ki", {{3, 4}, {4, 5}}, {"ij", "jk"}, "ki"},         // a transposed result
      {"ii->i", {{4, 4}}, {"ii"}, "i"},                            // a diagonal
      {"ii", {{4, 4}}, {"ii"}, ""},                                // a trace
      {"ij->", {{3, 4}}, {"ij"}, ""},
      {"ba", {{3, 4}}, {"ba"}, "ab"},                           // implicit: sorted letters
      {"i,j,k->kij", {{2}, {3}, {4}}, {"i", "j", "k"}, "kij"},  // three operands
      {"...ij,...jk->...ik", {{2, 3, 3, 4}, {3, 4, 5}}, {"XYij", "Yjk"}, "XYik"},
      {"...i,...i->...", {{2, 3, 4}, {2, 3, 4}}, {"XYi", "XYi"}, "XY"},
      {"i...->...i", {{2, 3, 4}}, {"iXY"}, "XYi"},
      {"bij,bjk->bik", {{1, 3, 4}, {2, 4, 5}}, {"bij", "bjk"}, "bik"},  // a dim of 1 repeats
      {"ij,jk->ik", {{1, 4}, {4, 1}}, {"ij", "jk"}, "ik"},
      {"ij,jk->ik", {{3, 0}, {0, 5}}, {"ij", "jk"}, "ik"},  // an empty sum
  };
}

Tensor loops(const EinsumRow& row, const std::vector<Tensor>& inputs) {
  std::map<char, int64_t> dims, index;
  for (size_t i = 0; i < row.terms.size(); ++i) {
    for (size_t axis = 0; axis < row.terms[i].size(); ++axis) {
      int64_t& dim = dims.emplace(row.terms[i][axis], 1).first->second;
      if (row.shapes[i][axis] != 1) dim = row.shapes[i][axis];
    }
  }
  Shape shape;
  for (const char label : row.result) shape.push_back(dims[label]);
  std::vector<double> sums(static_cast<size_t>(element_count(shape)));
  int64_t total = 1;
  for (const auto& [label, dim] : dims) total *= dim;
  for (int64_t n = 0; n < total; ++n) {
    int64_t rest = n;
    for (const auto& [label, dim] : dims) {
      index[label] = rest % dim;
      rest /= dim;
    }
    double term = 1;
    for (size_t i = 0; i < inputs.size(); ++i) {
      int64_t at = 0;
      for (size_t axis = 0; axis < row.terms[i].size(); ++axis) {
        const int64_t dim = row.shapes[i][axis];
        at = at * dim + (dim == 1 ? 0 : index[row.terms[i][axis]]);
      }
      term *= inputs[i].data<float>()[static_cast<size_t>(at)];
    }
    int64_t to = 0;
    for (const char label : row.result) to = to * dims[label] + index[label];
    sums[static_cast<size_t>(to)] += term;
  }
  return Tensor::of<float>(shape, std::vector<float>(sums.begin(), sums.end()));
}

}  // namespace

TEST_CASE("Einsum sums over the labels that the result lacks", "[ops][einsum]") {
  for (const EinsumRow& row : rows()) {
    CAPTURE(row.equation);
    std::vector<Tensor> inputs;
    for (const Shape& shape : row.shapes) {
      inputs.push_back(random_tensor(shape, static_cast<uint32_t>(inputs.size()) + 1));
    }
    const OpCase run{.op = "Einsum", .attributes = {{"equation", row.equation}}, .inputs = inputs};
    CHECK(difference(run_op(run)[0], loops(row, inputs), {1e-5f, 1e-5f}) == "");
  }
}

TEST_CASE("Einsum counts integers exactly and refuses what does not fit", "[ops][einsum]") {
  const auto run = [](const char* equation, std::vector<Tensor> inputs) {
    return run_op({.op = "Einsum",
                   .attributes = {{"equation", std::string(equation)}},
                   .inputs = std::move(inputs)})[0];
  };
  const Tensor dot = run("i,i->", {i64({3}, {1, 2, 3}), i64({3}, {4, 5, int64_t{1} << 40})});
  CHECK(dot.data<int64_t>()[0] == 14 + 3 * (int64_t{1} << 40));
  const Tensor a = ramp({2, 3}), b = ramp({2, 3});
  CHECK_THROWS_AS(run("ij,jk->ik", {a, b}), Error);  // j is 3 and 2
  CHECK_THROWS_AS(run("ij->ik", {a}), Error);        // k is nowhere
  CHECK_THROWS_AS(run("ijk->i", {a}), Error);        // the rank
  CHECK_THROWS_AS(run("ij->i", {a, b}), Error);      // two operands, one term
  CHECK_THROWS_AS(run("i.j->i", {a}), Error);
}
