// The report of one quantization: what became int8, what did not and why, how
// well it still agrees. Plain data; to_json writes it for the CLI and the page.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "quant/compare.h"
#include "quant/route.h"

namespace eightfold {

struct LayerReport {
  std::string node, op_type;
  std::string output;  // name of the value it makes in the float graph
  int64_t macs = 0;    // multiply-accumulates of one run; 0 where not counted
  bool int8 = false;
  std::string reason;          // why it is not int8
  std::string weight_scheme;   // "int8 per channel", ...; empty without a quantized weight
  std::optional<double> sqnr;  // dB, against float; none when it was not compared
};

struct OutputReport {
  std::string name;
  std::optional<double> sqnr;
  double max_error = 0;
  std::optional<double> argmax_agreement;
};

struct Report {
  int64_t float_bytes = 0, int8_bytes = 0;  // of the model files
  int64_t macs = 0, int8_macs = 0;
  int calibration_samples = 0, compared_samples = 0;
  std::vector<LayerReport> layers;  // nodes of the fused graph that compute, in order
  std::vector<OutputReport> outputs;
  Remarks remarks;
};

struct ReportInputs {
  const PreparedModel* prepared = nullptr;
  const Graph* lowered = nullptr;
  const Comparison* comparison = nullptr;  // optional
  Remarks remarks;                         // of fuse, convert and lower; prepare's are added
  Feeds sample;                            // shapes that MACs are counted for; may be empty
  int64_t float_bytes = 0, int8_bytes = 0;
};
Report make_report(const ReportInputs& inputs);

// Values that are integers by nature (shapes, indices) are not layers.
bool computes(const Graph& graph, NodeId node);

// MACs per node id of `graph` for feeds of these shapes; 0 where a shape depends on data.
std::vector<int64_t> count_macs(const Graph& graph, const Feeds& sample);

// Keys are camelCase; infinite and missing decibels are null. One object, no line breaks inside
// unless indent >= 0.
std::string to_json(const Report& report, int indent = 2);
std::string to_json(const Comparison& comparison, int indent = 2);

}  // namespace eightfold
