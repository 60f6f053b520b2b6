// BackendConfig as a value, the dtype rules, and the presets.
#include <catch_amalgamated.hpp>
#include <set>

#include "core/error.h"
#include "quant/backend_config.h"
#include "quant/dtype_support.h"
#include "quant/route.h"

namespace eightfold {
namespace {

BackendPatternConfig pair_of(const char* first, const char* second, std::string fuser = "") {
  BackendPatternConfig config({first, second});
  config.set_fuser_method(std::move(fuser));
  return config;
}

TEST_CASE("configs keep their order, a pattern set again its place", "[backend]") {
  BackendConfig config("mine");
  config.set_backend_pattern_configs({pair_of("Conv", "Relu"), BackendPatternConfig("Gemm")});
  config.set_backend_pattern_config(pair_of("Conv", "Relu", "later"));
  REQUIRE(config.configs().size() == 2);
  CHECK(config.configs()[0].fuser_method == "later");
  CHECK(config.configs()[1].pattern().ops[0] == "Gemm");
  CHECK_THROWS_AS(config.set_backend_pattern_config({}), Error);
  CHECK(BackendConfig("a") != BackendConfig("b"));
}

TEST_CASE("one op is not fused with itself", "[backend]") {
  BackendPatternConfig single("Conv");
  single.set_fuser_method("conv_relu");
  CHECK_THROWS_AS(BackendConfig().set_backend_pattern_config(single), Error);
}

TEST_CASE("a backend that is not known is refused with the known ones", "[backend]") {
  try {
    backend("nowhere");
    FAIL("an unknown backend was found");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    CHECK(error.hint().starts_with("known are exact8, "));
  }
}

TEST_CASE("every preset is consistent", "[backend]") {
  for (const std::string& name : backend_names()) {
    INFO(name);
    const BackendConfig& preset = backend(name);
    CHECK_FALSE(preset.configs().empty());
    for (const BackendPatternConfig& config : preset.configs()) {
      INFO(to_text(config.pattern()));
      CHECK((!config.fuser_method.empty() || !config.dtype_configs.empty()));
    }
    Graph empty;
    empty.model().opsets[""] = 13;
    CHECK_NOTHROW(fuse(empty, preset));  // all fusers and getters exist
  }
}

TEST_CASE("a backend with an unknown fuser or getter is refused", "[backend]") {
  BackendConfig config("mine");
  config.set_backend_pattern_config(pair_of("Conv", "Relu", "no_such_fuser"));
  CHECK_THROWS_AS(fuse(Graph(), config), Error);
  BackendPatternConfig row = pair_of("Conv", "Relu", "conv_bn");
  row.root_node_getter = "no_such_getter";
  CHECK_THROWS_AS(fuse(Graph(), BackendConfig("b").set_backend_pattern_config(row)), Error);
}

TEST_CASE("dtypes and constraints decide what a pattern takes", "[backend]") {
  BackendPatternConfig config("Conv");
  const QConfig qconfig = default_qconfig();
  const auto why = [&](const QConfig& q, bool weight = true) {
    return why_unsupported(config, {q, weight});
  };
  CHECK(why(qconfig) == "the backend lists no dtypes for it");

  DTypeConfig dtypes;
  dtypes.input.dtype = dtypes.output.dtype = DType::kUint8;
  dtypes.weight.dtype = DType::kInt8;
  config.dtype_configs = {dtypes};
  CHECK(why(qconfig).empty());

  QConfig int8 = qconfig;
  int8.activation.dtype = DType::kInt8;
  CHECK(why(int8) ==
        "the backend does not take its dtypes: the input would have to be uint8, not int8");
  QConfig weight = qconfig;
  weight.weight.dtype = DType::kUint8;
  CHECK_FALSE(why(weight).empty());
  CHECK(why(weight, false).empty());  // no weight, nothing to check
  QConfig dynamic = qconfig;
  dynamic.activation.is_dynamic = true;
  CHECK_FALSE(why(dynamic).empty());
}

TEST_CASE("constraints of a dtype", "[backend]") {
  DTypeWithConstraints constraints;
  ObserverSpec spec;
  CHECK(why_constrained(constraints, spec).empty());
  constraints.dtype = DType::kUint8;
  constraints.quant_min_lower_bound = 0;
  CHECK(why_constrained(constraints, spec).empty());  // a pair acts when both are set
  constraints.quant_max_upper_bound = 127;
  CHECK_FALSE(why_constrained(constraints, spec).empty());
  spec.reduce_range = true;
  CHECK(why_constrained(constraints, spec).empty());
  constraints.scale_min_lower_bound = 1.0f / 4096;
  CHECK_FALSE(why_constrained(constraints, spec).empty());
  spec.eps = 1.0f / 4096;  // equal is fine
  CHECK(why_constrained(constraints, spec).empty());
  constraints.scale_min_lower_bound.reset();
  constraints.scale_exact_match = 1.0f / 256;
  constraints.zero_point_exact_match = 0;
  CHECK_FALSE(why_constrained(constraints, spec).empty());
  spec.observer = "FixedQParamsObserver";
  spec.scale = 1.0f / 256;
  CHECK(why_constrained(constraints, spec).empty());
  constraints.scale_min_lower_bound = 1.0f / 4096;  // constants have no eps to compare
  CHECK_FALSE(why_constrained(constraints, spec).empty());
  spec.dtype = DType::kInt8;  // another dtype is not this rule's business
  spec.scale = 1;
  CHECK(why_constrained(constraints, spec).empty());
}

}  // namespace
}  // namespace eightfold
