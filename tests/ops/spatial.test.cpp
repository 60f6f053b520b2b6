// Window geometry against ONNX Runtime: tests/golden/spatial/spatial.json, exact small integers.
#include <catch_amalgamated.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/data_files.h"
#include "support/matchers.h"
#include "support/op_runner.h"

using namespace eightfold;
using namespace eightfold::test;
using nlohmann::json;

namespace {

// Averages divide, and the file holds six decimals.
constexpr Tolerance kSixDecimals{1e-6f, 1e-6f};

Tensor pattern(const Shape& shape, int64_t step, int64_t modulus, int64_t shift) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, shape);
  int64_t i = 0;
  for (float& value : tensor.mutable_data<float>()) {
    value = static_cast<float>(i++ * step % modulus - shift);
  }
  return tensor;
}

std::vector<Attribute> attributes_of(const json& object) {
  std::vector<Attribute> attributes;
  for (const auto& [name, value] : object.items()) {
    if (value.is_array()) {
      attributes.push_back({name, value.get<std::vector<int64_t>>()});
    } else if (value.is_string()) {
      attributes.push_back({name, value.get<std::string>()});
    } else {
      attributes.push_back({name, value.get<int64_t>()});
    }
  }
  return attributes;
}

}  // namespace

TEST_CASE("windows lie where ONNX Runtime lays them", "[ops][spatial]") {
  std::ifstream file(source_folder() + "/tests/golden/spatial/spatial.json");
  REQUIRE(file.good());
  const json golden = json::parse(file);
  REQUIRE(golden["cases"].size() > 200);
  for (const json& row : golden["cases"]) {
    INFO(row["op"] << " " << row["attributes"].dump() << " x " << row["x"].dump() << " w "
                   << row["w"].dump());
    OpCase run{
        .op = row["op"], .opset = golden["opset"], .attributes = attributes_of(row["attributes"])};
    run.inputs.push_back(pattern(row["x"].get<Shape>(), 7, 11, 5));
    if (const Shape w = row["w"].get<Shape>(); !w.empty()) {
      run.inputs.push_back(pattern(w, 5, 7, 3));
      run.constants = {1};
    }
    const Tensor expected =
        Tensor::of<float>(row["y"].get<Shape>(), row["values"].get<std::vector<float>>());
    CHECK(difference(run_op(run)[0], expected, kSixDecimals) == "");
  }
}
