// Resize and Upsample. Nearest moves elements of any dtype; linear and cubic are separable and
// computed axis by axis in float32.
#include <algorithm>
#include <memory>
#include <utility>

#include "core/lanes.h"
#include "ops/mapped_copy.h"
#include "ops/resize_spec.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// Which inputs hold what, by opset: Upsample-9 and Resize-10 have (X, scales), later ones
// (X, roi, scales, sizes); Upsample-7 has an attribute.
struct ResizeInputs {
  size_t scales, sizes;
};
ResizeInputs inputs_of(const Node& node, int64_t opset) {
  if (node.op_type == "Upsample" || opset == 10) return {1, 99};
  return {2, 3};
}

struct Request {
  std::vector<float> scales;
  std::vector<int64_t> sizes;
  std::vector<float> roi;
};

// nullopt when an input is not known.
template <typename Context>
std::optional<Request> request(const Context& context) {
  const ResizeInputs at = inputs_of(context.node, context.opset);
  Request result;
  const auto constant = [&](size_t i) { return context.constant(i); };
  if (context.has_input(at.sizes)) {
    if (!constant(at.sizes)) return std::nullopt;
    result.sizes = integers(constant(at.sizes));
  }
  const auto floats = [&](size_t i, std::vector<float>& list) {
    const Tensor* tensor = constant(i);
    if (!tensor) return false;
    const auto values = tensor->template data<float>();
    list.assign(values.begin(), values.end());
    return true;
  };
  const bool crops = resize_spec(context.node, context.opset).crops();
  if (crops && context.has_input(1) && !floats(1, result.roi)) return std::nullopt;
  if (context.has_input(at.scales)) {
    if (!floats(at.scales, result.scales)) return std::nullopt;
  } else {
    result.scales = context.node.floats_attribute("scales");
  }
  if (!result.sizes.empty()) result.scales.clear();
  return result;
}

void infer_resize(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const std::optional<Request> wanted = request(context);
    // Unknown dims stand in as 1; those that are resized stay unknown, the others keep their name.
    Shape shape;
    for (const Dim& dim : *result) shape.push_back(dim.known() ? dim.value : 1);
    std::vector<ResizeAxis> axes;
    if (wanted) axes = resize_axes(context.node, shape, wanted->scales, wanted->sizes);
    for (size_t i = 0; i < result->size(); ++i) {
      Dim& dim = (*result)[i];
      if (!wanted)
        dim = {};
      else if (dim.known())
        dim = {axes[i].out, {}};
      else if (!wanted->sizes.empty() && wanted->sizes.size() == axes.size())
        dim = {wanted->sizes[i], {}};
      else if (axes[i].scale != 1.0f)
        dim = {};
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// One pass per axis that changes: [outer, in, inner] -> [outer, out, inner].
struct Pass {
  int64_t outer, in, out, inner;
  ResizeTaps taps;
};
struct ResizePlan {
  MappedCopy nearest;
  std::vector<Pass> passes;
  float outside = 0;
  size_t buffer_elements = 0;  // of each of the two intermediate buffers
};

OpState plan_resize(PlanContext& context) {
  const ResizeSpec spec = resize_spec(context.node, context.opset);
  const std::optional<Request> wanted = request(context);
  if (!wanted) context.fail(ErrorCode::kInternal, "planned without the value of an input");
  const TensorInfo& x = context.inputs[0];
  const TensorInfo& y = context.outputs[0];
  const std::vector<ResizeAxis> axes =
      resize_axes(context.node, x.shape, wanted->scales, wanted->sizes, wanted->roi);
  auto plan = std::make_shared<ResizePlan>();
  plan->outside = spec.outside;
  if (spec.mode == "nearest") {
    std::vector<std::vector<int64_t>> maps;
    for (const ResizeAxis& axis : axes) maps.push_back(nearest_indices(spec, axis));
    plan->nearest = make_mapped_copy(x, y, maps);
    return plan;
  }
  if (x.dtype != DType::kFloat32) refuse_dtype(context, x.dtype);
  Shape memory = physical_shape(x.shape, x.layout);
  size_t place = 0;
  for (size_t axis : physical_order(x.shape.size(), x.layout)) {
    const ResizeAxis& extent = axes[axis];
    const size_t at = place++;
    if (extent.kept(spec.crops())) continue;
    plan->passes.push_back({product(memory, 0, at), extent.in, extent.out,
                            product(memory, at + 1, memory.size()), filter_taps(spec, extent)});
    memory[at] = extent.out;
    plan->buffer_elements =
        std::max(plan->buffer_elements, static_cast<size_t>(element_count(memory)));
  }
  if (plan->passes.size() > 1) context.scratch_bytes = 2 * plan->buffer_elements * sizeof(float);
  return plan;
}

void run_pass(const Pass& pass, float outside, const float* from, float* to) {
  for (int64_t o = 0; o < pass.outer; ++o) {
    const float* plane = from + o * pass.in * pass.inner;
    for (int64_t i = 0; i < pass.out; ++i, to += pass.inner) {
      if (pass.taps.indices[static_cast<size_t>(i * pass.taps.taps)] == kFill) {
        std::fill_n(to, pass.inner, outside);
        continue;
      }
      for (int64_t t = 0; t < pass.taps.taps; ++t) {
        const auto at = static_cast<size_t>(i * pass.taps.taps + t);
        const float weight = pass.taps.weights[at];
        const float* row = plane + pass.taps.indices[at] * pass.inner;
        if (t == 0) {
          map_lanes(row, to, pass.inner, [weight](Lanes x) { return x * weight; });
        } else {
          map_lanes(to, 1, row, 1, to, pass.inner,
                    [weight](Lanes sum, Lanes x) { return sum + x * weight; });
        }
      }
    }
  }
}

void run_resize(RunContext& context) {
  const ResizePlan& plan = context.plan_as<ResizePlan>();
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  if (!plan.nearest.maps.empty()) {
    uint64_t fill = 0;  // in integers too: what is no float is not extrapolated
    if (x.dtype == DType::kFloat32) copy_bytes(&fill, &plan.outside, sizeof(float));
    return run_mapped_copy(plan.nearest, element_bytes(context, x.dtype), x.data, y.data, &fill);
  }
  if (plan.passes.empty()) return copy_bytes(y.data, x.data, view_bytes(x));
  float* buffers[2] = {reinterpret_cast<float*>(context.scratch),
                       reinterpret_cast<float*>(context.scratch) + plan.buffer_elements};
  const float* from = x.as<float>();
  for (size_t i = 0; i < plan.passes.size(); ++i) {
    float* to = i + 1 == plan.passes.size() ? y.as<float>() : buffers[i % 2];
    run_pass(plan.passes[i], plan.outside, from, to);
    from = to;
  }
}

}  // namespace

void add_resize_rows(std::vector<OpDef>& rows) {
  for (auto [op_type, since] : {std::pair<std::string_view, int>{"Resize", 10}, {"Upsample", 7}}) {
    rows.push_back(moving_row(op_type, since, kLatestOpset, infer_resize, plan_resize, run_resize));
    // The scales are floats, yet no quantity of the data.
    rows.back().inputs = {Role::kActivation, Role::kShape};
    rows.back().layout = LayoutRule::kFollow;
    rows.back().floats = FloatTypes::kSingle;
    rows.back().quantized = {QuantizedOperands::kUnary, kEightfoldDomain, "QLinearResize"};
    rows.back().only_moves = [](const Node& node) {
      return node.string_attribute("mode", "nearest") == "nearest";
    };
  }
}

}  // namespace eightfold
