// LSTM, GRU, RNN in float32: their rows, the packing of their weights, products by the float GEMM.
//
// W and R become panels (kernels/float.h), per direction those of X's product, then those of H's.
// Biases ride in the panels: Wb + Rb with X's, but GRU's linear_before_reset needs Rb of the hidden
// gate with H's. Weights that are not constant are packed into scratch by every run.
#include <algorithm>
#include <memory>

#include "kernels/float.h"
#include "ops/families.h"
#include "ops/recurrent.h"
#include "ops/recurrent_walk.h"

namespace eightfold {
namespace {

constexpr size_t kW = 1, kR = 2, kB = 3;

// Where the panels of one direction lie, in floats.
struct PanelLayout {
  int64_t input = 0, hidden = 0, gates = 0;
  bool two_parts = false;  // H's product: z and r, then the hidden gate

  int64_t first_columns() const { return two_parts ? 2 * hidden : gates; }
  size_t hidden_at() const { return packed_dense_f32(input, gates); }
  size_t last_at() const { return hidden_at() + packed_dense_f32(hidden, first_columns()); }
  size_t size() const { return last_at() + (two_parts ? packed_dense_f32(hidden, hidden) : 0); }
};

struct PanelSource {
  const float *w, *r, *b;  // of one direction; b may be null
  bool split_bias;         // Rb of the last gate belongs to H's product
};

// `bias` has room for 2 * gates.
void pack_panels(const PanelLayout& layout, const PanelSource& from, float* bias, float* panels) {
  const int64_t gates = layout.gates, hidden = layout.hidden;
  float* hidden_bias = bias + gates;
  std::fill_n(bias, 2 * gates, 0.0f);
  for (int64_t i = 0; i < gates && from.b; ++i) {
    const float w_bias = from.b[i], r_bias = from.b[gates + i];
    const bool apart = from.split_bias && i >= gates - hidden;
    bias[i] = apart ? w_bias : w_bias + r_bias;
    hidden_bias[i] = apart ? r_bias : 0.0f;
  }
  const auto pack = [&](const float* data, int64_t k, int64_t n, const float* row, float* to) {
    pack_dense_f32(
        {.data = data, .inner = k, .n = n, .inner_stride = 1, .n_stride = k, .bias = row}, to);
  };
  pack(from.w, layout.input, gates, bias, panels);
  pack(from.r, hidden, layout.first_columns(), hidden_bias, panels + layout.hidden_at());
  if (!layout.two_parts) return;
  pack(from.r + layout.first_columns() * hidden, hidden, hidden, hidden_bias + 2 * hidden,
       panels + layout.last_at());
}

PanelSource source_of(const RecurrentAttributes& attributes, const PanelLayout& layout,
                      int64_t direction, const float* w, const float* r, const float* b) {
  return {w + direction * layout.gates * layout.input, r + direction * layout.gates * layout.hidden,
          b ? b + direction * 2 * layout.gates : nullptr,
          attributes.kind == CellKind::kGru && attributes.linear_before_reset};
}

const float* floats(const Tensor* tensor) {
  return tensor ? tensor->data<float>().data() : nullptr;
}

// Null unless W, R and B are constants that fit together; plan says what is wrong with others.
template <CellKind kKind>
OpState pack_recurrent(const PackContext& context) {
  const Tensor *w = context.constant(kW), *r = context.constant(kR), *b = context.constant(kB);
  const bool has_bias = context.node.input(kB) != kNone;
  if (!w || !r || (has_bias && !b)) return nullptr;
  for (const Tensor* tensor : {w, r, b}) {
    if (tensor && tensor->dtype() != DType::kFloat32) return nullptr;
  }
  const RecurrentAttributes attributes = recurrent_attributes(context.node, kKind);
  if (w->rank() != 3 || r->rank() != 3) return nullptr;
  const int64_t directions = attributes.directions;
  const PanelLayout layout{w->shape()[2], r->shape()[2], gate_count(kKind) * r->shape()[2],
                           resets_first(attributes)};
  if (w->shape() != Shape{directions, layout.gates, layout.input} ||
      r->shape() != Shape{directions, layout.gates, layout.hidden} ||
      (b && b->shape() != Shape{directions, 2 * layout.gates})) {
    return nullptr;
  }
  const size_t size = layout.size();
  auto panels = Buffer::allocate(static_cast<size_t>(directions) * size * sizeof(float));
  std::vector<float> bias(static_cast<size_t>(2 * layout.gates));
  for (int64_t d = 0; d < directions; ++d) {
    pack_panels(layout, source_of(attributes, layout, d, floats(w), floats(r), floats(b)),
                bias.data(),
                reinterpret_cast<float*>(panels->data()) + static_cast<size_t>(d) * size);
  }
  return panels;
}

struct RecurrentPlan {
  RecurrentAttributes attributes;
  RecurrentShape shape;
  PanelLayout layout;
  size_t panels_at = 0;  // in the scratch, in floats
};

template <CellKind kKind>
OpState plan_recurrent(PlanContext& context) {
  auto plan = std::make_shared<RecurrentPlan>();
  plan->attributes = recurrent_attributes(context.node, kKind);
  plan->shape = recurrent_shape(context, plan->attributes, WeightOrder::kRows);
  plan->layout = {plan->shape.input, plan->shape.hidden, plan->shape.gates,
                  resets_first(plan->attributes)};
  size_t scratch = static_cast<size_t>(walk_scratch(plan->shape));
  plan->panels_at = scratch;
  if (!context.packed) {
    scratch += plan->layout.size() + static_cast<size_t>(2 * plan->shape.gates);
  }
  context.scratch_bytes = scratch * sizeof(float);
  return plan;
}

class FloatProducts final : public GateProducts {
 public:
  FloatProducts(const RunContext& context, const RecurrentPlan& plan, float* scratch)
      : context_(context), plan_(plan), layout_(plan.layout), scratch_(scratch) {}

