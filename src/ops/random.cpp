// RandomNormal, RandomUniform, RandomNormalLike, RandomUniformLike, Bernoulli.
//
// The numbers depend on the seed and the node's name alone, so that every run of a model is alike:
// calibration and comparison need that. ONNX leaves the generator open.
// Source of the generator: splitmix64 (Steele, Lea, Flood 2014); normals by Box and Muller.
#include "ops/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "ops/pieces.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

class Generator {
 public:
  explicit Generator(const Node& node)
      : state_(std::bit_cast<uint32_t>(node.float_attribute("seed", 0.0f))) {
    if (node.has_attribute("seed")) return;
    for (const char c : node.name) state_ = (state_ ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  }
  // In [0, 1).
  double uniform() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  uint64_t state_;
};

void infer_random(InferContext& context) {
  const bool like = context.node.op_type.ends_with("Like") || context.node.op_type == "Bernoulli";
  const DType fallback = like ? context.dtype(0) : DType::kFloat32;
  const auto dtype =
      static_cast<DType>(context.node.int_attribute("dtype", static_cast<int64_t>(fallback)));
  if (like) return context.set_output(0, dtype, context.dims(0));
  const std::vector<int64_t> shape = context.node.ints_attribute("shape");
  for (const int64_t dim : shape) {
    if (dim < 0) context.fail(ErrorCode::kInvalidShape, "a negative dim");
  }
  context.set_output(0, dtype, shape);
}

template <typename F>
void fill(RunContext& context, F next) {
  const TensorView& y = context.outputs[0];
  if (!fill_pieces(y, next)) refuse_dtype(context, y.dtype);
}

void run_normal(RunContext& context) {
  Generator generator(context.node);
  const float mean = context.node.float_attribute("mean", 0.0f);
  const float scale = context.node.float_attribute("scale", 1.0f);
  fill(context, [&](int64_t) { return mean + scale * generator.normal(); });
}

void run_uniform(RunContext& context) {
  Generator generator(context.node);
  const float low = context.node.float_attribute("low", 0.0f);
  const float high = context.node.float_attribute("high", 1.0f);
  fill(context, [&](int64_t) { return low + (high - low) * generator.uniform(); });
}

// 1 with the probability that the input states.
void run_bernoulli(RunContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) refuse_dtype(context, context.inputs[0].dtype);
  Generator generator(context.node);
  const float* p = context.inputs[0].as<float>();
  fill(context, [&](int64_t i) { return generator.uniform() < p[i] ? 1.0 : 0.0; });
}

}  // namespace

void add_random_rows(std::vector<OpDef>& rows) {
  const auto add = [&](std::string_view op_type, Roles inputs, void (*run)(RunContext&)) {
    OpDef row;
    row.op_type = op_type;
    row.inputs = inputs;
    row.infer = infer_random;
    row.run = run;
    row.observation = kNoObservation;
    rows.push_back(row);
  };
  add("RandomNormal", {}, run_normal);
  add("RandomUniform", {}, run_uniform);
  add("RandomNormalLike", {Role::kMetadata}, run_normal);
  add("RandomUniformLike", {Role::kMetadata}, run_uniform);
  add("Bernoulli", {Role::kActivation}, run_bernoulli);
}

}  // namespace eightfold
