// Which QConfig PyTorch gives to whom, and its default QConfigs, against ours (tests/golden/fx:
// `mapping`, `defaults`, `named`).
#include <catch_amalgamated.hpp>
#include <map>
#include <set>

#include "core/error.h"
#include "support/fx_golden.h"

namespace eightfold {
namespace {

using namespace test;

// ---------------------------------------------------------------- precedence
// Labels are told apart by the range: "a" is 0..1, "b" is 0..2.
MaybeQConfig qconfig_of(const Json& label) {
  if (label.is_null()) return std::nullopt;
  QConfig qconfig;
  qconfig.activation.quant_range = QRange{0, label.get<std::string>()[0] - 'a' + 1};
  return qconfig;
}

std::string label_of(const MaybeQConfig& qconfig) {
  if (!qconfig) return "none";
  return {static_cast<char>('a' + qconfig->activation.range().quant_max - 1)};
}

QConfigMapping mapping_of(const Json& entries) {
  QConfigMapping mapping;
  for (const Json& entry : entries) {
    const std::string style = entry["style"];
    const MaybeQConfig qconfig = qconfig_of(entry["qconfig"]);
    if (style == "global") {
      mapping.set_global(qconfig);
    } else if (style == "object_type") {
      mapping.set_object_type(entry["key"], qconfig);
    } else if (style == "module_name_regex") {
      mapping.set_module_name_regex(entry["key"], qconfig);
    } else if (style == "module_name") {
      mapping.set_module_name(entry["key"], qconfig);
    } else {
      REQUIRE(style == "module_name_object_type_order");
      mapping.set_module_name_object_type_order(entry["module"], entry["op"], entry["index"],
                                                qconfig);
    }
  }
  return mapping;
}

TEST_CASE("every node gets the QConfig that PyTorch gives it", "[fx]") {
  const std::string functions =
      "regexes of PyTorch see the module around a function, which has no name of its own";
  GoldenRows rows("mapping", {{"null regex: block.add_1", "none", functions},
                              {"null regex: block.add_2", "none", functions}});
  const Json& section = fx_section("mapping");
  for (const Json& row : section["cases"]) {
    const QConfigMapping mapping = mapping_of(row["set"]);
    for (size_t i = 0; i < section["nodes"].size(); ++i) {
      const Json& node = section["nodes"][i];
      const std::string name = node["name"];
      rows.compare(row["case"].get<std::string>() + ": " + name,
                   label_of(mapping.find({name, node["op"], node["module"], node["index"]})),
                   row["found"][i]);
    }
  }
  rows.finish(25 * 15, 2);
}

// ---------------------------------------------------------------- defaults
// Modules, functions and methods of PyTorch are one operator of ONNX.
std::string onnx_op(const std::string& name) {
  if (name.starts_with("ConvTranspose") || name.starts_with("conv_transpose")) {
    return "ConvTranspose";
  }
  if (name == "layer_norm") return "LayerNormalization";
  if (name.starts_with("hardsigmoid")) return "HardSigmoid";
  if (name.starts_with("sigmoid")) return "Sigmoid";
  if (name.starts_with("tanh")) return "Tanh";
  return name;
}

std::map<std::string, QConfig> golden_types(const Json& row) {
  std::map<std::string, QConfig> types;
  for (const Json& group : row["objectTypes"]) {
    for (const Json& op : group["ops"]) types[onnx_op(op)] = fx_qconfig(group["qconfig"]);
  }
  return types;
}

QConfigMapping our_defaults(const std::string& backend, const std::string& kind) {
  if (kind == "default") return get_default_qconfig_mapping(backend);
  return qconfig_mapping_around(named_qconfig("default_symmetric_qnnpack_qconfig"), backend);
}

// Of an op without weights the observer of weights has no say; a slope is an activation of ONNX.
std::string text_for(const std::string& op, const MaybeQConfig& qconfig) {
  static const std::set<std::string> weightless = {"HardSigmoid", "PRelu",   "Reshape",
                                                   "Sigmoid",     "Softmax", "Tanh"};
  if (!qconfig || !weightless.contains(op)) return qconfig_text(qconfig);
  return spec_text(qconfig->activation);
}

void compare_defaults(GoldenRows& rows, const Json& row, const std::string& backend) {
  const std::string kind = row["kind"], name = kind + " " + backend;
  const QConfigMapping ours = our_defaults(backend, kind);
  REQUIRE(ours.global().has_value());
  rows.compare(name, qconfig_text(*ours.global()), qconfig_text(fx_qconfig(row["qconfig"])));
  const std::map<std::string, QConfig> types = golden_types(row);
  for (const auto& [op, qconfig] : types) {
    rows.compare(name + ": " + op, text_for(op, ours.find({op, op, "", 0})), text_for(op, qconfig));
  }
  for (const auto& [op, qconfig] : ours.object_types()) {
    INFO(name << " has an entry for " << op);
    CHECK(types.contains(op));
  }
}

TEST_CASE("default mappings are PyTorch's", "[fx]") {
  const std::string reduced =
      "no entry: its range is that of the layers that read it, PyTorch's is full";
  const std::string prelu =
      "HistogramObserver uint8 0..127 reduced bins 2048 eps 1.1920928955078125e-07";
  const std::string signed8 = "fixed parameters are of the dtype of the activations around them";
  const std::string zero_to_one =
      "FixedQParamsObserver int8 -128..127 scale 0.00390625 zero point -128";
  GoldenRows rows(
      "defaults",
      {{"default fbgemm: PRelu", prelu, reduced},
       {"default x86: PRelu", prelu, reduced},
       {"symmetric qnnpack: HardSigmoid", zero_to_one, signed8},
       {"symmetric qnnpack: Sigmoid", zero_to_one, signed8},
       {"symmetric qnnpack: Softmax", zero_to_one, signed8},
       {"symmetric qnnpack: Tanh",
        "FixedQParamsObserver int8 -128..127 scale 0.0078125 zero point 0", signed8},
       {"symmetric qnnpack: Reshape", "ReuseInputObserver uint8",
        "reuses its input's observer in every mapping; PyTorch's symmetric one observes anew"},
       {"symmetric qnnpack: LayerNormalization",
        "HistogramObserver int8 -128..127 bins 2048 eps 0.000244140625 / PlaceholderObserver "
        "float32",
        "its scale and bias stay float in every mapping"}});
  for (const Json& row : fx_section("defaults")) {
    for (const Json& backend : row["backends"]) {
      if (!row.contains("error")) {
        compare_defaults(rows, row, backend);
        continue;
      }
      const std::string name = backend.is_string() ? backend.get<std::string>() : backend.dump();
      INFO(name);
      CHECK_THROWS_AS(get_default_qconfig_mapping(name), Error);
    }
  }
  rows.finish(5 * (1 + 8), 8);
}

// ---------------------------------------------------------------- names
std::string named_text(const std::string& name) {
  try {
    return qconfig_text(named_qconfig(name));
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    return "not known";
  }
}

TEST_CASE("named QConfigs are PyTorch's", "[fx]") {
  GoldenRows rows(
      "named",
      {{"default_reuse_input_qconfig", "ReuseInputObserver uint8 / PlaceholderObserver float32",
        "ours has no NoopObserver; neither observes"},
       {"default_debug_qconfig", "not known", "ours has no RecordingObserver"}});
  for (const Json& row : fx_section("named")) {
    const std::string name = row["name"];
    rows.compare(name, named_text(name), qconfig_text(fx_qconfig(row["qconfig"])));
  }
  rows.finish(10, 2);
}

}  // namespace
}  // namespace eightfold
