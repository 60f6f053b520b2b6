// Configs as JSON: the assertions of PyTorch's TestBackendConfig (spec-facts 6.1), and the cases of
// tests/golden/config/cases.json, which the TypeScript tests read as well.
//
// A case is {name, type, json}. One with `error` is refused: the message begins with the path (of
// the whole: the type's name), then has the text; the hint may be asked for. Any other is read, and
// survives the way to JSON and back; `writes` is what it is written as. `lossy`: not all is
// written.
#include "quant/config_json.h"

#include <catch_amalgamated.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "core/error.h"
#include "quant/json_reader.h"
#include "support/data_files.h"

namespace eightfold {
namespace {

using nlohmann::json;

// ---------------------------------------------------------------- the types by name
// What a text means as a type, written again; `equal`: the same after one more round.
struct Round {
  std::string text;
  bool equal;
};
template <typename T, T (*read)(std::string_view)>
Round round_of(std::string_view text) {
  const T first = read(text);
  const std::string written = to_json(first, -1);
  const T second = read(written);
  CHECK(to_json(second, -1) == written);
  CHECK(read(to_json(first)) == second);  // indented, for people
  return {written, first == second};
}

struct Type {
  std::string name;
  Round (*round)(std::string_view text);
};
const Type kTypes[] = {
    {"DTypeConfig", round_of<DTypeConfig, dtype_config_from_json>},
    {"BackendPatternConfig", round_of<BackendPatternConfig, backend_pattern_config_from_json>},
    {"BackendConfig", round_of<BackendConfig, backend_from_json>},
    {"ObserverSpec", round_of<ObserverSpec, observer_spec_from_json>},
    {"QConfig", round_of<MaybeQConfig, qconfig_from_json>},
    {"QConfigMapping", round_of<QConfigMapping, qconfig_mapping_from_json>},
    {"PrepareCustomConfig", round_of<PrepareCustomConfig, prepare_custom_config_from_json>},
    {"ConvertCustomConfig", round_of<ConvertCustomConfig, convert_custom_config_from_json>},
    {"FuseCustomConfig", round_of<FuseCustomConfig, fuse_custom_config_from_json>},
};

const Type& type_named(const std::string& name) {
  for (const Type& type : kTypes) {
    if (type.name == name) return type;
  }
  throw std::runtime_error("no type " + name);
}

json cases() {
  std::ifstream file(test::source_folder() + "/tests/golden/config/cases.json");
  return json::parse(file);
}

Error refusal(const Type& type, std::string_view text) {
  try {
    type.round(text);
  } catch (const Error& error) {
    return error;
  }
  FAIL("not refused: " << text);
  throw std::logic_error("unreachable");
}

TEST_CASE("the cases that both languages read", "[config]") {
  int read = 0, refused = 0;
  for (const json& row : cases()) {
    INFO(row["type"].get<std::string>() << ": " << row["name"].get<std::string>());
    const Type& type = type_named(row["type"]);
    const std::string text = row["json"].dump();
    if (!row.contains("error")) {
      ++read;
      const Round round = type.round(text);
      CHECK(round.equal == !row.value("lossy", false));
      if (row.contains("writes")) CHECK(json::parse(round.text) == row["writes"]);
      continue;
    }
    ++refused;
    const Error error = refusal(type, text);
    INFO(error.what());
    const json& expected = row["error"];
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    CHECK(error.message().starts_with(expected["path"].get<std::string>() + ": "));
    CHECK(error.message().find(expected["message"].get<std::string>()) != std::string::npos);
    CHECK(error.hint().find(expected.value("hint", "")) != std::string::npos);
  }
  CHECK(read >= 30);
  CHECK(refused >= 60);
}

// ---------------------------------------------------------------- TestBackendConfig
DTypeConfig constrained() {
  DTypeConfig config;
  config.input.dtype = DType::kUint8;
  config.input.quant_min_lower_bound = 0;
  config.input.quant_max_upper_bound = 15;
  config.input.scale_min_lower_bound = 1.0f / 4096;
  config.output.dtype = DType::kUint8;
  config.weight.dtype = DType::kInt8;
  config.weight.scale_exact_match = 1.0f / 256;
  config.weight.zero_point_exact_match = -3;
  config.bias = DType::kFloat32;
  config.is_dynamic = true;
  return config;
}

// test_dtype_config_from_dict: a bare dtype and one in an object without constraints are equal
TEST_CASE("a dtype config from JSON, by either spelling", "[config]") {
  DTypeConfig expected;
  expected.input = expected.output = DType::kUint8;
  expected.weight = DType::kInt8;
  expected.bias = DType::kFloat32;
  const char* const bare =
      R"({"inputDtype": "quint8", "outputDtype": "uint8", "weightDtype": "qint8",
          "biasDtype": "float"})";
  const char* const objects =
      R"({"inputDtype": {"dtype": "uint8"}, "outputDtype": {"dtype": "quint8"},
          "weightDtype": {"dtype": "int8"}, "biasDtype": "float32"})";
  CHECK(dtype_config_from_json(bare) == expected);
  CHECK(dtype_config_from_json(objects) == expected);
  CHECK_FALSE(dtype_config_from_json(R"({"inputDtype": "uint8"})") == expected);
  CHECK(dtype_config_from_json(to_json(constrained())) == constrained());
}

