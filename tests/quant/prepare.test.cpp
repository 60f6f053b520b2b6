// prepare: who runs on integers, which values share a slot, and the reasons of the others.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

struct Model {
  GraphBuilder g;
  ValueId x = g.input("x", {-1, 4, 8, 8});
  QConfigMapping mapping = default_qconfig_mapping();
  PreparedModel prepared;

  ValueId conv(ValueId in, int64_t channels = 4) {
    return g.node("Conv", {in, g.constant(noise({channels, 4, 3, 3}), "w")},
                  {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  }
  void prepare(ValueId output, std::string_view preset = "wasm") {
    g.output(output);
    prepared = eightfold::prepare(fuse(g.graph(), backend(preset)), mapping, backend(preset));
  }
  NodeId node(ValueId value) const {
    return prepared.graph.value(prepared.graph.find_value(name(value))).producer();
  }
  const std::string& name(ValueId value) const {
    return const_cast<Model*>(this)->g.graph().value(value).name;
  }
  const NodePlan& plan(ValueId value) const { return prepared.plans.at(node(value)); }
  // Of a value of the graph as built; -1 when it has none.
  int slot(ValueId value) const {
    const auto found = prepared.slot_of.find(prepared.graph.find_value(name(value)));
    return found == prepared.slot_of.end() ? -1 : found->second;
  }
  const ObserverSpec& spec(ValueId value) const {
    return prepared.slots.at(static_cast<size_t>(slot(value))).spec;
  }
};

TEST_CASE("input, layer, output", "[prepare]") {
  Model m;
  const ValueId y = m.conv(m.x);
  m.prepare(y);
  CHECK(m.plan(y).quantized);
  CHECK(m.plan(y).pattern == "Conv");
  CHECK(m.plan(y).qconfig == default_qconfig());
  CHECK(m.prepared.slots.size() == 2);
  CHECK(m.slot(m.x) != m.slot(y));
  CHECK(m.spec(y) == default_qconfig().activation);
  CHECK(m.prepared.samples == 0);
  CHECK(m.prepared.remarks.empty());
}

TEST_CASE("weights are observed per output channel, or as asked", "[prepare]") {
  Model m;
  const ValueId y = m.conv(m.x, 6);
  QConfig per_tensor = default_qconfig();
  per_tensor.weight.observer = "MinMaxObserver";
  per_tensor.weight.qscheme = QScheme::kPerTensorSymmetric;
  const bool whole = GENERATE(false, true);
  if (whole) m.mapping.set_object_type("Conv", per_tensor);
  m.prepare(y);
  const ObserverSlot& slot = m.prepared.weight_slots.at(static_cast<size_t>(m.plan(y).weight_slot));
  CHECK(slot.observer->observed());
  CHECK(slot.observer->qparams().scale.size() == (whole ? 1 : 6));
  CHECK(slot.observer->qparams().axis == (whole ? -1 : 0));
  CHECK(slot.observer->qparams().dtype == DType::kInt8);
}

TEST_CASE("weight axes: Gemm by rows and columns, MatMul, a stack of matrices", "[prepare]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 5});
  const ValueId columns = g.node("Gemm", {x, g.constant(noise({5, 3}))});
  const ValueId rows = g.node("Gemm", {x, g.constant(noise({3, 5}))}, {{"transB", int64_t{1}}});
  const ValueId product = g.node("MatMul", {x, g.constant(noise({5, 3}))});
  const ValueId stack = g.node("MatMul", {x, g.constant(noise({2, 5, 3}))});
  for (ValueId output : {columns, rows, product, stack}) g.output(output);
  const PreparedModel model =
      prepare(fuse(g.graph(), backend("wasm")), default_qconfig_mapping(), backend("wasm"));
  std::vector<int> axes;
  for (NodeId id : model.graph.nodes()) {
    const int slot = model.plans.at(id).weight_slot;
    REQUIRE(slot >= 0);
    axes.push_back(model.weight_slots[static_cast<size_t>(slot)].observer->qparams().axis);
  }
  CHECK(axes == std::vector<int>{1, 0, 1, -1});
}

TEST_CASE("a shared weight is observed once", "[prepare]") {
  Model m;
  const ValueId w = m.g.constant(noise({4, 4, 1, 1}), "shared");
  const ValueId a = m.g.node("Conv", {m.x, w}), b = m.g.node("Conv", {a, w});
  m.prepare(b);
  CHECK(m.plan(a).weight_slot == m.plan(b).weight_slot);
  CHECK(m.prepared.weight_slots.size() == 1);
}

TEST_CASE("shape-preserving ops share their input's slot, through chains", "[prepare]") {
  Model m;
  const ValueId conv = m.conv(m.x);
  const ValueId pool = m.g.node(
      "MaxPool", {conv},
      {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  const ValueId flat = m.g.node("Flatten", {pool});
  const ValueId y = m.g.node("Gemm", {flat, m.g.constant(noise({64, 3}))});
  m.prepare(y);
  CHECK(m.slot(pool) == m.slot(conv));
  CHECK(m.slot(flat) == m.slot(conv));
  CHECK(m.slot(y) != m.slot(conv));
  CHECK(m.prepared.slots.size() == 3);
}

TEST_CASE("a shape op before the first layer stays float", "[prepare]") {
  Model m;
  const ValueId turned = m.g.node("Transpose", {m.x}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  m.prepare(m.conv(turned));
  CHECK(m.slot(m.x) == -1);
  CHECK(m.slot(turned) >= 0);  // the layer's input is observed behind it
  CHECK(m.plan(turned).reason == "its input 'x' is not quantized");
  REQUIRE(m.prepared.remarks.size() == 1);
  CHECK(m.prepared.remarks[0].kind == "float");
}

TEST_CASE("every part of a Split shares", "[prepare]") {
  Model m;
  const ValueId conv = m.conv(m.x);
  const auto parts =
      m.g.nodes("Split", {conv}, 2, {{{"axis", int64_t{1}}, {"num_outputs", int64_t{2}}}});
  m.g.output(parts[1]);
  m.prepare(parts[0]);
  CHECK(m.slot(parts[0]) == m.slot(conv));
  CHECK(m.slot(parts[1]) == m.slot(conv));
}

TEST_CASE("Concat has a slot of its own, or shares where the backend says so", "[prepare]") {
  Model m;
  const ValueId a = m.conv(m.x), b = m.conv(m.x);
  const ValueId joined = m.g.node("Concat", {a, b}, {{"axis", int64_t{1}}});
  SECTION("onnxruntime") {
    m.prepare(joined, "onnxruntime");
    CHECK(m.slot(a) != m.slot(b));
    CHECK(m.slot(joined) != m.slot(a));
    CHECK(m.slot(joined) != m.slot(b));
  }
  SECTION("wasm, whose Concat then copies bytes") {
    m.prepare(joined, "wasm");
    CHECK(m.slot(a) == m.slot(b));
    CHECK(m.slot(joined) == m.slot(a));
    CHECK(m.prepared.slots.size() == 2);  // the one given up is gone
  }
}

TEST_CASE("a sigmoid's output is fixed, its input ordinary", "[prepare]") {
  Model m;
  const ValueId conv = m.conv(m.x);
  const ValueId y = m.g.node("Sigmoid", {conv});
  const bool is_signed = GENERATE(false, true);
  QConfig qconfig = default_qconfig();
  if (is_signed) qconfig.activation.dtype = DType::kInt8;
  m.mapping = qconfig_mapping_around(qconfig, "exact8");
  m.prepare(y);
  CHECK(m.spec(conv).observer == "HistogramObserver");
  CHECK(m.spec(y).observer == "FixedQParamsObserver");
  CHECK(m.spec(y).scale == 1.0f / 256);
  CHECK(m.spec(y).zero_point == (is_signed ? -128 : 0));
  CHECK(m.spec(y).dtype == qconfig.activation.dtype);
}

TEST_CASE("what the mapping excludes stays float, by type and by name", "[prepare]") {
  Model m;
  const ValueId a = m.conv(m.x), relu = m.g.node("Relu", {a}), b = m.conv(relu);
  SECTION("the type of the layer, fused or not") {
    m.mapping.set_object_type("Conv", std::nullopt);
    m.prepare(b);
    CHECK(m.prepared.slots.empty());
    CHECK(m.plan(b).reason == "the QConfigMapping has no QConfig for it");
    CHECK(m.prepared.remarks.size() == 2);
  }
  SECTION("one by name") {
    m.mapping.set_module_name("Conv_0", std::nullopt);
    m.prepare(b);
    CHECK_FALSE(m.plan(relu).quantized);
    CHECK(m.plan(b).quantized);
    CHECK(m.slot(relu) >= 0);  // input of the second
    CHECK(m.slot(m.x) == -1);
  }
  SECTION("the second of its kind") {
    m.mapping.set_module_name_object_type_order("", "Conv", 0, std::nullopt);
    m.prepare(b);  // eightfold:Conv and Conv are counted apart
    CHECK_FALSE(m.plan(relu).quantized);
  }
}

TEST_CASE("a layer whose activation was not fused is observed behind it", "[prepare]") {
  Model m;
  const ValueId conv = m.g.node("MatMul", {m.x, m.g.constant(noise({8, 8}))});
  const ValueId y = m.g.node("Relu", {conv});
  m.prepare(y);
  CHECK(m.plan(conv).quantized);
  CHECK(m.plan(y).quantized);
  CHECK(m.plan(y).pattern == "(Relu, MatMul)");
  CHECK(m.slot(conv) == -1);
  CHECK(m.slot(y) >= 0);
  CHECK(m.prepared.slots.size() == 2);
}

TEST_CASE("an activation with two users before it is an op of its own", "[prepare]") {
  Model m;
  const ValueId conv = m.conv(m.x), relu = m.g.node("Relu", {conv});
  m.g.output(conv);
  m.prepare(relu);
  CHECK(m.plan(relu).pattern == "Relu");
  CHECK(m.slot(relu) == m.slot(conv));
}

TEST_CASE("a layer alone between float ops takes its range in each run", "[prepare]") {
  Model m;
  const ValueId alone = m.conv(m.g.node("Exp", {m.x}));
  m.prepare(m.g.node("Sqrt", {m.g.node("Transpose", {alone})}));
  CHECK(m.plan(alone).quantized);
  CHECK(m.plan(alone).mode == QuantMode::kDynamic);
  CHECK(m.slot(alone) == -1);
  Model read;  // by another layer
  const ValueId first = read.conv(read.g.node("Exp", {read.x}));
  read.prepare(read.conv(first));
  CHECK(read.plan(first).mode == QuantMode::kStatic);
}

TEST_CASE("ops without weights run on integers only beside integers", "[prepare]") {
  SECTION("alone between graph input and output") {
    Model m;
    const ValueId y = m.g.node("Add", {m.x, m.x});
    m.prepare(y);
    CHECK(m.plan(y).reason == "no input of it is quantized, so integers would gain nothing");
    CHECK(m.prepared.slots.empty());
  }
  SECTION("a graph input that feeds a layer as well") {
    Model m;
    const ValueId y = m.g.node("Add", {m.x, m.conv(m.x)});
    m.prepare(m.conv(y));
    CHECK(m.plan(y).quantized);
  }
  SECTION("scaling the result by a constant, at the end") {
    Model m;
    const ValueId flat = m.g.node("Sigmoid", {m.conv(m.x)});
    const ValueId y = m.g.node("Mul", {flat, m.g.constant(noise({8, 8}))});
    m.prepare(y);
    CHECK(m.plan(flat).quantized);
    CHECK(m.plan(y).reason.starts_with("no integer layer comes after it"));
  }
  SECTION("a residual sum that is read by floats alone, whatever comes behind them") {
    Model m;
    const ValueId sum = m.g.node("Add", {m.x, m.conv(m.x)});
    const ValueId square = m.g.node("Mul", {sum, sum});
    m.prepare(m.conv(m.g.node("Div", {sum, m.g.node("Sqrt", {square})})));
    CHECK_FALSE(m.plan(sum).quantized);
    CHECK_FALSE(m.plan(square).quantized);
  }
  SECTION("a sum that meets another product") {
    Model m;
    const ValueId sum = m.g.node("Add", {m.x, m.conv(m.x)});
    const ValueId turned = m.g.node("Transpose", {sum});
    m.prepare(m.g.node("MatMul", {turned, turned}));
    CHECK(m.plan(sum).quantized);
  }
  SECTION("the same before another layer") {
    Model m;
    const ValueId c = m.g.constant(noise({8, 8}, -3, 5), "c");
    const ValueId y = m.g.node("Mul", {m.g.node("Sigmoid", {m.conv(m.x)}), c});
    m.prepare(m.conv(y));
    CHECK(m.plan(y).quantized);
    CHECK(m.spec(c).observer == "MinMaxObserver");
    const ObserverSlot& slot = m.prepared.slots[static_cast<size_t>(m.slot(c))];
    CHECK(slot.observer->observed());  // known whole already
  }
}

TEST_CASE("reasons that lie in the node", "[prepare]") {
  struct Row {
    const char* what;
    const char* reason;
    ValueId (*build)(Model&);
  };
  const Row rows[] = {
      {"no integer form", "the backend 'exact8' has no pattern for Softmax",
       [](Model& m) { return m.g.node("Softmax", {m.conv(m.x)}); }},
      {"computed weight", "its weight 'weight' is computed, not constant",
       [](Model& m) { return m.g.node("Conv", {m.x, m.g.input("weight", {4, 4, 1, 1})}); }},
      {"computed bias", "its bias 'bias' is computed, not constant",
       [](Model& m) {
         const ValueId w = m.g.constant(noise({4, 4, 1, 1}));
         return m.g.node("Conv", {m.x, w, m.g.input("bias", {4})});
       }},
      {"integers", "its input 'tokens' is int64, not float32",
       [](Model& m) {
         const ValueId tokens = m.g.input("tokens", {4}, DType::kInt64);
         return m.g.node("Reshape", {tokens, m.g.constant(i64({2, 2}))});
       }},
      {"interpolation", "it interpolates (cubic) and so leaves the range of its input",
       [](Model& m) {
         const ValueId scales = m.g.constant(f32({4}, {1, 1, 2, 2}));
         return m.g.node("Resize", {m.conv(m.x), kNone, scales}, {{"mode", std::string("cubic")}});
       }},
      {"unknown operator", "the operator is not known",
       [](Model& m) { return m.g.node("NoSuchOp", {m.conv(m.x)}); }},
      {"NaN in the weight", "a constant of it cannot be quantized: a value to be observed is NaN",
       [](Model& m) {
         Tensor w = noise({4, 4, 1, 1});
         w.mutable_data<float>()[3] = std::numeric_limits<float>::quiet_NaN();
         return m.g.node("Conv", {m.x, m.g.constant(w)});
       }},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Model m;
    const ValueId y = row.build(m);
    m.prepare(y);
    CHECK_FALSE(m.plan(y).quantized);
    CHECK(m.plan(y).reason == row.reason);
    CHECK(m.slot(y) == -1);
  }
}

TEST_CASE("MatMul of two computed values runs on integers beside integers", "[prepare]") {
  Model m;
  const ValueId a = m.conv(m.x), b = m.conv(m.x);
  const ValueId y = m.g.node("MatMul", {a, b});
  m.prepare(y);
  CHECK(m.plan(y).quantized);
  CHECK(m.plan(y).weight_slot == -1);
}

// mixed_dtypes, multiple_qconfigs_for_single_value
TEST_CASE("a value read in two dtypes is observed once for each", "[prepare]") {
  Model m;
  QConfig is_signed = default_qconfig();
  is_signed.activation.dtype = DType::kInt8;
  m.mapping.set_module_name("Conv_1", is_signed);
  const ValueId a = m.conv(m.x), b = m.conv(m.x);
  m.g.output(a);
  m.prepare(b);
  CHECK(m.plan(a).quantized);
  CHECK(m.plan(b).quantized);
  CHECK(m.spec(m.x).dtype == DType::kUint8);
  const int slot = m.prepared.consumer_slot_of.at({m.node(b), m.prepared.graph.find_value("x")});
  CHECK(m.prepared.slots[static_cast<size_t>(slot)].spec.dtype == DType::kInt8);
  CHECK(m.prepared.slots.size() == 4);
}

TEST_CASE("dtypes that the backend does not take are a reason, not an error", "[prepare]") {
  Model m;
  QConfig wide = default_qconfig();
  wide.activation.dtype = DType::kInt16;
  m.mapping.set_global(wide);
  const ValueId y = m.conv(m.x);
  m.prepare(y);
  CHECK(m.plan(y).reason ==
        "the backend does not take its dtypes: the input would have to be uint8, not int16");
  CHECK(m.prepared.slots.empty());
}

TEST_CASE("a graph that is quantized already is refused", "[prepare]") {
  Graph graph;
  graph.stage = Stage::kLowered;
  CHECK_THROWS_AS(prepare(graph, default_qconfig_mapping(), backend("wasm")), Error);
}

}  // namespace
}  // namespace eightfold
