// Report, Comparison and Explanation as JSON text, by tables of fields (json_reader.h).
#include <cmath>

#include "quant/explain.h"
#include "quant/json_codecs.h"
#include "quant/report.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- codecs that write alone
template <auto member>
constexpr JsonField always(std::string_view key, const JsonCodec& codec) {
  return field<member>(key, codec, FieldRule::kAlways);
}

template <typename T, bool (*write)(const T&, ConfigJson&)>
constexpr JsonCodec kWriter{nullptr, [](const void* value, const void*, ConfigJson& out) {
                              return write(*static_cast<const T*>(value), out);
                            }};

template <typename T, const auto& fields>
bool write_object(const T& value, ConfigJson& out) {
  const T none{};
  out = write_fields(fields, &value, &none);
  return true;
}
template <typename T, const auto& fields>
constexpr JsonCodec kObjectWriter = kWriter<T, write_object<T, fields>>;

template <typename T, const auto& fields>
bool write_objects(const std::vector<T>& values, ConfigJson& out) {
  const T none{};
  out = ConfigJson::array();
  for (const T& value : values) append(out) = write_fields(fields, &value, &none);
  return true;
}
template <typename T, const auto& fields>
constexpr JsonCodec kObjectsWriter = kWriter<std::vector<T>, write_objects<T, fields>>;

// JSON has no infinity: an exact match and a missing number are null.
bool write_finite(const std::optional<double>& number, ConfigJson& out) {
  if (number && std::isfinite(*number)) out = *number;
  return true;
}
bool write_max_error(const double& number, ConfigJson& out) { return write_finite(number, out); }
constexpr JsonCodec kFinite = kWriter<std::optional<double>, write_finite>;
constexpr JsonCodec kMaxError = kWriter<double, write_max_error>;

// ---------------------------------------------------------------- rows
constexpr JsonField kRemark[] = {
    always<&Remark::node>("node", kStringCodec), always<&Remark::op_type>("opType", kStringCodec),
    always<&Remark::kind>("kind", kStringCodec), always<&Remark::reason>("reason", kStringCodec)};
constexpr JsonCodec kRemarks = kObjectsWriter<Remark, kRemark>;

constexpr JsonField kOutput[] = {
    always<&OutputReport::name>("name", kStringCodec), always<&OutputReport::sqnr>("sqnr", kFinite),
    always<&OutputReport::max_error>("maxError", kMaxError),
    always<&OutputReport::argmax_agreement>("argmaxAgreement", kFinite)};
constexpr JsonCodec kOutputs = kObjectsWriter<OutputReport, kOutput>;

constexpr JsonField kLayer[] = {always<&LayerReport::node>("node", kStringCodec),
                                always<&LayerReport::op_type>("opType", kStringCodec),
                                always<&LayerReport::output>("output", kStringCodec),
                                always<&LayerReport::macs>("macs", kInt64Codec),
                                always<&LayerReport::int8>("int8", kBoolCodec),
                                always<&LayerReport::sqnr>("sqnr", kFinite),
                                field<&LayerReport::reason>("reason", kStringCodec),
                                field<&LayerReport::weight_scheme>("weightScheme", kStringCodec)};
constexpr JsonCodec kLayers = kObjectsWriter<LayerReport, kLayer>;

// ---------------------------------------------------------------- the report
constexpr JsonField kBytes[] = {always<&Report::float_bytes>("float", kInt64Codec),
                                always<&Report::int8_bytes>("int8", kInt64Codec)};
constexpr JsonField kMacs[] = {always<&Report::macs>("total", kInt64Codec),
                               always<&Report::int8_macs>("int8", kInt64Codec)};
constexpr JsonCodec kBytesCodec = kObjectWriter<Report, kBytes>;
constexpr JsonCodec kMacsCodec = kObjectWriter<Report, kMacs>;
constexpr JsonField kReport[] = {
    {"bytes", itself, &kBytesCodec},
    {"macs", itself, &kMacsCodec},
    always<&Report::calibration_samples>("calibrationSamples", kIntCodec),
    always<&Report::compared_samples>("comparedSamples", kIntCodec),
    always<&Report::outputs>("outputs", kOutputs),
    always<&Report::layers>("layers", kLayers),
    always<&Report::remarks>("remarks", kRemarks)};
constexpr JsonCodec kReportCodec = kObjectWriter<Report, kReport>;

