// See unfold_places.h: into the float op. The way back: restore_places.cpp.
#include "quant/unfold_places.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "ops/op.h"
#include "quant/convert_pairs.h"
#include "quant/lower_operands.h"
#include "quant/place_text.h"

namespace eightfold {
namespace {

// The float op whose integer or dynamic form it is, with that form.
struct Origin {
  const OpDef* row = nullptr;
  const PlaceTarget* form = nullptr;
};
Origin origin_of(const Node& node) {
  for (const OpDef* def : all_ops()) {
    if (!def->places || !def->domain.empty()) continue;
    for (const PlaceTarget* form : {&def->places->integers, &def->places->dynamic}) {
      const bool is_ours = form->domain == kEightfoldDomain && node.domain == form->domain;
      if (is_ours && form->op_type == node.op_type) return {def, form};
    }
  }
  return {};
}

float float_at(const Graph& graph, ValueId value, size_t i) {
  const Tensor& tensor = *graph.constant(value);
  return tensor.data<float>()[tensor.size() == 1 ? 0 : i];
}

class Unfolding {
 public:
  Unfolding(Graph& graph, NodeId id, Origin origin)
      : graph_(graph),
        id_(id),
        row_(*origin.row),
        form_(*row_.places),
        is_dynamic_(origin.form == &form_.dynamic) {
    places_.resize(form_.places.size());
    size_t at = 0;
    const Node& node = graph.node(id);
    for (const PlaceOperand& operand : origin.form->operands) {
      if (operand.kind == PlaceOperand::kPlace) {
        if (node.input(at) != kNone) places_[operand.index] = {node.input(at), node.input(at + 1)};
        at += 2;
        continue;
      }
      operands_[{operand.kind, operand.index}] = node.input(at++);
    }
    for (size_t i = 0; i < places_.size(); ++i) {
      const int like = form_.places[i].like;
      if (places_[i].scale == kNone && like >= 0) places_[i] = places_[static_cast<size_t>(like)];
    }
  }

  void run() {
    graph_.node(id_).name = display_name(graph_, id_);
    set_place_entry(graph_.model(), graph_.node(id_).name,
                    is_dynamic_ ? std::string(kDynamicPlaces) : text());
    std::vector<ValueId> inputs;
    for (const auto& [operand, value] : operands_) {
      const auto& [kind, index] = operand;
      if (kind == PlaceOperand::kScale || kind == PlaceOperand::kZero) continue;
      if (inputs.size() <= index) inputs.resize(index + size_t{1}, kNone);
      if (value == kNone) continue;
      if (kind == PlaceOperand::kInput) inputs[index] = float_input(index, value);
      if (kind == PlaceOperand::kRows) inputs[index] = float_weight(index, value);
      if (kind == PlaceOperand::kBias) inputs[index] = float_bias(value);
    }
    while (!inputs.empty() && inputs.back() == kNone) inputs.pop_back();
    graph_.set_inputs(id_, std::move(inputs));
    for (NodeId id : passed_over_) {
      if (graph_.alive(id) && graph_.user_count(graph_.node(id).output(0)) == 0) {
        graph_.erase_node(id);
      }
    }
    graph_.node(id_).domain = std::string(row_.domain);
    graph_.node(id_).op_type = std::string(row_.op_type);
    for (size_t i = 0; i < places_.size() && !is_dynamic_; ++i) {
      for (int output : {form_.places[i].output, form_.places[i].last}) {
        if (output < 0 || output >= form_.outputs) continue;
        if (graph_.node(id_).output(static_cast<size_t>(output)) != kNone) {
          write_floats(static_cast<size_t>(output), i);
        }
      }
    }
  }

 private:
  DType dtype_of(size_t place) const { return graph_.constant(places_[place].zero_point)->dtype(); }

  std::string text() const {
    std::vector<PlaceText> texts;
    for (size_t i = 0; i < places_.size(); ++i) {
      texts.push_back({std::string(form_.places[i].path), dtype_of(i),
                       float_at(graph_, places_[i].scale, 0),
                       integers_of(*graph_.constant(places_[i].zero_point))[0]});
    }
    return to_text(texts);
  }

  ValueId dequantized(ValueId value, QParamValues params, int axis) {
    const std::string name = graph_.unique_name(graph_.value(value).name + "_dequantized");
    const ValueId output =
        graph_.add_value(name, {DType::kFloat32, graph_.value(value).type.dims, {}});
    add_dequantize(graph_, {.before = id_}, value, params, axis, output, name);
    return output;
  }

  ValueId float_input(size_t index, ValueId value) {
    if (is_dynamic_) return value;
    const auto place =
        std::ranges::find(form_.places, static_cast<int8_t>(index), &PlaceRow::input);
    if (place == form_.places.end()) return value;  // lengths
    const auto i = static_cast<size_t>(place - form_.places.begin());
    const Node* producer = graph_.producer(value);
    const bool is_wide = !is_quantized_int8(dtype_of(i));
    if (is_wide && graph_.value(value).type.dtype == DType::kFloat32) return value;
    if (is_wide && producer && is_quantize(*producer)) {
      passed_over_.push_back(graph_.value(value).producer());
      return producer->input(0);
    }
    if (is_wide && graph_.constant(value)) return float_constant(value, i);
    return dequantized(value, places_[i], -1);
  }

