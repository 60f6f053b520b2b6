// LSTM, GRU and RNN against their equations in double (support/recurrent_reference.h), over all
// attributes; what they refuse; two models of the data folder.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "ops/recurrent.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"
#include "support/recurrent_reference.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr Tolerance kRecurrent{1e-5f, 2e-6f};

OpCase op_case(const RecurrentCase& one) {
  OpCase run{.op = one.op, .opset = 14};
  run.attributes = {{"hidden_size", one.hidden}, {"direction", one.direction}};
  if (one.batch_major) run.attributes.push_back({"layout", int64_t{1}});
  if (one.input_forget) run.attributes.push_back({"input_forget", int64_t{1}});
  if (one.linear_before_reset) run.attributes.push_back({"linear_before_reset", int64_t{1}});
  if (one.clip > 0) run.attributes.push_back({"clip", static_cast<float>(one.clip)});
  run.inputs = recurrent_inputs(one);
  run.constants = {1, 2, 3};
  run.outputs = one.op == "LSTM" ? 3 : 2;
  return run;
}

// Weights known beforehand, all but the bias known, and none: the same numbers each way.
void check(const RecurrentCase& one, OpCase run) {
  INFO(one.op << " " << one.direction << " steps " << one.steps << " batch " << one.batch
              << " input " << one.input << " hidden " << one.hidden << " layout " << one.batch_major
              << " bias " << one.bias << " initial " << one.initial << " peepholes "
              << one.peepholes << " clip " << one.clip << " input_forget " << one.input_forget
              << " linear_before_reset " << one.linear_before_reset);
  const std::vector<Tensor> want = recurrent_reference(one, run.inputs);
  const std::vector<Tensor> got = run_op(run);
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    INFO("output " << i);
    CHECK(difference(got[i], want[i], kRecurrent) == "");
  }
  for (const std::vector<size_t>& constants : {std::vector<size_t>{1, 2}, std::vector<size_t>{}}) {
    run.constants = constants;
    const std::vector<Tensor> other = run_op(run);
    for (size_t i = 0; i < want.size(); ++i) CHECK(difference(other[i], got[i]) == "");
  }
}
void check(const RecurrentCase& one) { check(one, op_case(one)); }

}  // namespace

TEST_CASE("recurrent ops follow their equations with every attribute", "[ops][recurrent]") {
  for (const std::string& op : {"LSTM", "GRU", "RNN"}) {
    for (const std::string& direction : {"forward", "reverse", "bidirectional"}) {
      for (int bits = 0; bits < 64; ++bits) {
        RecurrentCase one{.op = op, .direction = direction};
        one.batch_major = bits & 1;
        one.bias = bits & 2;
        one.initial = bits & 4;
        if (bits & 8) one.clip = 0.5;
        if (bits & 16) one.lengths = {3, 1};
        one.input_forget = op == "LSTM" && bits & 32;
        one.linear_before_reset = op == "GRU" && bits & 32;
        if (op == "RNN" && bits & 32) continue;
        check(one);
        one.peepholes = true;
        if (op == "LSTM") check(one);
      }
    }
  }
}

TEST_CASE("recurrent ops take any extent", "[ops][recurrent]") {
  for (const std::string& op : {"LSTM", "GRU", "RNN"}) {
    for (const std::string& direction : {"forward", "bidirectional"}) {
      for (int64_t steps : {0, 1, 2, 7}) {
        for (int64_t batch : {0, 1, 3}) {
          for (int64_t hidden : {1, 4, 9, 16}) {
            for (bool batch_major : {false, true}) {
              RecurrentCase one{.op = op, .direction = direction, .steps = steps, .batch = batch};
              one.hidden = hidden;
              one.input = hidden == 9 ? 1 : 13;
              one.batch_major = batch_major;
              check(one);
            }
          }
        }
      }
    }
  }
}