// ---------------------------------------------------------------- the comparison
struct ComparedLayer {
  std::string node, op_type, output;
  std::optional<double> sqnr;
  double max_error;
};
constexpr JsonField kComparedLayer[] = {always<&ComparedLayer::node>("node", kStringCodec),
                                        always<&ComparedLayer::op_type>("opType", kStringCodec),
                                        always<&ComparedLayer::output>("output", kStringCodec),
                                        always<&ComparedLayer::sqnr>("sqnr", kFinite),
                                        always<&ComparedLayer::max_error>("maxError", kMaxError)};
constexpr JsonCodec kComparedLayers = kObjectsWriter<ComparedLayer, kComparedLayer>;

struct Compared {
  int samples;
  std::vector<OutputReport> outputs;
  std::vector<ComparedLayer> layers;
};
constexpr JsonField kCompared[] = {always<&Compared::samples>("samples", kIntCodec),
                                   always<&Compared::outputs>("outputs", kOutputs),
                                   always<&Compared::layers>("layers", kComparedLayers)};
constexpr JsonCodec kComparedCodec = kObjectWriter<Compared, kCompared>;

// ---------------------------------------------------------------- the explanation
constexpr JsonField kNear[] = {always<&NearPattern::pattern>("pattern", kStringCodec),
                               always<&NearPattern::reason>("reason", kStringCodec)};
constexpr JsonCodec kNears = kObjectsWriter<NearPattern, kNear>;

constexpr JsonField kObserved[] = {always<&ObservedValue::value>("value", kStringCodec),
                                   always<&ObservedValue::role>("role", kStringCodec),
                                   always<&ObservedValue::observer>("observer", kStringCodec),
                                   always<&ObservedValue::dtype>("dtype", kStringCodec),
                                   always<&ObservedValue::quant_min>("quantMin", kInt64Codec),
                                   always<&ObservedValue::quant_max>("quantMax", kInt64Codec),
                                   field<&ObservedValue::slot>("slot", kIntCodec),  // not -1
                                   field<&ObservedValue::shared_with>("sharedWith", kStringsCodec)};
constexpr JsonCodec kObserveds = kObjectsWriter<ObservedValue, kObserved>;

using Explained = NodeExplanation;
constexpr JsonField kNode[] = {always<&Explained::node>("node", kStringCodec),
                               always<&Explained::op_type>("opType", kStringCodec),
                               always<&Explained::quantized>("quantized", kBoolCodec),
                               always<&Explained::makes_data>("makesData", kBoolCodec),
                               always<&Explained::mode>("mode", kStringCodec),
                               always<&Explained::pattern>("pattern", kStringCodec),
                               always<&Explained::members>("members", kStringsCodec),
                               always<&Explained::near_misses>("nearMisses", kNears),
                               always<&Explained::reason>("reason", kStringCodec),
                               always<&Explained::dtypes>("dtypes", kStringCodec),
                               always<&Explained::observed>("observed", kObserveds),
                               always<&Explained::runs_as>("runsAs", kStringCodec),
                               always<&Explained::kernel>("kernel", kStringCodec)};
constexpr JsonCodec kNodes = kObjectsWriter<Explained, kNode>;

constexpr JsonField kExplanation[] = {always<&Explanation::backend>("backend", kStringCodec),
                                      always<&Explanation::quantized>("quantized", kIntCodec),
                                      always<&Explanation::float_nodes>("floatNodes", kIntCodec),
                                      always<&Explanation::nodes>("nodes", kNodes),
                                      always<&Explanation::remarks>("remarks", kRemarks)};
constexpr JsonCodec kExplanationCodec = kObjectWriter<Explanation, kExplanation>;

}  // namespace

std::string to_json(const Report& report, int indent) {
  return write_json(kReportCodec, &report, indent);
}

std::string to_json(const Comparison& comparison, int indent) {
  Compared compared{comparison.samples, {}, {}};
  for (const OutputError& output : comparison.outputs) {
    compared.outputs.push_back(
        {output.name, output.error.sqnr_db(), output.error.max_error, output.argmax_agreement()});
  }
  for (const LayerError& layer : comparison.layers) {
    compared.layers.push_back(
        {layer.node, layer.op_type, layer.value, layer.error.sqnr_db(), layer.error.max_error});
  }
  return write_json(kComparedCodec, &compared, indent);
}

std::string to_json(const Explanation& explanation, int indent) {
  return write_json(kExplanationCodec, &explanation, indent);
}

}  // namespace eightfold