  void start(int64_t direction, int64_t) override {
    if (context_.packed) {
      const auto* buffer = static_cast<const Buffer*>(context_.packed);
      panels_ = reinterpret_cast<const float*>(buffer->data()) +
                static_cast<size_t>(direction) * layout_.size();
      return;
    }
    const float* b = context_.has_input(kB) ? context_.inputs[kB].as<float>() : nullptr;
    pack_panels(layout_,
                source_of(plan_.attributes, layout_, direction, context_.inputs[kW].as<float>(),
                          context_.inputs[kR].as<float>(), b),
                scratch_ + layout_.size(), scratch_);
    panels_ = scratch_;
  }

  void of_input(const float* x, int64_t rows, float* gates) override {
    multiply(panels_, x, rows, layout_.input, layout_.gates, gates);
  }

  void of_hidden(Part part, const float* h, int64_t rows, float* products) override {
    const bool last = part == Part::kLast;
    multiply(panels_ + (last ? layout_.last_at() : layout_.hidden_at()), h, rows, layout_.hidden,
             last ? layout_.hidden : layout_.first_columns(), products);
  }

 private:
  static void multiply(const float* panels, const float* a, int64_t m, int64_t k, int64_t n,
                       float* c) {
    gemm_f32({panels, a, m, k, n, k, c, n, {}});
  }

  const RunContext& context_;
  const RecurrentPlan& plan_;
  const PanelLayout& layout_;
  float* scratch_;
  const float* panels_ = nullptr;
};

void run_recurrent(RunContext& context) {
  const auto& plan = context.plan_as<RecurrentPlan>();
  auto* scratch = reinterpret_cast<float*>(context.scratch);
  FloatProducts products(context, plan, scratch + plan.panels_at);
  walk_recurrent(context, plan.attributes, plan.shape, products, scratch);
}

template <CellKind kKind>
void infer_twin(InferContext& context) {
  infer_observed(context, kKind);
}

// The op and its observed twin.
template <CellKind kKind>
void add_rows(std::string_view op_type, Roles inputs, std::vector<OpDef>& rows) {
  const PlaceForm& places = recurrent_places(kKind);
  OpDef row{.domain = "",
            .op_type = op_type,
            .inputs = inputs,
            .infer = infer_recurrent,
            .pack = pack_recurrent<kKind>,
            .plan = plan_recurrent<kKind>,
            .run = run_recurrent,
            .macs = recurrent_macs};
  row.places = &places;
  row.quantized = {QuantizedOperands::kPlaces, places.integers.domain, places.integers.op_type};
  OpDef observed = row;
  observed.domain = kEightfoldDomain;
  observed.infer = infer_twin<kKind>;
  rows.push_back(row);
  rows.push_back(observed);
}

}  // namespace

std::vector<OpDef> recurrent_ops() {
  const Roles common{Role::kActivation, Role::kWeight, Role::kWeight,
                     Role::kBias,       Role::kShape,  Role::kActivation};
  const Roles lstm{Role::kActivation, Role::kWeight,     Role::kWeight,     Role::kBias,
                   Role::kShape,      Role::kActivation, Role::kActivation, Role::kParameter};
  std::vector<OpDef> rows = qlinear_recurrent_rows();
  const std::vector<OpDef> dynamic = dynamic_recurrent_rows();
  rows.insert(rows.end(), dynamic.begin(), dynamic.end());
  add_rows<CellKind::kLstm>("LSTM", lstm, rows);
  add_rows<CellKind::kGru>("GRU", common, rows);
  add_rows<CellKind::kRnn>("RNN", common, rows);
  return rows;
}

}  // namespace eightfold
