// conv_int8 and depthwise_int8 on every row against a direct convolution in 64 bits.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "kernels/int8.h"
#include "support/kernel_rows.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct Case {
  const char* what;
  int64_t batch, channels, out_channels, groups;
  WindowAxis depth, height, width;  // out is computed
};

int64_t out_extent(const WindowAxis& axis) {
  return (axis.in + axis.pad + axis.pad_end - axis.dilation * (axis.kernel - 1) - 1) / axis.stride +
         1;
}

WindowAxis axis(int64_t in, int64_t kernel, int64_t stride = 1, int64_t dilation = 1,
                int64_t pad = 0, int64_t pad_end = 0) {
  WindowAxis made{in, 1, kernel, stride, dilation, pad, pad_end};
  made.out = out_extent(made);
  return made;
}

struct Problem {
  ConvShape shape;
  int64_t groups;
  bool x_signed, y_signed;
  int32_t za;
  std::vector<uint8_t> x, w;  // x [batch, in..., C], w [O, C / groups, taps]
  std::vector<int32_t> bias;
  std::vector<float> scale, slopes;
  Int8Output out;

  Problem(const Case& c, bool x_is_signed, bool y_is_signed, bool extreme, bool has_slopes)
      : groups(c.groups), x_signed(x_is_signed), y_signed(y_is_signed) {
    shape.batch = c.batch;
    shape.in_channels = c.channels;
    shape.out_channels = c.out_channels;
    shape.window.axes = {c.depth, c.height, c.width};
    za = x_signed ? 5 : 100;
    x = test_bytes(static_cast<size_t>(c.batch * shape.window.in_size() * c.channels), 3, extreme);
    w = test_bytes(static_cast<size_t>(c.out_channels * c.channels / c.groups * taps()), 4,
                   extreme);
    for (int64_t o = 0; o < c.out_channels; ++o) {
      bias.push_back(static_cast<int32_t>(o * 331 % 2001) - 1000);
      scale.push_back(o % 2 == 0 ? 0.001953125f : 0.0021f);
    }
    out.dtype = y_signed ? DType::kInt8 : DType::kUint8;
    out.zero_point = y_signed ? 4 : 120;
    out.lo = y_signed ? -100 : 7;
    out.hi = y_signed ? 120 : 250;
    slopes = test_slopes(c.out_channels);
    if (has_slopes) out.slopes = slopes.data();
  }

  int64_t taps() const { return shape.window.taps(); }
  int64_t group_channels() const { return shape.in_channels / groups; }

  int64_t sum(int64_t n, int64_t z, int64_t y, int64_t x_out, int64_t o) const {
    const auto& [dz, dy, dx] = shape.window.axes;
    const int64_t first = o / (shape.out_channels / groups) * group_channels();
    int64_t acc = bias[static_cast<size_t>(o)];
    for (int64_t t = 0; t < taps(); ++t) {
      const int64_t iz = input_position(dz, z, t / dx.kernel / dy.kernel);
      const int64_t iy = input_position(dy, y, t / dx.kernel % dy.kernel);
      const int64_t ix = input_position(dx, x_out, t % dx.kernel);
      if (iz < 0 || iz >= dz.in || iy < 0 || iy >= dy.in || ix < 0 || ix >= dx.in) continue;
      const int64_t pixel = ((n * dz.in + iz) * dy.in + iy) * dx.in + ix;
      for (int64_t c = 0; c < group_channels(); ++c) {
        const int64_t a = test_int8(x.data(), x_signed, pixel * shape.in_channels + first + c) - za;
        acc += a *
               static_cast<int8_t>(w[static_cast<size_t>((o * group_channels() + c) * taps() + t)]);
      }
    }
    return acc;
  }

  std::vector<uint8_t> expected() const {
    const auto& [dz, dy, dx] = shape.window.axes;
    std::vector<uint8_t> all;
    for (int64_t n = 0; n < shape.batch; ++n) {
      for (int64_t p = 0; p < shape.window.out_size(); ++p) {
        for (int64_t o = 0; o < shape.out_channels; ++o) {
          const int64_t acc = sum(n, p / dx.out / dy.out, p / dx.out % dy.out, p % dx.out, o);
          float v = static_cast<float>(acc) * scale[static_cast<size_t>(o)];
          if (out.slopes && v < 0) v *= out.slopes[o];
          const double q = std::clamp(std::nearbyint(static_cast<double>(v)) + out.zero_point,
                                      static_cast<double>(out.lo), static_cast<double>(out.hi));
          all.push_back(static_cast<uint8_t>(static_cast<int32_t>(q)));
        }
      }
    }
    return all;
  }
};

