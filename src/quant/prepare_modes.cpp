// See prepare_modes.h.
#include "quant/prepare_modes.h"

namespace eightfold {

std::string_view quant_mode_name(QuantMode mode) {
  switch (mode) {
    case QuantMode::kStatic: return "static";
    case QuantMode::kDynamic: return "dynamic";
    case QuantMode::kWeightOnly: return "weight only";
    case QuantMode::kFloat16: return "float16";
  }
  return "";
}

std::optional<QuantMode> mode_of(const QConfig& qconfig) {
  const DType activation = qconfig.activation.dtype, weight = qconfig.weight.dtype;
  if (activation == DType::kFloat16) {
    return weight == DType::kFloat16 ? std::optional(QuantMode::kFloat16) : std::nullopt;
  }
  if (activation == DType::kFloat32) {
    if (weight == DType::kFloat16) return QuantMode::kFloat16;
    return weight == DType::kFloat32 ? std::nullopt : std::optional(QuantMode::kWeightOnly);
  }
  return qconfig.is_dynamic() ? QuantMode::kDynamic : QuantMode::kStatic;
}

std::string why_no_form(const Node& node, const OpDef* def, QuantMode mode, int weight) {
  if (mode == QuantMode::kStatic) return {};
  if (weight < 0) {
    return "its QConfig is " + std::string(quant_mode_name(mode)) +
           ", and it has no constant weight to quantize";
  }
  if (mode != QuantMode::kDynamic) return {};
  if (def->places && !def->places->dynamic.op_type.empty()) return {};
  const bool is_conv =
      def->quantized.operands == QuantizedOperands::kConv && def->op_type != "ConvTranspose";
  const bool has_integers = is_conv || def->quantized.operands == QuantizedOperands::kGemm ||
                            (def->quantized.operands == QuantizedOperands::kBinary && weight == 1);
  return has_integers ? std::string() : node.op_type + " has no form with dynamic inputs";
}

}  // namespace eightfold
