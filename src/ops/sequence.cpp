// Sequences and optionals: lists of tensors, and values that may be absent.
//
// Their values travel as Tensors of dtype kSequence and kOptional (an optional that holds a value
// is that value), always made while running. Source: ONNX opset 11 to 18.
#include <utility>

#include "ops/control.h"

namespace eightfold {
namespace {

void infer_nothing(InferContext&) {}

const std::vector<Tensor>& items_of(const RunContext& context, const Tensor& value) {
  if (value.dtype() == DType::kSequence) return value.items();
  context.fail(ErrorCode::kInvalidType,
               "expected a sequence, got " + std::string(dtype_name(value.dtype())));
}

// A value that the row needs, and that may go into a sequence.
Tensor element(const RunContext& context, size_t i) {
  Tensor value = context.host.input(i);
  if (value.defined() && value.dtype() != DType::kOptional) return value;
  context.fail(ErrorCode::kInvalidType, "input " + std::to_string(i) + " is missing");
}

// The position in input i, counted from the end when negative; `absent` when there is none.
size_t position(const RunContext& context, size_t i, size_t limit, size_t absent) {
  if (!context.has_input(i)) return absent;
  const std::vector<int64_t> given = integers(context.inputs[i]);
  const auto size = static_cast<int64_t>(limit);
  if (given.size() != 1 || given[0] < -size || given[0] > size) {
    context.fail(ErrorCode::kInvalidData,
                 "a position must be one integer within the " + std::to_string(limit) + " items");
  }
  return static_cast<size_t>(given[0] < 0 ? given[0] + size : given[0]);
}

size_t position_of_item(const RunContext& context, size_t i, size_t size) {
  const size_t at = position(context, i, size, size - 1);
  if (at >= size) {
    context.fail(ErrorCode::kInvalidData,
                 "no item " + std::to_string(at) + " in a sequence of " + std::to_string(size));
  }
  return at;
}

void run_empty(RunContext& context) { hand_over(context, 0, Tensor::sequence({})); }

void run_construct(RunContext& context) {
  std::vector<Tensor> items;
  for (size_t i = 0; i < context.inputs.size(); ++i) items.push_back(element(context, i));
  hand_over(context, 0, Tensor::sequence(std::move(items)));
}

void run_insert(RunContext& context) {
  std::vector<Tensor> items = items_of(context, element(context, 0));
  const size_t at = position(context, 2, items.size(), items.size());
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(at), element(context, 1));
  hand_over(context, 0, Tensor::sequence(std::move(items)));
}

void run_erase(RunContext& context) {
  std::vector<Tensor> items = items_of(context, element(context, 0));
  const size_t at = position_of_item(context, 1, items.size());
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
  hand_over(context, 0, Tensor::sequence(std::move(items)));
}

void run_at(RunContext& context) {
  const Tensor sequence = element(context, 0);
  const std::vector<Tensor>& items = items_of(context, sequence);
  hand_over(context, 0, items[position_of_item(context, 1, items.size())]);
}

void infer_length(InferContext& context) { context.set_output(0, DType::kInt64, Dims{}); }

void run_length(RunContext& context) {
  const Tensor sequence = element(context, 0);
  const auto size = static_cast<int64_t>(items_of(context, sequence).size());
  hand_over(context, 0, Tensor::scalar(size));
}

void run_concat(RunContext& context) {
  std::vector<Tensor> items = items_of(context, element(context, 0));
  if (items.empty()) context.fail(ErrorCode::kInvalidData, "the sequence is empty");
  for (const Tensor& item : items) element_bytes(context, item.dtype());
  const bool fresh = context.node.int_attribute("new_axis", 0) != 0;
  const size_t rank = items[0].shape().size() + (fresh ? 1 : 0);
  const size_t axis = axis_in(context, context.node.int_attribute("axis", 0), rank);
  for (Tensor& item : items) {
    Shape shape = item.shape();
    if (!fresh || shape.size() + 1 != rank) continue;
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    item = item.reshaped(std::move(shape));
  }
  hand_over(context, 0, concatenated(context, items, axis));
}

// The lengths of the parts: as listed, or all alike with a rest.
std::vector<int64_t> split_lengths(const RunContext& context, int64_t whole) {
  std::vector<int64_t> lengths;
  int64_t each = 1;
  if (context.has_input(1)) {
    lengths = integers(context.inputs[1]);
    int64_t left = whole;
    for (int64_t length : lengths) {
      if (length < 0 || length > left) left = -1;
      if (left < 0) break;
      left -= length;
    }
    if (!context.inputs[1].shape.empty()) {
      if (left == 0) return lengths;
      context.fail(ErrorCode::kInvalidData,
                   "the lengths do not sum up to " + std::to_string(whole));
    }
    each = lengths[0];
    if (each < 1) context.fail(ErrorCode::kInvalidData, "parts of length " + std::to_string(each));
    lengths.clear();
  }
  for (int64_t begin = 0; begin < whole; begin += std::min(each, whole - begin)) {
    lengths.push_back(std::min(each, whole - begin));
  }
  return lengths;
}

void run_split(RunContext& context) {
  const Tensor whole = element(context, 0);
  element_bytes(context, whole.dtype());
  const size_t axis = axis_in(context, context.node.int_attribute("axis", 0), whole.shape().size());
  const bool drop = !context.has_input(1) && context.node.int_attribute("keepdims", 1) == 0;
  std::vector<Tensor> items;
  int64_t begin = 0;
  for (int64_t length : split_lengths(context, whole.shape()[axis])) {
    items.push_back(drop ? slice_of(context, whole, axis, begin)
                         : part_of(context, whole, axis, begin, length));
    begin += length;
  }
  hand_over(context, 0, Tensor::sequence(std::move(items)));
}

void run_optional(RunContext& context) {
  Tensor value = context.host.input(0);
  hand_over(context, 0, value.defined() ? std::move(value) : Tensor::none());
}

void infer_has_element(InferContext& context) { context.set_output(0, DType::kBool, Dims{}); }

void run_has_element(RunContext& context) {
  const Tensor value = context.host.input(0);
  hand_over(context, 0, Tensor::scalar(value.defined() && value.dtype() != DType::kOptional));
}

void run_get_element(RunContext& context) {
  Tensor value = context.host.input(0);
  if (!value.defined() || value.dtype() == DType::kOptional) {
    context.fail(ErrorCode::kInvalidData, "the optional holds nothing");
  }
  hand_over(context, 0, std::move(value));
}

struct Row {
  std::string_view op_type;
  int since;
  void (*infer)(InferContext&);
  void (*run)(RunContext&);
};
constexpr Row kRows[] = {
    {"SequenceEmpty", 11, infer_nothing, run_empty},
    {"SequenceConstruct", 11, infer_nothing, run_construct},
    {"SequenceInsert", 11, infer_nothing, run_insert},
    {"SequenceErase", 11, infer_nothing, run_erase},
    {"SequenceAt", 11, infer_nothing, run_at},
    {"SequenceLength", 11, infer_length, run_length},
    {"ConcatFromSequence", 11, infer_nothing, run_concat},
    {"SplitToSequence", 11, infer_nothing, run_split},
    {"Optional", 15, infer_nothing, run_optional},
    {"OptionalHasElement", 15, infer_has_element, run_has_element},
    {"OptionalGetElement", 15, infer_nothing, run_get_element},
};

}  // namespace

void add_sequence_rows(std::vector<OpDef>& rows) {
  for (const Row& row : kRows) {
    OpDef def{.domain = "",
              .op_type = row.op_type,
              .since = row.since,
              .inputs = {Role::kParameter},
              .infer = row.infer,
              .run = row.run,
              .observation = kNoObservation};
    def.allocates = def.takes_lists = true;
    def.floats = FloatTypes::kAny;
    rows.push_back(def);
  }
}

}  // namespace eightfold
