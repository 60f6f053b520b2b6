// Damaged files: every cut and many deterministic mutations of a real model end in a graph or in
// an Error, never in a crash. The libFuzzer target in tests/fuzz does the same without an end.
#include <catch_amalgamated.hpp>
#include <random>

#include "core/error.h"
#include "onnx/onnx.h"
#include "support/data_files.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr int kMutations = 4000;

// 1 when the bytes load, 0 when they are refused with a text; saving what loaded may refuse too.
int try_load(const std::vector<uint8_t>& bytes) {
  try {
    save_onnx(load_onnx(bytes, nullptr));
    return 1;
  } catch (const Error& error) {
    if (error.message().empty() || error.code() == ErrorCode::kInternal) throw;
    return 0;
  }
}

using Random = std::mt19937;
size_t below(Random& random, size_t limit) { return random() % limit; }

void flip_bit(std::vector<uint8_t>& bytes, Random& random) {
  bytes[below(random, bytes.size())] ^= static_cast<uint8_t>(1u << below(random, 8));
}
// Lengths and varints with their high bits set are where readers go wrong.
void set_extreme(std::vector<uint8_t>& bytes, Random& random) {
  constexpr uint8_t kExtremes[] = {0x00, 0x7f, 0x80, 0xff};
  const size_t at = below(random, bytes.size());
  for (size_t i = at; i < std::min(at + 1 + below(random, 9), bytes.size()); ++i) {
    bytes[i] = kExtremes[below(random, 4)];
  }
}
void erase_some(std::vector<uint8_t>& bytes, Random& random) {
  const size_t at = below(random, bytes.size());
  const size_t end = std::min(bytes.size(), at + 1 + below(random, 16));
  bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
              bytes.begin() + static_cast<std::ptrdiff_t>(end));
}
void copy_some(std::vector<uint8_t>& bytes, Random& random) {
  const size_t from = below(random, bytes.size()), to = below(random, bytes.size());
  for (size_t i = 0; i < 16 && from + i < bytes.size() && to + i < bytes.size(); ++i) {
    bytes[to + i] = bytes[from + i];
  }
}

// The structure of the model: its large weights would take most of the hits.
std::vector<uint8_t> seed_model() {
  Graph graph = load_onnx(read_file(source_folder() + "/examples/digits/model.onnx"));
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Tensor* constant = graph.constant(id);
    if (constant && constant->size() > 16) {
      graph.value(id).initializer = Tensor::allocate(DType::kInt8, {2});
    }
  }
  return save_onnx(graph);
}

}  // namespace

TEST_CASE("a model cut off anywhere is refused", "[onnx][mutation]") {
  const std::vector<uint8_t> seed = seed_model();
  REQUIRE(try_load(seed) == 1);
  int loaded = 0;
  for (size_t length = 0; length < seed.size(); ++length) {
    loaded += try_load({seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(length)});
  }
  // What follows the graph is optional: the last bytes may be missing.
  CHECK(loaded < 100);
}

TEST_CASE("mutated models load or are refused", "[onnx][mutation]") {
  const std::vector<uint8_t> seed = seed_model();
  Random random(8);
  constexpr void (*kMutators[])(std::vector<uint8_t>&, Random&) = {flip_bit, set_extreme,
                                                                   erase_some, copy_some};
  int loaded = 0;
  for (int i = 0; i < kMutations; ++i) {
    std::vector<uint8_t> bytes = seed;
    for (size_t n = 1 + below(random, 4); n > 0 && !bytes.empty(); --n) {
      kMutators[below(random, 4)](bytes, random);
    }
    loaded += try_load(bytes);
  }
  CHECK(loaded > kMutations / 50);       // names and numbers may change
  CHECK(loaded < kMutations * 19 / 20);  // most damage is seen
}
