// The forms of generic/dense_dot8.h on engines of every class, emulated: where a form says that it
// fits, its bytes are those of the scalar kernel; where it must not be used, it says so.
#include <catch_amalgamated.hpp>

#include "kernels/generic/depthwise_dot8.h"
#include "support/kernel_rows.h"

using namespace eightfold;
using namespace eightfold::test;
using generic::Dot8;

namespace {

// The relaxed dot products as engines of a class compute them.
template <DotClass kClass>
struct Emulated {
  static int32_t second(uint8_t byte) {
    return reads_unsigned(kClass) ? int32_t{byte} : int32_t{static_cast<int8_t>(byte)};
  }
  static int32_t pair(const int8_t* w, const uint8_t* a) {
    const int32_t sum = w[0] * second(a[0]) + w[1] * second(a[1]);
    if (reads_unsigned(kClass)) return std::clamp(sum, INT16_MIN, INT16_MAX);
    return static_cast<int16_t>(sum);
  }
  static int32_t exact(const int8_t* w, const uint8_t* a) {
    return w[0] * second(a[0]) + w[1] * second(a[1]);
  }
  static v128_t dot2(v128_t w, v128_t a) {
    alignas(16) int8_t ws[16];
    alignas(16) uint8_t as[16];
    alignas(16) int16_t sums[8];
    wasm_v128_store(ws, w);
    wasm_v128_store(as, a);
    for (int i = 0; i < 8; ++i) sums[i] = static_cast<int16_t>(pair(ws + 2 * i, as + 2 * i));
    return wasm_v128_load(sums);
  }
  static v128_t dot4(v128_t w, v128_t a, v128_t acc) {
    constexpr bool kExact = kClass == DotClass::kUnsigned || kClass == DotClass::kSigned;
    alignas(16) int8_t ws[16];
    alignas(16) uint8_t as[16];
    alignas(16) int32_t sums[4];
    wasm_v128_store(ws, w);
    wasm_v128_store(as, a);
    wasm_v128_store(sums, acc);
    for (int i = 0; i < 4; ++i) {
      for (int at = 4 * i; at < 4 * i + 4; at += 2) {
        sums[i] += kExact ? exact(ws + at, as + at) : pair(ws + at, as + at);
      }
    }
    return wasm_v128_load(sums);
  }
  static DotClass lowering() { return kClass; }
};

enum class Weights { kAny, kSeven, kPairBound, kQuadBound };

struct Problem {
  int64_t m, k, n;
  std::vector<uint8_t> a;
  std::vector<int8_t> w;
  std::vector<int32_t> bias;
  std::vector<float> scale, slopes;
  DenseWeights weights;
  Int8Input input;
  Int8Output out;

  Problem(int64_t rows, int64_t depth, int64_t columns, bool is_signed, int largest, Weights kind)
      : m(rows), k(depth), n(columns) {
    std::mt19937 random(static_cast<uint32_t>(m * 7919 + k * 131 + n));
    a = test_bytes(static_cast<size_t>(m * k), 5, true);
    const bool narrow = largest < 255;
    for (uint8_t& byte : a) {
      if (narrow) byte = static_cast<uint8_t>(random() % 2 ? largest : random() % (largest + 1));
    }
    for (int64_t i = 0; i < n * k; ++i) w.push_back(weight(kind, i % k));
    for (int64_t i = 0; i < n; ++i) {
      bias.push_back(static_cast<int32_t>(random() % 4001) - 2000);
      scale.push_back(i % 2 ? 0.001f : 0.00390625f);
    }
    weights.data = w.data();
    weights.inner = k;
    weights.n = n;
    weights.inner_stride = 1;
    weights.n_stride = k;
    weights.bias = bias;
    weights.scale = scale;
    const int32_t zero = narrow ? 64 : is_signed ? -7 : 131;
    weights.activations = {
        true, is_signed, zero, is_signed ? -128 : 0, narrow ? largest : is_signed ? 127 : 255,
        true};
    input = {a.data(), is_signed, zero};
    slopes = test_slopes(n);
    out = {nullptr, DType::kUint8, 117, 3, 250, m % 2 ? slopes.data() : nullptr};
  }

