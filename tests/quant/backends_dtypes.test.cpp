// The presets' constraints against QConfigs: each takes its own defaults, kernels' conditions
// choose, fixed parameters. In comments the names of PyTorch's tests.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "quant/backends_dtypes.h"
#include "quant/backends_rows.h"
#include "quant/dtype_support.h"
#include "quant/qconfig.h"
#include "support/preset_rows.h"

namespace eightfold {
namespace {

using namespace test;

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

// ---------------------------------------------------------------- text
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

}  // namespace
}  // namespace eightfold
