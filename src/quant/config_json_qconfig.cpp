// ObserverSpec, QConfig and QConfigMapping as JSON (spec-facts 2.1, 2.2).
#include <algorithm>
#include <array>
#include <climits>

#include "core/error.h"
#include "quant/config_json.h"
#include "quant/config_json_codecs.h"
#include "quant/observer.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- observers
// Prepare reads this name as "that of the input"; it is no observer that could be made.
constexpr const char* kReuseInput = "ReuseInputObserver";

void read_observer(std::string& name, const JsonPlace& place) {
  std::vector<std::string> names = observer_names();
  names.emplace_back(kReuseInput);
  const std::vector<std::string_view> known(names.begin(), names.end());
  name = known[read_name(place, "observer", known)];
}
bool write_observer(const std::string& name, const std::string*, ConfigJson& out) {
  out = name;
  return true;
}

constexpr std::array<std::string_view, 4> kSchemes{"per_tensor_affine", "per_tensor_symmetric",
                                                   "per_channel_affine", "per_channel_symmetric"};
void read_scheme(QScheme& scheme, const JsonPlace& place) {
  scheme = static_cast<QScheme>(read_name(place, "qscheme", kSchemes));
}
bool write_scheme(const QScheme& scheme, const QScheme*, ConfigJson& out) {
  out = kSchemes[static_cast<size_t>(scheme)];
  return true;
}

// One bound alone leaves the other at that of the dtype.
template <int64_t QRange::* bound>
void read_bound(ObserverSpec& spec, const JsonPlace& place) {
  if (!spec.quant_range) spec.quant_range = full_range(spec.dtype);
  kInt64Codec.read(&((*spec.quant_range).*bound), place);
}
template <int64_t QRange::* bound>
bool write_bound(const ObserverSpec& spec, const ObserverSpec*, ConfigJson& out) {
  return spec.quant_range && kInt64Codec.write(&((*spec.quant_range).*bound), nullptr, out);
}

constexpr JsonCodec kSchemeCodec = kCodec<QScheme, read_scheme, write_scheme>;
constexpr JsonCodec kMinCodec =
    kCodec<ObserverSpec, read_bound<&QRange::quant_min>, write_bound<&QRange::quant_min>>;
constexpr JsonCodec kMaxCodec =
    kCodec<ObserverSpec, read_bound<&QRange::quant_max>, write_bound<&QRange::quant_max>>;

// In this order: what a range is by default depends on the dtype.
constexpr JsonField kSpecFields[] = {
    field<&ObserverSpec::observer>("observer", kObserverNameCodec),
    field<&ObserverSpec::dtype>("dtype", kDTypeCodec, FieldRule::kAlways),
    field<&ObserverSpec::qscheme>("qscheme", kSchemeCodec),
    {"quantMin", itself, &kMinCodec},
    {"quantMax", itself, &kMaxCodec},
    field<&ObserverSpec::reduce_range>("reduceRange", kBoolCodec),
    field<&ObserverSpec::eps>("eps", kFloatCodec),
    field<&ObserverSpec::ch_axis>("chAxis", kIntCodec),
    field<&ObserverSpec::averaging_constant>("averagingConstant", kFloatCodec),
    field<&ObserverSpec::bins>("bins", kIntCodec),
    field<&ObserverSpec::is_dynamic>("isDynamic", kBoolCodec),
    field<&ObserverSpec::scale>("scale", kFloatCodec),
    field<&ObserverSpec::zero_point>("zeroPoint", kIntCodec),
    field<&ObserverSpec::bounded_sum>("boundedSum", kBoundedSumCodec)};

// Reads over what the spec holds already.
void read_spec(ObserverSpec& spec, const JsonPlace& place) {
  read_fields(kSpecFields, &spec, place);
}
bool write_spec(const ObserverSpec& spec, const ObserverSpec*, ConfigJson& out) {
  const ObserverSpec standard;
  out = write_fields(kSpecFields, &spec, &standard);
  return true;
}
constexpr JsonCodec kSpecCodec = kCodec<ObserverSpec, read_spec, write_spec>;