// test_dtype_config_to_dict: constraints as objects, nothing for what is not set
TEST_CASE("a dtype config to JSON", "[config]") {
  CHECK(json::parse(to_json(constrained())) == json::parse(R"({
    "inputDtype": {"dtype": "uint8", "quantMinLowerBound": 0, "quantMaxUpperBound": 15,
                   "scaleMinLowerBound": 0.000244140625},
    "outputDtype": {"dtype": "uint8"},
    "weightDtype": {"dtype": "int8", "scaleExactMatch": 0.00390625, "zeroPointExactMatch": -3},
    "biasDtype": "float32", "isDynamic": true})"));
  CHECK(to_json(DTypeConfig(), -1) == "{}");
  DTypeConfig one;
  one.output = DType::kFloat16;
  CHECK(to_json(one, -1) == R"({"outputDtype":{"dtype":"float16"}})");
}

// test_backend_op_config_set_...: what a new config holds, and what each setter leaves in it
TEST_CASE("the setters of a pattern config", "[config]") {
  BackendPatternConfig config("Gemm");
  using enum ObservationType;
  CHECK(config.observation_type == kOutputUseDifferentObserverAsInput);
  config.set_observation_type(kOutputShareObserverWithInput);
  CHECK(config.observation_type == kOutputShareObserverWithInput);

  CHECK(config.dtype_configs.empty());  // add_dtype_config keeps the order
  config.add_dtype_config(DTypeConfig()).add_dtype_config(constrained());
  CHECK(config.dtype_configs == std::vector{DTypeConfig(), constrained()});
  config.set_dtype_configs({constrained()});
  CHECK(config.dtype_configs == std::vector{constrained()});

  CHECK(config.root_module.empty());
  CHECK(config.set_root_module("Gemm").root_module == "Gemm");
  CHECK(config.qat_module.empty());
  CHECK(config.set_qat_module("eightfold:QatGemm").qat_module == "eightfold:QatGemm");
  CHECK(config.reference_quantized_module.empty());
  CHECK(config.set_reference_quantized_module("ai.onnx:Gemm").reference_quantized_module == "Gemm");
  CHECK(config.fused_module.empty());
  CHECK(config.set_fused_module("eightfold:Gemm").fused_module == "eightfold:Gemm");
  CHECK(config.fuser_method.empty());
  CHECK(config.set_fuser_method("linear_relu").fuser_method == "linear_relu");
  CHECK(config.root_node_getter.empty());
  CHECK(config.set_root_node_getter("first").root_node_getter == "first");
  CHECK(config.extra_inputs_getter.empty());
  CHECK(config.set_extra_inputs_getter("second").extra_inputs_getter == "second");
  CHECK(config.num_tensor_args_to_observation_type.empty());
  config.set_num_tensor_args_to_observation_type({{1, kOutputShareObserverWithInput}});
  CHECK(config.num_tensor_args_to_observation_type.at(1) == kOutputShareObserverWithInput);
  CHECK(config.input_type_to_index.empty());
  config.set_input_type_to_index({{"bias", 0}, {"input", 1}, {"weight", 2}});
  CHECK(config.input_type_to_index.at("weight") == 2);
  CHECK(backend_pattern_config_from_json(to_json(config)) == config);
}

