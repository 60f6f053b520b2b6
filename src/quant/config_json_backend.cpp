// BackendPatternConfig and BackendConfig as JSON (spec-facts 1.4, 1.5).
#include <algorithm>
#include <array>
#include <charconv>
#include <climits>

#include "quant/config_json.h"
#include "quant/config_json_codecs.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- enums
constexpr auto kLastObservation = ObservationType::kInputOutputNotObserved;
constexpr auto kLastWhen = QuantizeWhen::kDynamicAlone;

// All names of an enum, in the order of its enumerators.
template <typename T, T last, std::string_view (*name)(T)>
void read_enum(T& value, std::string_view what, const JsonPlace& place) {
  std::array<std::string_view, static_cast<size_t>(last) + 1> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = name(static_cast<T>(i));
  value = static_cast<T>(read_name(place, what, names));
}

void read_observation(ObservationType& type, const JsonPlace& place) {
  read_enum<ObservationType, kLastObservation, observation_type_name>(type, "observation type",
                                                                      place);
}
bool write_observation(const ObservationType& type, const ObservationType*, ConfigJson& out) {
  out = observation_type_name(type);
  return true;
}
constexpr JsonCodec kObservationCodec =
    kCodec<ObservationType, read_observation, write_observation>;

void read_when(QuantizeWhen& when, const JsonPlace& place) {
  read_enum<QuantizeWhen, kLastWhen, quantize_when_name>(when, "quantizeWhen", place);
}
bool write_when(const QuantizeWhen& when, const QuantizeWhen* standard, ConfigJson& out) {
  out = quantize_when_name(when);
  return standard == nullptr || when != *standard;
}
constexpr JsonCodec kWhenCodec = kCodec<QuantizeWhen, read_when, write_when>;

// ---------------------------------------------------------------- maps
using ObservationByCount = std::map<int, ObservationType>;
void read_counts(ObservationByCount& types, const JsonPlace& place) {
  const size_t size = place.object_size();
  for (size_t i = 0; i < size; ++i) {
    const JsonPlace type = place.member(i);
    const std::string_view key = type.key();
    int count = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), count);
    if (error != std::errc() || end != key.data() + key.size() || count < 0) {
      type.refuse("the key must be a whole number, of arguments that are tensors");
    }
    read_observation(types[count], type);
  }
}
bool write_counts(const ObservationByCount& types, const ObservationByCount*, ConfigJson& out) {
  out = ConfigJson::object();
  for (const auto& [count, type] : types) {
    write_observation(type, nullptr, append(out, std::to_string(count)));
  }
  return !types.empty();
}
constexpr JsonCodec kCountsCodec = kCodec<ObservationByCount, read_counts, write_counts>;

using IndexByType = std::map<std::string, int>;
void read_indexes(IndexByType& indexes, const JsonPlace& place) {
  constexpr std::array<std::string_view, 3> kTypes{"bias", "input", "weight"};
  const size_t size = place.object_size();
  for (size_t i = 0; i < size; ++i) {
    const JsonPlace index = place.member(i);
    if (std::find(kTypes.begin(), kTypes.end(), index.key()) == kTypes.end()) {
      index.refuse("unknown key; known are bias, input, weight");
    }
    indexes[std::string(index.key())] = static_cast<int>(index.whole(0, INT_MAX));
  }
}
bool write_indexes(const IndexByType& indexes, const IndexByType*, ConfigJson& out) {
  out = ConfigJson::object();
  for (const auto& [type, index] : indexes) append(out, type) = index;
  return !indexes.empty();
}
constexpr JsonCodec kIndexesCodec = kCodec<IndexByType, read_indexes, write_indexes>;

