// See fx_runs.h.
#include "support/fx_runs.h"

#include <algorithm>
#include <stdexcept>

namespace eightfold::test {
namespace {

BackendConfig residual_backend() {
  DTypeConfig eight;
  eight.input = eight.output = DType::kUint8;
  eight.weight = DType::kInt8;
  eight.bias = DType::kFloat32;
  BackendConfig backend("custom_residual");
  backend.set_backend_pattern_config(
      BackendPatternConfig()
          .set_pattern_complex_format(fx_pattern({"Relu", {"Add", "*", "Conv"}}))
          .set_dtype_configs({eight})
          .set_fuser_method("conv_add_relu")
          .set_root_node_getter("last")
          .set_extra_inputs_getter("match_all")
          .set_fused_module("eightfold:ConvAdd"));
  backend.set_backend_pattern_config(BackendPatternConfig({"Conv", "Relu"})
                                         .set_dtype_configs({eight})
                                         .set_fuser_method("conv_relu")
                                         .set_fused_module("eightfold:Conv"));
  for (const char* op : {"Conv", "eightfold:Conv", "eightfold:ConvAdd"}) {
    backend.set_backend_pattern_config(BackendPatternConfig(op)
                                           .set_dtype_configs({eight})
                                           .set_root_module("Conv")
                                           .set_reference_quantized_module("Conv"));
  }
  return backend;
}

}  // namespace

BackendConfig fx_backend(const std::string& name) {
  return name == "custom_residual" ? residual_backend() : backend(name);
}

QConfigMapping fx_mapping(const std::string& mapping, const std::string& backend) {
  const std::string target = backend == "custom_residual" ? "x86" : backend;
  if (mapping == "default") return get_default_qconfig_mapping(target);
  return qconfig_mapping_around(
      {fx_spec("minmax_uint8_0_255"), fx_spec("perchannelminmax_int8_-128_127_symmetric")}, target);
}

PreparedModel fx_prepared(const std::string& model, const std::string& mapping,
                          const std::string& backend) {
  const BackendConfig target = fx_backend(backend);
  PreparedModel prepared =
      prepare(fuse(fx_graph(model), target), fx_mapping(mapping, backend), target);
  Calibrator calibrator(prepared);
  for (size_t i = 0; i < kCalibrationBatches; ++i) calibrator.observe(fx_feeds(model, i));
  return prepared;
}

void round_as_pytorch(PreparedModel& model) {
  for (const auto& [id, plan] : model.plans) {
    if (plan.weight_slot < 0) continue;
    const QParams qparams =
        model.weight_slots[static_cast<size_t>(plan.weight_slot)].observer->qparams();
    const ValueId input = model.graph.node(id).input(static_cast<size_t>(plan.weight_input));
    Tensor weight = *model.graph.constant(input);
    const std::span<float> values = weight.mutable_data<float>();
    // Scales lie along the first axis.
    const size_t channels = qparams.scale.size(), inner = values.size() / channels;
    if (qparams.axis > 0) throw std::runtime_error("scales along another axis than the first");
    for (size_t i = 0; i < values.size(); ++i) {
      const float scale = qparams.scale[i / inner];
      const float steps = round_half_even(values[i] * (1.0f / scale));
      values[i] = scale * std::clamp(steps, static_cast<float>(qparams.quant_min),
                                     static_cast<float>(qparams.quant_max));
    }
    model.rounded_weight[id] = std::move(weight);
  }
}

const Json& fx_graph_row(const std::string& model, const std::string& backend) {
  for (const Json& row : fx_section("graphs")) {
    const Json& backends = row["backends"];
    const bool has_it = std::ranges::find(backends, Json(backend)) != backends.end();
    if (row["model"] == model && has_it) return row;
  }
  throw std::runtime_error("no graph of " + model + " for " + backend);
}

}  // namespace eightfold::test
