// Reads and runs the ONNX operator suite. See node_suite.h.
#include "support/node_suite.h"

#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "core/error.h"
#include "onnx/fields.h"
#include "onnx/onnx.h"
#include "onnx/read_tensor.h"
#include "ops/half.h"
#include "runtime/session.h"
#include "support/data_files.h"

namespace eightfold::test {
namespace {

constexpr double kRelative = 1e-3, kAbsolute = 1e-6;

std::vector<std::string> split(const std::string& line, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

using Files = std::map<std::string, std::vector<uint8_t>>;

// prefix + "0.pb", prefix + "1.pb", ... as far as they go.
std::vector<std::vector<uint8_t>> numbered(const Files& files, const std::string& prefix) {
  std::vector<std::vector<uint8_t>> found;
  for (int i = 0;; ++i) {
    const auto at = files.find(prefix + std::to_string(i) + ".pb");
    if (at == files.end()) return found;
    found.push_back(at->second);
  }
}

Tensor tensor_of(const std::vector<uint8_t>& bytes) {
  const ExternalDataReader none;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return read_tensor(text, {text, nullptr, &none}).tensor;
}

Tensor tensor_of(std::string_view bytes) {
  return tensor_of(std::vector<uint8_t>(bytes.begin(), bytes.end()));
}

// SequenceProto: tensors in field 3, sequences in field 5.
Tensor sequence_of(std::string_view bytes) {
  std::vector<Tensor> items;
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == 3) items.push_back(tensor_of(fields.bytes()));
    if (fields.number() == 5) items.push_back(sequence_of(fields.bytes()));
  }
  return Tensor::sequence(std::move(items));
}

// OptionalProto: its value in the field of its kind, if any.
Tensor optional_of(std::string_view bytes) {
  for (Fields fields(bytes); fields.next();) {
    if (fields.number() == 3) return tensor_of(fields.bytes());
    if (fields.number() == 5) return sequence_of(fields.bytes());
  }
  return Tensor::none();
}

// By the encoded TypeProto of what is no tensor: field 4 is a sequence, field 9 an optional.
Tensor value_of(const ValueType& type, const std::vector<uint8_t>& bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (type.raw.empty()) return tensor_of(bytes);
  return type.raw[0] == (4 << 3 | 2) ? sequence_of(text) : optional_of(text);
}

// i / n for the n elements, as the suite's makers filled the networks' inputs.
Tensor filled(const Shape& shape) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, shape);
  auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(static_cast<double>(i) / static_cast<double>(values.size()));
  }
  return tensor;
}

double element(const Tensor& tensor, size_t i) {
  switch (tensor.dtype()) {
    case DType::kFloat32: return static_cast<const float*>(tensor.raw())[i];
    case DType::kFloat64: return static_cast<const double*>(tensor.raw())[i];
    case DType::kFloat16: return half_to_float(static_cast<const uint16_t*>(tensor.raw())[i]);
    default: return bfloat16_to_float(static_cast<const uint16_t*>(tensor.raw())[i]);
  }
}

bool near(const Tensor& got, const Tensor& want, size_t i) {
  const double a = element(got, i), b = element(want, i);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  if (std::abs(a - b) <= kAbsolute + kRelative * std::abs(b)) return true;
  if (dtype_bits(got.dtype()) != 16) return false;
  const int bits = static_cast<const int16_t*>(got.raw())[i];
  return std::abs(bits - static_cast<const int16_t*>(want.raw())[i]) <= 1;
}

std::string fault_between(const Tensor& got, const Tensor& want) {
  if (got.dtype() != want.dtype()) {
    return "dtype " + std::string(dtype_name(got.dtype())) + ", not " +
           std::string(dtype_name(want.dtype()));
  }
  if (got.shape() != want.shape()) {
    return "shape " + shape_text(got.shape()) + ", not " + shape_text(want.shape());
  }
  if (want.dtype() == DType::kSequence) {
    if (got.items().size() != want.items().size()) return "a sequence of another length";
    for (size_t i = 0; i < want.items().size(); ++i) {
      const std::string fault = fault_between(got.items()[i], want.items()[i]);
      if (!fault.empty()) return "item " + std::to_string(i) + ": " + fault;
    }
    return {};
  }
  const auto count = static_cast<size_t>(want.size());
  if (want.dtype() == DType::kString) {
    return got.string_data() == want.string_data() ? "" : "other strings";
  }
  if (!is_float(want.dtype())) {
    const auto* a = static_cast<const char*>(got.raw());
    const auto* b = static_cast<const char*>(want.raw());
    return std::string_view(a, got.size_bytes()) == std::string_view(b, want.size_bytes())
               ? ""
               : "other values";
  }
  for (size_t i = 0; i < count; ++i) {
    if (near(got, want, i)) continue;
    std::ostringstream text;
    text << "element " << i << " is " << element(got, i) << ", not " << element(want, i);
    return text.str();
  }
  return {};
}

}  // namespace

std::vector<SuiteCase> read_suite(const std::string& data_folder) {
  const std::string folder = data_folder + "/onnx-node-tests/";
  Files files;
  for (auto& [path, bytes] : read_tar_gz(folder + "onnx-node-tests.tar.gz")) {
    files[path.starts_with("./") ? path.substr(2) : path] = std::move(bytes);
  }
  const std::vector<uint8_t> bytes = read_file(folder + "listing.tsv");
  std::istringstream listing(std::string(bytes.begin(), bytes.end()));
  std::vector<SuiteCase> cases;
  std::string line;
  std::getline(listing, line);  // the heading
  while (std::getline(listing, line)) {
    const auto cells = split(line, '\t');
    SuiteCase one{cells.at(0), cells.at(1), cells.at(2), cells.at(5) == "ok", {}, {}, {}};
    const std::string base = one.group + "/" + one.name + "/";
    one.model = files.at(base + "model.onnx");
    one.inputs = numbered(files, base + "test_data_set_0/input_");
    one.outputs = numbered(files, base + "test_data_set_0/output_");
    cases.push_back(std::move(one));
  }
  for (const auto& [path, model] : files) {
    if (!path.starts_with("light/") || !path.ends_with(".onnx")) continue;
    const std::string stem = path.substr(0, path.size() - 5);
    cases.push_back(
        {"light", stem.substr(6), "", true, model, {}, numbered(files, stem + "_output_")});
  }
  return cases;
}

std::string suite_fault(const SuiteCase& suite_case) {
  try {
    Graph graph = load_onnx(suite_case.model);
    const std::vector<ValueId> inputs = graph.required_inputs();
    Feeds feeds;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Value& value = graph.value(inputs[i]);
      if (suite_case.inputs.empty()) {
        feeds.push_back({value.name, filled(known_shape(value.type).value())});
      } else {
        feeds.push_back({value.name, value_of(value.type, suite_case.inputs.at(i))});
      }
    }
    Session session(std::move(graph));
    const auto outputs = session.run(feeds);
    if (outputs.size() != suite_case.outputs.size()) return "another number of outputs";
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueType& type = session.graph().value(session.graph().outputs[i]).type;
      const std::string fault =
          fault_between(outputs[i].tensor, value_of(type, suite_case.outputs[i]));
      if (!fault.empty()) return "output " + outputs[i].name + ": " + fault;
    }
    return {};
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("the test itself: ") + error.what();
  }
}

}  // namespace eightfold::test