// Whether rows of the kernel may be read where the lines of the input lie.
bool has_lines(const Problem& p) {
  const auto& [depth, height, width] = p.shape.window.axes;
  return p.groups == 1 && depth.trivial() && depth.in == 1 && width.dilation == 1;
}

std::vector<uint8_t> run_dense(const Problem& p, const DenseInt8& kernel, bool lines = false) {
  std::vector<PackedDense> groups;
  const int64_t columns = p.shape.out_channels / p.groups;
  for (int64_t g = 0; g < p.groups; ++g) {
    DenseWeights weights;
    weights.outer = p.taps();
    weights.inner = p.group_channels();
    weights.n = columns;
    weights.data = p.w.data() + g * columns * weights.k();
    weights.outer_stride = 1;
    weights.inner_stride = p.taps();
    weights.n_stride = weights.k();
    const auto first = static_cast<size_t>(g * columns);
    weights.bias = std::span(p.bias).subspan(first, static_cast<size_t>(columns));
    weights.scale = std::span(p.scale).subspan(first, static_cast<size_t>(columns));
    weights.activations = whole_range(p.x_signed, p.za);
    if (lines) weights.pieces = p.shape.window.height().kernel;
    weights.step = kernel.step;
    if (kernel.fits && !kernel.fits(weights)) return p.expected();  // relaxed_forms.test.cpp
    groups.push_back(pack_dense_for(kernel, weights));
  }
  std::vector<uint8_t> y(p.expected().size());
  Int8Output out = p.out;
  out.data = y.data();
  const auto scratch = Buffer::allocate(conv_scratch_bytes(groups, p.shape));
  conv_int8(groups, {p.x.data(), p.x_signed, p.za}, out, p.shape, scratch->data());
  return y;
}

std::vector<uint8_t> run_depthwise(const Problem& p, const DepthwiseInt8& kernel) {
  DepthwiseWeights weights;
  weights.data = p.w.data();
  weights.channels = p.shape.out_channels;
  weights.taps = p.taps();
  weights.bias = p.bias;
  weights.scale = p.scale;
  weights.activations = whole_range(p.x_signed, p.za);
  const int64_t width_taps = p.shape.window.width().kernel;
  if (kernel.fits && !kernel.fits(weights, width_taps)) return p.expected();
  const size_t bytes = kernel.packed_bytes(weights.channels, weights.taps / width_taps, width_taps);
  PackedDepthwise packed{&kernel, Buffer::allocate(bytes), weights.channels};
  kernel.pack(weights, width_taps, packed.bytes->data());
  std::vector<uint8_t> y(p.expected().size());
  Int8Output out = p.out;
  out.data = y.data();
  const auto scratch = Buffer::allocate(depthwise_scratch_bytes(packed, p.shape.window));
  depthwise_int8(packed, {p.x.data(), p.x_signed, p.za}, out, p.shape, scratch->data());
  return y;
}

template <class Kernel, class Run>
void check_all(const std::vector<Case>& cases, Run run) {
  for_each_row<Kernel>([&](const KernelRow& row, const Kernel& kernel) {
    for (const Case& c : cases) {
      for (int bits = 0; bits < 16; ++bits) {
        INFO(row.name << ": " << c.what << ", types " << bits);
        const Problem problem(c, bits & 1, bits & 2, bits & 4, bits & 8);
        CHECK(run(problem, kernel) == problem.expected());
      }
    }
  });
}

TEST_CASE("padded lines of more than a GiB are refused", "[kernels][int8]") {
  Window window;
  window.axes[1] = window.axes[2] = axis(8, 3, 1, 1, 1, 1);
  CHECK_NOTHROW(check_padded_bytes(window, 64));
  // As a file can ask for: three outputs, a stride and pads of a billion.
  window.axes[2] = {8, 3, 3, 1000000000, 1, 1000000000, 1000000000};
  CHECK_THROWS_AS(check_padded_bytes(window, 64), Error);
  window.axes[2] = axis(8, 3, 1, 1, 1, 1);
  window.axes[1] = {8, 1, 3, 1, int64_t{1} << 60, 0, 0};
  CHECK_THROWS_AS(check_padded_bytes(window, 64), Error);
}

}  // namespace

