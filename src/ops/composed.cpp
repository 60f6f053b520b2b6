// See composed.h.
#include "ops/composed.h"

#include <algorithm>
#include <array>

#include "ops/families.h"

namespace eightfold {
namespace {

struct Composed {
  std::string_view op_type;
  int64_t since;
};
constexpr std::array kComposed{
    Composed{"HardSwish", 14}, Composed{"LayerNormalization", 17},
    Composed{"Gelu", 20},      Composed{"RMSNormalization", 23},
    Composed{"Swish", 24},
};

const Composed* find(std::string_view op_type) {
  const auto* found = std::ranges::find(kComposed, op_type, &Composed::op_type);
  return found == kComposed.end() ? nullptr : found;
}

}  // namespace

int64_t composed_since(std::string_view op_type) {
  const Composed* composed = find(op_type);
  return composed == nullptr ? 1 : composed->since;
}

std::vector<OpDef> composed_ops() {
  std::vector<OpDef> rows;
  for (auto* family : {activation_ops, norm_ops}) {
    for (OpDef row : family()) {
      if (!row.domain.empty() || find(row.op_type) == nullptr) continue;
      row.domain = kEightfoldDomain;
      row.since = 1;
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace eightfold
