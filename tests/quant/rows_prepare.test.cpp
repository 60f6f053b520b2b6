// Who is observed and with what, row by row after PyTorch's TestQuantizeFx and TestQuantizeFxOps
// (spec-facts 6.3, 6.4), whose names the rows bear.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "support/layers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

QConfig native_qconfig() { return get_default_qconfig("native"); }
QConfig other_qconfig() { return named_qconfig("default_qconfig"); }

// ---------------------------------------------------------------- QConfigMapping by the route
// Two linears in a module and one outside of it.
Graph three_linears() {
  GraphBuilder g;
  ValueId y = g.input("x", {2, 4});
  for (const char* name : {"block/fc1", "block/fc2", "head"}) y = linear(g, y, 4, 4, name);
  g.output(y);
  return g.build();
}

struct MappingRow {
  const char* upstream;
  void (*set)(QConfigMapping& mapping);
  // What each of the three got: 'g' the global QConfig, 'o' the other, '-' none.
  const char* got;
};

TEST_CASE("test_qconfig_mapping_set_*: each style decides, the more special one wins",
          "[rows][prepare]") {
  const MappingRow rows[] = {
      {"test_qconfig_mapping_set_global", [](QConfigMapping&) {}, "ggg"},
      {"test_qconfig_none, test_qconfig_mapping_set_module_name",
       [](QConfigMapping& m) { m.set_module_name("block/fc2", std::nullopt); }, "g-g"},
      {"test_qconfig_module_type, test_qconfig_mapping_set_object_type",
       [](QConfigMapping& m) { m.set_object_type("Gemm", other_qconfig()); }, "ooo"},
      {"test_qconfig_function: of a type that is not there",
       [](QConfigMapping& m) { m.set_object_type("MatMul", other_qconfig()); }, "ggg"},
      {"test_qconfig_module_name: the module of the node",
       [](QConfigMapping& m) { m.set_module_name("block", other_qconfig()); }, "oog"},
      {"test_qconfig_module_name_regex",
       [](QConfigMapping& m) { m.set_module_name_regex(".*fc.*", other_qconfig()); }, "oog"},
      {"test_qconfig_module_name_object_type_order: counted in the module",
       [](QConfigMapping& m) {
         m.set_module_name_object_type_order("block", "Gemm", 1, other_qconfig());
       },
       "gog"},
      {"test_qconfig_function_object_type_order: at the top",
       [](QConfigMapping& m) { m.set_module_name_object_type_order("", "Gemm", 0, std::nullopt); },
       "gg-"},
      {"test_default_qconfig_mapping_override_global",
       [](QConfigMapping& m) { m.set_global(other_qconfig()); }, "ooo"},
      {"the precedence: type < regex < name < order",
       [](QConfigMapping& m) {
         m.set_module_name_object_type_order("block", "Gemm", 0, std::nullopt);
         m.set_module_name("block/fc2", native_qconfig());
         m.set_module_name_regex("block.*", std::nullopt);
         m.set_object_type("Gemm", other_qconfig());
       },
       "-go"},
      {"test_default_quant_after_none_qconfig",
       [](QConfigMapping& m) { m.set_module_name("block/fc1", std::nullopt); }, "-gg"},
  };
  for (const MappingRow& row : rows) {
    INFO(row.upstream);
    RouteOptions options = route_options("native");
    row.set(options.mapping);
    const Routed routed = route(three_linears(), options);
    std::string got;
    for (const char* value : {"block/fc1_0", "block/fc2_0", "head_0"}) {
      const NodePlan& plan = routed.plan(value);
      got += !plan.quantized ? '-' : plan.qconfig == native_qconfig() ? 'g' : 'o';
    }
    CHECK(got == row.got);
    const auto quantized =
        static_cast<int>(std::ranges::count_if(got, [](char c) { return c != '-'; }));
    CHECK(compute_ops(routed.lowered)["QGemm"] == quantized);
    CHECK(lowered_apart(routed) == "");
  }
}