// ---------------------------------------------------------------- one pattern
using Config = BackendPatternConfig;
constexpr JsonField kPatternConfigFields[] = {
    {"pattern", itself, &kForwardPatternCodec},
    {"patternComplexFormat", itself, &kComplexPatternCodec},
    {"patternGraph", itself, &kPatternGraphCodec},
    field<&Config::observation_type>("observationType", kObservationCodec, FieldRule::kAlways),
    field<&Config::dtype_configs>("dtypeConfigs", kListCodec<DTypeConfig, kDTypeConfigCodec>,
                                  FieldRule::kAlways),
    field<&Config::root_module>("rootModule", kIdentityCodec),
    field<&Config::qat_module>("qatModule", kIdentityCodec),
    field<&Config::reference_quantized_module>("referenceQuantizedModule", kIdentityCodec),
    field<&Config::fused_module>("fusedModule", kIdentityCodec),
    field<&Config::fuser_method>("fuserMethod", kStringCodec),
    field<&Config::root_node_getter>("rootNodeGetter", kStringCodec),
    field<&Config::extra_inputs_getter>("extraInputsGetter", kStringCodec),
    field<&Config::num_tensor_args_to_observation_type>("numTensorArgsToObservationType",
                                                        kCountsCodec),
    field<&Config::input_type_to_index>("inputTypeToIndex", kIndexesCodec),
    field<&Config::input_output_observed>("inputOutputObserved", kOptionalCodec<bool, kBoolCodec>),
    field<&Config::quantize_when>("quantizeWhen", kWhenCodec)};

void read_pattern_config(Config& config, const JsonPlace& place) {
  int patterns = 0;
  for (const JsonField& field : std::span(kPatternConfigFields).first(3)) {
    patterns += place.find(field.key) ? 1 : 0;
  }
  if (patterns > 1) {
    place.refuse("only one of pattern, patternComplexFormat and patternGraph can be set",
                 "keep the forward pattern unless the nodes branch");
  }
  read_fields(kPatternConfigFields, &config, place);
}
bool write_pattern_config(const Config& config, const Config*, ConfigJson& out) {
  const Config none;
  out = write_fields(kPatternConfigFields, &config, &none);
  return true;
}
constexpr JsonCodec kPatternConfigCodec = kCodec<Config, read_pattern_config, write_pattern_config>;

// ---------------------------------------------------------------- all of a backend
constexpr size_t kMostConfigs = 4096;  // each is compared with all before it

void read_configs(BackendConfig& backend, const JsonPlace& place) {
  // An entry is of no use alone: it is checked where it joins the others.
  const auto join = [](void* to, const JsonPlace& item) {
    Config config;
    read_pattern_config(config, item);
    static_cast<BackendConfig*>(to)->set_backend_pattern_config(std::move(config));
  };
  const size_t size = place.list_size(kMostConfigs);
  for (size_t i = 0; i < size; ++i) read_at(join, &backend, place.item(i));
}
bool write_configs(const BackendConfig& backend, const BackendConfig*, ConfigJson& out) {
  return kListCodec<Config, kPatternConfigCodec>.write(&backend.configs(), nullptr, out);
}
constexpr JsonCodec kConfigsCodec = kCodec<BackendConfig, read_configs, write_configs>;

void read_backend_name(BackendConfig& backend, const JsonPlace& place) {
  backend.set_name(place.string());
}
bool write_backend_name(const BackendConfig& backend, const BackendConfig*, ConfigJson& out) {
  out = backend.name();
  return true;
}
constexpr JsonCodec kNameCodec = kCodec<BackendConfig, read_backend_name, write_backend_name>;

constexpr JsonField kBackendFields[] = {{"name", itself, &kNameCodec},
                                        {"configs", itself, &kConfigsCodec}};

void read_backend(BackendConfig& config, const JsonPlace& place) {
  if (place.is_string()) {
    config = backend(place.string());
    return;
  }
  if (!place.is_object()) place.refuse_type("an object, or the name of a backend");
  config = BackendConfig();
  read_fields(kBackendFields, &config, place);
}
bool write_backend(const BackendConfig& config, const BackendConfig*, ConfigJson& out) {
  out = write_fields(kBackendFields, &config, &config);
  return true;
}

}  // namespace

constinit const JsonCodec kBackendConfigCodec = kCodec<BackendConfig, read_backend, write_backend>;

BackendPatternConfig backend_pattern_config_from_json(std::string_view text) {
  return from_json<BackendPatternConfig>(text, "BackendPatternConfig", kPatternConfigCodec);
}
BackendConfig backend_from_json(std::string_view text) {
  return from_json<BackendConfig>(text, "BackendConfig", kBackendConfigCodec);
}
std::string to_json(const BackendPatternConfig& config, int indent) {
  return write_json(kPatternConfigCodec, &config, indent);
}
std::string to_json(const BackendConfig& config, int indent) {
  return write_json(kBackendConfigCodec, &config, indent);
}

}  // namespace eightfold
