// The presets: names, decisive rows against PyTorch's own backends (2.6), and that all they name is
// there. In comments the names of PyTorch's tests.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <set>

#include "core/error.h"
#include "ops/op.h"
#include "quant/backend_config.h"
#include "quant/fuse_getters.h"
#include "quant/fusers/fuser.h"
#include "support/preset_rows.h"

namespace eightfold {
namespace {

using namespace test;

// Every identity of a pattern.
void collect_ops(const Pattern& pattern, std::set<std::string>& ops) {
  ops.insert(pattern.ops.begin(), pattern.ops.end());
  for (const Pattern& arg : pattern.args) collect_ops(arg, ops);
}

// ---------------------------------------------------------------- names
TEST_CASE("presets have names, an order and an alias", "[backends]") {
  CHECK(backend_names() == std::vector<std::string>{"exact8", "fast8", "turbo", "onnxruntime",
                                                    "native", "fbgemm", "x86", "qnnpack", "onednn",
                                                    "executorch", "tensorrt"});
  for (const std::string& name : backend_names()) CHECK(backend(name).name() == name);
  CHECK(&backend("wasm") == &backend("exact8"));
  CHECK(&backend("turbo") == &backend("turbo"));  // built once
}

// get_default_qconfig_valid_backend
TEST_CASE("an unknown preset is refused with the known ones", "[backends]") {
  try {
    backend("imaginary_backend");
    FAIL("it was found");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    CHECK(error.hint() ==
          "known are exact8, fast8, turbo, onnxruntime, native, fbgemm, x86, qnnpack, onednn, "
          "executorch, tensorrt");
  }
}

// Identities without an operator yet: modules of training, and operators to come. An entry whose
// operator exists by now must go.
const std::set<std::string> kNoOperator{
    "eightfold:ConvBn",   "eightfold:GemmBn",     "eightfold.qat:Conv",  "eightfold.qat:ConvBn",
    "eightfold.qat:Gemm", "eightfold.qat:GemmBn", "eightfold.qat:MatMul"};

bool has_operator(const std::string& identity) {
  const size_t colon = identity.find(':');
  if (colon == std::string::npos) return find_op("", identity, 0) != nullptr;
  return find_op(identity.substr(0, colon), identity.substr(colon + 1), 0) != nullptr;
}

TEST_CASE("every identity in a preset is an operator, or known to be none yet", "[backends]") {
  std::set<std::string> without;
  for (const std::string& name : backend_names()) {
    for (const BackendPatternConfig& config : backend(name).configs()) {
      std::set<std::string> ops{config.fused_module, config.root_module, config.qat_module,
                                config.reference_quantized_module};
      ops.erase("");
      collect_ops(config.pattern(), ops);
      for (const std::string& op : ops) {
        // Upsample went with opset 10, after it was given a form of its own.
        if (!has_operator(op) && find_op("", op, 9) == nullptr) without.insert(op);
      }
    }
  }
  CHECK(without == kNoOperator);
}

TEST_CASE("every fuser and getter in a preset is known", "[backends]") {
  const std::vector<std::string> fusers = fuser_names();
  for (const std::string& name : backend_names()) {
    for (const BackendPatternConfig& config : backend(name).configs()) {
      INFO(name << " " << to_text(config.pattern()));
      const std::string& fuser = config.fuser_method;
      CHECK((fuser.empty() || std::ranges::find(fusers, fuser) != fusers.end()));
      CHECK(is_root_node_getter(config.pattern(), config.root_node_getter));
      CHECK(is_extra_inputs_getter(config.pattern(), config.extra_inputs_getter));
    }
  }
}

TEST_CASE("a row is for fusing or for quantizing, or both", "[backends]") {
  for (const std::string& name : backend_names()) {
    for (const BackendPatternConfig& config : backend(name).configs()) {
      INFO(name << " " << to_text(config.pattern()));
      CHECK((!config.fuser_method.empty() || !config.dtype_configs.empty()));
      // Root and reference module work as a pair alone (spec-facts 1.4).
      CHECK(config.root_module.empty() == config.reference_quantized_module.empty());
    }
  }
}

// ---------------------------------------------------------------- rows
struct DecisiveRow {
  const char *preset, *pattern;
  int observation;  // 0 different, 1 share, 2 not observed
  const char* dtypes;
  const char* fuser = "";
};
constexpr const char* kXnnpackLayer =
    "int8>=1/4096/int8>=1/4096/int8[-127..127]>=1/4096/float32, uint8/uint8/int8/float32";
constexpr DecisiveRow kRows[] = {
    {"native", "Conv", 0, "uint8/uint8/int8/float32"},
    {"native", "(Relu, Conv)", 0, "uint8/uint8/int8/float32", "conv_relu"},
    {"native", "Gemm", 0,
     "uint8/uint8/int8/float32, uint8/float32/int8/float32 dynamic, "
     "float16/float32/float16/float32 dynamic"},
    // Linear without a bias takes what Linear takes; a product of two activations does not.
    {"native", "(MatMul, MatchAllNode)", 0,
     "uint8/uint8/int8/float32, uint8/float32/int8/float32 dynamic, "
     "float16/float32/float16/float32 dynamic"},
    {"native", "MatMul", 0, "uint8/uint8/-/-"},
    {"native", "Concat", 1, "uint8/uint8/-/-"},
    {"native", "MaxPool", 1, "uint8/uint8/-/-"},
    {"native", "Shape", 2, "uint8/uint8/-/-"},
    {"native", "LayerNormalization", 0, "uint8/uint8/float32/float32"},
    {"native", "(Gather, constant)", 0, "float32/float32/uint8/-, float32/float32/uint4/-"},
    {"fbgemm", "Sigmoid", 0, "uint8[0..255]=1/256+0/uint8[0..255]=1/256+0/-/-"},
    {"fbgemm", "Tanh", 0, "uint8[0..255]=2/256+128/uint8[0..255]=2/256+128/-/-"},
    {"x86", "Add", 0, "uint8/uint8/int8/float32"},
    {"x86", "Softmax", 0, "uint8[0..255]=1/256+0/uint8[0..255]=1/256+0/int8/float32"},
    {"qnnpack", "Conv", 0, kXnnpackLayer},
    // The constraint of fixed parameters is for uint8; int8 stays as it is (spec-facts 2.6).
    {"qnnpack", "Sigmoid", 0,
     "int8>=1/4096/int8>=1/4096/-/-, uint8[0..255]=1/256+0/uint8[0..255]=1/256+0/-/-"},
    {"onednn", "Gemm", 0, "uint8/uint8/int8/float32, uint8/float32/int8/float32 dynamic"},
    {"onednn", "(Gather, constant)", 0, "float32/float32/int8/-"},
    // get_executorch_backend_config
    {"executorch", "Conv", 0, kXnnpackLayer},
    {"executorch", "Sub", 0, "int8>=1/4096/int8>=1/4096/-/-, uint8/uint8/int8/float32"},
    {"executorch", "LeakyRelu", 1, "int8>=1/4096/int8>=1/4096/-/-, uint8/uint8/-/-"},
    {"executorch", "BatchNormalization", 0, "int8>=1/4096/int8>=1/4096/-/-, uint8/uint8/-/-"},
    {"tensorrt", "Conv", 0, "int8/int8/int8/float32"},
    {"tensorrt", "Reshape", 1, "int8/int8/-/-"},
    {"exact8", "Add", 0, "uint8/uint8/-/-, int8/int8/-/-"},
    {"turbo", "Mul", 0, "uint8[0..127]/uint8[0..127]/-/-, uint8/uint8/-/-, int8/int8/-/-"},
    {"onnxruntime", "Concat", 0, "uint8/uint8/-/-, int8/int8/-/-"},
    {"onnxruntime", "Sigmoid", 0, "uint8/uint8/-/-, int8/int8/-/-"},
    {"onnxruntime", "HardSwish", 0, "", "hard_swish_as_products"},
};

TEST_CASE("decisive rows", "[backends]") {
  for (const DecisiveRow& want : kRows) {
    INFO(want.preset << " " << want.pattern);
    const BackendPatternConfig& row = row_of(want.preset, want.pattern);
    CHECK(static_cast<int>(row.observation_type) == want.observation);
    CHECK(dtypes_text(row) == want.dtypes);
    CHECK(row.fuser_method == want.fuser);
  }
}

TEST_CASE("what a backend does not list it does not know", "[backends]") {
  const std::pair<const char*, const char*> absent[] = {
      {"fbgemm", "LayerNormalization"},
      {"native", "Sub"},
      {"onednn", "Shape"},
      {"executorch", "ConvTranspose"},
      {"executorch", "(Relu, Gemm)"},
      {"executorch", "MatMul"},
      {"tensorrt", "Sigmoid"},
      {"tensorrt", "BatchNormalization"},
      {"tensorrt", "LSTM"},
      {"tensorrt", "(Gather, constant)"},
      {"native", "(Relu, ConvTranspose)"},
      {"native", "(Clip, Conv)"},
      {"exact8", "Softmax"},
      {"onnxruntime", "Tanh"},
      {"onnxruntime", "Relu"},
  };
  for (const auto& [preset, pattern] : absent) {
    INFO(preset << " " << pattern);
    CHECK(find_row(preset, pattern) == nullptr);
  }
}

// Root, reference and training modules of a layer and its fused form.
TEST_CASE("modules of a layer", "[backends]") {
  for (const char* name : {"native", "executorch", "tensorrt"}) {
    INFO(name);
    CHECK(row_of(name, "Conv").qat_module == "eightfold.qat:Conv");
    CHECK(row_of(name, "eightfold:Conv").root_module == "Conv");
    CHECK(row_of(name, "(BatchNormalization, Conv)").fused_module == "eightfold:ConvBn");
    CHECK(row_of(name, "eightfold:ConvBn").qat_module == "eightfold.qat:ConvBn");
    REQUIRE(backend(name).reference_of("Conv") != nullptr);
    CHECK(*backend(name).reference_of("Conv") == "Conv");
    const BackendPatternConfig* fused = backend(name).fused_by("eightfold:Conv");
    REQUIRE(fused != nullptr);
    CHECK(fused->fuser_method == "conv_relu");
  }
}

TEST_CASE("a binary op with one tensor shares its observer", "[backends]") {
  const std::map<int, ObservationType> by_count{
      {0, ObservationType::kOutputUseDifferentObserverAsInput},
      {1, ObservationType::kOutputShareObserverWithInput},
      {2, ObservationType::kOutputUseDifferentObserverAsInput}};
  for (const char* op : {"Add", "Mul", "(Relu, Add)", "eightfold:Mul"}) {
    CHECK(row_of("native", op).num_tensor_args_to_observation_type == by_count);
    CHECK(row_of("exact8", op).num_tensor_args_to_observation_type.empty());
  }
  CHECK(row_of("native", "MatMul").num_tensor_args_to_observation_type.empty());
}

// fuse_conv_bn_add_relu_onednn, conv_bn_add_relu_by_default, fuse_linear_bn_leaky_relu_onednn,
// linear_tanh_for_onednn, linear_leaky_relu_not_fused_by_default: with_bn x relu x left/right.
TEST_CASE("residuals, LeakyRelu and Tanh are fused for onednn alone", "[backends]") {
  std::vector<std::pair<std::string, std::string>> rows{{"(LeakyRelu, Gemm)", "linear_leaky_relu"},
                                                        {"(Tanh, Gemm)", "linear_tanh"}};
  for (const std::string layer : {"Conv", "(BatchNormalization, Conv)"}) {
    for (const std::string& operands : {layer + ", MatchAllNode", "MatchAllNode, " + layer}) {
      rows.emplace_back("(Add, " + operands + ")", "conv_add");
      rows.emplace_back("(Relu, (Add, " + operands + "))", "conv_add_relu");
    }
  }
  CHECK(rows.size() == 2 + 8);
  for (const auto& [pattern, fuser] : rows) {
    for (const std::string& name : backend_names()) {
      INFO(name << " " << pattern);
      const BackendPatternConfig* row = find_row(name, pattern);
      if (name == "onednn") {
        REQUIRE(row != nullptr);
        CHECK(row->fuser_method == fuser);
      } else {
        CHECK((row == nullptr || row->fuser_method != fuser));
      }
    }
  }
}

TEST_CASE("ops without weights wait for integers in our backends alone", "[backends]") {
  for (const char* name : {"exact8", "turbo", "onnxruntime"}) {
    CHECK(row_of(name, "Add").quantize_when == QuantizeWhen::kBetweenQuantized);
    CHECK(row_of(name, "MaxPool").quantize_when == QuantizeWhen::kInputQuantized);
    CHECK(row_of(name, "LeakyRelu").quantize_when == QuantizeWhen::kInputQuantized);
    CHECK(row_of(name, "Conv").quantize_when == QuantizeWhen::kDynamicAlone);
  }
  for (const char* name : {"native", "qnnpack", "executorch", "tensorrt"}) {
    for (const BackendPatternConfig& config : backend(name).configs()) {
      CHECK(config.quantize_when == QuantizeWhen::kAlways);
    }
  }
}

}  // namespace
}  // namespace eightfold