// More steps than fit into one chunk of products.
TEST_CASE("long sequences are walked in chunks", "[ops][recurrent]") {
  for (const std::string& direction : {"forward", "reverse"}) {
    for (bool batch_major : {false, true}) {
      RecurrentCase one{.direction = direction, .steps = 400, .batch = 3, .input = 4, .hidden = 30};
      one.batch_major = batch_major;
      check(one);
      one.lengths = {0, 399, 250};
      check(one);
    }
  }
}

TEST_CASE("items of no steps end in zeros", "[ops][recurrent]") {
  for (const std::string& op : {"LSTM", "GRU", "RNN"}) {
    RecurrentCase one{.op = op, .direction = "bidirectional", .batch = 3};
    one.lengths = {0, 2, 3};
    check(one);
    one.lengths = {0, 0, 0};
    check(one);
  }
}

TEST_CASE("outputs are optional", "[ops][recurrent]") {
  const RecurrentCase one{};
  OpCase run = op_case(one);
  const std::vector<Tensor> all = run_op(run);
  run.outputs = 1;
  CHECK(difference(run_op(run)[0], all[0]) == "");
}

namespace {

struct FunctionRow {
  const char* name;
  std::vector<float> alpha, beta;  // as attributes
  Scalar function;
};
// Source: ONNX LSTM, "Equations (Default ...)"; parameters left out take their defaults.
const FunctionRow kFunctions[] = {
    {"Affine", {0.5f}, {0.25f}, [](double x) { return 0.5 * x + 0.25; }},
    {"relu", {}, {}, [](double x) { return std::max(x, 0.0); }},
    {"Tanh", {}, {}, [](double x) { return std::tanh(x); }},
    {"SIGMOID", {}, {}, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"LeakyRelu", {}, {}, [](double x) { return x < 0 ? 0.01f * x : x; }},
    {"LeakyRelu", {0.3f}, {}, [](double x) { return x < 0 ? 0.3f * x : x; }},
    {"ThresholdedRelu", {0.2f}, {}, [](double x) { return x >= 0.2f ? x : 0; }},
    {"ScaledTanh", {0.75f}, {0.5f}, [](double x) { return 0.75 * std::tanh(0.5 * x); }},
    {"HardSigmoid", {}, {}, [](double x) { return std::clamp(0.2f * x + 0.5, 0.0, 1.0); }},
    {"HardSigmoid", {0.5f}, {0.25f}, [](double x) { return std::clamp(0.5 * x + 0.25, 0.0, 1.0); }},
    {"Elu", {0.5f}, {}, [](double x) { return x < 0 ? 0.5 * (std::exp(x) - 1) : x; }},
    {"Softsign", {}, {}, [](double x) { return x / (1 + std::abs(x)); }},
    {"Softplus", {}, {}, [](double x) { return std::log(1 + std::exp(x)); }},
};

}  // namespace

TEST_CASE("cells take any activation in any place", "[ops][recurrent]") {
  for (const FunctionRow& row : kFunctions) {
    for (const std::string& op : {"LSTM", "GRU", "RNN"}) {
      const size_t places = op == "LSTM" ? 3 : op == "GRU" ? 2 : 1;
      for (size_t place = 0; place < 2 * places; ++place) {
        INFO(row.name << " in place " << place);
        RecurrentCase one{.op = op, .direction = "bidirectional", .steps = 2};
        one.functions.assign(2 * places, [](double x) { return std::tanh(x); });
        one.functions[place] = row.function;
        OpCase run = op_case(one);
        std::vector<std::string> names(2 * places, "Tanh");
        names[place] = row.name;
        run.attributes.push_back({"activations", names});
        if (!row.alpha.empty()) run.attributes.push_back({"activation_alpha", row.alpha});
        if (!row.beta.empty()) run.attributes.push_back({"activation_beta", row.beta});
        check(one, run);
      }
    }
  }
}

