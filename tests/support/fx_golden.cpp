// See fx_golden.h.
#include "support/fx_golden.h"

#include <fstream>
#include <stdexcept>

#include "ops/op.h"

namespace eightfold::test {
namespace {

const Json& whole_file() {
  static const Json file = [] {
    std::ifstream stream(EIGHTFOLD_SOURCE_DIR "/tests/golden/fx/fx.json");
    return Json::parse(stream);
  }();
  return file;
}

DType dtype_of(const Json& name) { return dtype_from_name(name.get<std::string>()); }

QScheme scheme_of(const std::string& name) {
  if (name == "per_tensor_affine") return QScheme::kPerTensorAffine;
  if (name == "per_tensor_symmetric") return QScheme::kPerTensorSymmetric;
  if (name == "per_channel_affine") return QScheme::kPerChannelAffine;
  if (name == "per_channel_symmetric") return QScheme::kPerChannelSymmetric;
  throw std::runtime_error("no qscheme " + name);
}

template <typename T>
void read(std::optional<T>& field, const Json& row, const char* key) {
  if (row.contains(key)) field = row[key].get<T>();
}

DTypeWithConstraints constraints_of(const Json& row) {
  DTypeWithConstraints found;
  if (row.contains("dtype")) found.dtype = dtype_of(row["dtype"]);
  read(found.quant_min_lower_bound, row, "quantMinLowerBound");
  read(found.quant_max_upper_bound, row, "quantMaxUpperBound");
  read(found.scale_min_lower_bound, row, "scaleMinLowerBound");
  read(found.scale_max_upper_bound, row, "scaleMaxUpperBound");
  read(found.scale_exact_match, row, "scaleExactMatch");
  read(found.zero_point_exact_match, row, "zeroPointExactMatch");
  return found;
}

// What PyTorch calls a custom range is one other than the dtype's own.
std::optional<QRange> range_of(const Json& row, DType dtype) {
  if (!row.contains("quantMin") || row.value("reduceRange", false)) return std::nullopt;
  const QRange range{row["quantMin"], row["quantMax"]};
  return range == full_range(dtype) ? std::nullopt : std::optional(range);
}

Attribute attribute_of(const std::string& name, const Json& value) {
  if (value.is_number_integer()) return {name, value.get<int64_t>()};
  if (value.is_number_float()) return {name, value.get<float>()};
  return {name, value.get<std::vector<int64_t>>()};
}

ValueId value_named(Graph& graph, const std::string& name) {
  const ValueId known = graph.find_value(name);
  return known == kNone ? graph.add_value(name) : known;
}

std::vector<ValueId> values_named(Graph& graph, const Json& names) {
  std::vector<ValueId> values;
  for (const Json& name : names) values.push_back(value_named(graph, name));
  return values;
}

void add_tensor(Graph& graph, const Json& row) {
  const Shape dims = row["dims"];
  Tensor tensor = row.contains("unit")
                      ? fx_tensor(row["dims"], row["ints"], row["unit"])
                      : Tensor::of<int64_t>(dims, row["ints"].get<std::vector<int64_t>>());
  graph.add_initializer(row["name"], std::move(tensor));
}

void add_node(Graph& graph, const Json& row) {
  Node node;
  node.name = row["name"];
  node.op_type = row["op"];
  for (const auto& [name, value] : row["attributes"].items()) {
    node.attributes.push_back(attribute_of(name, value));
  }
  const std::vector<ValueId> inputs = values_named(graph, row["inputs"]);
  graph.add_node(std::move(node), inputs, values_named(graph, row["outputs"]));
}

std::string number_text(float value) { return Json(value).dump(); }

std::string constraints_text(const DTypeWithConstraints& part) {
  if (!part.dtype) return "-";
  std::string text(dtype_name(*part.dtype));
  const auto add = [&](const char* what, const auto& field) {
    if (field) text += std::string(what) + number_text(static_cast<float>(*field));
  };
  add(" from ", part.quant_min_lower_bound);
  add(" to ", part.quant_max_upper_bound);
  add(" scale>=", part.scale_min_lower_bound);
  add(" scale<=", part.scale_max_upper_bound);
  add(" scale=", part.scale_exact_match);
  add(" zero point=", part.zero_point_exact_match);
  if (part.bounded_sum) text += " bounded";
  return text;
}

}  // namespace

const Json& fx_section(const std::string& name) { return whole_file().at(name); }

const Json& fx_named(const std::string& section, const std::string& name) {
  for (const Json& row : fx_section(section)) {
    if (row["name"] == name) return row;
  }
  throw std::runtime_error("no " + name + " among the " + section);
}

// ---------------------------------------------------------------- configs
Pattern fx_pattern(const Json& written) {
  if (written.is_number()) return Pattern::literal(written);
  if (written.is_string()) {
    return written == "*" ? Pattern::match_all() : Pattern::of(written.get<std::string>());
  }
  std::vector<Pattern> args;
  for (size_t i = 1; i < written.size(); ++i) args.push_back(fx_pattern(written[i]));
  return Pattern::of(written[0].get<std::string>(), std::move(args));
}

ObserverSpec fx_spec(const std::string& name) {
  const Json& row = fx_named("specs", name);
  ObserverSpec spec;
  spec.observer = row["observer"];
  spec.dtype = dtype_of(row["dtype"]);
  if (row.contains("qscheme")) spec.qscheme = scheme_of(row["qscheme"]);
  spec.quant_range = range_of(row, spec.dtype);
  spec.reduce_range = row.value("reduceRange", false);
  spec.eps = row.value("eps", spec.eps);
  spec.ch_axis = row.value("chAxis", spec.ch_axis);
  spec.averaging_constant = row.value("averagingConstant", spec.averaging_constant);
  spec.bins = row.value("bins", spec.bins);
  spec.is_dynamic = row.value("isDynamic", false);
  spec.scale = row.value("scale", spec.scale);
  spec.zero_point = row.value("zeroPoint", spec.zero_point);
  return spec;
}

QConfig fx_qconfig(const Json& row) { return {fx_spec(row["activation"]), fx_spec(row["weight"])}; }

DTypeConfig fx_dtype_config(const Json& row) {
  DTypeConfig config;
  if (row.contains("input")) config.input = constraints_of(row["input"]);
  if (row.contains("output")) config.output = constraints_of(row["output"]);
  if (row.contains("weight")) config.weight = constraints_of(row["weight"]);
  if (row.contains("bias") && !row["bias"].is_null()) config.bias = dtype_of(row["bias"]);
  read(config.is_dynamic, row, "isDynamic");
  return config;
}

std::vector<DTypeConfig> fx_dtypes(const Json& index) {
  std::vector<DTypeConfig> configs;
  for (const Json& row : fx_section("dtypeLists")[index.get<size_t>()]) {
    configs.push_back(fx_dtype_config(row));
  }
  return configs;
}

// ---------------------------------------------------------------- texts
std::string spec_text(const ObserverSpec& spec) {
  std::string text = spec.observer + " " + std::string(dtype_name(spec.dtype));
  // These have no range, scheme or eps of their own.
  const bool is_bare = spec.observer == "PlaceholderObserver" || spec.observer == "NoopObserver" ||
                       spec.observer == "ReuseInputObserver";
  if (spec.is_dynamic) text += " dynamic";
  if (is_bare) return text;
  const QRange range = spec.range();
  text += " " + std::to_string(range.quant_min) + ".." + std::to_string(range.quant_max);
  if (spec.observer == "FixedQParamsObserver") {
    return text + " scale " + number_text(spec.scale) + " zero point " +
           std::to_string(spec.zero_point);
  }
  if (is_symmetric(spec.qscheme)) text += " symmetric";
  if (spec.reduce_range) text += " reduced";
  if (is_per_channel(spec.qscheme)) text += " per channel of " + std::to_string(spec.ch_axis);
  if (spec.observer == "HistogramObserver") text += " bins " + std::to_string(spec.bins);
  if (spec.bounded_sum) text += " bounded";
  return text + " eps " + number_text(spec.eps);
}

std::string qconfig_text(const MaybeQConfig& qconfig) {
  if (!qconfig) return "none";
  return spec_text(qconfig->activation) + " / " + spec_text(qconfig->weight);
}

std::string dtypes_text(const std::vector<DTypeConfig>& configs) {
  std::string text;
  for (const DTypeConfig& config : configs) {
    text += "[" + constraints_text(config.input) + ", " + constraints_text(config.output) + ", " +
            constraints_text(config.weight) + ", " +
            (config.bias ? std::string(dtype_name(*config.bias)) : "-");
    if (config.is_dynamic) text += *config.is_dynamic ? ", dynamic" : ", not dynamic";
    text += "]";
  }
  return text;
}

// ---------------------------------------------------------------- models
Tensor fx_tensor(const Json& dims, const Json& ints, float unit) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, dims.get<Shape>());
  const std::span<float> values = tensor.mutable_data<float>();
  if (values.size() != ints.size()) throw std::runtime_error("a tensor of another size");
  for (size_t i = 0; i < values.size(); ++i) values[i] = ints[i].get<float>() * unit;
  return tensor;
}

Graph fx_graph(const std::string& model) {
  const Json& row = fx_named("models", model);
  Graph graph;
  graph.model().opsets[""] = row["opset"];
  for (const Json& input : row["inputs"]) {
    const Shape dims = input["dims"];
    graph.inputs.push_back(graph.add_value(input["name"], {DType::kFloat32, to_dims(dims), {}}));
  }
  for (const Json& tensor : row["tensors"]) add_tensor(graph, tensor);
  for (const Json& node : row["nodes"]) add_node(graph, node);
  graph.outputs.push_back(graph.find_value(row["output"].get<std::string>()));
  infer_types(graph);
  return graph;
}

Feeds fx_feeds(const std::string& model, size_t batch) {
  Feeds feeds;
  for (const Json& input : fx_named("models", model)["inputs"]) {
    const Json& data = fx_named("inputs", input["data"]);
    const Json& ints = batch < kCalibrationBatches ? data["calibration"][batch] : data["run"];
    feeds.push_back({input["name"], fx_tensor(data["dims"], ints, data["unit"])});
  }
  return feeds;
}

}  // namespace eightfold::test
