// Speed of the int8 kernels against what the machine can do with the same instruction.
//
// The limit is measured in the same process: i32x4.dot_i16x8 + add in a 4 x 2 register tile that
// reads a 3 KiB buffer. Printed per shape: GMAC/s of the row that runs (requantization and widening
// of the activations included) and its ratio to that limit. Ratios compare across
// machines and noise; the plain numbers do not.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "kernels/dot_class.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

using namespace eightfold;

namespace {

constexpr int kRuns = 30;

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// GMAC/s of the best run; each lasts about 2 ms, so that some fit between two interruptions.
double rate(double macs, const std::function<void()>& work) {
  for (int i = 0; i < 5; ++i) work();
  const int repeat = std::max(1, static_cast<int>(0.002 / std::max(1e-7, seconds(work))));
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const double time = seconds([&] {
      for (int i = 0; i < repeat; ++i) work();
    });
    best = std::max(best, macs * repeat / time / 1e9);
  }
  return best;
}

std::vector<uint8_t> bytes(int64_t count) {
  std::vector<uint8_t> all(static_cast<size_t>(count));
  uint32_t state = 1;
  for (uint8_t& byte : all)
    byte = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return all;
}

volatile int32_t sink;

double dot16_limit() {
  const std::vector<uint8_t> data = bytes(3072);
  const uint8_t* buffer = data.data();
  constexpr int kSteps = 2000;
  return rate(8.0 * 8 * 48 * kSteps, [buffer] {
    v128_t acc[4][2];
    for (auto& row : acc) row[0] = row[1] = wasm_i32x4_splat(0);
    for (int step = 0; step < kSteps; ++step) {
      const uint8_t* w = buffer;
      for (int k = 0; k < 48; ++k, w += 32) {
        const v128_t w0 = wasm_v128_load(w), w1 = wasm_v128_load(w + 16);
        for (int i = 0; i < 4; ++i) {
          const v128_t a = wasm_v128_load32_splat(buffer + 1536 + 4 * (4 * k + i));
          acc[i][0] = wasm_i32x4_add(acc[i][0], wasm_i32x4_dot_i16x8(w0, a));
          acc[i][1] = wasm_i32x4_add(acc[i][1], wasm_i32x4_dot_i16x8(w1, a));
        }
      }
    }
    v128_t sum = wasm_i32x4_splat(0);
    for (auto& row : acc) sum = wasm_v128_xor(sum, wasm_v128_xor(row[0], row[1]));
    sink = wasm_i32x4_extract_lane(sum, 0);
  });
}

// What the quantizer promises of a layer, hence which kernel may run: activations in 0..largest,
// weights within +-weight.
struct Mode {
  const char* name;
  int32_t largest, weight;
};
constexpr Mode kModes[] = {
    {"exact8", 255, 127}, {"fast8", 255, 64}, {"fast8 quads", 255, 32}, {"turbo", 127, 64}};

std::vector<uint8_t> activations(int64_t count, const Mode& mode) {
  std::vector<uint8_t> all = bytes(count);
  for (uint8_t& byte : all) byte = static_cast<uint8_t>(byte % (mode.largest + 1));
  return all;
}
std::vector<uint8_t> small_weights(int64_t count, const Mode& mode) {
  std::vector<uint8_t> all = bytes(count);
  for (uint8_t& byte : all) {
    const int value = static_cast<int8_t>(byte) % (mode.weight + 1);
    byte = static_cast<uint8_t>(static_cast<int8_t>(value));
  }
  return all;
}
ActivationRange range_of(const Mode& mode) { return {true, false, 60, 0, mode.largest}; }

struct Layer {
  const char* what;
  int64_t channels, out_channels, extent, kernel, stride;
};

WindowAxis axis(const Layer& layer, bool used) {
  if (!used) return {};
  const int64_t pad = layer.kernel / 2;
  const int64_t out = (layer.extent + 2 * pad - layer.kernel) / layer.stride + 1;
  return {layer.extent, out, layer.kernel, layer.stride, 1, pad, pad};
}

double gemm_rate(int64_t m, int64_t k, int64_t n, const Mode& mode) {
  const auto a = activations(m * k, mode), w = small_weights(k * n, mode);
  const std::vector<float> scale(static_cast<size_t>(n), 0.0005f);
  std::vector<uint8_t> y(static_cast<size_t>(m * n));
  DenseWeights weights;
  weights.data = w.data();
  weights.inner = k;
  weights.n = n;
  weights.inner_stride = 1;
  weights.n_stride = k;
  weights.scale = scale;
  weights.activations = range_of(mode);
  const PackedDense packed = pack_dense(weights);
  const auto scratch = Buffer::allocate(dense_scratch_bytes(packed));
  const Int8Output out{y.data(), DType::kUint8, 128, 0, 255};
  return rate(static_cast<double>(m * k * n),
              [&] { dense_rows(packed, {a.data(), false, 60}, out, {m, k, n}, scratch->data()); });
}

