// QConfigMapping: five styles, each later one overriding the ones before it.
//
//   global < object type < name regex < name (or its nearest ancestor) < name, type and index
#include "quant/qconfig.h"

#include <algorithm>
#include <string_view>

#include "core/error.h"
#include "pattern/pattern.h"
#include "quant/name_pattern.h"

namespace eightfold {
namespace {

template <typename Entries, typename Key>
void put(Entries& entries, Key key, MaybeQConfig qconfig) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  if (found != entries.end()) {
    found->second = std::move(qconfig);
  } else {
    entries.emplace_back(std::move(key), std::move(qconfig));
  }
}

template <typename Entries, typename Key>
const MaybeQConfig* get(const Entries& entries, const Key& key) {
  for (const auto& [name, qconfig] : entries) {
    if (name == key) return &qconfig;
  }
  return nullptr;
}

// The op a fused one was made from; empty for any other.
std::string unfused_identity(const std::string& op) {
  constexpr std::string_view kPrefix = "eightfold:";
  return op.starts_with(kPrefix) ? op.substr(kPrefix.size()) : std::string();
}

template <typename Find>
void override_by(MaybeQConfig* out, Find&& find) {
  if (const MaybeQConfig* found = find()) *out = *found;
}

}  // namespace

QRange ObserverSpec::range() const {
  const QRange range = quant_range.value_or(full_range(dtype));
  return reduce_range ? reduced_range(range) : range;
}

const ObserverSpec* QConfig::part(std::string_view path) const {
  const auto found = std::ranges::find(parts, path, &QConfigParts::value_type::first);
  return found == parts.end() ? nullptr : &found->second;
}

QConfigMapping& QConfigMapping::set_global(MaybeQConfig qconfig) {
  global_ = std::move(qconfig);
  return *this;
}

QConfigMapping& QConfigMapping::set_object_type(std::string op, MaybeQConfig qconfig) {
  put(object_types_, plain_identity(std::move(op)), std::move(qconfig));
  return *this;
}

QConfigMapping& QConfigMapping::set_module_name_regex(std::string pattern, MaybeQConfig qconfig) {
  NamePattern{pattern};
  put(regexes_, std::move(pattern), std::move(qconfig));
  return *this;
}

QConfigMapping& QConfigMapping::set_module_name(std::string name, MaybeQConfig qconfig) {
  put(names_, std::move(name), std::move(qconfig));
  return *this;
}

QConfigMapping& QConfigMapping::set_module_name_object_type_order(std::string name, std::string op,
                                                                  int index, MaybeQConfig qconfig) {
  put(orders_, OrderKey{std::move(name), plain_identity(std::move(op)), index}, std::move(qconfig));
  return *this;
}

MaybeQConfig QConfigMapping::find(const Query& query) const {
  const std::string op = plain_identity(query.op);
  const std::string unfused = unfused_identity(op);
  MaybeQConfig out = global_.value_or(std::nullopt);

  override_by(&out, [&] {
    const MaybeQConfig* own = get(object_types_, op);
    return own != nullptr ? own : get(object_types_, unfused);
  });
  override_by(&out, [&]() -> const MaybeQConfig* {
    for (const auto& [pattern, qconfig] : regexes_) {
      if (NamePattern(pattern).matches_start_of(query.name)) return &qconfig;
    }
    return nullptr;
  });
  override_by(&out, [&]() -> const MaybeQConfig* {
    for (std::string name = query.name; !name.empty();) {
      if (const MaybeQConfig* found = get(names_, name)) return found;
      const size_t cut = name.find_last_of("./");
      name.resize(cut == std::string::npos ? 0 : cut);
    }
    return nullptr;
  });
  override_by(&out, [&] {
    const MaybeQConfig* own = get(orders_, OrderKey{query.module, op, query.index_in_module});
    return own != nullptr ? own
                          : get(orders_, OrderKey{query.module, unfused, query.index_in_module});
  });
  return out;
}

const MaybeQConfig* QConfigMapping::object_type(const std::string& op) const {
  return get(object_types_, plain_identity(op));
}

// ---------------------------------------------------------------- narrowing
namespace {

[[noreturn]] void refuse_narrowed(const std::string& what) {
  throw Error(ErrorCode::kInvalidConfig, "the QConfigMapping given to convert " + what,
              "each entry must be the same as in prepare, or null to leave those nodes float");
}

std::string key_text(const std::string& key) { return "'" + key + "'"; }
std::string key_text(const QConfigMapping::OrderKey& key) {
  return "'" + key.name + "', " + key.op + ", " + std::to_string(key.index);
}

template <typename Entries>
void check_entries(const Entries& prepared, const Entries& narrowed, const char* style) {
  for (const auto& [key, qconfig] : prepared) {
    const MaybeQConfig* other = get(narrowed, key);
    if (other == nullptr) {
      refuse_narrowed(std::string("lacks the ") + style + " entry of " + key_text(key));
    }
    if (*other && *other != qconfig) {
      refuse_narrowed(std::string("changes the ") + style + " entry of " + key_text(key));
    }
  }
  // New entries may take nodes out, and no more.
  for (const auto& [key, qconfig] : narrowed) {
    if (qconfig && get(prepared, key) == nullptr) {
      refuse_narrowed(std::string("adds the ") + style + " entry of " + key_text(key));
    }
  }
}

}  // namespace

void check_narrowed(const QConfigMapping& prepared, const QConfigMapping& narrowed) {
  const MaybeQConfig before = prepared.global().value_or(std::nullopt);
  const MaybeQConfig after = narrowed.global().value_or(std::nullopt);
  if (prepared.global() && !narrowed.global()) refuse_narrowed("lacks the global entry");
  if (after && after != before) refuse_narrowed("changes the global entry");
  check_entries(prepared.object_types(), narrowed.object_types(), "object type");
  check_entries(prepared.module_name_regexes(), narrowed.module_name_regexes(), "name regex");
  check_entries(prepared.module_names(), narrowed.module_names(), "module name");
  check_entries(prepared.orders(), narrowed.orders(), "order");
}

}  // namespace eightfold