// test_backend_op_config_from_dict, _to_dict: both directions equal; the case "all keys of a
// pattern config" holds the text, this the values
TEST_CASE("every key of a pattern config means its setter", "[config]") {
  using enum ObservationType;
  BackendPatternConfig expected;
  expected.set_pattern({"Conv", "Relu"})
      .set_observation_type(kInputOutputNotObserved)
      .add_dtype_config(constrained())
      .set_root_module("Conv")
      .set_qat_module("eightfold:QatConv")
      .set_reference_quantized_module("Conv")
      .set_fused_module("eightfold:Conv")
      .set_fuser_method("conv_relu")
      .set_root_node_getter("first")
      .set_extra_inputs_getter("mine")
      .set_num_tensor_args_to_observation_type(
          {{0, kOutputUseDifferentObserverAsInput}, {2, kOutputShareObserverWithInput}})
      .set_input_type_to_index({{"weight", 1}})
      .set_input_output_observed(false)
      .set_quantize_when(QuantizeWhen::kInputQuantized);
  const std::string text = R"({"pattern": ["Conv", "Relu"],
    "observationType": "INPUT_OUTPUT_NOT_OBSERVED", "dtypeConfigs": [)" +
                           to_json(constrained()) + R"(],
    "rootModule": "Conv", "qatModule": "eightfold:QatConv", "referenceQuantizedModule": "Conv",
    "fusedModule": "eightfold:Conv", "fuserMethod": "conv_relu", "rootNodeGetter": "first",
    "extraInputsGetter": "mine", "numTensorArgsToObservationType":
      {"0": "OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT", "2": "OUTPUT_SHARE_OBSERVER_WITH_INPUT"},
    "inputTypeToIndex": {"weight": 1}, "inputOutputObserved": false,
    "quantizeWhen": "input_quantized"})";
  CHECK(backend_pattern_config_from_json(text) == expected);
  CHECK(json::parse(to_json(expected)) == json::parse(text));
}

// test_backend_config_set_name, _set_backend_pattern_config: the key of (Gemm, Relu) is the
// reversed pair; _from_dict, _to_dict
TEST_CASE("a backend from JSON and to JSON", "[config]") {
  BackendConfig expected;
  CHECK(expected.name().empty());
  expected.set_name("mine");
  CHECK(expected.name() == "mine");
  expected.set_backend_pattern_config(BackendPatternConfig({"Gemm", "Relu"}))
      .set_backend_pattern_config(BackendPatternConfig("Gemm").add_dtype_config(constrained()));
  REQUIRE(expected.configs().size() == 2);
  CHECK(to_text(expected.configs()[0].pattern()) == "(Relu, Gemm)");
  const std::string text = to_json(expected);
  CHECK(backend_from_json(text) == expected);
  const json written = json::parse(text);
  CHECK(written["name"] == "mine");
  CHECK(written["configs"][0]["pattern"] == json({"Gemm", "Relu"}));
  CHECK(written["configs"][1]["pattern"] == "Gemm");
}

// ---------------------------------------------------------------- ours in addition
// test_... of 1.5: forward and complex spellings are one pattern; the later wins, in the old place
TEST_CASE("spellings of one pattern collide", "[config]") {
  const BackendConfig config = backend_from_json(R"({"configs": [
    {"pattern": ["Conv", "Relu"], "rootModule": "Conv"}, {"pattern": "Gemm"},
    {"patternComplexFormat": ["Relu", "Conv"]}]})");
  REQUIRE(config.configs().size() == 2);
  CHECK(to_text(config.configs()[0].pattern()) == "(Relu, Conv)");
  CHECK(config.configs()[0].format() == BackendPatternConfig::Format::kComplex);
  CHECK(config.configs()[0].root_module.empty());
  CHECK(config.configs()[1].forward() == std::vector<std::string>{"Gemm"});
}

TEST_CASE("complex patterns mean what from_graph and the constructors make", "[config]") {
  const auto pattern = [](const std::string& text) {
    return backend_pattern_config_from_json(text).pattern();
  };
  CHECK(pattern(R"({"patternComplexFormat": ["Relu", ["Add", "MatchAllNode", "Conv"],
                    {"constant": 6}, {"constant": true}, {"constant": {"min": 0.5}}]})") == [] {
    Pattern any;
    any.kind = Pattern::Kind::kConstant;
    Pattern half = any;
    half.constant.min = 0.5;
    return Pattern::of("Relu", {Pattern::of("Add", {Pattern::match_all(), Pattern::of("Conv")}),
                                Pattern::literal(6), any, half});
  }());

  PatternNode add{Pattern::of("Add"), {"split:1", "split"}};
  add.node.ops.push_back("Sum");
  add.node.commutative = true;
  PatternNode split{Pattern::of("Split"), {}};
  split.node.used_outside = true;
  split.node.attributes = {{"axis", {1.0, std::monostate()}}, {"mode", {std::string("x")}}};
  CHECK(pattern(R"({"patternGraph": {"nodes": {
          "add": {"op": ["Add", "Sum"], "inputs": ["split:1", "split"], "commutative": true},
          "split": {"op": "Split", "usedOutside": true,
                    "attributes": {"axis": [1, null], "mode": "x"}}}, "outputs": ["add"]}})") ==
        from_graph({{{"add", add}, {"split", split}}, {"add"}}));
}

