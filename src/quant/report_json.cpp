// Report and Comparison as JSON text.
#include <cmath>
#include <nlohmann/json.hpp>

#include "quant/explain.h"
#include "quant/report.h"

namespace eightfold {
namespace {

// Ordered: the reader sees keys as they are written here.
using Json = nlohmann::ordered_json;

// JSON has no infinity: an exact match and a missing number are null.
Json finite(std::optional<double> number) {
  return number && std::isfinite(*number) ? Json(*number) : Json(nullptr);
}

Json layer_json(const LayerReport& layer) {
  Json json{{"node", layer.node}, {"opType", layer.op_type}, {"output", layer.output},
            {"macs", layer.macs}, {"int8", layer.int8},      {"sqnr", finite(layer.sqnr)}};
  if (!layer.reason.empty()) json["reason"] = layer.reason;
  if (!layer.weight_scheme.empty()) json["weightScheme"] = layer.weight_scheme;
  return json;
}

Json output_json(const std::string& name, std::optional<double> sqnr, double max_error,
                 std::optional<double> agreement) {
  return {{"name", name},
          {"sqnr", finite(sqnr)},
          {"maxError", finite(max_error)},
          {"argmaxAgreement", finite(agreement)}};
}

Json remark_json(const Remark& remark) {
  return {{"node", remark.node},
          {"opType", remark.op_type},
          {"kind", remark.kind},
          {"reason", remark.reason}};
}

template <typename Items, typename F>
Json array_of(const Items& items, F&& to) {
  Json array = Json::array();
  for (const auto& item : items) array.push_back(to(item));
  return array;
}

// Names of a model may hold any bytes; those that are not UTF-8 are replaced.
std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Report& report, int indent) {
  const Json json{{"bytes", {{"float", report.float_bytes}, {"int8", report.int8_bytes}}},
                  {"macs", {{"total", report.macs}, {"int8", report.int8_macs}}},
                  {"calibrationSamples", report.calibration_samples},
                  {"comparedSamples", report.compared_samples},
                  {"outputs", array_of(report.outputs,
                                       [](const OutputReport& output) {
                                         return output_json(output.name, output.sqnr,
                                                            output.max_error,
                                                            output.argmax_agreement);
                                       })},
                  {"layers", array_of(report.layers, layer_json)},
                  {"remarks", array_of(report.remarks, remark_json)}};
  return dumped(json, indent);
}

std::string to_json(const Comparison& comparison, int indent) {
  const auto output = [](const OutputError& error) {
    return output_json(error.name, error.error.sqnr_db(), error.error.max_error,
                       error.argmax_agreement());
  };
  const auto layer = [](const LayerError& error) {
    return Json{{"node", error.node},
                {"opType", error.op_type},
                {"output", error.value},
                {"sqnr", finite(error.error.sqnr_db())},
                {"maxError", finite(error.error.max_error)}};
  };
  const Json json{{"samples", comparison.samples},
                  {"outputs", array_of(comparison.outputs, output)},
                  {"layers", array_of(comparison.layers, layer)}};
  return dumped(json, indent);
}

// ---------------------------------------------------------------- explain
namespace {

Json near_json(const NearPattern& near) {
  return {{"pattern", near.pattern}, {"reason", near.reason}};
}

Json observed_json(const ObservedValue& seen) {
  Json json{{"value", seen.value}, {"role", seen.role},          {"observer", seen.observer},
            {"dtype", seen.dtype}, {"quantMin", seen.quant_min}, {"quantMax", seen.quant_max}};
  if (seen.slot >= 0) json["slot"] = seen.slot;
  if (!seen.shared_with.empty()) json["sharedWith"] = seen.shared_with;
  return json;
}

Json explained_json(const NodeExplanation& node) {
  return {{"node", node.node},
          {"opType", node.op_type},
          {"quantized", node.quantized},
          {"makesData", node.makes_data},
          {"mode", node.mode},
          {"pattern", node.pattern},
          {"members", node.members},
          {"nearMisses", array_of(node.near_misses, near_json)},
          {"reason", node.reason},
          {"dtypes", node.dtypes},
          {"observed", array_of(node.observed, observed_json)},
          {"runsAs", node.runs_as},
          {"kernel", node.kernel}};
}

}  // namespace

std::string to_json(const Explanation& explanation, int indent) {
  const Json json{{"backend", explanation.backend},
                  {"quantized", explanation.quantized},
                  {"floatNodes", explanation.float_nodes},
                  {"nodes", array_of(explanation.nodes, explained_json)},
                  {"remarks", array_of(explanation.remarks, remark_json)}};
  return dumped(json, indent);
}

}  // namespace eightfold
