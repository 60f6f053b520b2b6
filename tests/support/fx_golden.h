// tests/golden/fx/fx.json as our types: what PyTorch's FX graph mode answers (see the README.md
// beside it).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "pattern/pattern.h"
#include "quant/qconfig.h"
#include "runtime/session.h"
#include "support/golden_rows.h"

namespace eightfold::test {

using Json = nlohmann::json;

// A section of the file, which is read once.
const Json& fx_section(const std::string& name);
// The row of a section by its name; throws std::runtime_error when there is none.
const Json& fx_named(const std::string& section, const std::string& name);

// "Conv", "*", a number, or [consumer, inputs...].
Pattern fx_pattern(const Json& written);
ObserverSpec fx_spec(const std::string& name);
QConfig fx_qconfig(const Json& row);  // {activation, weight}: names of specs
DTypeConfig fx_dtype_config(const Json& row);
std::vector<DTypeConfig> fx_dtypes(const Json& index);  // of `dtypeLists`

// Observers of one behaviour have one text, however their range was stated.
std::string spec_text(const ObserverSpec& spec);
std::string qconfig_text(const MaybeQConfig& qconfig);
std::string dtypes_text(const std::vector<DTypeConfig>& configs);

Tensor fx_tensor(const Json& dims, const Json& ints, float unit);
Graph fx_graph(const std::string& model);  // types inferred; nodes and values bear FX's names
// Batches 0 to 2 are for calibration, 3 is the one to run.
Feeds fx_feeds(const std::string& model, size_t batch);
inline constexpr size_t kCalibrationBatches = 3;

}  // namespace eightfold::test
