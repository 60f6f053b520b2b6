// LstmCellInt8: every row against scalar, at the ends of its places and around the vector width.
#include <catch_amalgamated.hpp>

#include <cmath>
#include <limits>

#include "kernels/generic/lstm_scalar.h"
#include "kernels/generic/place_vector.h"
#include "support/kernel_rows.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr CellPlace kPlaces[] = {{0, 0, 65535},       {32768, 0, 65535}, {0, -32768, 32767},
                                 {-5, -32768, 32767}, {131, 0, 255},     {-128, -128, 127}};

struct Cell {
  int64_t hidden;
  LstmCellParams params;
  std::vector<int32_t> x_sums, h_sums, c;
  std::vector<float> x_scale, h_scale, cell_tanh;
  std::vector<uint16_t> sigmoid, tanh;

  // `reach`: how far sums go, in steps of the linear output; far out every gate is at an end.
  Cell(int64_t size, float reach, uint32_t seed) : hidden(size) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> unit(-1, 1);
    for (int64_t n = 0; n < 4 * hidden; ++n) {
      x_sums.push_back(static_cast<int32_t>(random()) >> 8);
      h_sums.push_back(static_cast<int32_t>(random()) >> 8);
      x_scale.push_back(reach * unit(random) / (1 << 23));
      h_scale.push_back(reach * unit(random) / (1 << 23));
    }
    for (int64_t j = 0; j < hidden; ++j) c.push_back(static_cast<int16_t>(random()));
    for (int32_t v = 0; v < 65536; ++v) {
      const double at = (v - 32768) / 2048.0;
      sigmoid.push_back(static_cast<uint16_t>(65535 / (1 + std::exp(-at))));
      tanh.push_back(static_cast<uint16_t>(32767.5 + 32767.5 * std::tanh(at)));
      cell_tanh.push_back(static_cast<float>(std::tanh(at)));
    }
    params.hidden = hidden;
    params.x_scale = x_scale.data();
    params.h_scale = h_scale.data();
    params.linear = {32768, 0, 65535};
    params.fc = params.ig = params.cell = {0, -32768, 32767};
    params.ig.zero = 3;
    params.hidden_state = {120, 0, 255};
    params.tanh_zero = 32768;
    params.sigmoid = sigmoid.data();
    params.tanh = tanh.data();
    params.cell_tanh = cell_tanh.data();
    params.fc_factor = 1.0f / 65536;
    params.ig_factor = 1.0f / 131072;
    params.from_ig = 0.25f;
    params.h_factor = 130.0f / 65536;
  }

  // c, then h.
  std::vector<int32_t> run(const LstmCellInt8& kernel) const {
    std::vector<int32_t> state = c;
    std::vector<uint8_t> h(static_cast<size_t>(hidden));
    for (int step = 0; step < 3; ++step) {
      kernel.run({&params, x_sums.data(), h_sums.data(), state.data(), h.data()});
    }
    state.insert(state.end(), h.begin(), h.end());
    return state;
  }
};

}  // namespace

TEST_CASE("lstm cell: all rows give the integers of scalar", "[kernels][int8][lstm]") {
  int64_t ends = 0;
  const int rows =
      for_each_row<LstmCellInt8>([&](const KernelRow& row, const LstmCellInt8& kernel) {
        for (int64_t hidden : {1, 3, 4, 5, 8, 15, 128}) {
          for (float reach : {1000.0f, 30000.0f, 1e9f}) {
            const Cell cell(hidden, reach, static_cast<uint32_t>(hidden + 1));
            const std::vector<int32_t> wanted = cell.run(lstm_cell_i8_scalar);
            INFO(row.name << ", hidden " << hidden << ", reach " << reach);
            CHECK(cell.run(kernel) == wanted);
            for (int64_t j = 0; j < hidden; ++j) ends += wanted[static_cast<size_t>(j)] == 32767;
          }
        }
      });
  CHECK(rows >= 2);
  CHECK(ends > 0);
}

TEST_CASE("lstm cell: vectors round into a place as scalars do", "[kernels][int8][lstm]") {
  std::vector<float> values{0.0f,
                            -0.0f,
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN(),
                            3e38f,
                            -3e38f,
                            1e-40f};
  for (const CellPlace& place : kPlaces) {
    for (int32_t end : {place.lo - place.zero, place.hi - place.zero, 0, 1, 7}) {
      for (float part : {-1.0f, -0.5f, -0.49f, 0.0f, 0.49f, 0.5f, 0.51f, 1.0f, 1.5f}) {
        values.push_back(static_cast<float>(end) + part);
      }
    }
  }
  for (const CellPlace& place : kPlaces) {
    const generic::PlaceVectors vectors(place);
    for (float value : values) {
      const v128_t given = wasm_f32x4_splat(value);
      const int32_t wanted = generic::to_place(value, place);
      INFO(value << " into " << place.lo << ".." << place.hi << " around " << place.zero);
      CHECK(wasm_i32x4_extract_lane(vectors.quantized(given), 3) == wanted);
      CHECK(wasm_i32x4_extract_lane(vectors.index(given), 2) == wanted - place.lo);
      CHECK(wasm_f32x4_extract_lane(vectors.centred(given), 1) ==
            static_cast<float>(wanted - place.zero));
    }
  }
}
