// The operator suite of ONNX (onnx-node-tests in the data folder): one case per model, with the
// tensors that go in and those that must come out, and how close they have to be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace eightfold::test {

struct SuiteCase {
  std::string group, name;  // "node", "test_abs"
  std::string operators;    // as the listing names them: "Shape,Concat"
  bool reproduced = false;  // the listing's mark: onnxruntime-node gave the expected outputs
  std::vector<uint8_t> model;
  std::vector<std::vector<uint8_t>> inputs, outputs;  // TensorProto, SequenceProto or OptionalProto
};

// In the order of the listing, then the whole networks ("light").
std::vector<SuiteCase> read_suite(const std::string& data_folder);

// Runs the case in a session. Empty when every output is as expected: integers, booleans and
// strings exactly, floats within 1e-6 + 1e-3 * |expected|, 16-bit floats within one unit of their
// last place besides.
std::string suite_fault(const SuiteCase& suite_case);

}  // namespace eightfold::test
