// fuse with functions of the caller's: the questions of a round as plain objects, and the replies.
//
//   question {pattern: "forward" | "complex" | "graph", nodes: [view], shape, asksRoot,
//             asksExtraInputs, asksFuser, rootNodeGetter, extraInputsGetter, fuserMethod}
//   view     {name, opType, attributes, inputs, initializers: {index: tensor}, matchAll}
//   shape    the match as nested lists of indexes into nodes, consumer first; {name: index} of a
//   graph reply    {root: index | -1, extraInputs: [index], refusal,
//             fused: null | {opType, attributes, removeAttributes, initializers: {index: tensor}}}
// The other side is bindings/js/config/callbacks.ts.
#pragma once

#include <emscripten/val.h>

#include <memory>
#include <string>

#include "bindings/handles.h"
#include "quant/fusing.h"

namespace eightfold::bindings {

struct FusingHandle {
  static constexpr bool kIsHandle = true;
  std::unique_ptr<Fusing> worker;
  Remarks remarks;  // of the verbs before
};

FusingHandle start_fusing(const ModelHandle& model, const std::string& backend_json,
                          const std::string& custom_json, const emscripten::val& functions);
bool next_round(FusingHandle& handle);
emscripten::val questions(const FusingHandle& handle);
void answer(FusingHandle& handle, const emscripten::val& replies);
ModelHandle finish_fusing(FusingHandle& handle);

}  // namespace eightfold::bindings
