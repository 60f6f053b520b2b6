// QConfigs: the fields of an observer, each listed once.
#include <algorithm>
#include <string>

#include "bindings/config.h"
#include "bindings/read_js.h"

namespace eightfold::bindings {
namespace {

using emscripten::val;

struct SchemeRow {
  const char* name;
  QScheme scheme;
};
constexpr SchemeRow kSchemes[] = {
    {"per_tensor_affine", QScheme::kPerTensorAffine},
    {"per_tensor_symmetric", QScheme::kPerTensorSymmetric},
    {"per_channel_affine", QScheme::kPerChannelAffine},
    {"per_channel_symmetric", QScheme::kPerChannelSymmetric},
};

void set_observer(ObserverSpec& spec, const val& value, std::string_view key) {
  spec.observer = read_js<std::string>(value, key);
}

void set_dtype(ObserverSpec& spec, const val& value, std::string_view key) {
  const std::string name = read_js<std::string>(value, key);
  spec.dtype = dtype_from_name(name);
  if (spec.dtype == DType::kUndefined) refuse_config("unknown dtype '" + name + "'");
}

void set_qscheme(ObserverSpec& spec, const val& value, std::string_view key) {
  const std::string name = read_js<std::string>(value, key);
  std::string known;
  for (const SchemeRow& row : kSchemes) {
    if (name == row.name) {
      spec.qscheme = row.scheme;
      return;
    }
    known += known.empty() ? row.name : std::string(", ") + row.name;
  }
  refuse_config("unknown qscheme '" + name + "'", "Known: " + known + ".");
}

void set_range(ObserverSpec& spec, const val& value, std::string_view key) {
  if (!spec.quant_range) spec.quant_range = full_range(spec.dtype);
  QRange& range = *spec.quant_range;
  (key == "quantMin" ? range.quant_min : range.quant_max) = read_whole(value, key);
}

template <auto member>
void set_bool(ObserverSpec& spec, const val& value, std::string_view key) {
  spec.*member = read_js<bool>(value, key);
}
template <auto member>
void set_float(ObserverSpec& spec, const val& value, std::string_view key) {
  spec.*member = static_cast<float>(read_js<double>(value, key));
}
template <auto member>
void set_whole(ObserverSpec& spec, const val& value, std::string_view key) {
  spec.*member = read_whole(value, key);
}

struct Field {
  const char* key;
  void (*set)(ObserverSpec&, const val&, std::string_view key);
};
// In this order: the range's default depends on the dtype.
constexpr Field kFields[] = {
    {"observer", set_observer},
    {"dtype", set_dtype},
    {"qscheme", set_qscheme},
    {"quantMin", set_range},
    {"quantMax", set_range},
    {"reduceRange", set_bool<&ObserverSpec::reduce_range>},
    {"eps", set_float<&ObserverSpec::eps>},
    {"chAxis", set_whole<&ObserverSpec::ch_axis>},
    {"averagingConstant", set_float<&ObserverSpec::averaging_constant>},
    {"bins", set_whole<&ObserverSpec::bins>},
    {"isDynamic", set_bool<&ObserverSpec::is_dynamic>},
    {"scale", set_float<&ObserverSpec::scale>},
    {"zeroPoint", set_whole<&ObserverSpec::zero_point>},
};

bool is_field(std::string_view key) {
  return std::ranges::any_of(kFields, [&](const Field& field) { return key == field.key; });
}

// A range of the default spec does not outlive a change of the dtype.
void read_spec(ObserverSpec& spec, const val& object, const std::string& what) {
  if (object.isUndefined()) return;
  check_keys(object, what, is_field);
  if (!object["dtype"].isUndefined()) spec.quant_range.reset();
  for (const Field& field : kFields) {
    const val value = object[field.key];
    if (!value.isUndefined()) field.set(spec, value, field.key);
  }
}

}  // namespace

MaybeQConfig qconfig_from_js(const val& object) {
  if (object.isNull()) return std::nullopt;
  check_keys(object, "a QConfig",
             [](std::string_view key) { return key == "activation" || key == "weight"; });
  QConfig qconfig = default_qconfig();
  read_spec(qconfig.activation, object["activation"], "'activation'");
  read_spec(qconfig.weight, object["weight"], "'weight'");
  return qconfig;
}

}  // namespace eightfold::bindings