// A type that is not there: conv is by name int8, its neighbour uint8; each of the two values that
// both read is observed once per dtype.
TEST_CASE("test_mixed_dtypes, test_multiple_qconfigs_for_single_value", "[rows][prepare]") {
  GraphBuilder g(GENERATE(21, 11));  // the older one is raised at convert
  const ValueId x = g.input("x", {2, 4});
  const ValueId shared = linear(g, x, 4, 4, "trunk");
  g.output(linear(g, shared, 4, 3, "left"));
  g.output(linear(g, shared, 4, 3, "right"));
  RouteOptions options = route_options("exact8");
  QConfig is_signed = default_qconfig();
  is_signed.activation.dtype = DType::kInt8;
  options.mapping.set_module_name("right", is_signed);
  const Routed routed = route(g.build(), options);
  CHECK(routed.spec("trunk_0").dtype == DType::kUint8);
  CHECK(routed.spec("left_0").dtype == DType::kUint8);
  CHECK(routed.spec("right_0").dtype == DType::kInt8);
  CHECK(routed.prepared.consumer_slot_of.size() == 1);
  CHECK(routed.prepared.slots.size() == 5);
  CHECK(pairs(routed.quantized) == Pairs{5, 5});
  CHECK(compute_ops(routed.lowered)["QGemm"] == 3);
  CHECK(lowered_apart(routed) == "");
  // The same with float beside integers: the float layer reads the pair's value.
  options.mapping.set_module_name("right", std::nullopt);
  const Routed half = route(g.build(), options);
  CHECK(compute_ops(half.lowered) == OpCounts{{"QGemm", 2}, {"Gemm", 1}});
  CHECK(pairs(half.lowered) == Pairs{1, 2});
  CHECK(lowered_apart(half, 4) == "");  // a float layer on top of a step
}

// ---------------------------------------------------------------- what a backend takes
// A backend of one Gemm with constraints on activation and weight.
BackendConfig linear_backend(DTypeWithConstraints activation, DTypeWithConstraints weight) {
  DTypeConfig dtypes;
  dtypes.input = dtypes.output = std::move(activation);
  dtypes.weight = std::move(weight);
  dtypes.bias = DType::kFloat32;
  BackendConfig config("constrained");
  config.set_backend_pattern_config(BackendPatternConfig("Gemm").add_dtype_config(dtypes));
  return config;
}

Graph one_linear() {
  GraphBuilder g;
  g.output(linear(g, g.input("x", {2, 4}), 4, 3, "fc"));
  return g.build();
}

QConfig within(std::optional<QRange> activation, std::optional<QRange> weight) {
  QConfig qconfig = default_qconfig();
  qconfig.activation.quant_range = activation;
  qconfig.weight.quant_range = weight;
  return qconfig;
}

