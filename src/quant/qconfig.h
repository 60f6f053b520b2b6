// QConfig and QConfigMapping: what the user asks for.
//
// A QConfig names an observer for activations and one for weights; a mapping
// says which nodes get which QConfig, by five styles of rising precedence
// (spec-facts 2.1, 2.2). Names are PyTorch's.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/qparams.h"

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

  QRange range() const;
  bool operator==(const ObserverSpec&) const = default;
};

struct QConfig {
  ObserverSpec activation;
  ObserverSpec weight;
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

 private:
  template <typename K>
  using Entries = std::vector<std::pair<K, MaybeQConfig>>;
  struct OrderKey {
    std::string name, op;
    int index;
    bool operator==(const OrderKey&) const = default;
  };
  MaybeQConfig global_;
  Entries<std::string> object_types_, regexes_, names_;
  Entries<OrderKey> orders_;
};

// The defaults of Eightfold, stated once: uint8 affine 0..255 with HistogramObserver,
// int8 symmetric per-channel weights.
QConfig default_qconfig();
// The same for every node.
QConfigMapping default_qconfig_mapping();

}  // namespace eightfold
