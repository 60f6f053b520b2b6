// The custom configs of prepare, convert and fuse as JSON (spec-facts 2.4, 5.3, 6.2).
#include "quant/config_json.h"
#include "quant/config_json_codecs.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- classes to classes
using SetClass = void (*)(void* config, std::string from, std::string to);

template <auto set>
struct Setter;
template <typename T, T& (T::*set)(std::string, std::string)>
struct Setter<set> {
  static void call(void* config, std::string from, std::string to) {
    (static_cast<T*>(config)->*set)(std::move(from), std::move(to));
  }
};

void read_classes(SetClass set, void* config, const JsonPlace& place) {
  const size_t size = place.object_size();
  for (size_t i = 0; i < size; ++i) {
    const JsonPlace to = place.member(i);
    set(config, std::string(to.key()), to.string());
  }
}
bool write_classes(const ModuleMapping& mapping, ConfigJson& out) {
  out = ConfigJson::object();
  for (const auto& [from, to] : mapping) append(out, from) = to;
  return !mapping.empty();
}

void read_to_observed(PrepareCustomConfig& config, const JsonPlace& place) {
  read_classes(Setter<&PrepareCustomConfig::set_float_to_observed_mapping>::call, &config, place);
}
bool write_to_observed(const PrepareCustomConfig& config, const PrepareCustomConfig*,
                       ConfigJson& out) {
  return write_classes(config.float_to_observed_mapping, out);
}
void read_to_quantized(ConvertCustomConfig& config, const JsonPlace& place) {
  read_classes(Setter<&ConvertCustomConfig::set_observed_to_quantized_mapping>::call, &config,
               place);
}
bool write_to_quantized(const ConvertCustomConfig& config, const ConvertCustomConfig*,
                        ConfigJson& out) {
  return write_classes(config.observed_to_quantized_mapping, out);
}

// ---------------------------------------------------------------- standalone modules
constexpr JsonField kModuleFields[] = {
    field<&StandaloneModule::name>("name", kStringCodec),
    field<&StandaloneModule::op>("op", kIdentityCodec),
    field<&StandaloneModule::qconfig_mapping>("qconfigMapping", kQConfigMappingCodec,
                                              FieldRule::kAlways),
    field<&StandaloneModule::backend_config>("backendConfig",
                                             kOptionalCodec<BackendConfig, kBackendConfigCodec>)};

void read_modules(PrepareCustomConfig& config, const JsonPlace& place) {
  const auto read = [](void* to, const JsonPlace& item) {
    StandaloneModule module;
    read_fields(kModuleFields, &module, item);
    if (!item.find("qconfigMapping")) item.refuse("needs a qconfigMapping");
    static_cast<PrepareCustomConfig*>(to)->set_standalone_module(std::move(module));
  };
  const size_t size = place.list_size();
  for (size_t i = 0; i < size; ++i) read_at(read, &config, place.item(i));
}
bool write_modules(const PrepareCustomConfig& config, const PrepareCustomConfig*, ConfigJson& out) {
  const StandaloneModule none;
  out = ConfigJson::array();
  for (const StandaloneModule& module : config.standalone_modules) {
    append(out) = write_fields(kModuleFields, &module, &none);
  }
  return !config.standalone_modules.empty();
}

// ---------------------------------------------------------------- the three configs
using Prepare = PrepareCustomConfig;
using Convert = ConvertCustomConfig;

constexpr JsonCodec kIndexesCodec = kListCodec<int, kIndexCodec>;
constexpr JsonCodec kModulesCodec = kCodec<Prepare, read_modules, write_modules>;
constexpr JsonCodec kToObservedCodec = kCodec<Prepare, read_to_observed, write_to_observed>;
constexpr JsonCodec kToQuantizedCodec = kCodec<Convert, read_to_quantized, write_to_quantized>;

constexpr JsonField kPrepareFields[] = {
    {"standaloneModules", itself, &kModulesCodec},
    {"floatToObserved", itself, &kToObservedCodec},
    field<&Prepare::non_traceable_module_names>("nonTraceableModuleNames", kStringsCodec),
    field<&Prepare::non_traceable_module_classes>("nonTraceableModuleClasses",
                                                  kListCodec<std::string, kIdentityCodec>),
    field<&Prepare::input_quantized_indexes>("inputQuantizedIndexes", kIndexesCodec),
    field<&Prepare::output_quantized_indexes>("outputQuantizedIndexes", kIndexesCodec),
    field<&Prepare::preserved_attributes>("preservedAttributes", kStringsCodec)};

constexpr JsonField kConvertFields[] = {
    {"observedToQuantized", itself, &kToQuantizedCodec},
    field<&Convert::preserved_attributes>("preservedAttributes", kStringsCodec)};

constexpr JsonField kFuseFields[] = {
    field<&FuseCustomConfig::preserved_attributes>("preservedAttributes", kStringsCodec)};

constexpr JsonCodec kFuseCustomConfigCodec = kObjectCodec<FuseCustomConfig, kFuseFields>;

}  // namespace

constinit const JsonCodec kPrepareCustomConfigCodec = kObjectCodec<Prepare, kPrepareFields>;
constinit const JsonCodec kConvertCustomConfigCodec = kObjectCodec<Convert, kConvertFields>;

PrepareCustomConfig prepare_custom_config_from_json(std::string_view text) {
  return from_json<PrepareCustomConfig>(text, "PrepareCustomConfig", kPrepareCustomConfigCodec);
}
ConvertCustomConfig convert_custom_config_from_json(std::string_view text) {
  return from_json<ConvertCustomConfig>(text, "ConvertCustomConfig", kConvertCustomConfigCodec);
}
FuseCustomConfig fuse_custom_config_from_json(std::string_view text) {
  return from_json<FuseCustomConfig>(text, "FuseCustomConfig", kFuseCustomConfigCodec);
}
std::string to_json(const PrepareCustomConfig& config, int indent) {
  return write_json(kPrepareCustomConfigCodec, &config, indent);
}
std::string to_json(const ConvertCustomConfig& config, int indent) {
  return write_json(kConvertCustomConfigCodec, &config, indent);
}
std::string to_json(const FuseCustomConfig& config, int indent) {
  return write_json(kFuseCustomConfigCodec, &config, indent);
}

}  // namespace eightfold
