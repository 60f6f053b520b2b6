// What PyTorch's BackendConfig classes read, write and refuse against ours, C++ and JSON
// (tests/golden/fx: `dtypeConfigs`, `configKeys`, `refusals`, `settings`).
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <functional>

#include "core/error.h"
#include "quant/config_json.h"
#include "support/fx_golden.h"

namespace eightfold {
namespace {

using namespace test;

// "refused" for kInvalidConfig; anything else goes through.
std::string outcome_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidConfig) throw;
    return "refused";
  }
  return "taken";
}

std::string outcome_in(const Json& row) { return row["error"].is_null() ? "taken" : "refused"; }

// snake_case -> camelCase
std::string our_key(const std::string& key) {
  if (key == "reference_quantized_module_for_root") return "referenceQuantizedModule";
  std::string text;
  for (size_t i = 0; i < key.size(); ++i) {
    const bool joins = key[i] == '_' && i + 1 < key.size();
    if (joins) ++i;
    const char letter = key[i];
    text += joins ? static_cast<char>(letter - 'a' + 'A') : letter;
  }
  return text;
}

// ---------------------------------------------------------------- DTypeConfig
std::string json_of(const Json& from) {
  Json ours = Json::object();
  for (const char* key : {"input", "output", "weight", "bias"}) {
    if (from.contains(key)) ours[std::string(key) + "Dtype"] = from[key];
  }
  if (from.contains("isDynamic")) ours["isDynamic"] = from["isDynamic"];
  return ours.dump();
}

Json our_keys(const Json& to_dict) {
  Json ours = Json::object();
  for (const auto& [key, value] : to_dict.items()) ours[our_key(key)] = value;
  return ours;
}

TEST_CASE("dtype configs are read, held and written as PyTorch does", "[fx]") {
  GoldenRows rows("dtypeConfigs");
  for (const Json& row : fx_section("dtypeConfigs")) {
    const std::string name = row["from"].dump(), json = json_of(row["from"]);
    const std::string outcome = outcome_of([&] { dtype_config_from_json(json); });
    rows.compare(name, outcome, outcome_in(row));
    if (outcome == "refused") continue;
    const DTypeConfig config = dtype_config_from_json(json);
    const Json& golden = row["config"];
    rows.compare(name + ": fields", dtypes_text({config}), dtypes_text({fx_dtype_config(golden)}));
    rows.compare(name + ": written", Json::parse(to_json(config)).dump(),
                 our_keys(row["toDict"]).dump());
    const bool same = dtype_config_from_json(to_json(config)) == config;
    rows.compare(name + ": round trip", Json(same).dump(), row["roundTrip"].dump());
  }
  rows.finish(11 + 8 * 3);
}

// ---------------------------------------------------------------- keys
using Config = BackendPatternConfig;
const DTypeConfig kEight = fx_dtype_config({{"input", {{"dtype", "uint8"}}}});

struct KeyCase {
  const char* what;
  Config (*make)();
};
const KeyCase kKeyCases[] = {
    {"nothing", [] { return Config(); }},
    {"pattern", [] { return Config("Conv"); }},
    {"observation type and dtype config",
     [] {
       return Config("Conv").add_dtype_config(kEight).set_observation_type(
           ObservationType::kOutputShareObserverWithInput);
     }},
    {"modules",
     [] {
       return Config("Conv")
           .set_root_module("Conv")
           .set_qat_module("Conv")
           .set_reference_quantized_module("Conv");
     }},
    {"fusion",
     [] {
       return Config({"Conv", "Relu"})
           .set_fused_module("eightfold:Conv")
           .set_fuser_method("conv_relu");
     }},
    {"complex format and getters",
     [] {
       return Config()
           .set_pattern_complex_format(fx_pattern({"Relu", {"Add", "*", "Conv"}}))
           .set_root_node_getter("first")
           .set_extra_inputs_getter("match_all");
     }},
    {"index maps",
     [] {
       return Config("Gemm")
           .set_input_type_to_index({{"bias", 0}, {"weight", 2}})
           .set_num_tensor_args_to_observation_type(
               {{1, ObservationType::kOutputShareObserverWithInput}});
     }},
};

std::string keys_text(const Json& written) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : written.items()) keys.push_back(key);
  std::ranges::sort(keys);
  return Json(keys).dump();
}

std::string golden_keys(const Json& row) {
  std::vector<std::string> keys;
  for (const Json& key : row["toDictKeys"]) keys.push_back(our_key(key));
  std::ranges::sort(keys);
  return Json(keys).dump();
}

