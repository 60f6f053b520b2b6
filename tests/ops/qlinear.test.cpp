// The int8 operators against goldens of onnxruntime-web (tests/golden/qlinear), bit for bit, on
// every instruction set and in both layouts; and the clamps of the eightfold twins.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "kernels/kernels.h"
#include "ops/op.h"
#include "support/data_files.h"
#include "support/op_runner.h"

using namespace eightfold;
using namespace eightfold::test;
using Json = nlohmann::json;

namespace {

template <typename T>
Tensor tensor_as(const Json& json) {
  return Tensor::of<T>(json["shape"].get<Shape>(), json["data"].get<std::vector<T>>());
}

Tensor tensor_of(const Json& json) {
  switch (dtype_from_name(json["dtype"].get<std::string>())) {
    case DType::kFloat32: return tensor_as<float>(json);
    case DType::kUint8: return tensor_as<uint8_t>(json);
    case DType::kInt8: return tensor_as<int8_t>(json);
    case DType::kUint16: return tensor_as<uint16_t>(json);
    case DType::kInt16: return tensor_as<int16_t>(json);
    case DType::kInt32: return tensor_as<int32_t>(json);
    default: FAIL("dtype " << json["dtype"]); return {};
  }
}

Attribute attribute_of(const std::string& name, const Json& value) {
  if (value.is_array()) return {name, value.get<std::vector<int64_t>>()};
  if (value.is_string()) return {name, value.get<std::string>()};
  if (value.is_number_float()) return {name, value.get<float>()};
  return {name, value.get<int64_t>()};
}

OpCase case_of(const Json& row) {
  OpCase op_case;
  op_case.op = row["op"];
  op_case.domain = row["domain"];
  op_case.opset = op_case.domain.empty() ? row["opset"].get<int64_t>() : 1;
  for (const auto& [name, value] : row["attributes"].items()) {
    op_case.attributes.push_back(attribute_of(name, value));
  }
  const auto feeds = row["feeds"].get<std::vector<size_t>>();
  for (size_t i = 0; i < row["inputs"].size(); ++i) {
    const Json& input = row["inputs"][i];
    op_case.inputs.push_back(input.is_null() ? Tensor() : tensor_of(input));
    if (std::ranges::find(feeds, i) == feeds.end()) op_case.constants.push_back(i);
  }
  op_case.outputs = row["outputs"].size();
  return op_case;
}

std::string difference(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape()) {
    return std::string(dtype_name(got.dtype())) + " " + shape_text(got.shape()) + " instead of " +
           std::string(dtype_name(expected.dtype())) + " " + shape_text(expected.shape());
  }
  const auto* a = static_cast<const uint8_t*>(got.raw());
  const auto* b = static_cast<const uint8_t*>(expected.raw());
  size_t differing = 0, first = 0;
  for (size_t i = got.size_bytes(); i-- > 0;) {
    if (a[i] != b[i]) ++differing, first = i;
  }
  if (differing == 0) return {};
  return std::to_string(differing) + " of " + std::to_string(got.size_bytes()) +
         " bytes differ, the first at " + std::to_string(first) + ": " + std::to_string(a[first]) +
         " instead of " + std::to_string(b[first]);
}

Json goldens() {
  std::ifstream file(source_folder() + "/tests/golden/qlinear/qlinear.json");
  REQUIRE(file.good());
  return Json::parse(file);
}

void check_row(const Json& row) {
  OpCase op_case = case_of(row);
  for (Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    op_case.layout = layout;
    const std::vector<Tensor> outputs = run_op(op_case);
    for (size_t i = 0; i < outputs.size(); ++i) {
      INFO("output " << i << (layout == Layout::kPlain ? ", plain" : ", channels last"));
      CHECK(difference(outputs[i], tensor_of(row["outputs"][i])) == "");
    }
  }
}

}  // namespace

TEST_CASE("int8 operators equal onnxruntime-web bit for bit", "[ops][qlinear]") {
  const Json rows = goldens();
  CHECK(rows.size() > 70);
  for (const char* isa : {"scalar", "simd128", ""}) {
    set_isa(isa);
    for (const Json& row : rows) {
      INFO(row["op"].get<std::string>()
           << " (" << row["what"].get<std::string>() << ") on " << isa_name(current_isa()));
      CHECK_NOTHROW(check_row(row));
    }
  }
  set_isa("");
}

