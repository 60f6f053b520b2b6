// Writing the integer or the dynamic form of an op with places (ops/place_form.h) by its table of
// operands: weights as integers, the bias in steps of what is added to it, a scale and a zero point
// per place.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/op.h"
#include "quant/convert_pairs.h"

namespace eightfold {

struct PlacedWeight {
  Tensor rows;               // [D, N, K]
  std::vector<float> scale;  // of each of the D * N rows, or one
  std::vector<int32_t> zero_point;
};
// Rounds; `qparams` along the D * N rows.
PlacedWeight place_weight(const Tensor& weight, const QParams& qparams);

struct PlacedParams {
  std::vector<QParamValues> places;     // in the order of the form
  std::map<int, PlacedWeight> weights;  // by input
};

// Whether the weights of the node are of rank 3 and the bias has an element for each of their rows.
bool bias_fits(const Graph& graph, NodeId node, const PlaceForm& form);
bool bias_fits(const Shape& bias, const Shape& weight);

// Turns the node, whose data are what `target` takes already, into that op.
void write_placed(Graph& graph, NodeId node, const PlaceForm& form, const PlaceTarget& target,
                  const PlacedParams& params);

// An observed twin without the outputs that are places inside it.
void drop_place_outputs(Graph& graph, NodeId node, const PlaceForm& form);

// Enlarges weight scales until the node's bias fits int32 (convert_weights.h); `scale_of`: of a
// place. Returns how many changed.
int fit_bias(const Graph& graph, NodeId node, const PlaceForm& form,
             const std::vector<float>& place_scales, std::map<int, QParams>& weights);

}  // namespace eightfold
