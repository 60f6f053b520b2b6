// See operators.h: the types of OperatorInfo in bindings/js/types.ts.
#include "bindings/operators.h"

#include <string>

namespace eightfold::bindings {
namespace {

using emscripten::val;

std::string role_name(Role role) {
  switch (role) {
    case Role::kActivation: return "activation";
    case Role::kWeight: return "weight";
    case Role::kBias: return "bias";
    case Role::kParameter: return "parameter";
    case Role::kShape: return "shape";
    case Role::kMetadata: return "metadata";
  }
  return {};
}

std::string observation_name(Observation::Kind kind) {
  switch (kind) {
    case Observation::kDifferentFromInput: return "different";
    case Observation::kSameAsInput: return "same";
    case Observation::kFixed: return "fixed";
    case Observation::kNotObserved: return "none";
  }
  return {};
}

val observation_to_js(const Observation& observation) {
  val object = val::object();
  object.set("kind", observation_name(observation.kind));
  if (observation.kind != Observation::kFixed) return object;
  object.set("scale", observation.scale);
  object.set("zeroPoint", observation.zero_point);
  return object;
}

// Null without an int8 form; {} of the op itself when it takes int8 data as it is.
val quantized_to_js(const OpDef& row) {
  if (row.quantized.operands == QuantizedOperands::kNone) return val::null();
  const bool direct = row.quantized.operands == QuantizedOperands::kDirect;
  val object = val::object();
  object.set("domain", std::string(direct ? row.domain : row.quantized.domain));
  object.set("opType", std::string(direct ? row.op_type : row.quantized.op_type));
  return object;
}

val row_to_js(const OpDef& row) {
  val inputs = val::array();
  for (Role role : row.inputs) inputs.call<void>("push", role_name(role));
  val object = val::object();
  object.set("domain", std::string(row.domain));
  object.set("opType", std::string(row.op_type));
  object.set("since", row.since);
  object.set("until", row.until == kLatestOpset ? val::null() : val(row.until));
  object.set("inputs", inputs);
  object.set("int8", quantized_to_js(row));
  object.set("observation", observation_to_js(row.observation));
  object.set("countsMacs", row.macs != nullptr);
  return object;
}

}  // namespace

val operators_to_js(const std::vector<const OpDef*>& rows) {
  val list = val::array();
  for (const OpDef* row : rows) {
    if (row->infer && row->run) list.call<void>("push", row_to_js(*row));
  }
  return list;
}

}  // namespace eightfold::bindings
