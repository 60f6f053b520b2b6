// See quantize_options.h: the short form is what most models need, said as a QConfigMapping.
#include "quant/quantize_options.h"

#include <algorithm>
#include <array>

#include "quant/config_json_codecs.h"

namespace eightfold {
namespace {

enum class Mode : uint8_t { kStatic, kDynamic, kWeightOnly, kFloat16 };
constexpr std::array<std::string_view, 4> kModes{"static", "dynamic", "weight_only", "float16"};

struct Options {
  Mode mode = Mode::kStatic;
  std::string observer;  // "": that of the backend
  std::optional<DType> activations;
  bool per_tensor = false;
  std::vector<std::string> exclude;
  std::vector<std::string> exact;
  std::optional<QConfigMapping> qconfig_mapping;
  PrepareCustomConfig prepare_custom;
};

// Options are read alone.
template <typename T, void (*read)(T&, const JsonPlace&)>
constexpr JsonCodec kReader{
    [](void* value, const JsonPlace& place) { read(*static_cast<T*>(value), place); }, nullptr};

void read_mode(Mode& mode, const JsonPlace& place) {
  mode = static_cast<Mode>(read_name(place, "mode", kModes));
}
void read_activations(std::optional<DType>& dtype, const JsonPlace& place) {
  read_at(kDTypeCodec, &dtype.emplace(), place);
  if (!is_quantized_int8(*dtype)) place.refuse("must be 'uint8' or 'int8'");
}

constexpr JsonCodec kModeCodec = kReader<Mode, read_mode>;
constexpr JsonCodec kActivationsCodec = kReader<std::optional<DType>, read_activations>;
constexpr JsonField kPrepareFields[] = {
    field<&Options::mode>("mode", kModeCodec),
    field<&Options::observer>("observer", kObserverNameCodec),
    field<&Options::per_tensor>("perTensor", kBoolCodec),
    field<&Options::activations>("activations", kActivationsCodec),
    field<&Options::exclude>("exclude", kStringsCodec),
    field<&Options::exact>("exact", kStringsCodec),
    field<&Options::qconfig_mapping>("qconfigMapping",
                                     kOptionalCodec<QConfigMapping, kQConfigMappingCodec>),
    field<&Options::prepare_custom>("prepareCustomConfig", kPrepareCustomConfigCodec)};

// ---------------------------------------------------------------- what does not go together
void refuse_if_given(std::initializer_list<std::string_view> keys, const JsonPlace& place,
                     std::string_view why) {
  for (std::string_view key : keys) {
    if (const auto given = place.find(key)) given->refuse(why);
  }
}

void check_together(const Options& options, const JsonPlace& place) {
  if (options.qconfig_mapping) {
    refuse_if_given({"mode", "observer", "perTensor", "activations", "exclude", "exact"}, place,
                    "does not go with qconfigMapping, which says it all");
  }
  if (options.mode == Mode::kStatic) return;
  const std::string mode(kModes[static_cast<size_t>(options.mode)]);
  refuse_if_given({"observer", "activations"}, place,
                  "has no meaning in the mode '" + mode + "', which observes no activations");
  if (options.mode == Mode::kFloat16) {
    refuse_if_given({"perTensor"}, place, "has no meaning for float16, which has no scales");
  }
}

// ---------------------------------------------------------------- the short form as a mapping
QConfig base_qconfig(Mode mode, std::string_view preset) {
  switch (mode) {
    case Mode::kDynamic: return named_qconfig("per_channel_dynamic_qconfig");
    case Mode::kWeightOnly: return named_qconfig("weight_only_qconfig");
    case Mode::kFloat16: return named_qconfig("float16_dynamic_qconfig");
    case Mode::kStatic: break;
  }
  return preset.empty() ? default_qconfig() : get_default_qconfig(preset);
}

QConfig short_qconfig(const Options& options, std::string_view preset) {
  QConfig qconfig = base_qconfig(options.mode, preset);
  if (!options.observer.empty()) qconfig.activation.observer = options.observer;
  if (options.activations) {
    qconfig.activation.dtype = *options.activations;
    qconfig.activation.quant_range.reset();
  }
  if (options.per_tensor) {
    qconfig.weight.observer = "MinMaxObserver";
    qconfig.weight.qscheme = QScheme::kPerTensorSymmetric;
  }
  return qconfig;
}

// Sets the QConfig of what `entry` names: a node, the nodes under a path, or all nodes of an op
// type.
bool set_entry(QConfigMapping& mapping, const Graph& graph, const std::string& entry,
               const MaybeQConfig& qconfig) {
  bool is_node = false, is_op = false;
  for (NodeId id : graph.nodes()) {
    const std::string name = display_name(graph, id);
    is_node = is_node || name == entry || name.starts_with(entry + "/");
    is_op = is_op || graph.node(id).op_type == entry;
  }
  if (is_op) mapping.set_object_type(entry, qconfig);
  if (is_node) mapping.set_module_name(entry, qconfig);
  return is_op || is_node;
}

QConfigMapping short_mapping(const Options& options, const BackendConfig& backend) {
  const std::vector<std::string> presets = backend_names();
  const bool is_preset = std::find(presets.begin(), presets.end(), backend.name()) != presets.end();
  const QConfig qconfig = short_qconfig(options, is_preset ? backend.name() : "");
  QConfigMapping mapping = qconfig_mapping_around(
      qconfig, is_preset ? std::string_view(backend.name()) : kDefaultBackend);
  if (options.mode == Mode::kWeightOnly) {
    mapping.set_object_type("Gather", named_qconfig("float_qparams_weight_only_qconfig"));
  }
  return mapping;
}

// ---------------------------------------------------------------- reading
struct PrepareReading {
  const BackendConfig& backend;
  const Graph& fused;
  PrepareOptions result;
};

void read_prepare(PrepareReading& reading, const JsonPlace& place) {
  Options options;
  read_fields(kPrepareFields, &options, place);
  check_together(options, place);
  reading.result.custom = std::move(options.prepare_custom);
  if (options.qconfig_mapping) {
    reading.result.qconfig_mapping = *std::move(options.qconfig_mapping);
    return;
  }
  QConfigMapping mapping = short_mapping(options, reading.backend);
  const auto set_all = [&](std::string_view key, const std::vector<std::string>& entries,
                           const MaybeQConfig& qconfig) {
    for (size_t i = 0; i < entries.size(); ++i) {
      if (set_entry(mapping, reading.fused, entries[i], qconfig)) continue;
      place.find(key)->item(i).refuse(
          "'" + entries[i] + "' is neither a node nor an op type of the fused model",
          "fused layers carry the name of their first node; the report lists them all");
    }
  };
  set_all("exact", options.exact, short_qconfig(options, kDefaultBackend));
  set_all("exclude", options.exclude, std::nullopt);
  reading.result.qconfig_mapping = std::move(mapping);
}
constexpr JsonCodec kPrepareOptionsCodec = kReader<PrepareReading, read_prepare>;

constexpr JsonField kConvertFields[] = {
    field<&ConvertOptions::qconfig_mapping>("qconfigMapping",
                                            kOptionalCodec<QConfigMapping, kQConfigMappingCodec>),
    field<&ConvertOptions::custom>("convertCustomConfig", kConvertCustomConfigCodec)};

void read_convert(ConvertOptions& options, const JsonPlace& place) {
  read_fields(kConvertFields, &options, place);
}
constexpr JsonCodec kConvertOptionsCodec = kReader<ConvertOptions, read_convert>;

}  // namespace

PrepareOptions prepare_options_from_json(std::string_view text, const BackendConfig& backend,
                                         const Graph& fused) {
  PrepareReading reading{backend, fused, {}};
  read_json(text, "options of prepare", kPrepareOptionsCodec, &reading);
  return std::move(reading.result);
}

ConvertOptions convert_options_from_json(std::string_view text) {
  return from_json<ConvertOptions>(text, "options of convert", kConvertOptionsCodec);
}

}  // namespace eightfold
