// StringNormalizer: words without the stop words, in one case. Case is that of the letters of
// ASCII; ONNX leaves the others to a locale.
//
//   [C] -> [kept], [1, C] -> [1, kept]; one empty word where none is kept
// Source: ONNX StringNormalizer 10.
#include <algorithm>
#include <string>
#include <vector>

#include "ops/control.h"

namespace eightfold {
namespace {

using Words = std::vector<std::string>;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

std::string changed(std::string word, char (*change)(char)) {
  if (change) std::ranges::transform(word, word.begin(), change);
  return word;
}

// Null: as it is.
auto case_change(const RunContext& context) -> char (*)(char) {
  const std::string action = context.node.string_attribute("case_change_action", "NONE");
  if (action == "LOWER") return lower;
  if (action == "UPPER") return upper;
  if (action == "NONE") return nullptr;
  context.fail(ErrorCode::kInvalidAttribute, "case_change_action is '" + action + "'",
               "use LOWER, UPPER or NONE");
}

void infer_normalizer(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  if (dims && !dims->empty()) dims->back() = {};
  context.set_output(0, DType::kString, dims);
}

void run_normalizer(RunContext& context) {
  const Tensor words = context.host.input(0);
  const Shape& shape = words.shape();
  const bool fits = shape.size() == 1 || (shape.size() == 2 && shape[0] == 1);
  if (words.dtype() != DType::kString || !fits) {
    context.fail(ErrorCode::kInvalidType, "the input must be words, [C] or [1, C], not " +
                                              std::string(dtype_name(words.dtype())) + " " +
                                              shape_text(shape));
  }
  const bool sensitive = context.node.int_attribute("is_case_sensitive", 0) != 0;
  const auto compared = [&](const std::string& word) {
    return changed(word, sensitive ? nullptr : lower);
  };
  Words stop;
  if (const Attribute* given = context.node.find_attribute("stopwords")) {
    if (const auto* list = std::get_if<Words>(&given->value)) {
      for (const std::string& word : *list) stop.push_back(compared(word));
    }
  }
  Words kept;
  for (const std::string& word : words.string_data()) {
    if (std::ranges::find(stop, compared(word)) != stop.end()) continue;
    kept.push_back(changed(word, case_change(context)));
  }
  if (kept.empty()) kept.emplace_back();
  Shape out(shape.size(), 1);
  out.back() = static_cast<int64_t>(kept.size());
  hand_over(context, 0, Tensor::strings(std::move(out), std::move(kept)));
}

}  // namespace

void add_string_rows(std::vector<OpDef>& rows) {
  rows.push_back(
      control_row("StringNormalizer", 10, {Role::kParameter}, infer_normalizer, run_normalizer));
}

}  // namespace eightfold
