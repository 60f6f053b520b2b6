// QConfig and QConfigMapping: what the user asks for.
//
// A QConfig names an observer for activations and one for weights; a mapping
// says which nodes get which QConfig, by five styles of rising precedence
// (spec-facts 2.1, 2.2). Names are PyTorch's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/qparams.h"
#include "quant/dtype_config.h"

namespace eightfold {

// How to build an observer; a value, so QConfigs compare field by field.
struct ObserverSpec {
  std::string observer = "HistogramObserver";  // a name of the table in observer.cpp
  DType dtype = DType::kUint8;
  QScheme qscheme = QScheme::kPerTensorAffine;
  std::optional<QRange> quant_range;  // default: full_range(dtype), halved if reduce_range
  bool reduce_range = false;
  float eps = 1.1920929e-07f;
  int ch_axis = 0;
  float averaging_constant = 0.01f;
  int bins = 2048;
  bool is_dynamic = false;
  float scale = 1.0f;      // FixedQParamsObserver
  int32_t zero_point = 0;  // FixedQParamsObserver
  // HistogramObserver: weight of errors of negative values, (0, 1]. Set by prepare where the value
  // goes through a LeakyRelu alone, which shrinks them by its alpha. 1 is PyTorch's formula.
  float negative_gain = 1.0f;
  // Weights: scales are enlarged until the sums keep this bound (performance.md 5.3).
  std::optional<BoundedSum> bounded_sum;

  QRange range() const;
  bool operator==(const ObserverSpec&) const = default;
};

// Observers of a node's single inputs, outputs and inner places, where they are not `activation`: a
// nested structure, {x: q, state: [q_h, q_c]}, with its leaves by path: "x", "state.0", "state.1".
// An op with places (ops/place_form.h) names them; any other has "inputs.0", "outputs.0" and so on.
using QConfigParts = std::vector<std::pair<std::string, ObserverSpec>>;

struct QConfig {
  ObserverSpec activation;
  ObserverSpec weight;
  QConfigParts parts = {};
  bool is_dynamic() const { return activation.is_dynamic; }
  const ObserverSpec* part(std::string_view path) const;  // null: there is none
  bool operator==(const QConfig&) const = default;
};

// nullopt = "do not quantize", and wins by the same precedence as any other entry.
using MaybeQConfig = std::optional<QConfig>;

class QConfigMapping {
 public:
  QConfigMapping& set_global(MaybeQConfig qconfig);
  // Setting a key again replaces its entry in place.
  QConfigMapping& set_object_type(std::string op, MaybeQConfig qconfig);
  // quant/name_pattern.h, anchored at the start; the first registered match wins. Throws
  // kInvalidConfig on a malformed pattern.
  QConfigMapping& set_module_name_regex(std::string pattern, MaybeQConfig qconfig);
  // The node of that name, and every node under it as a path.
  QConfigMapping& set_module_name(std::string name, MaybeQConfig qconfig);
  QConfigMapping& set_module_name_object_type_order(std::string name, std::string op, int index,
                                                    MaybeQConfig qconfig);

  struct Query {
    std::string name;         // node name, path separated by '/' or '.'
    std::string op;           // identity "domain:op_type" or "op_type"
    std::string module;       // the enclosing path (name without its last part)
    int index_in_module = 0;  // occurrence of op within the module, graph order
  };
  // nullopt also when nothing is registered for the node. A fused op ("eightfold:Conv") without
  // entries of its own is looked up under the name of the op it was made from ("Conv").
  MaybeQConfig find(const Query& query) const;
  bool operator==(const QConfigMapping&) const = default;

  // The entries in the order of their registration, for readers such as to_json.
  template <typename K>
  using Entries = std::vector<std::pair<K, MaybeQConfig>>;
  struct OrderKey {
    std::string name, op;
    int index;
    bool operator==(const OrderKey&) const = default;
  };
  const std::optional<MaybeQConfig>& global() const { return global_; }
  const Entries<std::string>& object_types() const { return object_types_; }
  const Entries<std::string>& module_name_regexes() const { return regexes_; }
  const Entries<std::string>& module_names() const { return names_; }
  const Entries<OrderKey>& orders() const { return orders_; }
  // What is registered for this op type, itself and under no other name; null when nothing is.
  const MaybeQConfig* object_type(const std::string& op) const;

 private:
  std::optional<MaybeQConfig> global_;  // unset and "do not quantize" find the same
  Entries<std::string> object_types_, regexes_, names_;
  Entries<OrderKey> orders_;
};

// Throws kInvalidConfig unless every entry of `narrowed` equals that of `prepared` or is "do not
// quantize", and none is missing: what convert accepts (spec-facts 2.2).
void check_narrowed(const QConfigMapping& prepared, const QConfigMapping& narrowed);

// The defaults of Eightfold, stated once: uint8 affine 0..255 with HistogramObserver,
// int8 symmetric per-channel weights.
QConfig default_qconfig();

// ---------------------------------------------------------------- named defaults (spec-facts 2.1)
// "default_qconfig", "default_dynamic_qconfig", "float16_dynamic_qconfig", ... as PyTorch has them.
// Throws kInvalidConfig naming the known ones.
QConfig named_qconfig(std::string_view name);
std::vector<std::string> qconfig_names();
// What a backend's kernels want. Throws kInvalidConfig for an unknown backend.
QConfig get_default_qconfig(std::string_view backend);
// get_default_qconfig for every node, fixed parameters for sigmoid, tanh and their kin, reuse of
// the input's observer for Reshape, and what the backend needs besides.
QConfigMapping get_default_qconfig_mapping(std::string_view backend);
// The same around a QConfig of the caller's.
QConfigMapping qconfig_mapping_around(const QConfig& qconfig, std::string_view backend);
QConfigMapping default_qconfig_mapping();  // of the default backend

}  // namespace eightfold