TEST_CASE("a pattern that the nested form has no words for is not written as one", "[config]") {
  Pattern add = Pattern::of("Add", {Pattern::match_all(), Pattern::of("Conv")});
  BackendPatternConfig plain;
  CHECK_NOTHROW(to_json(plain.set_pattern_complex_format(add)));
  add.commutative = true;
  BackendPatternConfig config;
  config.set_pattern_complex_format(add);
  CHECK_THROWS_AS(to_json(config), Error);
}

TEST_CASE("the name of a preset stands for it", "[config]") {
  for (const std::string& name : backend_names()) {
    INFO(name);
    const BackendConfig config = backend_from_json('"' + name + '"');
    CHECK(config == backend(name));
    CHECK(backend_from_json(to_json(config)) == config);
  }
}

TEST_CASE("QConfigs by name and by what they say", "[config]") {
  for (const std::string& name : qconfig_names()) {
    INFO(name);
    const MaybeQConfig qconfig = qconfig_from_json('"' + name + '"');
    CHECK(qconfig == named_qconfig(name));
    CHECK(qconfig_from_json(to_json(qconfig)) == qconfig);
  }
  for (const std::string& name : backend_names()) {
    INFO(name);
    const QConfigMapping mapping = get_default_qconfig_mapping(name);
    CHECK(qconfig_mapping_from_json(to_json(mapping)) == mapping);
  }
  CHECK(qconfig_from_json("{}") == default_qconfig());
  CHECK_FALSE(qconfig_from_json("null"));

  // What is not given keeps its default; one bound alone leaves the other at that of the dtype.
  QConfig expected = default_qconfig();
  expected.activation.observer = "MinMaxObserver";
  expected.activation.dtype = DType::kInt8;
  expected.activation.quant_range = QRange{-127, 127};
  expected.weight.ch_axis = 1;
  expected.weight.bounded_sum = BoundedSum{4, 258};
  CHECK(qconfig_from_json(R"({"activation": {"observer": "MinMaxObserver", "dtype": "qint8",
    "quantMin": -127}, "weight": {"chAxis": 1, "boundedSum": {"group": 4, "limit": 258}}})") ==
        expected);
}

TEST_CASE("a mapping from JSON is what its setters make", "[config]") {
  QConfigMapping expected;
  expected.set_global(named_qconfig("default_qconfig"))
      .set_object_type("Conv", std::nullopt)
      .set_module_name_regex("a.*", default_qconfig())
      .set_module_name("a/b", std::nullopt)
      .set_module_name_object_type_order("a", "Conv", 2, default_qconfig());
  CHECK(qconfig_mapping_from_json(R"({"global": "default_qconfig", "objectType": [["Conv", null]],
    "moduleNameRegex": [["a.*", {}]], "moduleName": [["a/b", null]],
    "moduleNameObjectTypeOrder": [["a", "Conv", 2, {}]]})") == expected);
}

