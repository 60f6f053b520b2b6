// What a QConfig asks for, and whether a node has that form.
#pragma once

#include <optional>
#include <string>

#include "ops/op.h"
#include "quant/route.h"

namespace eightfold {

// Static unless the activation is dynamic, float32 (weights alone) or float16. nullopt for a
// QConfig that quantizes nothing.
std::optional<QuantMode> mode_of(const QConfig& qconfig);

// Empty when the node has the form of the mode; else a sentence. `weight`: its constant weight
// input, or -1.
std::string why_no_form(const Node& node, const OpDef* def, QuantMode mode, int weight);

}  // namespace eightfold
