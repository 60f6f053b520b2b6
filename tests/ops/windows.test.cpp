// Random convolutions and pools over one to three axes against their definitions, written out as
// loops over output positions and taps. Both layouts; a failure names its seed.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <functional>
#include <random>

#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

namespace eightfold::test {
namespace {

class Dice {
 public:
  explicit Dice(uint32_t seed) : random_(seed) {}
  int64_t of(int64_t sides) {
    return static_cast<int64_t>(random_() % static_cast<uint32_t>(sides));
  }
  Shape each(size_t count, int64_t low, int64_t sides) {
    Shape values;
    for (size_t i = 0; i < count; ++i) values.push_back(low + of(sides));
    return values;
  }

 private:
  std::mt19937 random_;
};

// Calls visit for every position of a box.
void for_each(const Shape& box, const std::function<void(const Shape&)>& visit) {
  Shape at(box.size(), 0);
  if (element_count(box) == 0) return;
  for (;;) {
    visit(at);
    size_t axis = box.size();
    while (axis-- > 0 && ++at[axis] == box[axis]) at[axis] = 0;
    if (axis == static_cast<size_t>(-1)) return;
  }
}

size_t flat(const Shape& shape, const Shape& at) {
  int64_t index = 0;
  for (size_t i = 0; i < shape.size(); ++i) index = index * shape[i] + at[i];
  return static_cast<size_t>(index);
}

Shape joined(Shape head, const Shape& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

struct Case {
  Shape in, kernel, strides, dilations, begin, end;
  std::string auto_pad = "NOTSET";
  bool ceil = false;
  Shape out;

  size_t rank() const { return kernel.size(); }
  int64_t reach(size_t i) const { return dilations[i] * (kernel[i] - 1) + 1; }
  std::vector<Attribute> attributes() const {
    std::vector<Attribute> list{
        {"kernel_shape", kernel}, {"strides", strides}, {"dilations", dilations}};
    if (auto_pad == "NOTSET") {
      list.push_back({"pads", joined(begin, end)});
    } else {
      list.push_back({"auto_pad", auto_pad});
    }
    return list;
  }
  // Position in the input; false in the padding.
  bool position(const Shape& o, const Shape& tap, Shape& at) const {
    at.resize(rank());
    bool inside = true;
    for (size_t i = 0; i < rank(); ++i) {
      at[i] = o[i] * strides[i] + tap[i] * dilations[i] - begin[i];
      inside = inside && at[i] >= 0 && at[i] < in[i];
    }
    return inside;
  }
};

// A window whose extents fit. `pools`: with ceil_mode, and pads below the kernel.
Case random_case(Dice& dice, bool pools) {
  Case c;
  const auto rank = static_cast<size_t>(1 + dice.of(3));
  c.in = dice.each(rank, 1, rank == 3 ? 5 : 8);
  c.kernel = dice.each(rank, 1, 3);
  c.strides = dice.each(rank, 1, 3);
  c.dilations = dice.each(rank, 1, 2);
  c.begin = c.end = Shape(rank, 0);
  const char* const modes[] = {"NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
  c.auto_pad = modes[dice.of(5)];
  c.ceil = pools && c.auto_pad == "NOTSET" && dice.of(2) == 0;
  for (size_t i = 0; i < rank; ++i) {
    c.in[i] = std::max(c.in[i], c.reach(i));
    if (c.auto_pad.starts_with("SAME")) {
      const int64_t out = (c.in[i] + c.strides[i] - 1) / c.strides[i];
      const int64_t total = std::max<int64_t>(0, (out - 1) * c.strides[i] + c.reach(i) - c.in[i]);
      c.begin[i] = c.auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      c.end[i] = total - c.begin[i];
    } else if (c.auto_pad == "NOTSET") {
      c.begin[i] = dice.of(c.kernel[i]);
      c.end[i] = dice.of(c.kernel[i]);
    }
    const int64_t room = c.in[i] + c.begin[i] + c.end[i] - c.reach(i);
    int64_t out = room / c.strides[i] + 1;
    // One window more where some elements are left, unless it would start behind the input.
    if (c.ceil && room % c.strides[i] != 0 && out * c.strides[i] < c.in[i] + c.begin[i]) ++out;
    c.out.push_back(out);
  }
  return c;
}

constexpr Tolerance kSums{1e-5f, 1e-5f};  // float sums of some hundred products

void check(OpCase run, const Tensor& expected) {
  for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    run.layout = layout;
    CHECK(difference(run_op(run)[0], expected, kSums) == "");
  }
}

TEST_CASE("random convolutions are their definition", "[ops][windows]") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Dice dice(seed);
    const Case c = random_case(dice, false);
    const int64_t groups = 1 + dice.of(3), ci = 1 + dice.of(3), co = 1 + dice.of(3);
    const Shape x_shape = joined({dice.of(8) == 0 ? 0 : 1 + dice.of(2), groups * ci}, c.in);
    const Tensor x = random_tensor(x_shape, seed), b = random_tensor({groups * co}, seed + 1);
    const Tensor w = random_tensor(joined({groups * co, ci}, c.kernel), seed + 2);
    Tensor y = Tensor::allocate(DType::kFloat32, joined({x_shape[0], groups * co}, c.out));
    auto values = y.mutable_data<float>();
    for_each(y.shape(), [&](const Shape& at) {
      const Shape o(at.begin() + 2, at.end());
      double sum = b.data<float>()[static_cast<size_t>(at[1])];
      for_each(joined({ci}, c.kernel), [&](const Shape& k) {
        Shape place;
        if (!c.position(o, Shape(k.begin() + 1, k.end()), place)) return;
        const Shape from = joined({at[0], at[1] / co * ci + k[0]}, place);
        sum += static_cast<double>(x.data<float>()[flat(x_shape, from)]) *
               static_cast<double>(w.data<float>()[flat(w.shape(), joined({at[1]}, k))]);
      });
      values[flat(y.shape(), at)] = static_cast<float>(sum);
    });
    OpCase run{.op = "Conv", .attributes = c.attributes(), .inputs = {x, w, b}};
    run.attributes.push_back({"group", groups});
    if (dice.of(2) == 0) run.constants = {1, 2};
    INFO("seed " << seed);
    check(run, y);
  }
}

TEST_CASE("random transposed convolutions are their definition", "[ops][windows]") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Dice dice(seed);
    Case c = random_case(dice, false);
    if (c.auto_pad.starts_with("SAME")) c.auto_pad = "NOTSET";
    c.begin = c.end = Shape(c.rank(), 0);
    const int64_t groups = 1 + dice.of(3), ci = 1 + dice.of(3), co = 1 + dice.of(3);
    const Shape x_shape = joined({1 + dice.of(2), groups * ci}, dice.each(c.rank(), 1, 4));
    const Shape in(x_shape.begin() + 2, x_shape.end());
    Shape extra, size, output_shape;
    const bool names_output = c.auto_pad == "NOTSET" && dice.of(3) == 0;
    for (size_t i = 0; i < c.rank(); ++i) {
      extra.push_back(dice.of(std::max(c.strides[i], c.dilations[i])));
      const int64_t full = c.strides[i] * (in[i] - 1) + extra[i] + c.reach(i);
      if (names_output) {
        // ONNX: the total is full - wanted, its larger half at the beginning.
        size.push_back(1 + dice.of(full));
        c.begin[i] = (full - size[i]) - (full - size[i]) / 2;
      } else {
        if (c.auto_pad == "NOTSET" && full > 2) c.begin[i] = dice.of(2), c.end[i] = dice.of(2);
        size.push_back(full - c.begin[i] - c.end[i]);
      }
    }
    const Tensor x = random_tensor(x_shape, seed), b = random_tensor({groups * co}, seed + 1);
    const Tensor w = random_tensor(joined({groups * ci, co}, c.kernel), seed + 2);
    Tensor y = Tensor::allocate(DType::kFloat32, joined({x_shape[0], groups * co}, size));
    auto values = y.mutable_data<float>();
    for_each(y.shape(), [&](const Shape& at) {
      values[flat(y.shape(), at)] = b.data<float>()[static_cast<size_t>(at[1])];
    });
    for_each(joined(x_shape, joined({co}, c.kernel)), [&](const Shape& at) {
      const Shape from(at.begin(), at.begin() + static_cast<ptrdiff_t>(x_shape.size()));
      const Shape k(at.begin() + static_cast<ptrdiff_t>(x_shape.size()), at.end());
      Shape to{at[0], at[1] / ci * co + k[0]};
      for (size_t i = 0; i < c.rank(); ++i) {
        to.push_back(from[i + 2] * c.strides[i] + k[i + 1] * c.dilations[i] - c.begin[i]);
        if (to.back() < 0 || to.back() >= size[i]) return;
      }
      values[flat(y.shape(), to)] += x.data<float>()[flat(x_shape, from)] *
                                     w.data<float>()[flat(w.shape(), joined({at[1]}, k))];
    });
    OpCase run{.op = "ConvTranspose", .attributes = c.attributes(), .inputs = {x, w, b}};
    run.attributes.push_back({"group", groups});
    run.attributes.push_back({"output_padding", extra});
    if (names_output) run.attributes.push_back({"output_shape", size});
    if (dice.of(2) == 0) run.constants = {1, 2};
    INFO("seed " << seed);
    check(run, y);
  }
}

