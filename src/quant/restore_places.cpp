// See unfold_places.h: the float op of a file is the integer op again.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ops/op.h"
#include "quant/convert_places.h"
#include "quant/lower_operands.h"
#include "quant/place_text.h"
#include "quant/unfold_places.h"

namespace eightfold {
namespace {

class Restoring {
 public:
  Restoring(Graph& graph, NodeId id, const OpDef& def)
      : graph_(graph), id_(id), form_(*def.places) {}

  void run(std::string_view text) {
    if (text == kDynamicPlaces) return run_dynamic();
    if (!read_params(text) || !read_weights() || !has_constant_bias()) return;
    if (!form_.integers.why_not(graph_.node(id_)).empty()) return;
    for (size_t i = 0; i < params_.size(); ++i) {
      if (params_[i].is_data && !reads_quantized(i)) return;
      if (!has_fit_state(i)) return;
    }
    PlacedParams placed{{}, std::move(weights_)};
    for (size_t i = 0; i < params_.size(); ++i) {
      placed.places.push_back(
          add_qparams(graph_, graph_.node(id_).name + "_" + std::string(form_.places[i].path),
                      params_[i].qparams));
    }
    for (size_t i = 0; i < params_.size(); ++i) {
      quantize_input(i, placed.places[i]);
      dequantize_output(form_.places[i].output, i, placed.places[i]);
      dequantize_output(form_.places[i].last, i, placed.places[i]);
    }
    erase_place_entry(graph_.model(), graph_.node(id_).name);
    write_placed(graph_, id_, form_, form_.integers, placed);
  }

  // Its weights are all that is quantized.
  void run_dynamic() {
    if (!read_weights() || !form_.dynamic.why_not(graph_.node(id_)).empty()) return;
    erase_place_entry(graph_.model(), graph_.node(id_).name);
    write_placed(graph_, id_, form_, form_.dynamic, {{}, std::move(weights_)});
  }

 private:
  struct Params {
    QParams qparams;
    bool is_data = false;  // what the op reads at every run: its pair must be there
  };

  bool read_params(std::string_view text) {
    const auto places = places_from_text(text);
    if (!places || places->size() != form_.places.size()) return false;
    for (size_t i = 0; i < places->size(); ++i) {
      const PlaceText& place = (*places)[i];
      if (place.path != form_.places[i].path) return false;
      if (!fits(form_.places[i].types, place.dtype)) return false;
      const QRange range = full_range(place.dtype);
      if (place.zero_point < range.quant_min || place.zero_point > range.quant_max) return false;
      params_.push_back(
          {{{place.scale}, {place.zero_point}, -1, place.dtype, range.quant_min, range.quant_max},
           form_.places[i].input == 0});
    }
    return true;
  }

  ValueId input_of(size_t place) const {
    const int input = form_.places[place].input;
    return input < 0 ? kNone : graph_.node(id_).input(static_cast<size_t>(input));
  }

  bool is_float32(ValueId constant) const {
    return graph_.constant(constant)->dtype() == DType::kFloat32;
  }
  // States that are constant must be float32 numbers.
  bool has_fit_state(size_t place) {
    const ValueId value = input_of(place);
    const bool is_constant = graph_.constant(value) != nullptr;
    return !is_constant || is_float32(value) || reads_quantized(place);
  }

  // The integers of the input, where its pair has the parameters of the place.
  ValueId integers_behind(size_t place) {
    const auto operand = dequantized_operand(graph_, input_of(place));
    if (!operand || !operand->per_tensor() || !is_float32(operand->scale)) return kNone;
    const QParams& qparams = params_[place].qparams;
    const bool same = operand->dtype == qparams.dtype &&
                      scale_of(graph_, *operand) == qparams.scale[0] &&
                      zero_point_of(graph_, *operand) == qparams.zero_point[0];
    return same ? operand->data : kNone;
  }
  bool reads_quantized(size_t place) { return integers_behind(place) != kNone; }

