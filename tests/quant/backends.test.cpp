// The presets: decisive rows against PyTorch's own backends (2.6), the kernels' conditions, names.
// In comments the names of PyTorch's tests.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <set>

#include "core/error.h"
#include "ops/op.h"
#include "quant/backend_config.h"
#include "quant/backends_dtypes.h"
#include "quant/backends_rows.h"
#include "quant/dtype_support.h"
#include "quant/fuse_getters.h"
#include "quant/fusers/fuser.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"

namespace eightfold {
namespace {

using namespace test;

const BackendPatternConfig* find_row(std::string_view preset, std::string_view pattern) {
  for (const BackendPatternConfig& config : backend(preset).configs()) {
    if (to_text(config.pattern()) == pattern) return &config;
  }
  return nullptr;
}

const BackendPatternConfig& row_of(std::string_view preset, std::string_view pattern) {
  INFO(preset << " " << pattern);
  const BackendPatternConfig* row = find_row(preset, pattern);
  REQUIRE(row != nullptr);
  return *row;
}

// "uint8/uint8/int8/float32 ..." with '-' for what is not stated.
std::string text_of(const DTypeWithConstraints& dtype) {
  if (!dtype.dtype) return "-";
  std::string text(dtype_name(*dtype.dtype));
  if (dtype.quant_min_lower_bound) {
    text += "[" + std::to_string(*dtype.quant_min_lower_bound) + ".." +
            std::to_string(dtype.quant_max_upper_bound.value()) + "]";
  }
  if (dtype.scale_min_lower_bound) {
    text += ">=1/" + std::to_string(std::lround(1 / *dtype.scale_min_lower_bound));
  }
  if (dtype.scale_exact_match) {
    text += "=" + std::to_string(std::lround(*dtype.scale_exact_match * 256)) + "/256+" +
            std::to_string(dtype.zero_point_exact_match.value());
  }
  if (dtype.bounded_sum) {
    text += " sums of " + std::to_string(dtype.bounded_sum->group) + " in " +
            std::to_string(dtype.bounded_sum->limit);
  }
  return text;
}

std::string text_of(const DTypeConfig& config) {
  const std::string bias = config.bias ? std::string(dtype_name(*config.bias)) : "-";
  return text_of(config.input) + "/" + text_of(config.output) + "/" + text_of(config.weight) + "/" +
         bias + (config.is_dynamic.value_or(false) ? " dynamic" : "");
}

std::string dtypes_text(const BackendPatternConfig& row) {
  std::string text;
  for (const DTypeConfig& config : row.dtype_configs) {
    text += (text.empty() ? "" : ", ") + text_of(config);
  }
  return text;
}

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
const std::set<std::string> kNoOperator{"LSTM",
                                        "GRU",
                                        "RNN",
                                        "GroupNormalization",
                                        "eightfold:ConvBn",
                                        "eightfold:GemmBn",
                                        "eightfold.qat:Conv",
                                        "eightfold.qat:ConvBn",
                                        "eightfold.qat:Gemm",
                                        "eightfold.qat:GemmBn",
                                        "eightfold.qat:MatMul"};

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
      {"exact8", "ConvTranspose"},
      {"exact8", "Softmax"},
      {"onnxruntime", "Tanh"},
      {"onnxruntime", "Relu"},
  };
  for (const auto& [preset, pattern] : absent) {
    INFO(preset << " " << pattern);
    CHECK(find_row(preset, pattern) == nullptr);
  }
}