TEST_CASE("test_backend_config_quantization_range", "[rows][prepare]") {
  DTypeWithConstraints activation(DType::kUint8), weight(DType::kInt8);
  activation.quant_min_lower_bound = 0;
  activation.quant_max_upper_bound = 31;
  weight.quant_min_lower_bound = -64;
  weight.quant_max_upper_bound = 63;
  struct Row {
    const char* what;
    QConfig qconfig;
    bool quantized;
  };
  QConfig no_range = within(QRange{0, 31}, QRange{-64, 63});
  no_range.activation.observer = "PlaceholderObserver";
  no_range.activation.quant_range.reset();
  const Row rows[] = {
      {"equal", within(QRange{0, 31}, QRange{-64, 63}), true},
      {"inside", within(QRange{0, 15}, QRange{-32, 31}), true},
      {"activation outside", within(QRange{0, 63}, QRange{-64, 63}), false},
      {"weight outside alone", within(QRange{0, 31}, QRange{-65, 63}), false},
      {"unspecified", within(std::nullopt, std::nullopt), false},
      {"no observer range at all", no_range, false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    RouteOptions options{QConfigMapping().set_global(row.qconfig),
                         linear_backend(activation, weight)};
    const PreparedModel prepared =
        prepare(fuse(one_linear(), options.backend), options.mapping, options.backend);
    const NodePlan& plan = prepared.plans.begin()->second;
    CHECK(plan.quantized == row.quantized);
    CHECK(plan.reason.empty() == row.quantized);
    CHECK(prepared.slots.size() == (row.quantized ? 2 : 0));
    if (row.quantized) {
      const Routed routed = route(one_linear(), options);
      CHECK(compute_ops(routed.lowered)["QGemm"] == 1);
      CHECK(lowered_apart(routed) == "");
    }
  }
}

TEST_CASE("test_backend_config_scale_min", "[rows][prepare]") {
  constexpr float kBound = 1.0f / 4096;
  DTypeWithConstraints activation(DType::kUint8), weight(DType::kInt8);
  activation.scale_min_lower_bound = weight.scale_min_lower_bound = kBound;
  struct Row {
    const char* what;
    float activation_eps, weight_eps;
    bool has_eps, quantized;
  };
  const Row rows[] = {
      {"equal", kBound, kBound, true, true},
      {"greater", 2 * kBound, 4 * kBound, true, true},
      {"smaller activation eps", kBound / 2, kBound, true, false},
      {"smaller weight eps", kBound, kBound / 2, true, false},
      {"an observer without eps", kBound, kBound, false, false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    QConfig qconfig = default_qconfig();
    qconfig.activation.eps = row.activation_eps;
    qconfig.weight.eps = row.weight_eps;
    if (!row.has_eps) qconfig.activation.observer = "FixedQParamsObserver";
    const BackendConfig config = linear_backend(activation, weight);
    const PreparedModel prepared =
        prepare(fuse(one_linear(), config), QConfigMapping().set_global(qconfig), config);
    CHECK(prepared.plans.begin()->second.quantized == row.quantized);
  }
  // The promise is kept: tiny weights get the smallest scale, not a smaller one.
  QConfig qconfig = default_qconfig();
  qconfig.activation.eps = qconfig.weight.eps = kBound;
  GraphBuilder g;
  const ValueId w = g.constant(noise({3, 4}, -1e-3f, 1e-3f), "w");
  g.output(g.node("Gemm", {g.input("x", {2, 4}), w}, {{"transB", int64_t{1}}}));
  const Routed routed =
      route(g.build(), {QConfigMapping().set_global(qconfig), linear_backend(activation, weight)});
  for (float scale : routed.prepared.weight_slots[0].observer->qparams().scale) {
    CHECK(scale == kBound);
  }
}

TEST_CASE("test_qnnpack_backend_config: the symmetric mapping makes an int8 linear",
          "[rows][prepare]") {
  const Routed routed = route(
      one_linear(), route_options("qnnpack", named_qconfig("default_symmetric_qnnpack_qconfig")));
  CHECK(routed.spec("fc_0").dtype == DType::kInt8);
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QGemm", 1}});
  const QParams weight = routed.prepared.weight_slots[0].observer->qparams();
  CHECK(weight.quant_min == -127);
  CHECK(weight.scale.size() == 1);
  CHECK(lowered_apart(routed) == "");
}

// The op whose bias, input and weight stand at other places, with no QConfig, and with one.
TEST_CASE("test_backend_config_check_for_weight_and_bias", "[rows][prepare]") {
  BackendConfig config("addmm");
  DTypeConfig dtypes;
  dtypes.input = dtypes.output = DTypeWithConstraints(DType::kUint8);
  dtypes.weight = DTypeWithConstraints(DType::kInt8);
  dtypes.bias = DType::kFloat32;
  config.set_backend_pattern_config(
      BackendPatternConfig("Gemm").add_dtype_config(dtypes).set_input_type_to_index(
          {{"input", 0}, {"weight", 1}, {"bias", 2}}));
  for (const MaybeQConfig& qconfig : {MaybeQConfig(), MaybeQConfig(default_qconfig())}) {
    const Routed routed = route(one_linear(), {QConfigMapping().set_global(qconfig), config});
    CHECK(routed.plan("fc_0").quantized == qconfig.has_value());
    CHECK(pairs(routed.lowered) == (qconfig ? Pairs{1, 1} : Pairs{0, 0}));
  }
}

// ---------------------------------------------------------------- fixed parameters
TEST_CASE("test_change_backend_config_for_fixed_qparam_ops: no rows, no check", "[rows][prepare]") {
  GraphBuilder g;
  g.output(g.node("Tanh", {g.input("x", {2, 4})}));
  RouteOptions options = route_options("native");
  options.backend = BackendConfig("empty");
  const Routed routed = route(g.build(), options);
  CHECK(routed.prepared.slots.empty());
  CHECK(routed.plan("Tanh_0_0").reason == "the backend 'empty' has no pattern for Tanh");
}

TEST_CASE("test_fixed_qparams_ops, _wrong_qconfig, _qint8", "[rows][prepare]") {
  struct Row {
    const char* op;
    float scale;
    int32_t zero_point;
  };
  for (const Row& row : {Row{"Sigmoid", 1.0f / 256, 0}, Row{"HardSigmoid", 1.0f / 256, 0},
                         Row{"Softmax", 1.0f / 256, 0}, Row{"Tanh", 2.0f / 256, 128}}) {
    INFO(row.op);
    GraphBuilder g;
    g.output(g.node(row.op, {linear(g, g.input("x", {2, 4}), 4, 3, "fc")}, {{}, {}, "act"}));
    const Graph graph = g.build();
    const Routed routed = route(graph, route_options("native"));
    CHECK(routed.plan("act_0").quantized);
    CHECK(routed.spec("act_0").observer == "FixedQParamsObserver");
    CHECK(routed.spec("act_0").scale == row.scale);
    CHECK(routed.spec("act_0").zero_point == row.zero_point);
    CHECK(routed.spec("fc_0").observer == "HistogramObserver");
    CHECK(pairs(routed.quantized) == Pairs{3, 3});
    CHECK(lowered_apart(routed) == "");

    // The wrong QConfig is not heeded, and is no error.
    RouteOptions wrong = route_options("native");
    wrong.mapping = QConfigMapping().set_global(native_qconfig());
    const Routed ignored = route(graph, wrong);
    CHECK(ignored.plan("fc_0").quantized);
    CHECK_FALSE(ignored.plan("act_0").quantized);
    CHECK(ignored.plan("act_0").reason.find("FixedQParamsObserver") != std::string::npos);
    CHECK(ignored.slot("act_0") == -1);

    // int8 where the backend takes it: constraints of uint8 do not touch it.
    const Routed is_signed =
        route(graph, route_options("qnnpack", named_qconfig("default_symmetric_qnnpack_qconfig")));
    CHECK(is_signed.plan("fc_0").quantized);
  }
}

// ---------------------------------------------------------------- ops that share
TEST_CASE("test_copy_node_has_shared_actpp_instance, test_relu_lowering, copy nodes on their own",
          "[rows][prepare]") {
  struct Row {
    const char* upstream;
    ValueId (*build)(GraphBuilder& g, ValueId x);
    bool shares;
  };
  const Row rows[] = {
      {"test_copy_node_has_shared_actpp_instance",
       [](GraphBuilder& g, ValueId x) {
         return g.node("AveragePool", {x}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
       },
       true},
      {"test_relu_lowering", [](GraphBuilder& g, ValueId x) { return relu(g, x); }, true},
      {"test_copy_node_fp32_input: max pool",
       [](GraphBuilder& g, ValueId x) { return max_pool(g, x); }, true},
      {"test_clamp",
       [](GraphBuilder& g, ValueId x) {
         return g.node("Clip", {x, g.constant(Tensor::scalar(-1.0f), "lo"),
                                g.constant(Tensor::scalar(1.0f), "hi")});
       },
       true},
  };
  for (const Row& row : rows) {
    INFO(row.upstream);
    GraphBuilder g;
    const ValueId y = row.build(g, g.input("x", {1, 3, 6, 6}));
    g.output(y);
    const Routed routed = route(g.build(), route_options("native"));
    const std::string name = g.graph().value(y).name;
    CHECK(routed.plan(name).quantized);
    // Two places, one instance.
    CHECK(routed.prepared.slot_of.size() == 2);
    CHECK(routed.prepared.slots.size() == 1);
    CHECK(routed.slot("x") == routed.slot(name));
    CHECK(pairs(routed.quantized) == Pairs{2, 2});
    CHECK(pairs(routed.lowered) == Pairs{1, 1});
    CHECK(lowered_apart(routed) == "");
    // Our own backends see no gain in a pair around it.
    CHECK(route(g.build(), route_options("exact8")).prepared.slots.empty());
  }
}

TEST_CASE("test_reuse_input_qconfig", "[rows][prepare]") {
  GraphBuilder after_conv;
  const ValueId c = conv(after_conv, after_conv.input("x", {1, 3, 4, 4}), 3, 2, 2, "conv");
  after_conv.output(reshape(after_conv, c, {1, -1}));
  const Routed routed = route(after_conv.build(), full_range("native"));
  CHECK(routed.plan("Reshape_1_0").quantized);
  CHECK(routed.slot("Reshape_1_0") == routed.slot("conv_0"));
  CHECK(pairs(routed.lowered) == Pairs{1, 1});
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearConv", 1}, {"Reshape", 1}});

  GraphBuilder alone;
  alone.output(reshape(alone, alone.input("x", {1, 3, 4, 4}), {1, -1}));
  const Routed none = route(alone.build(), route_options("native"));
  CHECK(none.plan("Reshape_0_0").reason ==
        "it reuses its input's observer, and its input 'x' has none");
  CHECK(pairs(none.lowered) == Pairs{0, 0});
}

TEST_CASE("test_no_obs_between_unmatched_node_and_copy_node", "[rows][prepare]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId unmatched = g.node("Exp", {x}, {{}, {}, "exp"});
  g.output(max_pool(g, unmatched));
  const Routed routed = route(g.build(), route_options("exact8"));
  CHECK(routed.prepared.slots.empty());
  CHECK(pairs(routed.lowered) == Pairs{0, 0});
}

// The scalar itself is no tensor that shares: it keeps a range of its own.
TEST_CASE("test_add, test_mul with a scalar: the output shares the tensor's slot, in either order",
          "[rows][prepare]") {
  for (const char* op : {"Add", "Mul"}) {
    for (const bool scalar_first : {false, true}) {
      INFO(op << " scalar first " << scalar_first);
      GraphBuilder g;
      const ValueId x = g.input("x", {2, 4});
      const ValueId k = g.constant(Tensor::scalar(50.0f), "k");
      g.output(g.node(op, scalar_first ? std::vector{k, x} : std::vector{x, k}, {{}, {}, "y"}));
      const Routed routed = route(g.build(), full_range("native"));
      CHECK(routed.slot("x") == routed.slot("y_0"));
      CHECK(routed.slot("k") != routed.slot("x"));
      CHECK(routed.spec("x").observer == "HistogramObserver");
      CHECK(routed.spec("k").observer == "MinMaxObserver");
      CHECK(pairs(routed.lowered) == Pairs{1, 1});
      CHECK(lowered_apart(routed) == "");
      // The operand is what it was: a shared step would have cut it to the range of x.
      const ObserverSlot& slot = routed.prepared.slots[static_cast<size_t>(routed.slot("k"))];
      const QParams qparams = slot.observer->qparams();
      CHECK(qparams.scale[0] * static_cast<float>(255 - qparams.zero_point[0]) ==
            Catch::Approx(50.0f));
    }
  }
}

// ---------------------------------------------------------------- what is no data
TEST_CASE(
    "nontensor args are not observed: test_permute, _repeat, _reshape, _size, _transpose, "
    "_unsqueeze, _view _nontensor_args_not_observed",
    "[rows][prepare]") {
  struct Row {
    const char* upstream;
    ValueId (*build)(GraphBuilder& g, ValueId c);
  };
  const Row rows[] = {
      {"permute, transpose",
       [](GraphBuilder& g, ValueId c) {
         return g.node("Transpose", {c}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
       }},
      {"repeat", [](GraphBuilder& g,
                    ValueId c) { return g.node("Tile", {c, g.constant(i64({1, 1, 2, 1}))}); }},
      {"reshape, view", [](GraphBuilder& g, ValueId c) { return reshape(g, c, {1, -1}); }},
      {"size",
       [](GraphBuilder& g, ValueId c) { return g.node("Reshape", {c, g.node("Shape", {c})}); }},
      {"unsqueeze",
       [](GraphBuilder& g, ValueId c) { return g.node("Unsqueeze", {c, g.constant(i64({1}))}); }},
      {"test_getitem",
       [](GraphBuilder& g, ValueId c) {
         return g.node("Gather", {c, g.constant(Tensor::scalar(int64_t{0}), "i")});
       }},
      {"expand", [](GraphBuilder& g,
                    ValueId c) { return g.node("Expand", {c, g.constant(i64({2, 2, 4, 4}))}); }},
      {"test_narrow",
       [](GraphBuilder& g, ValueId c) {
         return g.node("Slice",
                       {c, g.constant(i64({0})), g.constant(i64({1})), g.constant(i64({1}))});
       }},
  };
  for (const Row& row : rows) {
    INFO(row.upstream);
    GraphBuilder g;
    g.output(row.build(g, conv(g, g.input("x", {1, 3, 4, 4}), 3, 2, 2, "conv")));
    for (const char* preset : {"native", "exact8"}) {
      INFO(preset);
      const Routed routed = route(g.build(), route_options(preset));
      CHECK(routed.prepared.slots.size() == 2);  // x, and the conv with what shares it
      for (const auto& [value, slot] : routed.prepared.slot_of) {
        CHECK(routed.prepared.graph.value(value).type.dtype == DType::kFloat32);
      }
      CHECK(pairs(routed.lowered) == Pairs{1, 1});
      CHECK(lowered_apart(routed) == "");
    }
  }
}

// What is compared is quantized, what comes out is bool and is not observed.
TEST_CASE("test_boolean_tensor: a mask is no activation", "[rows][prepare]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 4, 4});
  const ValueId c = conv(g, x, 3, 3, 2, "conv");
  const ValueId mask = g.node("Greater", {c, g.constant(Tensor::scalar(0.5f), "half")});
  const ValueId other = conv(g, x, 3, 3, 2, "other");
  g.output(g.node("Where", {mask, c, other}));
  for (const char* preset : {"exact8", "onnxruntime", "native"}) {
    INFO(preset);
    const Routed routed = route(g.build(), route_options(preset));
    CHECK(routed.slot(g.graph().value(mask).name) == -1);
    CHECK(routed.plan("conv_0").quantized);
    CHECK(lowered_apart(routed) == "");
  }
}

// ---------------------------------------------------------------- observers counted
TEST_CASE("test_linear_module, test_linear_functional, test_conv_*: observers counted",
          "[rows][prepare]") {
  struct Row {
    const char* upstream;
    void (*build)(GraphBuilder& g, ValueId x);
    size_t observers;
  };
  const Row rows[] = {
      {"linear with relu: 2",
       [](GraphBuilder& g, ValueId x) { g.output(relu(g, linear(g, x, 4, 4))); }, 2},
      // torch sees Identity as an op of its own and observes 3; here it is gone before.
      {"linear with Identity: 2",
       [](GraphBuilder& g, ValueId x) { g.output(g.node("Identity", {linear(g, x, 4, 4)})); }, 2},
      {"functional linear with relu: 2",
       [](GraphBuilder& g, ValueId x) {
         g.output(relu(g, g.node("MatMul", {x, g.constant(noise({4, 4}), "w")})));
       },
       2},
      {"two linears: 3",
       [](GraphBuilder& g, ValueId x) { g.output(linear(g, linear(g, x, 4, 4), 4, 4)); }, 3},
      {"relu that others read too: its own pattern, sharing the range of the layer",
       [](GraphBuilder& g, ValueId x) {
         const ValueId y = linear(g, x, 4, 4);
         g.output(y);
         g.output(relu(g, y));
       },
       2},
  };
  for (const Row& row : rows) {
    INFO(row.upstream);
    GraphBuilder g;
    row.build(g, g.input("x", {2, 4}));
    const Routed routed = route(g.build(), route_options("native"));
    CHECK(routed.prepared.slots.size() == row.observers);
    for (const ObserverSlot& slot : routed.prepared.slots) {
      CHECK(slot.spec.observer == "HistogramObserver");
    }
    CHECK_FALSE(routed.prepared.weight_slots.empty());
    CHECK(lowered_apart(routed) == "");
  }
}

}  // namespace
}  // namespace eightfold