  // Weights at the ends of what the kind allows, so that a bound too wide by one would show.
  static int8_t weight(Weights kind, int64_t k) {
    const int sign = k / 8 % 2 ? -1 : 1;  // one sign per group: the sums get as large as can be
    switch (kind) {
      case Weights::kAny: return static_cast<int8_t>(k % 8 == 1 ? -128 : sign * 127);
      case Weights::kSeven: return static_cast<int8_t>(sign * 63);
      case Weights::kPairBound: return static_cast<int8_t>(k % 2 ? sign * 28 : sign * 100);
      case Weights::kQuadBound: return static_cast<int8_t>(sign * (k % 2 ? 20 : 44));
    }
    return 0;
  }

  bool lines_fit(const DenseInt8& kernel) const {
    DenseWeights halves = weights;
    halves.pieces = 2;
    halves.step = kernel.step;
    return !kernel.fits || kernel.fits(halves);
  }

  // Every row in two pieces, as a window that is two lines high and one pixel wide.
  std::vector<uint8_t> run_lines(const DenseInt8& kernel) const {
    DenseWeights halves = weights;
    halves.pieces = 2;
    ConvShape shape{1, k / 2, n, {}};
    shape.window.axes[1] = {2, 1, 2};
    shape.window.axes[2] = {m, m, 1};
    const std::vector<PackedDense> packed{pack_dense_for(kernel, halves)};
    const auto scratch = Buffer::allocate(conv_scratch_bytes(packed, shape));
    std::vector<uint8_t> y(static_cast<size_t>(m * n));
    Int8Output to = out;
    to.data = y.data();
    conv_int8(packed, input, to, shape, scratch->data());
    return y;
  }

  std::vector<uint8_t> run(const DenseInt8& kernel) const {
    const PackedDense packed = pack_dense_for(kernel, weights);
    const auto scratch = Buffer::allocate(dense_scratch_bytes(packed));
    std::vector<uint8_t> y(static_cast<size_t>(m * n));
    Int8Output to = out;
    to.data = y.data();
    dense_rows(packed, input, to, {m, k, n}, scratch->data());
    return y;
  }
};

template <Dot8 form, DotClass dot_class>
bool fits_and_agrees(const Problem& problem) {
  const DenseInt8& kernel = generic::kDenseDot8<form, Emulated<dot_class>>;
  if (!kernel.fits(problem.weights)) return false;
  REQUIRE(problem.run(kernel) == problem.run(dense_i8_scalar));
  if (problem.k % 2 == 0 && problem.lines_fit(kernel)) {
    REQUIRE(problem.run_lines(kernel) == problem.run_lines(dense_i8_scalar));
  }
  return true;
}

// Which of the four classes a form runs on, in their order, as "1" and "0".
template <Dot8 form>
std::string classes(bool is_signed, int largest, Weights kind) {
  const auto all = [&](auto&& fits) {
    bool every = true, none = true;
    for (int64_t m : {1, 2, 4, 5, 67}) {
      for (int64_t n : {1, 8, 9, 16, 29}) {
        for (int64_t k : {8, 9, 16, 37, 64}) {
          const bool yes = fits(Problem(m, k, n, is_signed, largest, kind));
          every = every && yes;
          none = none && !yes;
        }
      }
    }
    REQUIRE((every || none));
    return every ? '1' : '0';
  };
  std::string text;
  text += all(fits_and_agrees<form, DotClass::kSaturating>);
  text += all(fits_and_agrees<form, DotClass::kUnsigned>);
  text += all(fits_and_agrees<form, DotClass::kSigned16>);
  text += all(fits_and_agrees<form, DotClass::kSigned>);
  return text;
}

}  // namespace

