// Einsum: y[outputs] = sum over the other labels of the product of the operands.
//
// Every label is an axis of one loop, the operands are strided over it; a label that occurs twice
// in a term walks a diagonal, an ellipsis is the axes before and after it broadcast from the right.
// Two float operands whose loop is a batched matrix product run as GEMMs.
#include "ops/einsum.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <string>

#include "kernels/float.h"
#include "ops/dtype_switch.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

// Labels of a term, one per axis. Axes of the ellipsis are named from the right: -1, -2, ...
using Labels = std::vector<int>;

struct Equation {
  std::vector<std::string> terms;
  std::optional<std::string> result;
};

[[noreturn]] void refuse(ErrorCode code, std::string_view message) { throw Error(code, message); }

Equation parse(const Node& node) {
  std::string text;
  for (const char c : node.string_attribute("equation", "")) {
    if (!std::isspace(static_cast<unsigned char>(c))) text += c;
  }
  Equation equation;
  const size_t arrow = text.find("->");
  if (arrow != std::string::npos) equation.result = text.substr(arrow + 2);
  std::string term;
  for (const char c : text.substr(0, arrow) + ",") {
    if (c == ',') {
      equation.terms.push_back(std::move(term));
      term.clear();
    } else {
      term += c;
    }
  }
  const auto is_valid = [](const std::string& one) {
    const size_t dots = one.find("...");
    return std::ranges::all_of(
               one,
               [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '.'; }) &&
           std::ranges::count(one, '.') == (dots == std::string::npos ? 0 : 3);
  };
  if (!std::ranges::all_of(equation.terms, is_valid) ||
      (equation.result && !is_valid(*equation.result))) {
    refuse(ErrorCode::kInvalidAttribute, "equation '" + text + "'");
  }
  return equation;
}

// `hidden` axes stand for the ellipsis.
Labels labels_of(const std::string& term, size_t hidden) {
  Labels labels;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] != '.') {
      labels.push_back(term[i]);
      continue;
    }
    for (size_t h = hidden; h > 0; --h) labels.push_back(-static_cast<int>(h));
    i += 2;
  }
  return labels;
}

bool has_ellipsis(const std::string& term) { return term.find('.') != std::string::npos; }
size_t letters(const std::string& term) { return term.size() - (has_ellipsis(term) ? 3 : 0); }

struct Form {
  std::vector<Labels> terms;
  Labels result;
};

// Fails when an operand's rank does not fit its term.
Form form_of(const Node& node, std::span<const size_t> ranks) {
  const Equation equation = parse(node);
  Form form;
  if (ranks.size() != equation.terms.size()) {
    refuse(ErrorCode::kInvalidAttribute,
           "the equation has " + std::to_string(equation.terms.size()) + " terms");
  }
  size_t hidden = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const std::string& term = equation.terms[i];
    if (ranks[i] < letters(term) || (ranks[i] > letters(term) && !has_ellipsis(term))) {
      refuse(ErrorCode::kInvalidShape, "input " + std::to_string(i) + " has rank " +
                                           std::to_string(ranks[i]) + " for '" + term + "'");
    }
    form.terms.push_back(labels_of(term, ranks[i] - letters(term)));
    hidden = std::max(hidden, ranks[i] - letters(term));
  }
  if (equation.result) {
    form.result = labels_of(*equation.result, hidden);
    return form;
  }
  // The implicit result: the ellipsis, then the letters that occur once, in order.
  std::map<int, int> counts;
  for (const Labels& labels : form.terms) {
    for (const int label : labels) ++counts[label];
  }
  for (size_t h = hidden; h > 0; --h) form.result.push_back(-static_cast<int>(h));
  for (const auto& [label, count] : counts) {
    if (label > 0 && count == 1) form.result.push_back(label);
  }
  return form;
}