// The schema that is published, and that JavaScript checks by, has the keys that are read here.
TEST_CASE("the schema and the tables list the same keys", "[config]") {
  std::ifstream file(test::source_folder() + "/schema/eightfold-config.schema.json");
  const json schema = json::parse(file)["$defs"];
  // A text with an unknown key, `?`, in an object of the type.
  struct Row {
    const char *def, *type, *text;
  };
  const Row rows[] = {
      {"BoundedSum", "ObserverSpec", R"({"boundedSum": {"?": 1}})"},
      {"DTypeWithConstraints", "DTypeConfig", R"({"inputDtype": {"?": 1}})"},
      {"DTypeConfig", "DTypeConfig", R"({"?": 1})"},
      {"PatternNode", "BackendPatternConfig", R"({"patternGraph": {"nodes": {"a": {"?": 1}}}})"},
      {"PatternGraph", "BackendPatternConfig", R"({"patternGraph": {"?": 1}})"},
      {"BackendPatternConfig", "BackendPatternConfig", R"({"?": 1})"},
      {"BackendConfig", "BackendConfig", R"({"?": 1})"},
      {"ObserverSpec", "ObserverSpec", R"({"?": 1})"},
      {"QConfig", "QConfig", R"({"?": 1})"},
      {"QConfigMapping", "QConfigMapping", R"({"?": 1})"},
      {"StandaloneModule", "PrepareCustomConfig", R"({"standaloneModules": [{"?": 1}]})"},
      {"PrepareCustomConfig", "PrepareCustomConfig", R"({"?": 1})"},
      {"ConvertCustomConfig", "ConvertCustomConfig", R"({"?": 1})"},
      {"FuseCustomConfig", "FuseCustomConfig", R"({"?": 1})"},
  };
  for (const Row& row : rows) {
    const std::string message = refusal(type_named(row.type), row.text).message();
    INFO(row.def << ": " << message);
    const size_t known = message.find("known are ");
    REQUIRE(known != std::string::npos);
    std::set<std::string> read, published;
    std::istringstream keys(message.substr(known + 10));
    for (std::string key; std::getline(keys, key, ',');)
      read.insert(key.substr(key.find_first_not_of(' ')));
    for (const auto& [key, value] : schema[row.def]["properties"].items()) published.insert(key);
    CHECK(read == published);
  }
}

// ---------------------------------------------------------------- hostile text
TEST_CASE("a malformed text is refused with its line and column", "[config]") {
  const Type& type = type_named("BackendConfig");
  const std::pair<const char*, const char*> rows[] = {
      {"", "line 1, column 1"},                          // nothing at all
      {"{\"name\": tru}", "line 1, column 10"},          // a word that is none
      {"{\n  \"name\": \"a\",\n}", "line 3, column 1"},  // a trailing comma
      {"{\"name\": \"a\"} {}", "line 1, column 15"},     // more than one value
      {"{\"name\": \"a\n\"}", "line 1, column 12"},      // a line break in a string
      {"{\"name\": \"a", "line 1, column 12"},           // a string without an end
      {"{\"name\": 01}", "line 1, column 11"},           // not a number of JSON
      {"{\"name\": \"\\ud800\"}", "line 1, column 17"},  // half of a pair
      {"{\"name\": 1e999}", "no double"},                // a number that no double holds
      {"{\"name\": \"a\", \"name\": \"b\"}", "twice"},   // which of the two
  };
  for (const auto& [text, expected] : rows) {
    const Error error = refusal(type, text);
    INFO(text << " -> " << error.what());
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    CHECK(error.message().starts_with("BackendConfig: "));
    CHECK(error.message().find(expected) != std::string::npos);
  }
}

// The value at a place, as nlohmann's own reader would have made it.
json value_at(const JsonPlace& place) {
  if (place.is_string()) return place.string();
  if (place.is_number()) return place.number();
  if (place.is_boolean()) return place.boolean();
  json value = place.is_list() ? json::array() : place.is_object() ? json::object() : json();
  if (place.is_list()) {
    for (size_t i = 0; i < place.list_size(); ++i) value.push_back(value_at(place.item(i)));
  }
  if (place.is_object()) {
    for (size_t i = 0; i < place.object_size(); ++i) {
      value[std::string(place.member(i).key())] = value_at(place.member(i));
    }
  }
  return value;
}
constexpr JsonCodec kAnyCodec{
    [](void* value, const JsonPlace& place) { *static_cast<json*>(value) = value_at(place); },
    nullptr};

// The text must be UTF-8: nlohmann's reader refuses any other.
void check_as_nlohmann(const std::string& text) {
  INFO(text);
  const json expected = json::parse(text, nullptr, /*allow_exceptions=*/false);
  json value;
  try {
    read_json(text, "text", kAnyCodec, &value);
    CHECK(value == expected);
  } catch (const Error& error) {
    // Keys given twice, and what is past the limits, are refused here alone.
    const bool malformed = error.message().find("malformed") != std::string::npos;
    CHECK((expected.is_discarded() || !malformed));
  }
}