TEST_CASE("parameters are consumed by the functions that have them", "[ops][recurrent]") {
  RecurrentCase one{};
  one.functions = {kFunctions[9].function, kFunctions[2].function, kFunctions[5].function};
  OpCase run = op_case(one);
  run.attributes.push_back(
      {"activations", std::vector<std::string>{"HardSigmoid", "Tanh", "LeakyRelu"}});
  run.attributes.push_back({"activation_alpha", floats({0.5f, 0.3f})});
  run.attributes.push_back({"activation_beta", floats({0.25f})});
  check(one, run);
}

TEST_CASE("recurrent ops refuse what does not fit", "[ops][recurrent]") {
  const auto refuses = [](ErrorCode code, const OpCase& run) {
    try {
      run_op(run);
      FAIL_CHECK("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == code);
    }
  };
  RecurrentCase one{};
  const OpCase good = op_case(one);
  for (const auto& [input, shape] : std::vector<std::pair<size_t, Shape>>{{0, {3, 2}},
                                                                          {1, {1, 24, 4}},
                                                                          {1, {2, 24, 5}},
                                                                          {2, {1, 24, 7}},
                                                                          {2, {24, 6}},
                                                                          {3, {1, 24}},
                                                                          {5, {1, 3, 6}},
                                                                          {6, {2, 1, 6}},
                                                                          {7, {1, 12}}}) {
    INFO("input " << input << " of shape " << shape_text(shape));
    OpCase run = good;
    run.inputs[input] = random_tensor(shape, 1);
    refuses(ErrorCode::kInvalidShape, run);
    run.constants = {};
    refuses(ErrorCode::kInvalidShape, run);
  }
  for (int32_t length : {-1, 4}) {
    OpCase run = good;
    run.inputs[4] = i32({2}, {1, length});
    refuses(ErrorCode::kInvalidData, run);
  }
  OpCase lengths = good;
  lengths.inputs[4] = i64({2}, {1, 1});
  refuses(ErrorCode::kInvalidType, lengths);
  const std::vector<Attribute> wrong{
      {"direction", std::string("sideways")},
      {"clip", -1.0f},
      {"activations", std::vector<std::string>{"Tanh"}},
      {"activations", std::vector<std::string>{"Tanh", "Tanh", "Cosh"}}};
  for (const Attribute& attribute : wrong) {
    INFO(attribute.name);
    OpCase run = good;
    run.attributes.insert(run.attributes.begin(), attribute);
    refuses(ErrorCode::kInvalidAttribute, run);
  }
}

TEST_CASE("gate orders turn PyTorch's blocks into ONNX's", "[ops][recurrent]") {
  const auto order = [](CellKind kind) {
    const auto span = torch_gate_order(kind);
    return std::vector<int>(span.begin(), span.end());
  };
  // i f g o of "iofc"; r z n of "zrh"
  CHECK(order(CellKind::kLstm) == std::vector<int>{0, 2, 3, 1});
  CHECK(order(CellKind::kGru) == std::vector<int>{1, 0, 2});
  CHECK(order(CellKind::kRnn) == std::vector<int>{0});
}

TEST_CASE("recurrent outputs are inferred, known or not", "[ops][recurrent]") {
  OpCase run = op_case({.direction = "bidirectional"});
  const Dim steps{-1, "T"}, batch{-1, "N"};
  auto types = infer_op(run, {Dims{steps, batch, {5, {}}}});
  CHECK(types[0].dims == Dims{steps, {2, {}}, batch, {6, {}}});
  CHECK(types[1].dims == Dims{{2, {}}, batch, {6, {}}});
  run.attributes.push_back({"layout", int64_t{1}});
  types = infer_op(run, {Dims{batch, steps, {5, {}}}});
  CHECK(types[0].dims == Dims{batch, steps, {2, {}}, {6, {}}});
  CHECK(types[2].dims == Dims{batch, {2, {}}, {6, {}}});
}