// ---------------------------------------------------------------- infer
void infer_einsum(InferContext& context) {
  std::vector<size_t> ranks;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.dims(i)) return context.set_output(0, context.dtype(0), std::nullopt);
    ranks.push_back(context.dims(i)->size());
  }
  const Form form = form_of(context.node, ranks);
  std::map<int, Dim> dims;
  for (size_t i = 0; i < ranks.size(); ++i) {
    for (size_t axis = 0; axis < ranks[i]; ++axis) {
      const Dim& dim = (*context.dims(i))[axis];
      const auto [at, added] = dims.emplace(form.terms[i][axis], dim);
      if (added || dim.value == 1) continue;
      if (at->second.value == 1 || !at->second.known()) at->second = dim;
    }
  }
  Dims result;
  for (const int label : form.result) {
    const auto at = dims.find(label);
    if (at == dims.end()) {
      context.fail(ErrorCode::kInvalidAttribute, "the result has a label that no term has");
    }
    result.push_back(at->second);
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// ---------------------------------------------------------------- plan
// A loop over the result's labels, then over those that are summed.
struct EinsumPlan {
  Shape dims;                  // of all labels
  size_t outer = 0;            // how many of them are the result's
  std::vector<Shape> strides;  // per operand
  // As a matrix product: for each of `batch`, [m, k] x [k, n]; m, n, k are at most one label each.
  bool is_product = false;
  int64_t m = 1, n = 1, k = 1;
  int64_t a_m = 0, b_k = 0, b_n = 0;
  size_t batch = 0;  // leading labels of dims
};

// A label of the result may be in both operands (batch) or in one; summed labels are in both.
// Only single labels are taken for m, n and k, in the order in which a GEMM writes them.
bool as_product(EinsumPlan& plan) {
  if (plan.strides.size() != 2 || plan.dims.size() != plan.outer + 1) return false;
  const Shape &a = plan.strides[0], &b = plan.strides[1];
  const size_t k = plan.outer;
  if (a[k] == 0 || b[k] == 0 || plan.outer < 2) return false;
  const size_t last = plan.outer - 1, before = plan.outer - 2;
  const bool straight = a[before] != 0 && b[before] == 0 && a[last] == 0 && b[last] != 0;
  if (!straight || a[k] != 1) return false;
  plan.batch = before;
  plan.m = plan.dims[before];
  plan.n = plan.dims[last];
  plan.k = plan.dims[k];
  plan.a_m = a[before];
  plan.b_k = b[k];
  plan.b_n = b[last];
  return true;
}

OpState plan_einsum(PlanContext& context) {
  const DType dtype = context.inputs[0].dtype;
  if (!dtype_switch<float, double, int32_t, int64_t>(dtype, [](auto) {})) {
    refuse_dtype(context, dtype);
  }
  std::vector<size_t> ranks;
  for (const TensorInfo& input : context.inputs) {
    if (input.dtype != dtype) refuse_dtype(context, input.dtype);
    ranks.push_back(input.shape.size());
  }
  const Form form = form_of(context.node, ranks);
  Labels order = form.result;
  for (const Labels& labels : form.terms) {
    for (const int label : labels) {
      if (std::ranges::find(order, label) == order.end()) order.push_back(label);
    }
  }
  EinsumPlan plan;
  plan.outer = form.result.size();
  plan.dims.assign(order.size(), 1);
  plan.strides.assign(ranks.size(), Shape(order.size(), 0));
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Shape& shape = context.inputs[i].shape;
    const Shape own = physical_strides(shape, Layout::kPlain);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const auto at =
          static_cast<size_t>(std::ranges::find(order, form.terms[i][axis]) - order.begin());
      if (shape[axis] == 1) continue;
      if (plan.dims[at] != 1 && plan.dims[at] != shape[axis]) {
        context.fail(ErrorCode::kInvalidShape, "a label stands for dims of " +
                                                   std::to_string(plan.dims[at]) + " and " +
                                                   std::to_string(shape[axis]));
      }
      plan.dims[at] = shape[axis];
      plan.strides[i][at] += own[axis];
    }
  }
  plan.is_product = dtype == DType::kFloat32 && as_product(plan);
  if (plan.is_product) context.scratch_bytes = packed_dense_f32(plan.k, plan.n) * sizeof(float);
  return std::make_shared<const EinsumPlan>(std::move(plan));
}

