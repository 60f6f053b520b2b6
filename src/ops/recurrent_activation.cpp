// The table of cell activations and their loops.
#include "ops/recurrent_activation.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>

#include "core/error.h"
#include "kernels/float.h"
#include "kernels/kernels.h"

namespace eightfold {
namespace {

using Kind = CellActivation::Kind;

struct ActivationRow {
  std::string_view name;
  Kind kind;
  int parameters;  // 0: none, 1: alpha, 2: alpha and beta
  float alpha, beta;
};
// Defaults are those of the operators of the same names; without one, what changes nothing.
constexpr ActivationRow kActivations[] = {
    {"affine", Kind::kAffine, 2, 1.0f, 0.0f},
    {"relu", Kind::kRelu, 0, 0, 0},
    {"leakyrelu", Kind::kLeakyRelu, 1, 0.01f, 0},
    {"thresholdedrelu", Kind::kThresholdedRelu, 1, 1.0f, 0},
    {"tanh", Kind::kTanh, 0, 0, 0},
    {"scaledtanh", Kind::kScaledTanh, 2, 1.0f, 1.0f},
    {"sigmoid", Kind::kSigmoid, 0, 0, 0},
    {"hardsigmoid", Kind::kHardSigmoid, 2, 0.2f, 0.5f},
    {"elu", Kind::kElu, 1, 1.0f, 0},
    {"softsign", Kind::kSoftsign, 0, 0, 0},
    {"softplus", Kind::kSoftplus, 0, 0, 0},
};

const ActivationRow& row_named(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const ActivationRow& row : kActivations) {
    if (row.name == name) return row;
  }
  throw Error(ErrorCode::kInvalidAttribute, "unknown cell activation '" + name + "'");
}

float take(std::span<const float>& values, float fallback) {
  if (values.empty()) return fallback;
  const float value = values.front();
  values = values.subspan(1);
  return value;
}

// float keeps the loops short; each is one function of x.
float value_of(const CellActivation& a, float x) {
  switch (a.kind) {
    case Kind::kAffine: return a.alpha * x + a.beta;
    case Kind::kRelu: return x < 0 ? 0.0f : x;
    case Kind::kLeakyRelu: return x < 0 ? a.alpha * x : x;
    case Kind::kThresholdedRelu: return x < a.alpha ? 0.0f : x;
    case Kind::kHardSigmoid: return std::clamp(a.alpha * x + a.beta, 0.0f, 1.0f);
    case Kind::kElu: return x < 0 ? a.alpha * std::expm1(x) : x;
    case Kind::kSoftsign: return x / (1.0f + std::fabs(x));
    case Kind::kSoftplus: return std::max(x, 0.0f) + std::log1p(std::exp(-std::fabs(x)));
    case Kind::kScaledTanh: return a.alpha * std::tanh(a.beta * x);
    default: return x;  // Tanh and Sigmoid have loops of their own
  }
}

// Rational approximations of degree 13 / 6 and 9 / 10, within 1e-7 absolute. Source: Eigen's
// ptanh and plogistic; ONNX Runtime computes the same in the same order.
void tanh_rational(float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float x = std::min(std::max(values[i], -9.0f), 9.0f), z = x * x;
    float p = z * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * z + -8.60467152213735e-11f;
    p = p * z + 5.12229709037114e-08f;
    p = p * z + 1.48572235717979e-05f;
    p = p * z + 6.37261928875436e-04f;
    p = (p * z + 4.89352455891786e-03f) * x;
    float q = z * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * z + 2.26843463243900e-03f;
    values[i] = p / (q * z + 4.89352518554385e-03f);
  }
}

void sigmoid_rational(float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float x = std::min(std::max(values[i], -18.0f), 18.0f), z = x * x;
    float p = z * 4.37031012579801e-11f + 1.15627324459942e-07f;
    p = p * z + 6.08574864600143e-05f;
    p = p * z + 8.51377133304701e-03f;
    p = (p * z + 2.48287947061529e-01f) * x;
    float q = z * 6.10247389755681e-13f + 5.76102136993427e-09f;
    q = q * z + 6.29106785017040e-06f;
    q = q * z + 1.70198817374094e-03f;
    q = q * z + 1.16817656904453e-01f;
    const float y = p / (q * z + 9.93151921023180e-01f) + 0.5f;
    values[i] = std::min(std::max(y, 0.0f), 1.0f);
  }
}

}  // namespace

CellActivation as_rational(CellActivation activation) {
  if (activation.kind == Kind::kTanh) activation.kind = Kind::kTanhRational;
  if (activation.kind == Kind::kSigmoid) activation.kind = Kind::kSigmoidRational;
  return activation;
}

std::vector<CellActivation> cell_activations(const Node& node,
                                             std::span<const char* const> defaults, size_t count) {
  std::vector<std::string> names;
  if (const Attribute* attribute = node.find_attribute("activations")) {
    const auto* given = std::get_if<std::vector<std::string>>(&attribute->value);
    if (given) names = *given;
  } else {
    while (names.size() < count) names.insert(names.end(), defaults.begin(), defaults.end());
  }
  if (names.size() != count) {
    throw Error(
        ErrorCode::kInvalidAttribute,
        std::to_string(names.size()) + " activations where the cell has " + std::to_string(count));
  }
  const std::vector<float> alpha_list = node.floats_attribute("activation_alpha");
  const std::vector<float> beta_list = node.floats_attribute("activation_beta");
  std::span<const float> alphas = alpha_list, betas = beta_list;
  std::vector<CellActivation> activations;
  for (const std::string& name : names) {
    const ActivationRow& row = row_named(name);
    CellActivation activation{row.kind, row.alpha, row.beta};
    if (row.parameters > 0) activation.alpha = take(alphas, row.alpha);
    if (row.parameters > 1) activation.beta = take(betas, row.beta);
    activations.push_back(activation);
  }
  return activations;
}

void apply(const CellActivation& activation, float* values, int64_t count) {
  if (activation.kind == Kind::kSigmoid) {
    return select<SigmoidFloat32>()->run(values, count, values);
  }
  if (activation.kind == Kind::kTanh) return select<TanhFloat32>()->run(values, count, values);
  if (activation.kind == Kind::kTanhRational) return tanh_rational(values, count);
  if (activation.kind == Kind::kSigmoidRational) return sigmoid_rational(values, count);
  for (int64_t i = 0; i < count; ++i) values[i] = value_of(activation, values[i]);
}

}  // namespace eightfold