TEST_CASE("the eightfold twins clamp in quantized units", "[ops][qlinear]") {
  const Json rows = goldens();
  int twins = 0;
  for (const Json& row : rows) {
    OpCase op_case = case_of(row);
    if (!find_op(kEightfoldDomain, op_case.op, 1)) continue;
    const auto dtype = row["outputs"][0]["dtype"].get<std::string>();
    if (dtype != "uint8" && dtype != "int8") continue;
    ++twins;
    INFO(op_case.op << " (" << row["what"].get<std::string>() << ")");
    const Tensor plain = run_op(op_case)[0];
    op_case.domain = kEightfoldDomain;
    op_case.opset = 1;
    CHECK(difference(run_op(op_case)[0], plain) == "");
    const bool is_signed = plain.dtype() == DType::kInt8;
    const int64_t low = is_signed ? -20 : 100, high = is_signed ? 30 : 150;
    op_case.attributes.push_back({"clamp_min", low});
    op_case.attributes.push_back({"clamp_max", high});
    const Tensor clamped = run_op(op_case)[0];
    for (int64_t i = 0; i < plain.size(); ++i) {
      const auto at = [&](const Tensor& tensor) -> int64_t {
        const auto index = static_cast<size_t>(i);
        if (is_signed) return tensor.data<int8_t>()[index];
        return tensor.data<uint8_t>()[index];
      };
      REQUIRE(at(clamped) == std::clamp(at(plain), low, high));
    }
  }
  CHECK(twins > 30);
}

TEST_CASE("int8 operators refuse what they cannot run, by name", "[ops][qlinear]") {
  struct Refusal {
    const char* what;
    ErrorCode code;
    void (*change)(OpCase&);
  };
  // QLinearConv [1, 24, ..] with weights [17, 24, 1, 1].
  const Refusal refusals[] = {
      {"a weight that is not constant", ErrorCode::kUnsupportedModel,
       [](OpCase& c) { std::erase(c.constants, 3u); }},
      {"a scale that is not constant", ErrorCode::kUnsupportedModel,
       [](OpCase& c) { std::erase(c.constants, 1u); }},
      {"a scale of zero", ErrorCode::kInvalidData,
       [](OpCase& c) { c.inputs[6] = f32({}, {0.0f}); }},
      {"an infinite scale", ErrorCode::kInvalidData,
       [](OpCase& c) { c.inputs[1] = f32({}, {INFINITY}); }},
      {"weight scales for other channels", ErrorCode::kInvalidShape,
       [](OpCase& c) { c.inputs[4] = f32({2}, {1.0f, 1.0f}); }},
      {"a bias for other channels", ErrorCode::kInvalidShape,
       [](OpCase& c) { c.inputs[8] = i32({2}, {1, 1}); }},
      {"an input of other channels", ErrorCode::kInvalidShape,
       [](OpCase& c) { c.inputs[0] = Tensor::allocate(DType::kUint8, {1, 3, 4, 4}); }},
      {"a float input", ErrorCode::kInvalidType,
       [](OpCase& c) { c.inputs[0] = Tensor::allocate(DType::kFloat32, {1, 24, 4, 4}); }},
      {"an output zero point of 16 bits", ErrorCode::kInvalidType,
       [](OpCase& c) { c.inputs[7] = Tensor::of<int16_t>({}, {0}); }},
      {"an activation scale per channel", ErrorCode::kUnsupportedModel,
       [](OpCase& c) { c.inputs[1] = f32({2}, {1.0f, 1.0f}); }},
  };
  const Json rows = goldens();
  REQUIRE(rows[0]["op"] == "QLinearConv");
  for (const Refusal& refusal : refusals) {
    INFO(refusal.what);
    OpCase op_case = case_of(rows[0]);
    refusal.change(op_case);
    try {
      run_op(op_case);
      FAIL_CHECK("not refused");
    } catch (const Error& error) {
      CHECK(error_code_name(error.code()) == error_code_name(refusal.code));
    }
  }
}