// ---------------------------------------------------------------- QConfigs
// A nested structure of observers; null: as `activation`. An object is an observer where it has a
// key of one.
bool is_spec(const JsonPlace& place) {
  return place.is_object() && std::ranges::any_of(kSpecFields, [&](const JsonField& spec) {
           return place.find(spec.key).has_value();
         });
}
void read_part(QConfig& qconfig, const std::string& path, const JsonPlace& place) {
  constexpr size_t kDeepest = 8;
  if (place.is_null()) return;
  if (std::ranges::count(path, '.') >= static_cast<std::ptrdiff_t>(kDeepest)) {
    place.refuse("is nested too deep");
  }
  const std::string prefix = path.empty() ? path : path + ".";
  if (place.is_list()) {
    const size_t size = place.list_size();
    for (size_t i = 0; i < size; ++i) read_part(qconfig, prefix + std::to_string(i), place.item(i));
    return;
  }
  if (!place.is_object()) place.refuse_type("an observer, a list or an object of them, or null");
  if (!path.empty() && is_spec(place)) {
    read_spec(qconfig.parts.emplace_back(path, qconfig.activation).second, place);
    return;
  }
  const size_t size = place.object_size();
  for (size_t i = 0; i < size; ++i) {
    const JsonPlace member = place.member(i);
    read_part(qconfig, prefix + std::string(member.key()), member);
  }
}
void read_parts(QConfig& qconfig, const JsonPlace& place) {
  if (!place.is_object()) place.refuse_type("an object");
  qconfig.parts.clear();
  read_part(qconfig, "", place);
}
// By path: {"state.0": ...}, which reads the same.
bool write_parts(const QConfig& qconfig, const QConfig*, ConfigJson& out) {
  out = ConfigJson::object();
  for (const auto& [path, spec] : qconfig.parts) write_spec(spec, nullptr, append(out, path));
  return !qconfig.parts.empty();
}
constexpr JsonCodec kPartsCodec = kCodec<QConfig, read_parts, write_parts>;

// In this order: parts are read over what `activation` has.
constexpr JsonField kQConfigFields[] = {field<&QConfig::activation>("activation", kSpecCodec),
                                        field<&QConfig::weight>("weight", kSpecCodec),
                                        {"parts", itself, &kPartsCodec}};

void read_qconfig(MaybeQConfig& qconfig, const JsonPlace& place) {
  qconfig.reset();
  if (place.is_null()) return;
  if (place.is_string()) {
    qconfig = named_qconfig(place.string());
    return;
  }
  if (!place.is_object()) {
    place.refuse_type("an object of activation and weight, the name of a QConfig, or null");
  }
  qconfig = default_qconfig();
  read_fields(kQConfigFields, &*qconfig, place);
}
bool write_qconfig(const MaybeQConfig& qconfig, const MaybeQConfig*, ConfigJson& out) {
  out = qconfig ? write_fields(kQConfigFields, &*qconfig, &*qconfig) : ConfigJson(nullptr);
  return true;
}
constexpr JsonCodec kQConfigCodec = kCodec<MaybeQConfig, read_qconfig, write_qconfig>;

// The errors of named_qconfig have the place of the name.
MaybeQConfig qconfig_at(const JsonPlace& place) {
  MaybeQConfig qconfig;
  read_at(kQConfigCodec, &qconfig, place);
  return qconfig;
}
void append_qconfig(ConfigJson& list, const MaybeQConfig& qconfig) {
  kQConfigCodec.write(&qconfig, nullptr, append(list));
}

// ---------------------------------------------------------------- styles of a mapping
void read_global(QConfigMapping& mapping, const JsonPlace& place) {
  mapping.set_global(qconfig_at(place));
}
bool write_global(const QConfigMapping& mapping, const QConfigMapping*, ConfigJson& out) {
  return mapping.global() && kQConfigCodec.write(&*mapping.global(), nullptr, out);
}

void check_entry(const JsonPlace& entry, size_t size) {
  if (entry.list_size() != size) {
    entry.refuse("must be a list of " + std::to_string(size) + ", the last of them a QConfig");
  }
}

// [[key, QConfig], ...]
using SetByName = QConfigMapping& (QConfigMapping::*)(std::string, MaybeQConfig);
using ByName = QConfigMapping::Entries<std::string>;
template <SetByName set>
void read_by_name(QConfigMapping& mapping, const JsonPlace& place) {
  const auto read = [](void* to, const JsonPlace& entry) {
    check_entry(entry, 2);
    (static_cast<QConfigMapping*>(to)->*set)(entry.item(0).string(), qconfig_at(entry.item(1)));
  };
  const size_t size = place.list_size();
  for (size_t i = 0; i < size; ++i) read_at(read, &mapping, place.item(i));
}
bool write_entries(const ByName& entries, ConfigJson& out) {
  out = ConfigJson::array();
  for (const auto& [key, qconfig] : entries) {
    ConfigJson& entry = append(out);
    append(entry = ConfigJson::array()) = key;
    append_qconfig(entry, qconfig);
  }
  return !entries.empty();
}
template <const ByName& (QConfigMapping::*entries)() const>
bool write_by_name(const QConfigMapping& mapping, const QConfigMapping*, ConfigJson& out) {
  return write_entries((mapping.*entries)(), out);
}