const std::vector<Case> kDenseCases{
    {"1x1", 2, 24, 17, 1, {}, axis(5, 1), axis(7, 1)},
    {"1x1 stride 2", 1, 8, 16, 1, {}, axis(5, 1, 2), axis(7, 1, 2)},
    {"3x3 padded, image channels", 2, 3, 16, 1, {}, axis(9, 3, 2, 1, 1, 1), axis(8, 3, 2, 1, 0, 1)},
    {"3x3, 16 channels", 1, 16, 24, 1, {}, axis(9, 3, 1, 1, 1, 1), axis(10, 3, 1, 1, 1, 1)},
    {"3x3 dilated", 1, 5, 9, 1, {}, axis(9, 3, 1, 2, 2, 2), axis(9, 3, 1, 3, 3, 3)},
    {"pads wider than the kernel", 1, 4, 8, 1, {}, axis(3, 2, 1, 1, 4, 4), axis(3, 3, 1, 1, 5, 5)},
    {"groups", 2, 12, 18, 3, {}, axis(6, 3, 1, 1, 1, 1), axis(5, 3, 1, 1, 1, 1)},
    {"1x1 groups", 1, 12, 8, 4, {}, axis(3, 1), axis(4, 1)},
    {"rank 3", 2, 10, 20, 1, {}, {}, axis(33, 5, 2, 1, 2, 2)},
    {"rank 5", 1, 6, 7, 1, axis(4, 3, 1, 1, 1, 1), axis(5, 2), axis(6, 3, 2, 1, 1, 1)},
    {"7x7 stride 2", 1, 3, 10, 1, {}, axis(15, 7, 2, 1, 3, 3), axis(13, 7, 2, 1, 3, 3)},
};

TEST_CASE("conv_int8: kernels, strides, dilations, pads, groups, ranks", "[kernels][int8]") {
  check_all<DenseInt8>(
      kDenseCases, [](const Problem& p, const DenseInt8& kernel) { return run_dense(p, kernel); });
}

TEST_CASE("conv_int8: rows of the kernel read from lines", "[kernels][int8]") {
  std::vector<Case> cases;
  for (const Case& c : kDenseCases) {
    if (has_lines(Problem(c, false, false, false, false))) cases.push_back(c);
  }
  REQUIRE(cases.size() > 5);
  for (int64_t channels : {1, 2, 5, 8}) {  // pieces that end anywhere in a step
    cases.push_back(
        {"3x3", 2, channels, 20, 1, {}, axis(7, 3, 1, 1, 1, 1), axis(6, 3, 1, 1, 1, 1)});
  }
  cases.push_back({"lines in several bands",
                   1,
                   40,
                   9,
                   1,
                   {},
                   axis(70, 3, 2, 2, 1, 3),
                   axis(90, 3, 1, 1, 1, 1)});
  check_all<DenseInt8>(cases, [](const Problem& p, const DenseInt8& kernel) {
    return run_dense(p, kernel, /*lines=*/true);
  });
}

TEST_CASE("depthwise_int8: channels around the group, windows, multipliers", "[kernels][int8]") {
  std::vector<Case> cases;
  for (int64_t channels : {1, 3, 4, 7, 8, 15, 16, 17, 24, 31, 32, 50}) {
    cases.push_back({"3x3 pad 1",
                     1,
                     channels,
                     channels,
                     channels,
                     {},
                     axis(5, 3, 1, 1, 1, 1),
                     axis(7, 3, 1, 1, 1, 1)});
  }
  for (int64_t width : {1, 2, 3, 4, 5, 9, 14}) {
    cases.push_back({"widths, stride 2",
                     2,
                     20,
                     20,
                     20,
                     {},
                     axis(6, 3, 2, 1, 1, 1),
                     axis(width, 3, 2, 1, 1, 1)});
  }
  cases.push_back({"5x5", 1, 18, 18, 18, {}, axis(8, 5, 1, 1, 2, 2), axis(9, 5, 1, 1, 2, 2)});
  cases.push_back({"4x2", 1, 18, 18, 18, {}, axis(8, 4), axis(9, 2)});
  cases.push_back({"dilated", 1, 16, 16, 16, {}, axis(9, 3, 1, 2, 2, 2), axis(9, 3, 1, 2, 2, 2)});
  cases.push_back({"rank 3", 1, 33, 33, 33, {}, {}, axis(20, 9, 1, 1, 4, 4)});
  cases.push_back({"rank 5", 1, 17, 17, 17, axis(4, 3, 1, 1, 1, 1), axis(4, 3, 1, 1, 1, 1),
                   axis(5, 3, 1, 1, 1, 1)});
  cases.push_back(
      {"multiplier 2", 1, 9, 18, 9, {}, axis(6, 3, 1, 1, 1, 1), axis(6, 3, 1, 1, 1, 1)});
  cases.push_back({"multiplier 3", 2, 2, 6, 2, {}, axis(6, 3), axis(6, 3)});
  cases.push_back({"pads wider than the kernel",
                   1,
                   16,
                   16,
                   16,
                   {},
                   axis(2, 3, 1, 1, 4, 4),
                   axis(2, 3, 1, 1, 4, 4)});
  check_all<DepthwiseInt8>(cases, run_depthwise);
}