TEST_CASE("a text means what another reader makes of it", "[config]") {
  for (const char* text : {R"("\u0041\u00e9\u20ac\ud83d\ude00")",  // one to four bytes
                           R"("\"\\\/\b\f\n\r\t")",
                           R"("\x")",
                           R"("\u12g4")",
                           R"("\u123")",
                           R"("\ud800x")",
                           R"("\ud800\n")",
                           R"("\ud800\ud800")",
                           R"("\udc00\ud800")",
                           R"("\uDBFF\uDFFF")",
                           " [ 1 , -0 , 0.5 , 1E+2 , -1e-2 ] ",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "[",
                           "]",
                           "1.",
                           ".5",
                           "+1",
                           "-",
                           "1e",
                           "1e+",
                           "0x1",
                           "00",
                           "-01",
                           "1e5",
                           "123456789012345678901234567890",
                           "nul",
                           "nulll",
                           "{\"a\":{\"b\":[{},[],null,true,false]}}",
                           "{\"a\" 1}",
                           "{\"a\":}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "'a'",
                           "\t\r\n 1",
                           "\"\x7f\"",
                           "NaN",
                           "//",
                           "[1]x",
                           "\"a\tb\""}) {
    check_as_nlohmann(text);
  }
}

std::string nested(size_t depth) {
  return "{\"patternComplexFormat\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
}

TEST_CASE("depth and sizes are limited", "[config]") {
  const Type& type = type_named("BackendPatternConfig");
  const auto message = [&](const std::string& text) { return refusal(type, text).message(); };
  CHECK(message(nested(63)).find("nested") == std::string::npos);
  CHECK(message(nested(64)).find("nested deeper than 64") != std::string::npos);
  CHECK(message(nested(1000000)).find("nested deeper than 64") != std::string::npos);
  CHECK(message(std::string(9 << 20, ' ')).find("longer than") != std::string::npos);

  const auto forward = [](size_t ops) {
    return json{{"pattern", std::vector<std::string>(ops, "Relu")}}.dump();
  };
  CHECK_NOTHROW(type.round(forward(64)));
  CHECK(message(forward(65)).starts_with("pattern: has more than 64"));
  json graph{{"nodes", {{"n0", {{"op", "Relu"}}}}}, {"outputs", {"n99999"}}};
  for (int i = 1; i < 100000; ++i) {
    graph["nodes"]["n" + std::to_string(i)] = {{"op", "Relu"},
                                               {"inputs", {"n" + std::to_string(i - 1)}}};
  }
  CHECK(message(json{{"patternGraph", graph}}.dump()).find("too many keys") != std::string::npos);
  const std::vector<std::string> wide(40, "MatchAllNode");
  json tuple = wide;
  tuple[0] = "Sum";
  CHECK_NOTHROW(type.round(json{{"patternComplexFormat", tuple}}.dump()));
  CHECK(message(json{{"patternComplexFormat", {"Add", tuple, tuple}}}.dump())
            .find("more than 64 nodes") != std::string::npos);
}

// Whatever the text, it is read or refused; the seed is fixed, so that a failure comes again.
TEST_CASE("damaged texts are read or refused", "[config]") {
  std::mt19937 random(8);
  const auto below = [&](size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
  };
  constexpr std::string_view kPieces[] = {"null", "{}",       "[]",   "-1", "1e300",
                                          "true", "\"Conv\"", "\"\"", ",",  ":",
                                          "\"",   "\\u0000",  "[[",   "}}", "\xc3"};
  int read = 0, refused = 0;
  const auto attempt = [&](const Type& type, const std::string& text) {
    if (text.find('\xc3') == std::string::npos) check_as_nlohmann(text);
    try {
      type.round(text);
      ++read;
    } catch (const Error& error) {
      INFO(text);
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      ++refused;
    }
  };
  for (const json& row : cases()) {
    const Type& type = type_named(row["type"]);
    const std::string text = row["json"].dump();
    for (size_t length = 0; length < text.size(); length += 1 + below(8)) {
      attempt(type, text.substr(0, length));
    }
    for (int i = 0; i < 40; ++i) {
      std::string damaged = text;
      for (size_t edits = 1 + below(3); edits > 0 && !damaged.empty(); --edits) {
        const size_t at = below(damaged.size());
        const size_t cut = below(std::min<size_t>(damaged.size() - at, 8) + 1);
        damaged.replace(at, cut, kPieces[below(std::size(kPieces))]);
      }
      attempt(type, damaged);
    }
    // The text of one type given to another.
    for (const Type& other : kTypes) attempt(other, text);
  }
  CHECK(read > 100);
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace eightfold