// [[module, op, index, QConfig], ...]
void read_orders(QConfigMapping& mapping, const JsonPlace& place) {
  const auto read = [](void* to, const JsonPlace& entry) {
    check_entry(entry, 4);
    static_cast<QConfigMapping*>(to)->set_module_name_object_type_order(
        entry.item(0).string(), entry.item(1).string(),
        static_cast<int>(entry.item(2).whole(0, INT_MAX)), qconfig_at(entry.item(3)));
  };
  const size_t size = place.list_size();
  for (size_t i = 0; i < size; ++i) read_at(read, &mapping, place.item(i));
}
bool write_orders(const QConfigMapping& mapping, const QConfigMapping*, ConfigJson& out) {
  out = ConfigJson::array();
  for (const auto& [key, qconfig] : mapping.orders()) {
    ConfigJson& entry = append(out);
    append(entry = ConfigJson::array()) = key.name;
    append(entry) = key.op;
    append(entry) = key.index;
    append_qconfig(entry, qconfig);
  }
  return !mapping.orders().empty();
}

using Mapping = QConfigMapping;
constexpr JsonCodec kGlobalCodec = kCodec<Mapping, read_global, write_global>;
constexpr JsonCodec kObjectTypeCodec =
    kCodec<Mapping, read_by_name<&Mapping::set_object_type>, write_by_name<&Mapping::object_types>>;
constexpr JsonCodec kRegexCodec = kCodec<Mapping, read_by_name<&Mapping::set_module_name_regex>,
                                         write_by_name<&Mapping::module_name_regexes>>;
constexpr JsonCodec kModuleNameCodec =
    kCodec<Mapping, read_by_name<&Mapping::set_module_name>, write_by_name<&Mapping::module_names>>;
constexpr JsonCodec kOrderCodec = kCodec<Mapping, read_orders, write_orders>;

constexpr JsonField kMappingFields[] = {{"global", itself, &kGlobalCodec, FieldRule::kTakesNull},
                                        {"objectType", itself, &kObjectTypeCodec},
                                        {"moduleNameRegex", itself, &kRegexCodec},
                                        {"moduleName", itself, &kModuleNameCodec},
                                        {"moduleNameObjectTypeOrder", itself, &kOrderCodec}};

void read_mapping(QConfigMapping& mapping, const JsonPlace& place) {
  mapping = QConfigMapping();
  read_fields(kMappingFields, &mapping, place);
}
bool write_mapping(const QConfigMapping& mapping, const QConfigMapping*, ConfigJson& out) {
  out = write_fields(kMappingFields, &mapping, &mapping);
  return true;
}

}  // namespace

constinit const JsonCodec kObserverNameCodec = kCodec<std::string, read_observer, write_observer>;
constinit const JsonCodec kQConfigMappingCodec =
    kCodec<QConfigMapping, read_mapping, write_mapping>;

ObserverSpec observer_spec_from_json(std::string_view text) {
  ObserverSpec spec = default_qconfig().activation;
  read_json(text, "ObserverSpec", kSpecCodec, &spec);
  return spec;
}
MaybeQConfig qconfig_from_json(std::string_view text) {
  return from_json<MaybeQConfig>(text, "QConfig", kQConfigCodec);
}
QConfigMapping qconfig_mapping_from_json(std::string_view text) {
  return from_json<QConfigMapping>(text, "QConfigMapping", kQConfigMappingCodec);
}
std::string to_json(const ObserverSpec& spec, int indent) {
  return write_json(kSpecCodec, &spec, indent);
}
std::string to_json(const MaybeQConfig& qconfig, int indent) {
  return write_json(kQConfigCodec, &qconfig, indent);
}
std::string to_json(const QConfigMapping& mapping, int indent) {
  return write_json(kQConfigMappingCodec, &mapping, indent);
}

}  // namespace eightfold
