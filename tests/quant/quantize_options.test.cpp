// Options of prepare and convert: what the short form means as a mapping, and what is refused.
#include "quant/quantize_options.h"

#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "quant/config_json.h"
#include "support/graph_builder.h"

namespace eightfold {
namespace {

// Two layers under a path, and a third.
Graph model() {
  test::GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 4, 4});
  const ValueId a = g.node("Relu", {x}, {{}, {}, "block/relu1"});
  const ValueId b = g.node("Relu", {a}, {{}, {}, "block/relu2"});
  g.output(g.node("Sigmoid", {b}, {{}, {}, "head"}));
  return g.build();
}

PrepareOptions options(std::string_view text, const BackendConfig& config = backend("exact8")) {
  return prepare_options_from_json(text, config, model());
}
QConfigMapping mapping(std::string_view text, const BackendConfig& config = backend("exact8")) {
  return options(text, config).qconfig_mapping;
}

TEST_CASE("nothing asked for: what the backend's kernels want", "[config]") {
  for (const std::string& name : backend_names()) {
    INFO(name);
    CHECK(mapping("{}", backend(name)) == get_default_qconfig_mapping(name));
    CHECK(mapping(R"({"mode": "static"})", backend(name)) == get_default_qconfig_mapping(name));
  }
  // A config of the caller's has no defaults of its own.
  CHECK(mapping("{}", BackendConfig("mine")) ==
        qconfig_mapping_around(default_qconfig(), kDefaultBackend));
  CHECK(options("{}").custom == PrepareCustomConfig());
}

TEST_CASE("the short form changes the static default", "[config]") {
  QConfig expected = get_default_qconfig("exact8");
  expected.activation.observer = "MinMaxObserver";
  expected.activation.dtype = DType::kInt8;
  expected.weight.observer = "MinMaxObserver";
  expected.weight.qscheme = QScheme::kPerTensorSymmetric;
  CHECK(mapping(R"({"observer": "MinMaxObserver", "activations": "int8", "perTensor": true})") ==
        qconfig_mapping_around(expected, "exact8"));
  CHECK(mapping(R"({"perTensor": false})") == mapping("{}"));
}

TEST_CASE("each mode is a named QConfig", "[config]") {
  const auto around = [](std::string_view name) {
    return qconfig_mapping_around(named_qconfig(name), "exact8");
  };
  CHECK(mapping(R"({"mode": "dynamic"})") == around("per_channel_dynamic_qconfig"));
  CHECK(mapping(R"({"mode": "float16"})") == around("float16_dynamic_qconfig"));
  CHECK(mapping(R"({"mode": "weight_only"})") ==
        around("weight_only_qconfig")
            .set_object_type("Gather", named_qconfig("float_qparams_weight_only_qconfig")));
  QConfig per_tensor = named_qconfig("per_channel_dynamic_qconfig");
  per_tensor.weight.observer = "MinMaxObserver";
  per_tensor.weight.qscheme = QScheme::kPerTensorSymmetric;
  CHECK(mapping(R"({"mode": "dynamic", "perTensor": true})").global() == MaybeQConfig(per_tensor));
}

TEST_CASE("excluded: a node, the nodes under a path, an op type", "[config]") {
  const QConfigMapping plain = mapping("{}");
  CHECK(mapping(R"({"exclude": ["head"]})") ==
        QConfigMapping(plain).set_module_name("head", std::nullopt));
  CHECK(mapping(R"({"exclude": ["block"]})") ==
        QConfigMapping(plain).set_module_name("block", std::nullopt));
  // Sigmoid has an entry of its own, for its fixed parameters.
  const QConfigMapping without = mapping(R"({"exclude": ["Sigmoid", "Relu"]})");
  CHECK_FALSE(without.find({"head", "Sigmoid", "", 0}));
  CHECK_FALSE(without.find({"block/relu1", "Relu", "block", 0}));
  CHECK(without.find({"other", "Conv", "", 0}));
  CHECK(plain.find({"head", "Sigmoid", "", 0}));
}

TEST_CASE("the long form is taken as it is", "[config]") {
  const PrepareOptions long_form = options(
      R"({"qconfigMapping": {"objectType": [["Conv", "default_qconfig"]]},
          "prepareCustomConfig": {"inputQuantizedIndexes": [0]}})");
  CHECK(long_form.qconfig_mapping ==
        QConfigMapping().set_object_type("Conv", named_qconfig("default_qconfig")));
  CHECK(long_form.custom == PrepareCustomConfig().set_input_quantized_indexes({0}));
  CHECK(options(R"({"mode": "dynamic", "prepareCustomConfig": {"outputQuantizedIndexes": [1]}})")
            .custom == PrepareCustomConfig().set_output_quantized_indexes({1}));
}

TEST_CASE("options of convert", "[config]") {
  CHECK_FALSE(convert_options_from_json("{}").qconfig_mapping);
  const ConvertOptions both = convert_options_from_json(
      R"({"qconfigMapping": {"global": null}, "convertCustomConfig": {"preservedAttributes": ["a"]}})");
  CHECK(both.qconfig_mapping == QConfigMapping().set_global(std::nullopt));
  CHECK(both.custom == ConvertCustomConfig().set_preserved_attributes({"a"}));
}

TEST_CASE("options that cannot be meant are refused where they stand", "[config]") {
  const std::pair<const char*, const char*> rows[] = {
      {R"([])", "options of prepare: must be an object"},
      {R"({"backend": "exact8"})", "backend: unknown key"},
      {R"({"mode": "fast"})", "mode: unknown mode 'fast'"},
      {R"({"observer": "Best"})", "observer: unknown observer 'Best'"},
      {R"({"perTensor": 1})", "perTensor: must be true or false"},
      {R"({"activations": "int32"})", "activations: must be 'uint8' or 'int8'"},
      {R"({"activations": "int9"})", "activations: unknown dtype"},
      {R"({"exclude": "head"})", "exclude: must be a list"},
      {R"({"exclude": ["head", "nothing"]})", "exclude[1]: 'nothing' is neither a node nor"},
      {R"({"exclude": ["bloc"]})", "exclude[0]: 'bloc' is neither"},  // a path ends at a slash
      {R"({"mode": "dynamic", "observer": "MinMaxObserver"})", "observer: has no meaning"},
      {R"({"mode": "weight_only", "activations": "int8"})", "activations: has no meaning"},
      {R"({"mode": "float16", "perTensor": true})", "perTensor: has no meaning"},
      {R"({"qconfigMapping": {}, "mode": "static"})", "mode: does not go with qconfigMapping"},
      {R"({"qconfigMapping": {"global": "x"}})",
       "qconfigMapping.global: there is no QConfig named"},
      {R"({"prepareCustomConfig": {"x": 1}})", "prepareCustomConfig.x: unknown key"},
  };
  for (const auto& [text, expected] : rows) {
    INFO(text);
    try {
      options(text);
      FAIL("not refused");
    } catch (const Error& error) {
      INFO(error.what());
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      CHECK(error.message().starts_with(expected));
    }
  }
  CHECK_THROWS_AS(convert_options_from_json(R"({"customConfig": {}})"), Error);
}

}  // namespace
}  // namespace eightfold
