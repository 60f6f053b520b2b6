// The presets: what a target can do. Each is built when it is first asked for.
//
// To add one: a row of kPresets, and the function that fills it.
#include <array>
#include <memory>
#include <mutex>

#include "core/error.h"
#include "quant/backend_config.h"
#include "quant/backends_families.h"

namespace eightfold {
namespace {

struct Preset {
  std::string_view name;
  void (*fill)(BackendConfig&);
};
constexpr Preset kPresets[] = {
    {"exact8", fill_wasm},      {"fast8", fill_wasm},
    {"turbo", fill_wasm},       {"onnxruntime", fill_onnxruntime},
    {"native", fill_pytorch},   {"fbgemm", fill_pytorch},
    {"x86", fill_pytorch},      {"qnnpack", fill_pytorch},
    {"onednn", fill_pytorch},   {"executorch", fill_pytorch},
    {"tensorrt", fill_pytorch},
};

struct Alias {
  std::string_view alias, name;
};
constexpr Alias kAliases[] = {{"wasm", "exact8"}};

std::string_view without_alias(std::string_view name) {
  for (const Alias& row : kAliases) {
    if (row.alias == name) return row.name;
  }
  return name;
}

const BackendConfig& built(const Preset& preset) {
  static std::mutex mutex;
  static std::array<std::unique_ptr<BackendConfig>, std::size(kPresets)> configs;
  const std::lock_guard lock(mutex);
  std::unique_ptr<BackendConfig>& config = configs[static_cast<size_t>(&preset - kPresets)];
  if (config == nullptr) {
    auto filled = std::make_unique<BackendConfig>(std::string(preset.name));
    preset.fill(*filled);
    config = std::move(filled);
  }
  return *config;
}

}  // namespace

const BackendConfig& backend(std::string_view name) {
  const std::string_view wanted = without_alias(name);
  std::string known;
  for (const Preset& preset : kPresets) {
    if (preset.name == wanted) return built(preset);
    known += (known.empty() ? "" : ", ") + std::string(preset.name);
  }
  throw Error(ErrorCode::kInvalidConfig, "there is no backend named '" + std::string(name) + "'",
              "known are " + known);
}

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

}  // namespace eightfold
