// JSON to QConfigMapping; every key is listed once, an unknown one is refused by name.
#include "bindings/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace eightfold::bindings {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& message, std::string hint = {}) {
  throw Error(ErrorCode::kInvalidConfig, message, std::move(hint));
}

template <typename T>
T value_of(const json& value, const std::string& key) {
  try {
    return value.get<T>();
  } catch (const json::exception&) {
    refuse("'" + key + "' has a value of the wrong type: " + value.dump());
  }
}

QScheme qscheme_of(const std::string& name) {
  if (name == "per_tensor_affine") return QScheme::kPerTensorAffine;
  if (name == "per_tensor_symmetric") return QScheme::kPerTensorSymmetric;
  if (name == "per_channel_affine") return QScheme::kPerChannelAffine;
  if (name == "per_channel_symmetric") return QScheme::kPerChannelSymmetric;
  refuse("unknown qscheme '" + name + "'",
         "Known: per_tensor_affine, per_tensor_symmetric, per_channel_affine, "
         "per_channel_symmetric.");
}

DType dtype_of(const std::string& name) {
  const DType dtype = dtype_from_name(name);
  if (dtype == DType::kUndefined) refuse("unknown dtype '" + name + "'");
  return dtype;
}

// A field of an ObserverSpec by its JSON key.
struct Field {
  const char* key;
  void (*set)(ObserverSpec&, const json&, const std::string& key);
};
template <auto member>
void set_field(ObserverSpec& spec, const json& value, const std::string& key) {
  using T = std::remove_reference_t<decltype(spec.*member)>;
  spec.*member = value_of<T>(value, key);
}
void set_dtype(ObserverSpec& spec, const json& value, const std::string& key) {
  spec.dtype = dtype_of(value_of<std::string>(value, key));
}
void set_qscheme(ObserverSpec& spec, const json& value, const std::string& key) {
  spec.qscheme = qscheme_of(value_of<std::string>(value, key));
}
void set_range(ObserverSpec& spec, const json& value, const std::string& key) {
  const int64_t limit = value_of<int64_t>(value, key);
  if (!spec.quant_range) spec.quant_range = full_range(spec.dtype);
  (key == "quantMin" ? spec.quant_range->quant_min : spec.quant_range->quant_max) = limit;
}
// In this order: the range's default depends on the dtype.
constexpr Field kFields[] = {
    {"observer", set_field<&ObserverSpec::observer>},
    {"dtype", set_dtype},
    {"qscheme", set_qscheme},
    {"quantMin", set_range},
    {"quantMax", set_range},
    {"reduceRange", set_field<&ObserverSpec::reduce_range>},
    {"eps", set_field<&ObserverSpec::eps>},
    {"chAxis", set_field<&ObserverSpec::ch_axis>},
    {"averagingConstant", set_field<&ObserverSpec::averaging_constant>},
    {"bins", set_field<&ObserverSpec::bins>},
    {"isDynamic", set_field<&ObserverSpec::is_dynamic>},
    {"scale", set_field<&ObserverSpec::scale>},
    {"zeroPoint", set_field<&ObserverSpec::zero_point>},
};

template <typename Known>
void check_keys(const json& object, const std::string& what, const Known& known) {
  if (!object.is_object()) refuse(what + " must be an object");
  for (const auto& item : object.items()) {
    if (!known(item.key())) refuse(what + " has the unknown key '" + item.key() + "'");
  }
}

ObserverSpec spec_of(const json& object, ObserverSpec spec, const std::string& what) {
  check_keys(object, what, [](const std::string& key) {
    return std::ranges::any_of(kFields, [&](const Field& field) { return key == field.key; });
  });
  for (const Field& field : kFields) {
    const auto at = object.find(field.key);
    if (at != object.end()) field.set(spec, *at, field.key);
  }
  return spec;
}

// Fields that are not given keep their defaults.
MaybeQConfig qconfig_of(const json& object) {
  if (object.is_null()) return std::nullopt;
  check_keys(object, "a QConfig",
             [](const std::string& key) { return key == "activation" || key == "weight"; });
  QConfig qconfig = default_qconfig();
  if (object.contains("activation")) {
    qconfig.activation = spec_of(object["activation"], qconfig.activation, "'activation'");
  }
  if (object.contains("weight")) {
    qconfig.weight = spec_of(object["weight"], qconfig.weight, "'weight'");
  }
  return qconfig;
}