TEST_CASE("relaxed forms: exact wherever they say they fit, in the four classes",
          "[kernels][int8][relaxed]") {
  // Columns: saturating, unsigned, signed 16, signed.
  for (bool is_signed : {false, true}) {
    INFO("signed activations: " << is_signed);
    CHECK(classes<Dot8::kFused>(is_signed, 255, Weights::kAny) == "0101");
    CHECK(classes<Dot8::kFused>(is_signed, 255, Weights::kSeven) == "0111");
    CHECK(classes<Dot8::kPairs>(is_signed, 255, Weights::kAny) == "0000");
    CHECK(classes<Dot8::kPairs>(is_signed, 255, Weights::kSeven) == "1100");
    CHECK(classes<Dot8::kPairs>(is_signed, 255, Weights::kPairBound) == "1100");
    CHECK(classes<Dot8::kQuads>(is_signed, 255, Weights::kPairBound) == "0000");
    CHECK(classes<Dot8::kQuads>(is_signed, 255, Weights::kQuadBound) == "1100");
    // All weights and all activations; where bytes are read signed kFused does them.
    CHECK(classes<Dot8::kSigns>(is_signed, 255, Weights::kAny) == "1100");
  }
  CHECK(classes<Dot8::kSigns>(false, 127, Weights::kAny) == "1100");
  // Seven bits of activations: any weights in pairs, on any engine.
  CHECK(classes<Dot8::kPairs>(false, 127, Weights::kAny) == "1111");
  CHECK(classes<Dot8::kQuads>(false, 127, Weights::kAny) == "0000");
  CHECK(classes<Dot8::kQuads>(false, 127, Weights::kSeven) == "1111");
}

namespace {

// A depthwise window over [height][width][channels], against the scalar kernel.
struct DepthwiseProblem {
  std::vector<uint8_t> x;
  std::vector<int8_t> w;
  std::vector<int32_t> bias;
  std::vector<float> scale;
  DepthwiseWeights weights;
  Int8Input input;
  ConvShape shape;

  DepthwiseProblem(int64_t channels, int64_t kernel, bool is_signed, int largest, int most) {
    std::minstd_rand random(static_cast<unsigned>(channels * 7 + kernel));
    shape = {1, channels, channels, {}};
    shape.window.axes[1] = shape.window.axes[2] = {7, 7, kernel, 1, 1, kernel / 2, kernel / 2};
    for (int64_t i = 0; i < 49 * channels; ++i) {
      const int a = random() % 3 ? static_cast<int>(random() % (largest + 1)) : largest;
      x.push_back(static_cast<uint8_t>(is_signed ? a - 128 : a));
    }
    for (int64_t i = 0; i < channels * kernel * kernel; ++i) {
      const int w_i = random() % 2 ? most : static_cast<int>(random() % (2 * most + 1)) - most;
      w.push_back(static_cast<int8_t>(w_i));
    }
    bias.assign(static_cast<size_t>(channels), 1234);
    scale.assign(static_cast<size_t>(channels), 0.002f);
    const int32_t zero = largest == 127 ? 64 : is_signed ? -7 : 131;
    weights = {w.data(), true,
               channels, kernel * kernel,
               {},       bias,
               scale,    {true, is_signed, zero, is_signed ? -128 : 0, is_signed ? 127 : largest}};
    input = {x.data(), is_signed, zero};
  }

  std::vector<uint8_t> run(const DepthwiseInt8& kernel) const {
    const int64_t taps = shape.window.width().kernel;
    const size_t bytes = kernel.packed_bytes(weights.channels, taps, taps);
    const PackedDepthwise packed{&kernel, Buffer::allocate(bytes), weights.channels};
    kernel.pack(weights, taps, packed.bytes->data());
    std::vector<uint8_t> y(x.size());
    const auto scratch = Buffer::allocate(depthwise_scratch_bytes(packed, shape.window));
    depthwise_int8(packed, input, {y.data(), DType::kUint8, 100, 0, 255}, shape, scratch->data());
    return y;
  }
};

template <Dot8 form, DotClass dot_class>
char depthwise_fits(bool is_signed, int largest, int most) {
  const DepthwiseInt8& kernel = generic::kDepthwiseDot8<form, Emulated<dot_class>>;
  char answer = '?';
  for (int64_t channels : {1, 8, 16, 21, 40}) {
    for (int64_t taps : {2, 3, 5}) {
      const DepthwiseProblem problem(channels, taps, is_signed, largest, most);
      const char now = kernel.fits(problem.weights, taps) ? '1' : '0';
      if (answer == '?') answer = now;
      REQUIRE(answer == now);
      if (now == '1') REQUIRE(problem.run(kernel) == problem.run(depthwise_i8_scalar));
    }
  }
  return answer;
}

template <Dot8 form>
std::string depthwise_classes(bool is_signed, int largest, int most) {
  return {depthwise_fits<form, DotClass::kSaturating>(is_signed, largest, most),
          depthwise_fits<form, DotClass::kUnsigned>(is_signed, largest, most),
          depthwise_fits<form, DotClass::kSigned16>(is_signed, largest, most),
          depthwise_fits<form, DotClass::kSigned>(is_signed, largest, most)};
}

}  // namespace