double conv_rate(const Layer& layer, const Mode& mode) {
  const int64_t taps = layer.kernel * layer.kernel;
  ConvShape shape;
  shape.in_channels = layer.channels;
  shape.out_channels = layer.out_channels;
  shape.window.axes = {axis(layer, false), axis(layer, true), axis(layer, true)};
  const bool depthwise =
      layer.out_channels == layer.channels && layer.kernel > 1 && layer.what[0] == 'd';
  const auto x = activations(layer.channels * layer.extent * layer.extent, mode);
  const auto w = small_weights(layer.out_channels * layer.channels * taps, mode);
  const std::vector<float> scale(static_cast<size_t>(layer.out_channels), 0.0005f);
  std::vector<uint8_t> y(static_cast<size_t>(shape.window.out_size() * layer.out_channels));
  const Int8Input input{x.data(), false, 60};
  const Int8Output out{y.data(), DType::kUint8, 128, 0, 255};
  const auto macs = static_cast<double>(shape.window.out_size() * layer.out_channels * taps *
                                        (depthwise ? 1 : layer.channels));
  if (depthwise) {
    DepthwiseWeights weights;
    weights.data = w.data();
    weights.channels = layer.channels;
    weights.taps = taps;
    weights.scale = scale;
    const PackedDepthwise packed = pack_depthwise(weights, layer.kernel);
    const auto scratch = Buffer::allocate(depthwise_scratch_bytes(packed, shape.window));
    return rate(macs, [&] { depthwise_int8(packed, input, out, shape, scratch->data()); });
  }
  DenseWeights weights;
  weights.data = w.data();
  weights.outer = taps;
  weights.inner = layer.channels;
  weights.n = layer.out_channels;
  weights.outer_stride = 1;
  weights.inner_stride = taps;
  weights.n_stride = taps * layer.channels;
  weights.scale = scale;
  weights.activations = range_of(mode);
  const std::vector<PackedDense> packed{pack_dense(weights)};
  const auto scratch = Buffer::allocate(dense_scratch_bytes(packed[0]));
  return rate(macs, [&] { conv_int8(packed, input, out, shape, scratch->data()); });
}

}  // namespace

int main() {
  const double limit = dot16_limit();
  std::printf("limit of i32x4.dot_i16x8 + add: %.1f GMAC/s\n", limit);
  std::printf("dense row %s, depthwise row %s\n", select<DenseInt8>().row->name.data(),
              select<DepthwiseInt8>().row->name.data());
  const auto print = [limit](const char* what, auto&& rate_of) {
    std::printf("%-24s", what);
    for (const Mode& mode : kModes) {
      const double found = rate_of(mode);
      std::printf("  %s %5.1f (%.2f)", mode.name, found, found / limit);
    }
    std::printf("\n");
  };
  std::printf("dot class %s; GMAC/s (of the limit)\n", dot_class_name(dot_class()).data());
  const auto gemm = [&](const char* what, int64_t m, int64_t k, int64_t n) {
    print(what, [&](const Mode& mode) { return gemm_rate(m, k, n, mode); });
  };
  gemm("GEMM 128x384x384", 128, 384, 384);
  gemm("GEMM 128x384x1536", 128, 384, 1536);
  gemm("GEMV 1x1024x1024", 1, 1024, 1024);
  const Layer layers[] = {
      {"1x1 56x56 24->144", 24, 144, 56, 1, 1},    {"1x1 56x56 144->24", 144, 24, 56, 1, 1},
      {"1x1 28x28 192->32", 192, 32, 28, 1, 1},    {"1x1 14x14 576->96", 576, 96, 14, 1, 1},
      {"1x1 7x7 960->320", 960, 320, 7, 1, 1},     {"3x3 56x56x64", 64, 64, 56, 3, 1},
      {"3x3 28x28x128", 128, 128, 28, 3, 1},       {"3x3 14x14x256", 256, 256, 14, 3, 1},
      {"3x3 s2 224x224 3->32", 3, 32, 224, 3, 2},  {"dw 3x3 112x112x32", 32, 32, 112, 3, 1},
      {"dw 3x3 s2 56x56x144", 144, 144, 56, 3, 2}, {"dw 3x3 14x14x576", 576, 576, 14, 3, 1},
      {"dw 3x3 7x7x960", 960, 960, 7, 3, 1},       {"dw 5x5 14x14x576", 576, 576, 14, 5, 1},
  };
  for (const Layer& layer : layers) {
    print(layer.what, [&](const Mode& mode) { return conv_rate(layer, mode); });
  }
  return 0;
}