// Linear without a bias, in either row: the product is the root, not what it is fed.
TEST_CASE("MatMul by a constant matrix is Linear, with Relu as well", "[backends]") {
  const bool with_relu = GENERATE(false, true);
  GraphBuilder g;
  const ValueId x = g.node("Tanh", {g.input("x", {2, 3})});
  ValueId y = g.node("MatMul", {x, g.constant(noise({3, 4}))}, GraphBuilder::Extra{.name = "fc"});
  if (with_relu) y = g.node("Relu", {y});
  g.output(y);
  const Graph fused = fuse(g.build(), backend("native"));
  const PreparedModel prepared =
      prepare(fused, get_default_qconfig_mapping("native"), backend("native"));
  const NodeId matmul = fused.value(fused.find_value("fc_0")).producer();
  const NodePlan& plan = prepared.plans.at(matmul);
  CHECK(plan.pattern == (with_relu ? "(Relu, (MatMul, MatchAllNode))" : "(MatMul, MatchAllNode)"));
  CHECK(plan.quantized);
  CHECK(plan.root == matmul);
  CHECK(plan.weight_slot >= 0);
  CHECK(prepared.slot_of.contains(fused.find_value("fc_0")) != with_relu);
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

// ---------------------------------------------------------------- onednn alone
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

// ---------------------------------------------------------------- constraints
TEST_CASE("tensorrt takes int8 alone", "[backends]") {
  for (const BackendPatternConfig& config : backend("tensorrt").configs()) {
    INFO(to_text(config.pattern()));
    for (const DTypeConfig& dtypes : config.dtype_configs) {
      CHECK(dtypes.input.dtype == DType::kInt8);
      CHECK(dtypes.output.dtype == DType::kInt8);
    }
  }
}

std::string why_not(std::string_view preset, std::string_view pattern, const QConfig& qconfig) {
  return why_unsupported(row_of(preset, pattern), {qconfig, true, true});
}

// Which of the row's dtypes takes the QConfig first; -1: none.
int preferred(std::string_view preset, std::string_view pattern, const QConfig& qconfig) {
  const BackendPatternConfig& row = row_of(preset, pattern);
  for (size_t i = 0; i < row.dtype_configs.size(); ++i) {
    BackendPatternConfig one("Conv");
    one.add_dtype_config(row.dtype_configs[i]);
    if (why_unsupported(one, {qconfig, true, true}).empty()) return static_cast<int>(i);
  }
  return -1;
}

TEST_CASE("every backend takes its own default QConfig", "[backends]") {
  for (const std::string& name : backend_names()) {
    INFO(name);
    const QConfig qconfig = get_default_qconfig(name);
    for (const char* op : {"Conv", "Gemm", "Add", "Concat"}) {
      INFO(op);
      CHECK(why_not(name, op, qconfig) == "");
    }
  }
}

// qnnpack_backend_config: all default qnnpack qconfigs satisfy it
TEST_CASE("qnnpack takes all of its QConfigs", "[backends]") {
  for (const char* op : {"Conv", "Gemm", "eightfold:Conv", "eightfold:Gemm"}) {
    INFO(op);
    CHECK(why_not("qnnpack", op, get_default_qconfig("qnnpack")) == "");
    for (const char* name :
         {"default_symmetric_qnnpack_qconfig", "default_per_channel_symmetric_qnnpack_qconfig"}) {
      CHECK(why_not("qnnpack", op, named_qconfig(name)) == "");
    }
  }
  QConfig fine = named_qconfig("default_symmetric_qnnpack_qconfig");
  fine.activation.eps = 1.0f / 8192;
  CHECK(why_not("qnnpack", "Conv", fine) != "");
  QConfig wide = named_qconfig("default_symmetric_qnnpack_qconfig");
  wide.weight.quant_range.reset();  // -128..127
  CHECK(why_not("qnnpack", "Conv", wide) != "");
}

// fixed_qparams_ops, fixed_qparams_ops_qint8, fixed_qparams_ops_wrong_qconfig
TEST_CASE("ops of fixed parameters", "[backends]") {
  const auto why = [](std::string_view preset, const char* op, const QConfig& qconfig) {
    return why_unsupported(row_of(preset, op), {qconfig});
  };
  const QConfig ordinary = get_default_qconfig("native");
  for (const char* op : {"Sigmoid", "HardSigmoid", "Softmax", "Tanh"}) {
    INFO(op);
    CHECK(why("native", op, ordinary) != "");
    const QConfigMapping mapping = get_default_qconfig_mapping("native");
    const MaybeQConfig* fixed = mapping.object_type(op);
    REQUIRE((fixed != nullptr && *fixed));
    CHECK(why("native", op, **fixed) == "");
    CHECK(why("qnnpack", op, named_qconfig("default_symmetric_qnnpack_qconfig")) == "");
  }
  CHECK(why("onnxruntime", "Sigmoid", ordinary) == "");
  CHECK(why("onnxruntime", "Softmax", ordinary) == "");
}

TEST_CASE("fixed parameters and bounds on scales exclude each other", "[backends]") {
  CHECK(with_fixed_qparams(dtypes_of("DS8"), 1.0f / 256, 0) == dtypes_of("DS8"));  // int8
  for (auto bound : {&DTypeWithConstraints::scale_min_lower_bound,
                     &DTypeWithConstraints::scale_max_upper_bound}) {
    std::vector<DTypeConfig> bounded = dtypes_of("D8");
    bounded[0].output.*bound = 1.0f;
    try {
      with_fixed_qparams(bounded, 1.0f / 256, 0);
      FAIL("it was accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
    }
  }
}

TEST_CASE("patterns in text", "[backends]") {
  const auto read = [](const char* text) {
    const Row rows[] = {ops_row(0, text)};
    const char* const columns[] = {"D8"};
    BackendConfig config;
    add_rows(config, rows, columns);
    std::string patterns;
    for (const BackendPatternConfig& row : config.configs()) {
      patterns += to_text(row.pattern()) + ";";
    }
    return patterns;
  };
  CHECK(read("Conv eightfold:Conv") == "Conv;eightfold:Conv;");
  CHECK(read("Conv>BatchNormalization>Relu") == "(Relu, (BatchNormalization, Conv));");
  CHECK(read("(Relu,(Add,*,Conv)) (Gather,#)") ==
        "(Relu, (Add, MatchAllNode, Conv));(Gather, constant);");
  for (const char* text : {"Conv>", ">Conv", "(Add,Conv", "(Add,Conv))", "Conv)", "(,Conv)",
                           "(Add,)", "[Sub", "[]", "[Resize?mode]"}) {
    INFO(text);
    CHECK_THROWS_AS(read(text), Error);
  }
  const BackendPatternConfig& resize = row_of("onnxruntime", "Resize");
  CHECK(resize.format() == BackendPatternConfig::Format::kGraph);
  REQUIRE(resize.pattern().attributes.size() == 1);
  CHECK(resize.pattern().attributes[0] ==
        AttributeCondition{"mode", {std::monostate(), "nearest"}});
}

TEST_CASE("words of dtypes", "[backends]") {
  CHECK(dtypes_of("").empty());
  CHECK(dtypes_of(" D8  W8 ") == dtypes_of("D8 W8"));
  CHECK(text_of(dtypes_of("F16")[0]) == "float16/float16/float16/float16");
  CHECK(text_of(dtypes_of("DYNS8")[0]) ==
        "int8>=1/4096/float32/int8[-127..127]>=1/4096/float32 dynamic");
  CHECK(text_of(dtypes_of("PAIR8")[0]) == "uint8/uint8/int8 sums of 2 in 128/float32");
  CHECK(text_of(dtypes_of("QUAD7")[0]) ==
        "uint8[0..127]/uint8[0..127]/int8 sums of 4 in 258/float32");
  CHECK_THROWS_AS(dtypes_of("D8 D9"), Error);
}

// ---------------------------------------------------------------- our kernels
TEST_CASE("the kernels' conditions choose, and exact8's are the fallback", "[backends]") {
  const QConfig exact = get_default_qconfig("exact8");
  for (const char* op : {"Conv", "eightfold:Gemm", "MatMul"}) {
    INFO(op);
    CHECK(preferred("exact8", op, exact) == 0);
    CHECK(preferred("fast8", op, get_default_qconfig("fast8")) == 0);
    CHECK(preferred("turbo", op, get_default_qconfig("turbo")) == 0);
    CHECK(preferred("fast8", op, exact) == 2);  // no bound on sums
    CHECK(preferred("turbo", op, exact) == 1);  // nor a range of seven bits
    QConfig seven_bits = exact;
    seven_bits.activation.reduce_range = true;
    CHECK(preferred("turbo", op, seven_bits) == 1);
    QConfig tighter = get_default_qconfig("turbo");
    tighter.weight.bounded_sum->limit = 100;
    CHECK(preferred("turbo", op, tighter) == 0);
    QConfig looser = get_default_qconfig("turbo");
    looser.weight.bounded_sum->limit = 300;
    CHECK(preferred("turbo", op, looser) == 1);
  }
}

TEST_CASE("layers of our own backends take every mode", "[backends]") {
  for (const char* name : {"exact8", "fast8", "turbo", "onnxruntime"}) {
    for (const char* op : {"Conv", "eightfold:Conv", "Gemm", "eightfold:Gemm", "MatMul"}) {
      for (const char* qconfig :
           {"default_qconfig", "default_dynamic_qconfig", "per_channel_dynamic_qconfig",
            "float16_dynamic_qconfig", "float16_static_qconfig", "weight_only_qconfig"}) {
        INFO(name << " " << op << " " << qconfig);
        CHECK(why_not(name, op, named_qconfig(qconfig)) == "");
      }
    }
    for (const char* qconfig : {"float_qparams_weight_only_qconfig",
                                "float_qparams_weight_only_qconfig_4bit", "weight_only_qconfig"}) {
      INFO(name << " " << qconfig);
      CHECK(why_not(name, "(Gather, constant)", named_qconfig(qconfig)) == "");
    }
  }
}

TEST_CASE("ops without weights wait for integers in our backends alone", "[backends]") {
  for (const char* name : {"exact8", "turbo", "onnxruntime"}) {
    CHECK(row_of(name, "Add").quantize_when == QuantizeWhen::kBetweenQuantized);
    CHECK(row_of(name, "MaxPool").quantize_when == QuantizeWhen::kInputQuantized);
    CHECK(row_of(name, "LeakyRelu").quantize_when == QuantizeWhen::kInputQuantized);
    CHECK(row_of(name, "Conv").quantize_when == QuantizeWhen::kAlways);
  }
  for (const char* name : {"native", "qnnpack", "executorch", "tensorrt"}) {
    for (const BackendPatternConfig& config : backend(name).configs()) {
      CHECK(config.quantize_when == QuantizeWhen::kAlways);
    }
  }
}

}  // namespace
}  // namespace eightfold