TEST_CASE("relaxed forms: depthwise, in the four classes", "[kernels][int8][relaxed]") {
  for (bool is_signed : {false, true}) {
    INFO("signed activations: " << is_signed);
    CHECK(depthwise_classes<Dot8::kFused>(is_signed, 255, 127) == "0111");
    CHECK(depthwise_classes<Dot8::kPairs>(is_signed, 255, 127) == "0000");
    CHECK(depthwise_classes<Dot8::kPairs>(is_signed, 255, 64) == "1100");
  }
  CHECK(depthwise_classes<Dot8::kPairs>(false, 127, 127) == "1111");
}

TEST_CASE("relaxed forms: the rows of this build, as the engine computes them",
          "[kernels][int8][relaxed]") {
  int fitting = 0;
  const auto dense = [&](bool is_signed, int largest, Weights kind) {
    for_each_row<DenseInt8>([&](const KernelRow& row, const DenseInt8& kernel) {
      for (int64_t m : {1, 5, 67}) {
        const Problem problem(m, 40, 29, is_signed, largest, kind);
        if (kernel.fits && !kernel.fits(problem.weights)) continue;
        ++fitting;
        INFO(row.name << ", signed " << is_signed << ", largest " << largest);
        CHECK(problem.run(kernel) == problem.run(dense_i8_scalar));
        if (problem.lines_fit(kernel)) {
          CHECK(problem.run_lines(kernel) == problem.run_lines(dense_i8_scalar));
        }
      }
    });
  };
  const auto depthwise = [&](bool is_signed, int largest, int most) {
    for_each_row<DepthwiseInt8>([&](const KernelRow& row, const DepthwiseInt8& kernel) {
      const DepthwiseProblem problem(21, 3, is_signed, largest, most);
      if (kernel.fits && !kernel.fits(problem.weights, 3)) return;
      ++fitting;
      INFO(row.name << ", signed " << is_signed << ", largest " << largest);
      CHECK(problem.run(kernel) == problem.run(depthwise_i8_scalar));
    });
  };
  for (Weights kind : {Weights::kAny, Weights::kSeven, Weights::kPairBound, Weights::kQuadBound}) {
    for (bool is_signed : {false, true}) dense(is_signed, 255, kind);
    dense(false, 127, kind);
  }
  for (int most : {64, 127}) {
    for (bool is_signed : {false, true}) depthwise(is_signed, 255, most);
    depthwise(false, 127, most);
  }
  CHECK(fitting >= 60);
}

TEST_CASE("relaxed forms: unknown activations or an unknown engine are refused",
          "[kernels][int8][relaxed]") {
  Problem problem(2, 16, 8, false, 127, Weights::kQuadBound);
  CHECK_FALSE(generic::kDenseDot8<Dot8::kPairs, Emulated<DotClass::kNone>>.fits(problem.weights));
  CHECK_FALSE(generic::kDenseDot8<Dot8::kSigns, Emulated<DotClass::kNone>>.fits(problem.weights));
  // Several rows are quicker on 16 bits.
  const auto& signs = generic::kDenseDot8<Dot8::kSigns, Emulated<DotClass::kSaturating>>;
  CHECK(signs.fits(problem.weights));
  problem.weights.activations.one_row = false;
  CHECK_FALSE(signs.fits(problem.weights));
  problem.weights.activations.known = false;
  CHECK_FALSE(
      generic::kDenseDot8<Dot8::kPairs, Emulated<DotClass::kSaturating>>.fits(problem.weights));
}
