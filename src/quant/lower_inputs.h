// The operand list of a group's int8 operator, by QuantizedOperands (ops/op.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quant/lower_group.h"

namespace eightfold {

// nullopt, with the reason in `why`, when the group does not fit the operator.
std::optional<std::vector<ValueId>> int8_inputs(Graph& graph, const Group& group, std::string* why);

}  // namespace eightfold