using Style = void (*)(QConfigMapping&, const json& entry);
struct StyleRow {
  const char* key;
  size_t length;  // of an entry: [op, qconfig], [name, op, index, qconfig]
  Style add;
};
const StyleRow kStyles[] = {
    {"objectType", 2,
     [](QConfigMapping& mapping, const json& entry) {
       mapping.set_object_type(value_of<std::string>(entry[0], "objectType"), qconfig_of(entry[1]));
     }},
    {"moduleNameRegex", 2,
     [](QConfigMapping& mapping, const json& entry) {
       mapping.set_module_name_regex(value_of<std::string>(entry[0], "moduleNameRegex"),
                                     qconfig_of(entry[1]));
     }},
    {"moduleName", 2,
     [](QConfigMapping& mapping, const json& entry) {
       mapping.set_module_name(value_of<std::string>(entry[0], "moduleName"), qconfig_of(entry[1]));
     }},
    {"moduleNameObjectTypeOrder", 4,
     [](QConfigMapping& mapping, const json& entry) {
       const std::string key = "moduleNameObjectTypeOrder";
       mapping.set_module_name_object_type_order(
           value_of<std::string>(entry[0], key), value_of<std::string>(entry[1], key),
           value_of<int>(entry[2], key), qconfig_of(entry[3]));
     }},
};

QConfigMapping long_form(const json& object) {
  check_keys(object, "'qconfigMapping'", [](const std::string& key) {
    return key == "global" ||
           std::ranges::any_of(kStyles, [&](const StyleRow& row) { return key == row.key; });
  });
  QConfigMapping mapping;
  if (object.contains("global")) mapping.set_global(qconfig_of(object["global"]));
  for (const StyleRow& row : kStyles) {
    if (!object.contains(row.key)) continue;
    for (const json& entry : object[row.key]) {
      if (!entry.is_array() || entry.size() != row.length) {
        refuse("an entry of '" + std::string(row.key) + "' must be a list of " +
               std::to_string(row.length));
      }
      row.add(mapping, entry);
    }
  }
  return mapping;
}

QConfig short_qconfig(const json& options) {
  QConfig qconfig = default_qconfig();
  if (options.contains("observer")) {
    qconfig.activation.observer = value_of<std::string>(options["observer"], "observer");
  }
  if (options.contains("activations")) {
    const DType dtype = dtype_of(value_of<std::string>(options["activations"], "activations"));
    if (!is_quantized_int8(dtype)) refuse("activations are 'uint8' or 'int8'");
    qconfig.activation.dtype = dtype;
    qconfig.activation.quant_range = full_range(dtype);
  }
  if (options.contains("perTensor") && value_of<bool>(options["perTensor"], "perTensor")) {
    qconfig.weight.observer = "MinMaxObserver";
    qconfig.weight.qscheme = QScheme::kPerTensorSymmetric;
  }
  return qconfig;
}

// Returns what `entry` names: nodes by name, or all nodes of an op type.
void exclude(QConfigMapping& mapping, const Graph& graph, const std::string& entry) {
  bool is_node = false, is_op = false;
  for (NodeId id : graph.nodes()) {
    const std::string name = display_name(graph, id);
    is_node = is_node || name == entry || name.starts_with(entry + "/");
    is_op = is_op || graph.node(id).op_type == entry;
  }
  if (is_op) mapping.set_object_type(entry, std::nullopt);
  if (is_node) mapping.set_module_name(entry, std::nullopt);
  if (is_op || is_node) return;
  refuse("'" + entry + "' is neither a node nor an op type of the fused model",
         "Fused layers carry the name of their first node; the report lists them all.");
}

QConfigMapping short_form(const json& options, const Graph& graph) {
  QConfigMapping mapping;
  mapping.set_global(short_qconfig(options));
  if (options.contains("exclude")) {
    for (const json& entry : options["exclude"]) {
      exclude(mapping, graph, value_of<std::string>(entry, "exclude"));
    }
  }
  return mapping;
}

}  // namespace

QConfigMapping mapping_from_json(const std::string& text, const Graph& fused) {
  const json options = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!options.is_object()) refuse("options must be an object");
  if (options.contains("qconfigMapping")) return long_form(options["qconfigMapping"]);
  return short_form(options, fused);
}

}  // namespace eightfold::bindings
