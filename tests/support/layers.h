// Layers with constant parameters, one call each, for graphs of a few lines.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/op_runner.h"

namespace eightfold::test {

// Convolution of `spatial` dimensions, kernel 3, padded to keep the size, with a bias.
inline ValueId conv(GraphBuilder& g, ValueId x, int64_t in, int64_t out, size_t spatial = 2,
                    std::string name = {}) {
  Shape shape{out, in};
  shape.insert(shape.end(), spatial, 3);
  const ValueId w = g.constant(noise(shape, -1, 1, 3), "w"), b = g.constant(noise({out}), "b");
  return g.node("Conv", {x, w, b},
                {{{"pads", std::vector<int64_t>(2 * spatial, 1)}}, {}, std::move(name)});
}

// With strides: one without is made a Conv.
inline ValueId conv_transpose(GraphBuilder& g, ValueId x, int64_t in, int64_t out,
                              size_t spatial = 2) {
  Shape shape{in, out};
  shape.insert(shape.end(), spatial, 2);
  return g.node("ConvTranspose", {x, g.constant(noise(shape, -1, 1, 4), "w")},
                {{"strides", std::vector<int64_t>(spatial, 2)}});
}

inline ValueId linear(GraphBuilder& g, ValueId x, int64_t in, int64_t out, std::string name = {}) {
  const ValueId w = g.constant(noise({out, in}, -1, 1, 5), "w");
  const ValueId b = g.constant(noise({out}), "b");
  return g.node("Gemm", {x, w, b}, {{{"transB", int64_t{1}}}, {}, std::move(name)});
}

inline ValueId batch_norm(GraphBuilder& g, ValueId x, int64_t channels) {
  return g.node("BatchNormalization", {x, g.constant(noise({channels}, 0.5f, 1.5f, 11), "scale"),
                                       g.constant(noise({channels}, -1, 1, 12), "shift"),
                                       g.constant(noise({channels}, -1, 1, 13), "mean"),
                                       g.constant(noise({channels}, 0.1f, 2, 14), "variance")});
}

inline ValueId relu(GraphBuilder& g, ValueId x) { return g.node("Relu", {x}); }

inline ValueId reshape(GraphBuilder& g, ValueId x, std::vector<int64_t> shape) {
  return g.node("Reshape", {x, g.constant(i64(std::move(shape)), "shape")});
}

inline ValueId max_pool(GraphBuilder& g, ValueId x, int64_t kernel = 2, size_t spatial = 2) {
  return g.node("MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>(spatial, kernel)}});
}

}  // namespace eightfold::test
