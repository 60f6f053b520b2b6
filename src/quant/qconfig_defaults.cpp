// The named defaults of QConfig and QConfigMapping, as tables (spec-facts 2.1, 2.2, 2.6).
//
// To add a named QConfig: a row of kNamed. To add the defaults of a backend: a row of kBackends.
#include <array>
#include <cmath>

#include "core/error.h"
#include "quant/backend_config.h"
#include "quant/qconfig.h"

namespace eightfold {
namespace {

constexpr float kXnnpackEps = 1.0f / 4096;  // the smallest scale that its requantization takes

// ---------------------------------------------------------------- observers
ObserverSpec activation(const char* observer, DType dtype = DType::kUint8) {
  ObserverSpec spec;
  spec.observer = observer;
  spec.dtype = dtype;
  return spec;
}

ObserverSpec minmax_0_127() {
  ObserverSpec spec = activation("MinMaxObserver");
  spec.quant_range = QRange{0, 127};
  return spec;
}

ObserverSpec histogram(bool reduce_range) {
  ObserverSpec spec = activation("HistogramObserver");
  spec.reduce_range = reduce_range;
  return spec;
}

ObserverSpec weight_per_tensor() {
  ObserverSpec spec = activation("MinMaxObserver", DType::kInt8);
  spec.qscheme = QScheme::kPerTensorSymmetric;
  return spec;
}

ObserverSpec weight_per_channel() {
  ObserverSpec spec = activation("PerChannelMinMaxObserver", DType::kInt8);
  spec.qscheme = QScheme::kPerChannelSymmetric;
  return spec;
}

ObserverSpec placeholder(DType dtype, bool is_dynamic = false) {
  ObserverSpec spec = activation("PlaceholderObserver", dtype);
  spec.is_dynamic = is_dynamic;
  return spec;
}

// PyTorch chooses float zero points here; ONNX has whole ones alone, so it is the affine scheme.
ObserverSpec embedding_weight(DType dtype) {
  ObserverSpec spec = activation("PerChannelMinMaxObserver", dtype);
  spec.qscheme = QScheme::kPerChannelAffine;
  return spec;
}

ObserverSpec xnnpack(ObserverSpec spec) {
  spec.eps = kXnnpackEps;
  return spec;
}
ObserverSpec xnnpack_weight(ObserverSpec spec) {
  spec.quant_range = QRange{-127, 127};
  return xnnpack(spec);
}
ObserverSpec xnnpack_activation() { return xnnpack(activation("HistogramObserver", DType::kInt8)); }

ObserverSpec bounded(ObserverSpec spec, BoundedSum bound) {
  spec.bounded_sum = bound;
  return spec;
}

// ---------------------------------------------------------------- QConfigs by name
struct Named {
  std::string_view name;
  QConfig (*make)();
};
constexpr std::array kNamed{
    Named{"default_qconfig", [] { return QConfig{minmax_0_127(), weight_per_tensor()}; }},
    Named{"default_per_channel_qconfig",
          [] { return QConfig{minmax_0_127(), weight_per_channel()}; }},
    Named{"default_dynamic_qconfig",
          [] { return QConfig{placeholder(DType::kUint8, true), weight_per_tensor()}; }},
    Named{"per_channel_dynamic_qconfig",
          [] { return QConfig{placeholder(DType::kUint8, true), weight_per_channel()}; }},
    Named{"float16_dynamic_qconfig",
          [] { return QConfig{placeholder(DType::kFloat16, true), placeholder(DType::kFloat16)}; }},
    Named{"float16_static_qconfig",
          [] { return QConfig{placeholder(DType::kFloat16), placeholder(DType::kFloat16)}; }},
    Named{"float_qparams_weight_only_qconfig",
          [] { return QConfig{placeholder(DType::kFloat32), embedding_weight(DType::kUint8)}; }},
    Named{"float_qparams_weight_only_qconfig_4bit",
          [] { return QConfig{placeholder(DType::kFloat32), embedding_weight(DType::kUint4)}; }},
    Named{"weight_only_qconfig",
          [] { return QConfig{placeholder(DType::kFloat32), weight_per_channel()}; }},
    Named{"default_reuse_input_qconfig",
          [] { return QConfig{activation("ReuseInputObserver"), placeholder(DType::kFloat32)}; }},
    Named{"default_symmetric_qnnpack_qconfig",
          [] { return QConfig{xnnpack_activation(), xnnpack_weight(weight_per_tensor())}; }},
    Named{"default_per_channel_symmetric_qnnpack_qconfig",
          [] { return QConfig{xnnpack_activation(), xnnpack_weight(weight_per_channel())}; }},
};

// ---------------------------------------------------------------- QConfigs by backend
struct BackendRow {
  std::string_view name;
  QConfig (*make)();
  bool per_tensor_conv_transpose;  // its kernels take one scale there
};

QConfig full_range_per_channel() { return {histogram(false), weight_per_channel()}; }
QConfig reduced_per_channel() { return {histogram(true), weight_per_channel()}; }
QConfig turbo() {
  return {histogram(true), bounded(weight_per_channel(), {.group = 4, .limit = 258})};
}
QConfig fast8() {
  return {histogram(false), bounded(weight_per_channel(), {.group = 2, .limit = 128})};
}
QConfig tensorrt() {
  QConfig qconfig{activation("HistogramObserver", DType::kInt8), weight_per_channel()};
  qconfig.activation.qscheme = QScheme::kPerTensorSymmetric;
  return qconfig;
}

constexpr std::array kBackends{
    BackendRow{"exact8", full_range_per_channel, false},
    BackendRow{"fast8", fast8, false},
    BackendRow{"turbo", turbo, false},
    BackendRow{"onnxruntime", full_range_per_channel, false},
    BackendRow{"native", reduced_per_channel, true},
    BackendRow{"fbgemm", reduced_per_channel, true},
    BackendRow{"x86", reduced_per_channel, true},
    BackendRow{"qnnpack", [] { return QConfig{histogram(false), weight_per_tensor()}; }, false},
    BackendRow{"onednn", full_range_per_channel, false},
    BackendRow{"executorch",
               [] { return QConfig{xnnpack_activation(), xnnpack_weight(weight_per_channel())}; },
               false},
    BackendRow{"tensorrt", tensorrt, false},
};

const BackendRow& row_of(std::string_view name) {
  const std::string& known = backend(name).name();  // refuses unknown names, settles aliases
  for (const BackendRow& row : kBackends) {
    if (row.name == known) return row;
  }
  throw Error(ErrorCode::kInternal, "the backend '" + known + "' has no default QConfig");
}

// ---------------------------------------------------------------- fixed parameters
struct FixedRow {
  const char* op;
  float scale;
  int32_t zero_point;
};
constexpr FixedRow kFixed[] = {{"Sigmoid", 1.0f / 256, 0},
                               {"HardSigmoid", 1.0f / 256, 0},
                               {"Softmax", 1.0f / 256, 0},
                               {"Tanh", 2.0f / 256, 128}};

// The rows are stated for uint8; int8 is the same range moved by 128.
ObserverSpec fixed(const FixedRow& row, DType dtype) {
  ObserverSpec spec = activation("FixedQParamsObserver", dtype);
  spec.scale = row.scale;
  spec.zero_point = row.zero_point - (dtype == DType::kInt8 ? 128 : 0);
  return spec;
}

}  // namespace

QConfig default_qconfig() { return full_range_per_channel(); }

QConfig named_qconfig(std::string_view name) {
  std::string known;
  for (const Named& row : kNamed) {
    if (row.name == name) return row.make();
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(ErrorCode::kInvalidConfig, "there is no QConfig named '" + std::string(name) + "'",
              "known are " + known);
}

std::vector<std::string> qconfig_names() {
  std::vector<std::string> names;
  for (const Named& row : kNamed) names.emplace_back(row.name);
  return names;
}

QConfig get_default_qconfig(std::string_view backend) { return row_of(backend).make(); }

QConfigMapping qconfig_mapping_around(const QConfig& qconfig, std::string_view backend) {
  QConfigMapping mapping;
  mapping.set_global(qconfig);
  const DType dtype = qconfig.activation.dtype;
  // All else is about static 8-bit activations.
  if (qconfig.is_dynamic() || (dtype != DType::kUint8 && dtype != DType::kInt8)) return mapping;
  mapping.set_object_type("Reshape", named_qconfig("default_reuse_input_qconfig"));
  if (row_of(backend).per_tensor_conv_transpose) {
    mapping.set_object_type("ConvTranspose", QConfig{qconfig.activation, weight_per_tensor()});
  }
  QConfig norm = qconfig;
  norm.weight = placeholder(DType::kFloat32);
  mapping.set_object_type("LayerNormalization", norm);
  for (const FixedRow& row : kFixed) {
    mapping.set_object_type(row.op, QConfig{fixed(row, dtype), qconfig.weight});
  }
  return mapping;
}

QConfigMapping get_default_qconfig_mapping(std::string_view backend) {
  return qconfig_mapping_around(get_default_qconfig(backend), backend);
}

QConfigMapping default_qconfig_mapping() { return get_default_qconfig_mapping(kDefaultBackend); }

}  // namespace eightfold
