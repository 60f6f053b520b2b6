// Steps where a default or the meaning of an operator changed, and the refusals.
#include <utility>

#include "ops/upgrade_steps.h"

namespace eightfold {
namespace {

bool refuse_step(const UpgradeSite& site) {
  site.refuse(site.node().op_type + " changed its meaning at opset " + std::to_string(site.to) +
              " and has no rewrite");
}

// Outputs after the first must be unused; the node is replaced by one without them.
bool keep_first_output(const UpgradeSite& site, const std::string& why) {
  Graph& graph = site.graph;
  const auto outputs = site.node().outputs();
  if (outputs.size() < 2) return false;
  const std::vector<ValueId> old(outputs.begin(), outputs.end());
  for (size_t i = 0; i < old.size(); ++i) {
    if (i > 0 && old[i] != kNone && graph.user_count(old[i]) > 0) site.refuse(why);
    graph.set_output(site.id, i, kNone);
  }
  const auto inputs = site.node().inputs();
  graph.insert_after(site.id, site.node(), {inputs.begin(), inputs.end()}, {old[0]});
  graph.erase_node(site.id);
  return true;
}

bool batch_norm_spatial(const UpgradeSite& site) {
  if (site.node().int_attribute("spatial", 1) == 0) {
    site.refuse("BatchNormalization with spatial = 0 has no newer form");
  }
  return site.drop("spatial");
}

bool batch_norm_outputs(const UpgradeSite& site) {
  return keep_first_output(site, "the training outputs of BatchNormalization are in use");
}

// The mask had the data's type before it became bool.
bool dropout_mask(const UpgradeSite& site) {
  return keep_first_output(site, "the mask of Dropout is in use and became bool at opset 10");
}

bool scatter_elements(const UpgradeSite& site) {
  site.node().op_type = "ScatterElements";
  return true;
}

// Before opset 13 Softmax worked on the matrix [dims before axis, dims from axis on].
bool softmax_axis(const UpgradeSite& site) {
  const int64_t axis = site.node().int_attribute("axis", 1);
  const ValueId input = site.node().input(0), output = site.node().output(0);
  const int64_t rank = site.rank(input);
  site.node().set_attribute("axis", int64_t{-1});
  if (axis == -1 || (rank >= 0 && axis == rank - 1)) return true;

  Graph& graph = site.graph;
  Node measure, flatten, restore;
  measure.op_type = "Shape";
  flatten.op_type = "Flatten";
  flatten.set_attribute("axis", axis);
  restore.op_type = "Reshape";
  restore.name = site.name("restored");
  const ValueId shape = site.insert_before("shape", std::move(measure), {input});
  const ValueId flat = site.insert_before("flat", std::move(flatten), {input});
  const ValueId result = graph.add_value(site.name("flat_result"));
  graph.set_input(site.id, 0, flat);
  graph.set_output(site.id, 0, result);
  graph.insert_after(site.id, std::move(restore), {result, shape}, {output});
  return true;
}

bool roi_align_mode(const UpgradeSite& site) {
  if (site.node().has_attribute("coordinate_transformation_mode")) return false;
  site.node().set_attribute("coordinate_transformation_mode", std::string("output_half_pixel"));
  return true;
}

bool grid_sample_mode(const UpgradeSite& site) {
  const std::string mode = site.node().string_attribute("mode", "bilinear");
  if (mode != "bilinear" && mode != "bicubic") return false;
  site.node().set_attribute("mode", std::string(mode == "bilinear" ? "linear" : "cubic"));
  return true;
}

// Before opset 21 scale and bias held one number per group; since then one per channel.
bool group_norm_channels(const UpgradeSite& site) {
  const auto& dims = site.graph.value(site.node().input(0)).type.dims;
  const int64_t groups = site.node().int_attribute("num_groups", 0);
  const bool known = dims && dims->size() > 1 && (*dims)[1].known() && groups > 0;
  const int64_t channels = known ? (*dims)[1].value : 0;
  if (!known || channels % groups != 0) site.refuse("GroupNormalization of unknown channels");
  for (size_t i = 1; i < 3; ++i) {
    const Tensor* given = site.graph.constant(site.node().input(i));
    if (!given || given->dtype() != DType::kFloat32 || given->size() != groups) {
      site.refuse("scale and bias of GroupNormalization must be constant float32, one per group");
    }
    std::vector<float> repeated;
    for (const float value : given->data<float>()) {
      repeated.insert(repeated.end(), static_cast<size_t>(channels / groups), value);
    }
    site.place_input(
        i, site.constant(i == 1 ? "scale" : "bias", Tensor::of<float>({channels}, repeated)));
  }
  return true;
}

constexpr UpgradeStep kSteps[] = {
    {"BatchNormalization", 9, batch_norm_spatial},
    {"Scan", 9, refuse_step},
    {"Dropout", 10, dropout_mask},
    {"Scatter", 11, scatter_elements},
    {"Softmax", 13, softmax_axis},
    {"LogSoftmax", 13, softmax_axis},
    {"Hardmax", 13, softmax_axis},
    {"BatchNormalization", 14, batch_norm_outputs},
    {"RoiAlign", 16, roi_align_mode},
    {"GridSample", 20, grid_sample_mode},
    {"GroupNormalization", 21, group_norm_channels},
};

}  // namespace

std::span<const UpgradeStep> meaning_steps() { return kSteps; }

}  // namespace eightfold