  ValueId float_constant(ValueId value, size_t place) {
    const float scale = float_at(graph_, places_[place].scale, 0);
    const int32_t zero = integers_of(*graph_.constant(places_[place].zero_point))[0];
    std::vector<float> floats;
    for (int32_t q : integers_of(*graph_.constant(value))) {
      floats.push_back(dequantize(q, scale, zero));
    }
    return add_floats(value, graph_.constant(value)->shape(), floats);
  }

  ValueId add_floats(ValueId like, Shape shape, const std::vector<float>& floats) {
    return graph_.add_initializer(graph_.unique_name(graph_.value(like).name + "_float"),
                                  Tensor::of<float>(std::move(shape), floats));
  }

  // One scale per row of [D, N, K]: of [N] along axis 1 where D is 1, else of the flat rows.
  ValueId float_weight(size_t index, ValueId value) {
    const Tensor rows = *graph_.constant(value);
    const ValueId scale = operands_.at({PlaceOperand::kScale, static_cast<uint8_t>(index)});
    const int64_t d = rows.shape()[0], n = rows.shape()[1];
    const bool per_row = graph_.constant(scale)->size() == d * n && n > 1;
    std::vector<float> scales;
    for (int64_t row = 0; row < d * n; ++row) {
      scales.push_back(float_at(graph_, scale, static_cast<size_t>(per_row ? row : row / n)));
    }
    const std::string name = graph_.value(value).name;
    QParamValues params;
    if (!per_row && d == 1) {
      params.scale =
          graph_.add_initializer(graph_.unique_name(name + "_scale"), Tensor::scalar(scales[0]));
      return dequantized(value, params, -1);
    }
    params.scale = graph_.add_initializer(graph_.unique_name(name + "_scale"),
                                          Tensor::of<float>({d * n}, scales));
    if (d == 1) return dequantized(value, params, 1);
    const ValueId flat = graph_.add_initializer(graph_.unique_name(name + "_rows"),
                                                rows.reshaped({d * n, rows.shape()[2]}));
    const ValueId floats = dequantized(flat, params, 0);
    const ValueId shape = graph_.add_initializer(graph_.unique_name(name + "_shape"),
                                                 Tensor::of<int64_t>({3}, rows.shape()));
    Node reshape;
    reshape.op_type = "Reshape";
    reshape.name = graph_.unique_name(name + "_Reshape");
    const ValueId output =
        graph_.add_value(reshape.name, {DType::kFloat32, to_dims(rows.shape()), {}});
    graph_.insert_before(id_, std::move(reshape), {floats, shape}, {output});
    return output;
  }

  ValueId float_bias(ValueId value) {
    const Tensor bias = *graph_.constant(value);
    const int64_t columns = bias.shape()[1] / 2;
    const std::vector<int32_t> q = integers_of(bias);
    std::vector<float> floats;
    for (int64_t flat = 0; flat < bias.size(); ++flat) {
      const int64_t direction = flat / (2 * columns), at = flat % (2 * columns);
      const BiasPart& part = form_.bias[static_cast<size_t>(at / columns)];
      const ValueId scale = operands_.at({PlaceOperand::kScale, static_cast<uint8_t>(part.weight)});
      const bool per_row = graph_.constant(scale)->size() != bias.shape()[0] || columns == 1;
      const int64_t row = per_row ? direction * columns + at % columns : direction;
      const float place = float_at(graph_, places_[static_cast<size_t>(part.place)].scale, 0);
      floats.push_back(static_cast<float>(q[static_cast<size_t>(flat)]) *
                       (place * float_at(graph_, scale, static_cast<size_t>(row))));
    }
    return add_floats(value, bias.shape(), floats);
  }

  void write_floats(size_t output, size_t place) {
    const ValueId integers = graph_.node(id_).output(output);
    const std::string name = graph_.value(integers).name;
    if (is_quantized_int8(dtype_of(place))) {
      const ValueId floats =
          graph_.add_value(graph_.unique_name(name + "_float"),
                           {DType::kFloat32, graph_.value(integers).type.dims, {}});
      graph_.set_output(id_, output, floats);
      Node quantize;
      quantize.op_type = "QuantizeLinear";
      quantize.name = graph_.unique_name(name + "_QuantizeLinear");
      graph_.insert_after(id_, std::move(quantize),
                          {floats, places_[place].scale, places_[place].zero_point}, {integers});
      return;
    }
    // The first value that was dequantized from it is what the op makes; all others read that.
    const std::vector<Use> uses(graph_.value(integers).uses().begin(),
                                graph_.value(integers).uses().end());
    ValueId floats = integers;
    for (const Use& use : uses) {
      if (!is_dequantize(graph_.node(use.node)) || use.index != 0) continue;
      const ValueId made = graph_.node(use.node).output(0);
      if (floats != integers) {
        graph_.replace_uses(made, floats);
      } else {
        floats = made;
      }
      graph_.erase_node(use.node);
    }
    graph_.value(floats).type.dtype = DType::kFloat32;
    if (floats == integers) return;
    graph_.set_output(id_, output, floats);
    graph_.replace_uses(integers, floats);
  }

  Graph& graph_;
  NodeId id_;
  const OpDef& row_;
  const PlaceForm& form_;
  bool is_dynamic_;
  std::map<std::pair<PlaceOperand::Kind, uint8_t>, ValueId> operands_;
  std::vector<QParamValues> places_;
  std::vector<NodeId> passed_over_;  // QuantizeLinear nodes that are read past
};

}  // namespace

bool unfold_places(Graph& graph, NodeId id) {
  const Origin origin = origin_of(graph.node(id));
  if (!origin.row) return false;
  Unfolding(graph, id, origin).run();
  return true;
}

}  // namespace eightfold