  // A weight: DequantizeLinear of integers, with a Reshape behind it or not.
  bool read_weights() {
    for (const PlaceOperand& operand : form_.integers.operands) {
      if (operand.kind != PlaceOperand::kRows) continue;
      ValueId value = graph_.node(id_).input(operand.index);
      const Node* producer = graph_.producer(value);
      Shape shape;
      if (producer && producer->is("Reshape")) {
        const Tensor* wanted = graph_.constant(producer->input(1));
        if (!wanted || wanted->dtype() != DType::kInt64) return false;
        shape.assign(wanted->data<int64_t>().begin(), wanted->data<int64_t>().end());
        value = producer->input(0);
      }
      const auto stored = dequantized_operand(graph_, value);
      const Tensor* rows = stored ? graph_.constant(stored->data) : nullptr;
      if (!rows || stored->dtype != DType::kInt8 || !is_float32(stored->scale)) return false;
      if (shape.empty()) shape = rows->shape();
      const bool is_full = std::ranges::all_of(shape, [](int64_t dim) { return dim > 0; });
      if (!is_full || shape.size() != 3 || element_count(shape) != rows->size()) return false;
      PlacedWeight weight{rows->reshaped(shape), {}, {}};
      const auto scale = graph_.constant(stored->scale)->data<float>();
      if (!std::ranges::all_of(scale, [](float s) { return s > 0 && std::isfinite(s); })) {
        return false;
      }
      weight.scale.assign(scale.begin(), scale.end());
      weight.zero_point = integers_of(*graph_.constant(stored->zero_point));
      const auto count = static_cast<int64_t>(weight.scale.size());
      const bool is_symmetric =
          std::ranges::all_of(weight.zero_point, [](int32_t zero) { return zero == 0; });
      if (!is_symmetric || (count != 1 && count != shape[0] * shape[1])) return false;
      if (count > 1 && stored->axis != (producer->is("Reshape") ? 0 : 1)) return false;
      weights_[operand.index] = std::move(weight);
    }
    return true;
  }

  bool has_constant_bias() const {
    for (const PlaceOperand& operand : form_.integers.operands) {
      if (operand.kind != PlaceOperand::kBias) continue;
      const ValueId bias = graph_.node(id_).input(operand.index);
      const Tensor* tensor = graph_.constant(bias);
      if (bias == kNone) continue;
      if (!tensor || tensor->dtype() != DType::kFloat32) return false;
      for (const BiasPart& part : form_.bias) {
        if (!bias_fits(tensor->shape(), weights_.at(part.weight).rows.shape())) return false;
      }
    }
    return true;
  }

  void quantize_input(size_t place, QParamValues params) {
    const ValueId value = input_of(place);
    if (value == kNone) return;
    const auto input = static_cast<size_t>(form_.places[place].input);
    ValueId integers = integers_behind(place);
    const QParams& qparams = params_[place].qparams;
    const std::string name = graph_.unique_name(graph_.value(value).name + "_state");
    if (const Tensor* constant = graph_.constant(value); integers == kNone && constant) {
      std::vector<int32_t> q;
      for (float x : constant->data<float>()) {
        q.push_back(quantize(x, qparams.scale[0], qparams.zero_point[0],
                             {qparams.quant_min, qparams.quant_max}));
      }
      integers = graph_.add_initializer(name, integer_tensor(qparams.dtype, constant->shape(), q));
    } else if (integers == kNone) {
      integers = add_quantize(graph_, {.before = id_}, value, params, qparams.dtype, name);
    }
    graph_.set_input(id_, input, integers);
  }

  void dequantize_output(int output, size_t place, QParamValues params) {
    if (output < 0 || output >= form_.outputs) return;
    const ValueId value = graph_.node(id_).output(static_cast<size_t>(output));
    if (value == kNone) return;
    const std::string name = graph_.value(value).name;
    const ValueId integers =
        graph_.add_value(graph_.unique_name(name + "_quantized"),
                         {params_[place].qparams.dtype, graph_.value(value).type.dims, {}});
    graph_.set_output(id_, static_cast<size_t>(output), integers);
    add_dequantize(graph_, {.after = id_}, integers, params, -1, value, name);
  }

  Graph& graph_;
  NodeId id_;
  const PlaceForm& form_;
  std::vector<Params> params_;
  std::map<int, PlacedWeight> weights_;
};

}  // namespace

void restore_places(Graph& graph, NodeId id) {
  const OpDef* def = find_op(graph, graph.node(id));
  if (!def || !def->places || !def->domain.empty()) return;
  const std::string* entry = find_place_entry(graph.model(), graph.node(id).name);
  if (!entry) return;
  const std::string text = *entry;
  Restoring(graph, id, *def).run(text);
}

}  // namespace eightfold