TEST_CASE("configs are written with the keys that PyTorch writes", "[fx]") {
  GoldenRows rows("configKeys");
  for (const Json& row : fx_section("configKeys")) {
    const std::string what = row["set"];
    REQUIRE(row["roundTrip"] == true);
    if (what == "backend config") {
      const BackendConfig config = BackendConfig("name").set_backend_pattern_config(Config("Conv"));
      rows.compare(what, keys_text(Json::parse(to_json(config))), golden_keys(row));
      CHECK(backend_from_json(to_json(config)) == config);
      continue;
    }
    const auto* found = std::ranges::find(kKeyCases, what, &KeyCase::what);
    REQUIRE(found != std::end(kKeyCases));
    const Config config = found->make();
    rows.compare(what, keys_text(Json::parse(to_json(config))), golden_keys(row));
    INFO(what);
    CHECK(backend_pattern_config_from_json(to_json(config)) == config);
  }
  rows.finish(8);
}

// ---------------------------------------------------------------- refusals
struct RefusalCase {
  const char* what;
  void (*act)();
};
const RefusalCase kRefusals[] = {
    {"set_pattern after the complex format",
     [] {
       Config()
           .set_pattern_complex_format(fx_pattern({"Relu", "Conv"}))
           .set_pattern({"Relu", "Conv"});
     }},
    {"the complex format after a pattern",
     [] { Config({"Relu", "Conv"}).set_pattern_complex_format(fx_pattern({"Relu", "Conv"})); }},
    {"both formats in from_dict",
     [] {
       backend_pattern_config_from_json(
           R"({"pattern": ["Conv", "Relu"], "patternComplexFormat": ["Relu", "Conv"]})");
     }},
    {"no pattern in a backend config",
     [] { BackendConfig().set_backend_pattern_config(Config()); }},
    {"a forward tuple of one",
     [] { backend_pattern_config_from_json(R"({"pattern": ["Conv"]})"); }},
    {"a forward tuple of four", [] { Config({"Conv", "Relu", "Relu", "Relu"}); }},
    {"a nested forward tuple",
     [] {
       backend_pattern_config_from_json(R"({"pattern": ["Relu", ["BatchNormalization", "Conv"]]})");
     }},
    {"dtype_configs of a wrong type",
     [] { backend_pattern_config_from_json(R"({"dtypeConfigs": [3]})"); }},
    {"configs of a wrong type", [] { backend_from_json(R"({"configs": [3]})"); }},
    {"unknown keys", [] { backend_from_json(R"({"name": "n", "more": 1})"); }},
};

TEST_CASE("configs refuse what PyTorch refuses", "[fx]") {
  GoldenRows rows("refusals",
                  {{"a forward tuple of four", "taken", "ours may be of any length"},
                   {"a nested forward tuple", "refused", "in PyTorch it can never match"},
                   {"unknown keys", "refused", "PyTorch drops them, and misspelt ones with them"}});
  for (const Json& row : fx_section("refusals")) {
    const std::string what = row["case"];
    const auto* found = std::ranges::find(kRefusals, what, &RefusalCase::what);
    INFO(what);
    REQUIRE(found != std::end(kRefusals));
    rows.compare(what, outcome_of(found->act), outcome_in(row));
  }
  rows.finish(10, 3);
}

// ---------------------------------------------------------------- patterns set again
std::string config_text(const Pattern& pattern, int observation) {
  return to_text(pattern) + " " + std::to_string(observation) + "; ";
}

std::vector<std::string> forward_of(const Json& pattern) {
  if (pattern.is_string()) return {pattern.get<std::string>()};
  return pattern.get<std::vector<std::string>>();
}

TEST_CASE("a pattern set again takes the place of the first", "[fx]") {
  GoldenRows rows("settings");
  for (const Json& row : fx_section("settings")) {
    BackendConfig backend;
    for (const Json& set : row["set"]) {
      Config config;
      if (set["form"] == "forward") {
        config.set_pattern(forward_of(set["pattern"]));
      } else {
        config.set_pattern_complex_format(fx_pattern(set["pattern"]));
      }
      config.set_observation_type(static_cast<ObservationType>(set["observationType"].get<int>()));
      backend.set_backend_pattern_config(std::move(config));
    }
    std::string ours, golden;
    for (const Config& config : backend.configs()) {
      ours += config_text(config.pattern(), static_cast<int>(config.observation_type));
    }
    for (const Json& config : row["configs"]) {
      golden += config_text(fx_pattern(config["pattern"]), config["observationType"]);
    }
    rows.compare(row["set"].dump(), ours, golden);
  }
  rows.finish(4);
}

}  // namespace
}  // namespace eightfold
