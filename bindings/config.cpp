// The short form of the options, and the five styles of the long one.
#include "bindings/config.h"

#include <algorithm>
#include <string>

#include "bindings/read_js.h"

namespace eightfold::bindings {
namespace {

using emscripten::val;

// An entry is a list of `length` items; the last one is the QConfig.
struct Style {
  const char* key;
  size_t length;
  void (*add)(QConfigMapping&, const std::vector<val>& entry, std::string_view key);
};

using SetByName = QConfigMapping& (QConfigMapping::*)(std::string, MaybeQConfig);
template <SetByName set>
void add_by_name(QConfigMapping& mapping, const std::vector<val>& entry, std::string_view key) {
  (mapping.*set)(read_js<std::string>(entry[0], key), qconfig_from_js(entry[1]));
}

void add_by_order(QConfigMapping& mapping, const std::vector<val>& entry, std::string_view key) {
  mapping.set_module_name_object_type_order(read_js<std::string>(entry[0], key),
                                            read_js<std::string>(entry[1], key),
                                            read_whole(entry[2], key), qconfig_from_js(entry[3]));
}

constexpr Style kStyles[] = {
    {"objectType", 2, add_by_name<&QConfigMapping::set_object_type>},
    {"moduleNameRegex", 2, add_by_name<&QConfigMapping::set_module_name_regex>},
    {"moduleName", 2, add_by_name<&QConfigMapping::set_module_name>},
    {"moduleNameObjectTypeOrder", 4, add_by_order},
};

bool is_mapping_key(std::string_view key) {
  const auto is_this = [&](const Style& style) { return key == style.key; };
  return key == "global" || std::ranges::any_of(kStyles, is_this);
}

QConfigMapping long_form(const val& object) {
  check_keys(object, "'qconfigMapping'", is_mapping_key);
  QConfigMapping mapping;
  const val global = object["global"];
  if (!global.isUndefined()) mapping.set_global(qconfig_from_js(global));
  for (const Style& style : kStyles) {
    for (const val& item : items_of(object[style.key], style.key)) {
      const std::vector<val> entry = items_of(item, style.key);
      if (entry.size() != style.length) {
        refuse_config("an entry of '" + std::string(style.key) + "' must be a list of " +
                      std::to_string(style.length));
      }
      style.add(mapping, entry, style.key);
    }
  }
  return mapping;
}

QConfig short_qconfig(const val& options) {
  QConfig qconfig = default_qconfig();
  const val observer = options["observer"];
  if (!observer.isUndefined()) {
    qconfig.activation.observer = read_js<std::string>(observer, "observer");
  }
  const val activations = options["activations"];
  if (!activations.isUndefined()) {
    const DType dtype = dtype_from_name(read_js<std::string>(activations, "activations"));
    if (!is_quantized_int8(dtype)) refuse_config("activations are 'uint8' or 'int8'");
    qconfig.activation.dtype = dtype;
    qconfig.activation.quant_range = full_range(dtype);
  }
  const val per_tensor = options["perTensor"];
  if (!per_tensor.isUndefined() && read_js<bool>(per_tensor, "perTensor")) {
    qconfig.weight.observer = "MinMaxObserver";
    qconfig.weight.qscheme = QScheme::kPerTensorSymmetric;
  }
  return qconfig;
}

// Leaves float what `entry` names: a node, the nodes under a path, or all nodes of an op type.
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
  refuse_config("'" + entry + "' is neither a node nor an op type of the fused model",
                "Fused layers carry the name of their first node; the report lists them all.");
}

QConfigMapping short_form(const val& options, const Graph& graph) {
  QConfigMapping mapping;
  mapping.set_global(short_qconfig(options));
  for (const val& entry : items_of(options["exclude"], "exclude")) {
    exclude(mapping, graph, read_js<std::string>(entry, "exclude"));
  }
  return mapping;
}

}  // namespace

QConfigMapping mapping_from_js(const val& options, const Graph& fused) {
  const val mapping = options["qconfigMapping"];
  return mapping.isUndefined() ? short_form(options, fused) : long_form(mapping);
}

}  // namespace eightfold::bindings