// ---------------------------------------------------------------- run
// Calls step(offsets of the operands) for every index of dims [first, end), in order.
template <class F>
void for_each_index(const EinsumPlan& plan, size_t first, size_t end, Shape offsets, F step) {
  const int64_t count = product(plan.dims, first, end);
  Shape index(plan.dims.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    step(offsets);
    for (size_t d = end; d-- > first;) {
      const bool wraps = ++index[d] == plan.dims[d];
      if (wraps) index[d] = 0;
      for (size_t k = 0; k < offsets.size(); ++k) {
        offsets[k] += plan.strides[k][d] * (wraps ? 1 - plan.dims[d] : 1);
      }
      if (!wraps) break;
    }
  }
}

template <typename T>
void run_loop(RunContext& context, const EinsumPlan& plan) {
  T* y = context.outputs[0].as<T>();
  const size_t rank = plan.dims.size();
  for_each_index(plan, 0, plan.outer, Shape(plan.strides.size(), 0), [&](const Shape& at) {
    T sum{};
    for_each_index(plan, plan.outer, rank, at, [&](const Shape& from) {
      T term{1};
      for (size_t k = 0; k < from.size(); ++k) {
        term = static_cast<T>(term * context.inputs[k].as<T>()[from[k]]);
      }
      sum = static_cast<T>(sum + term);
    });
    *y++ = sum;
  });
}

void run_product(RunContext& context, const EinsumPlan& plan) {
  const float* a = context.inputs[0].as<float>();
  const float* b = context.inputs[1].as<float>();
  float* y = context.outputs[0].as<float>();
  auto* panels = reinterpret_cast<float*>(context.scratch);
  int64_t packed = -1;
  for_each_index(plan, 0, plan.batch, Shape(2, 0), [&](const Shape& at) {
    if (packed != at[1]) {
      pack_dense_f32({.data = b + at[1],
                      .inner = plan.k,
                      .n = plan.n,
                      .inner_stride = plan.b_k,
                      .n_stride = plan.b_n},
                     panels);
      packed = at[1];
    }
    gemm_f32({panels, a + at[0], plan.m, plan.k, plan.n, plan.a_m, y, plan.n, {}});
    y += plan.m * plan.n;
  });
}

void run_einsum(RunContext& context) {
  const auto& plan = context.plan_as<EinsumPlan>();
  if (plan.is_product) return run_product(context, plan);
  dtype_switch<float, double, int32_t, int64_t>(
      context.inputs[0].dtype, [&](auto tag) { run_loop<decltype(tag)>(context, plan); });
}

// One per index of the whole loop.
int64_t einsum_macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape>) {
  std::vector<size_t> ranks;
  for (const Shape& input : inputs) ranks.push_back(input.size());
  const Form form = form_of(node, ranks);
  std::map<int, int64_t> dims;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t axis = 0; axis < ranks[i]; ++axis) {
      int64_t& dim = dims[form.terms[i][axis]];
      dim = std::max(dim, inputs[i][axis]);
    }
  }
  int64_t count = inputs.size() > 1 ? 1 : 0;
  for (const auto& [label, dim] : dims) count *= dim;
  return count;
}

}  // namespace

OpDef einsum_row() {
  return {.domain = "",
          .op_type = "Einsum",
          .since = 12,
          .inputs = {Role::kActivation},
          .infer = infer_einsum,
          .plan = plan_einsum,
          .run = run_einsum,
          .macs = einsum_macs};
}

}  // namespace eightfold