// What is under a window of one channel: values, their places in the plane, and padded taps.
struct Under {
  std::vector<float> values;
  std::vector<Shape> places;
  int64_t padded = 0;
};

TEST_CASE("random pools are their definition", "[ops][windows]") {
  const std::string ops[] = {"MaxPool", "AveragePool", "LpPool"};
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Dice dice(seed);
    const Case c = random_case(dice, true);
    const std::string op = ops[seed % 3];
    const int64_t channels = 1 + dice.of(4), p = 1 + dice.of(3);
    const bool include = dice.of(2) == 0, column_major = dice.of(2) == 0;
    const Shape x_shape = joined({1 + dice.of(2), channels}, c.in);
    const Tensor x = random_tensor(x_shape, seed);
    Tensor y = Tensor::allocate(DType::kFloat32, joined({x_shape[0], channels}, c.out));
    Tensor indices = Tensor::allocate(DType::kInt64, y.shape());
    for_each(y.shape(), [&](const Shape& at) {
      Under under;
      for_each(c.kernel, [&](const Shape& tap) {
        const Shape o(at.begin() + 2, at.end());
        Shape place;
        const bool inside = c.position(o, tap, place);
        bool padded = true;
        for (size_t i = 0; i < c.rank(); ++i) padded = padded && place[i] < c.in[i] + c.end[i];
        under.padded += padded ? 1 : 0;
        if (!inside) return;
        under.places.push_back(place);
        under.values.push_back(x.data<float>()[flat(x_shape, joined({at[0], at[1]}, place))]);
      });
      double sum = 0, powers = 0;
      size_t most = 0;
      for (size_t i = 0; i < under.values.size(); ++i) {
        sum += static_cast<double>(under.values[i]);
        powers += std::pow(std::fabs(static_cast<double>(under.values[i])), static_cast<double>(p));
        if (under.values[i] > under.values[most]) most = i;
      }
      const size_t to = flat(y.shape(), at);
      double value = op == "LpPool" ? std::pow(powers, 1.0 / static_cast<double>(p)) : 0.0;
      if (op == "MaxPool") value = under.values.empty() ? -INFINITY : under.values[most];
      if (op == "AveragePool" && !under.values.empty()) {
        value = sum / static_cast<double>(include ? under.padded
                                                  : static_cast<int64_t>(under.values.size()));
      }
      y.mutable_data<float>()[to] = static_cast<float>(value);
      int64_t index = -1;
      if (!under.places.empty()) {
        Shape place = under.places[most], plane = c.in;
        if (column_major) {
          std::ranges::reverse(place);
          std::ranges::reverse(plane);
        }
        index = (at[0] * channels + at[1]) * element_count(c.in) +
                static_cast<int64_t>(flat(plane, place));
      }
      indices.mutable_data<int64_t>()[to] = index;
    });
    OpCase run{.op = op, .opset = 22, .attributes = c.attributes(), .inputs = {x}};
    run.attributes.push_back({"ceil_mode", int64_t{c.ceil}});
    if (op == "AveragePool") run.attributes.push_back({"count_include_pad", int64_t{include}});
    if (op == "LpPool") run.attributes.push_back({"p", p});
    INFO("seed " << seed << " " << op);
    check(run, y);
    if (op != "MaxPool") continue;
    run.attributes.push_back({"storage_order", int64_t{column_major}});
    run.outputs = 2;
    for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
      run.layout = layout;
      CHECK(difference(run_op(run)[1], indices) == "");
    }
  }
}

TEST_CASE("windows over nothing give nothing", "[ops][windows]") {
  const Tensor none = Tensor::allocate(DType::kFloat32, {0, 2, 4, 4});
  for (const std::string op : {"MaxPool", "AveragePool", "LpPool"}) {
    const Tensor y =
        run_op({.op = op, .attributes = {{"kernel_shape", ints({2, 2})}}, .inputs = {none}})[0];
    CHECK(y.shape() == Shape{0, 2, 3, 3});
  }
}

}  // namespace
}  // namespace eightfold::test
