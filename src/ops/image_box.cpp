// NonMaxSuppression. Source: ONNX (10, 11). Of the boxes of a class by falling score, one is taken
// unless it overlaps one taken before by more than iou_threshold (intersection over union).
#include <algorithm>
#include <array>
#include <numeric>

#include "core/heap_sort.h"
#include "ops/image_rows.h"

namespace eightfold {
namespace {

struct Box {
  std::array<float, 2> low, high;
  float area() const { return (high[0] - low[0]) * (high[1] - low[1]); }
};

Box box_at(const float* b, bool center) {
  if (center) {  // x, y, width, height
    return {{b[1] - b[3] / 2, b[0] - b[2] / 2}, {b[1] + b[3] / 2, b[0] + b[2] / 2}};
  }
  return {{std::min(b[0], b[2]), std::min(b[1], b[3])},
          {std::max(b[0], b[2]), std::max(b[1], b[3])}};
}

bool overlap(const Box& a, const Box& b, float threshold) {
  float common = 1;
  for (size_t i : {0u, 1u}) {
    const float length = std::min(a.high[i], b.high[i]) - std::max(a.low[i], b.low[i]);
    if (length <= 0) return false;
    common *= length;
  }
  const float all = a.area() + b.area() - common;
  return all > 0 && common / all > threshold;
}

template <typename T>
T scalar_or(const RunContext& context, size_t i, T fallback) {
  if (!context.has_input(i) || context.inputs[i].size() == 0) return fallback;
  if (context.inputs[i].dtype != DTypeOf<T>::kValue) {
    context.fail(ErrorCode::kInvalidType, "input " + std::to_string(i) + " has another dtype");
  }
  return context.inputs[i].as<T>()[0];
}

OpState plan_nms(PlanContext& context) {
  check_floats(context, 2);
  const Shape &boxes = context.inputs[0].shape, &scores = context.inputs[1].shape;
  check_shapes(context, boxes.size() == 3 && scores.size() == 3 && boxes[0] == scores[0] &&
                            boxes[1] == scores[2] && boxes[2] == 4);
  return nullptr;
}

void run_nms(RunContext& context) {
  const Shape& shape = context.inputs[1].shape;  // [batches, classes, boxes]
  const bool center = context.node.int_attribute("center_point_box", 0) != 0;
  const int64_t most = scalar_or<int64_t>(context, 2, 0);
  const float iou = scalar_or<float>(context, 3, 0), least = scalar_or<float>(context, 4, 0);
  std::vector<int64_t> selected;
  std::vector<int64_t> order;
  std::vector<Box> taken;
  for (int64_t pair = 0; most > 0 && pair < shape[0] * shape[1]; ++pair) {
    const float* scores = context.inputs[1].as<float>() + pair * shape[2];
    const int64_t batch = pair / shape[1];
    const float* boxes = context.inputs[0].as<float>() + batch * shape[2] * 4;
    order.clear();
    for (int64_t i = 0; i < shape[2]; ++i) {
      if (!context.has_input(4) || scores[i] > least) order.push_back(i);
    }
    // The index decides between equal scores; what is no number comes last.
    heap_sort(order, [&](int64_t a, int64_t b) {
      const bool a_orders = scores[a] == scores[a], b_orders = scores[b] == scores[b];
      if (!a_orders || !b_orders) return a_orders != b_orders ? a_orders : a < b;
      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    });
    taken.clear();
    for (int64_t i : order) {
      if (static_cast<int64_t>(taken.size()) >= most) break;
      const Box box = box_at(boxes + 4 * i, center);
      if (std::ranges::any_of(taken, [&](const Box& b) { return overlap(box, b, iou); })) continue;
      taken.push_back(box);
      selected.insert(selected.end(), {batch, pair % shape[1], i});
    }
  }
  const TensorView y =
      context.host.allocate(0, DType::kInt64, {static_cast<int64_t>(selected.size()) / 3, 3});
  std::ranges::copy(selected, y.as<int64_t>());
}

void infer_nms(InferContext& context) {
  context.set_output(0, DType::kInt64, Dims{Dim{}, Dim{3, {}}});
}

}  // namespace

void add_box_rows(std::vector<OpDef>& rows) {
  rows.push_back({.domain = "",
                  .op_type = "NonMaxSuppression",
                  .since = 10,
                  .inputs = {Role::kParameter, Role::kParameter, Role::kShape, Role::kParameter},
                  .infer = infer_nms,
                  .plan = plan_nms,
                  .run = run_nms,
                  .observation = {Observation::kNotObserved},
                  .allocates = true});
}

}  // namespace eightfold
