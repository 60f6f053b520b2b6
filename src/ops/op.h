// OpDef: everything Eightfold knows about one operator, as data.
//
// A row gives inference, packing, planning, running, the int8 form and the
// observation. Import, the session, prepare, lowering and the docs table read
// the registry; no other list of operators exists.
//
// Life of a node in a session:
//   infer  output dtype and dims from input types (symbolic or concrete)
//   pack   weights into kernel form, once per session            (optional)
//   plan   once per input-shape signature: validate, choose, size scratch (optional)
//   run    numbers only; may throw for faults born of data alone
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"
#include "ir/graph.h"
#include "ops/place_form.h"

namespace eightfold {

// ---------------------------------------------------------------- inference
// Supplied by whoever infers a node with bodies (If, Loop, Scan).
class BodyTypes {
 public:
  virtual ~BodyTypes() = default;
  // Types of a body's outputs, given those of its inputs; nullopt when they cannot be told.
  virtual std::optional<std::vector<ValueType>> infer(std::string_view attribute,
                                                      std::span<const ValueType> inputs) = 0;
  // The inputs of the last infer do not hold for every run of that body: forget what it found.
  virtual void discard(std::string_view attribute) = 0;
};

// Types of the inputs as far as known; constants are initializers or values
// that the planner has already computed (shape arithmetic).
class InferContext {
 public:
  InferContext(const Node& node, int64_t opset, std::vector<ValueType> inputs,
               std::vector<const Tensor*> constants);

  const Node& node;
  int64_t opset;
  BodyTypes* bodies = nullptr;  // null: nothing is known of the bodies' outputs

  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return outputs_.size(); }
  bool has_input(size_t i) const;
  const ValueType& input(size_t i) const;  // an undefined type when absent
  const Tensor* constant(size_t i) const;  // null when not known
  std::optional<std::vector<int64_t>> constant_ints(size_t i) const;  // from int32 / int64
  DType dtype(size_t i) const { return input(i).dtype; }
  const std::optional<Dims>& dims(size_t i) const { return input(i).dims; }

  void set_output(size_t i, DType dtype, std::optional<Dims> dims);
  void set_output(size_t i, DType dtype, std::span<const int64_t> shape);
  std::vector<ValueType> take_outputs() { return std::move(outputs_); }

  [[noreturn]] void fail(ErrorCode code, std::string_view message,
                         std::string_view hint = {}) const;

 private:
  std::vector<ValueType> inputs_;
  std::vector<const Tensor*> constants_;
  std::vector<ValueType> outputs_;
};

// ------------------------------------------------------- packing and planning
// Shape, dtype and layout of a value in a plan. `known` is false when the shape
// depends on data; then the node must call RunContext::allocate.
struct TensorInfo {
  DType dtype = DType::kUndefined;
  Shape shape;
  Layout layout = Layout::kPlain;
  bool known = true;
  bool present() const { return dtype != DType::kUndefined; }
};

// The integers that an 8-bit value can hold, as far as the graph tells (a clamp, a constant); the
// whole range of its dtype otherwise; of absent inputs and other dtypes anything.
struct ByteRange {
  int32_t lo = -128, hi = 255;
  bool operator==(const ByteRange&) const = default;
};

// State made by pack or plan, owned by the session, opaque to it.
using OpState = std::shared_ptr<const void>;

struct PackContext {
  const Node& node;
  int64_t opset;
  std::span<const Tensor* const> constants;  // one per input, null when not constant
  std::span<const ValueType> input_types;
  std::span<const ByteRange> input_ranges = {};  // one per input, or none: not known
  const Tensor* constant(size_t i) const { return i < constants.size() ? constants[i] : nullptr; }
  [[noreturn]] void fail(ErrorCode code, std::string_view message,
                         std::string_view hint = {}) const;
};

struct PlanContext {
  const Node& node;
  int64_t opset;
  std::span<const TensorInfo> inputs;   // concrete shapes
  std::span<const TensorInfo> outputs;  // from infer; layout chosen by the session
  std::span<const Tensor* const> constants;
  const void* packed;        // what pack returned, or null
  size_t scratch_bytes = 0;  // set by plan: bytes run needs, kAlignment-aligned
  const Tensor* constant(size_t i) const { return i < constants.size() ? constants[i] : nullptr; }
  bool has_input(size_t i) const { return i < inputs.size() && inputs[i].present(); }
  [[noreturn]] void fail(ErrorCode code, std::string_view message,
                         std::string_view hint = {}) const;
};

// Supplied by the runtime.
class RunHost {
 public:
  virtual ~RunHost() = default;
  // Storage for an output whose shape was not known to the plan (plain layout).
  virtual TensorView allocate(size_t output, DType dtype, Shape shape) = 0;
  // Input i with what a view cannot carry (sequences, strings); plain layout; shares the bytes.
  virtual Tensor input(size_t i) = 0;
  // Hands over an output whose shape, or whose being a tensor, was not known to the plan.
  virtual void emit(size_t output, Tensor tensor) = 0;
  // Runs a body of the node (If, Loop, Scan) with the given values for its inputs. The outputs own
  // their bytes.
  virtual std::vector<Tensor> run_subgraph(std::string_view attribute,
                                           std::span<const Tensor> inputs) = 0;
  // Where a node that runs bodies leaves what it has when it stops between two of them: then it is
  // run again, on the same inputs. Null where it must run to its end.
  virtual std::shared_ptr<void>* unfinished() { return nullptr; }
  // Counts bytes that a run gathers before it emits them (a Loop's scan outputs) against the
  // memory limit of the session; throws kOutOfMemory past it.
  virtual void claim(int64_t bytes) = 0;
};

struct RunContext {
  const Node& node;
  int64_t opset;
  std::span<const TensorView> inputs;  // absent ones have present() == false
  std::span<TensorView> outputs;       // data == nullptr for those of unknown shape
  const void* packed;
  const void* plan;
  uint8_t* scratch;  // PlanContext::scratch_bytes, kAlignment-aligned, contents undefined
  RunHost& host;

  bool has_input(size_t i) const { return i < inputs.size() && inputs[i].present(); }
  bool has_output(size_t i) const { return i < outputs.size() && outputs[i].present(); }
  template <typename T>
  const T& packed_as() const {
    return *static_cast<const T*>(packed);
  }
  template <typename T>
  const T& plan_as() const {
    return *static_cast<const T*>(plan);
  }
  [[noreturn]] void fail(ErrorCode code, std::string_view message,
                         std::string_view hint = {}) const;
};

// --------------------------------------------------------------- the row
enum class Role : uint8_t {
  kActivation,  // a tensor that is observed and quantized
  kWeight,      // quantized per tensor or per channel when constant
  kBias,        // int32 with scale s_x * s_w
  kParameter,   // a float tensor that stays float (BatchNormalization's, Resize's scales)
  kShape,       // integers that steer the op (shapes, axes, indices), never quantized
  kMetadata,    // only its dtype and shape are read (Shape, Size): run may see it without data
};

enum class LayoutRule : uint8_t {
  kPlain,         // inputs and outputs in plain layout
  kChannelsLast,  // activations in and out channels-last when rank >= 3
  kFollow,  // output layout = channels-last if any input of the same rank is; run reads views'
            // layouts
};

enum class Aliasing : uint8_t {
  kNone,
  kInPlace,  // output 0 may overwrite input 0 when their bytes are equal and input 0 dies here
  kView,  // output 0 is input 0's bytes under another shape (Reshape, Identity); run is not called
};

// How the int8 form of an op takes its operands (s = scale, z = zero point).
enum class QuantizedOperands : uint8_t {
  kNone,      // no int8 form: dequantize - run - quantize
  kDirect,    // the op itself on int8 data; input and output share parameters
  kUnary,     // X, xs, xz, ys, yz, the float op's other inputs
  kBinary,    // A, as, az, B, bs, bz, ys, yz
  kConv,      // x, xs, xz, w, ws, wz, ys, yz, [bias int32]
  kConvAdd,   // x, xs, xz, w, ws, wz, ys, yz, [bias int32], z, zs, zz
  kGemm,      // A, as, az, B, bs, bz, [C int32], ys, yz
  kVariadic,  // ys, yz, (x, xs, xz)...
  kPlaces,    // as OpDef::places has it
};
struct QuantizedForm {
  QuantizedOperands operands = QuantizedOperands::kNone;
  std::string_view domain;  // of the int8 operator
  std::string_view op_type;
};

// The float types that a row's pack, plan and run have loops for. Elements of any other float type
// (float16, bfloat16, float64) reach them as float32 and leave them rounded to their own type;
// infer alone sees the types as they are. See call_row.h.
enum class FloatTypes : uint8_t {
  kSingle,  // float32
  kDouble,  // float32 and float64
  kAny,     // every type, for ops that move elements or convert them
};

struct Observation {
  enum Kind : uint8_t { kDifferentFromInput, kSameAsInput, kFixed, kNotObserved };
  Kind kind = kDifferentFromInput;
  float scale = 0;  // for kFixed, stated for uint8 (0..255)
  int32_t zero_point = 0;
};

inline constexpr int kLatestOpset = 1 << 30;

// The roles of a row's inputs: a list of fixed capacity, so that a row is plain data.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) : size_(static_cast<uint8_t>(roles.size())) {
    std::copy(roles.begin(), roles.end(), roles_.begin());
  }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr Role operator[](size_t i) const { return roles_[i]; }
  constexpr const Role* begin() const { return roles_.data(); }
  constexpr const Role* end() const { return roles_.data() + size_; }

 private:
  std::array<Role, 12> roles_{};
  uint8_t size_ = 0;
};

struct OpDef {
  std::string_view domain;
  std::string_view op_type;
  int since = 1;
  int until = kLatestOpset;  // inclusive
  Roles inputs;              // the last one repeats for variadic ops
  LayoutRule layout = LayoutRule::kPlain;
  Aliasing aliasing = Aliasing::kNone;
  void (*infer)(InferContext&) = nullptr;
  OpState (*pack)(const PackContext&) = nullptr;
  OpState (*plan)(PlanContext&) = nullptr;
  void (*run)(RunContext&) = nullptr;
  FloatTypes floats = FloatTypes::kSingle;
  QuantizedForm quantized = {};
  Observation observation = {};
  // Whether this node only moves elements: its int8 form is then the node itself, not `quantized`.
  bool (*only_moves)(const Node&) = nullptr;
  // Inputs that pack and plan must see; null: none. Where one of them comes at run time, the node
  // is packed and planned when it runs.
  bool (*needs_constant)(size_t input) = nullptr;
  bool packs_weights = false;  // what pack returned replaces all kWeight inputs: run reads none
  // run calls RunHost::allocate or emit when an output's shape depends on data.
  bool allocates = false;
  // Element i of the output comes of element i of input 0, of the same size, in memory order: run
  // may be called for a stretch of both.
  bool pointwise = false;
  bool takes_lists = false;  // sequences and optionals besides tensors, by RunHost::input
  // How much an error of a negative input shrinks on its way through, for an op that treats the
  // signs differently (LeakyRelu: alpha); null: not at all.
  float (*negative_gain)(const Node&) = nullptr;
  // Range of output 0 from those of the inputs, for an op that runs on 8-bit data as it is; null:
  // every element of the output lies between elements of the inputs of its dtype.
  ByteRange (*byte_range)(std::span<const ByteRange> inputs) = nullptr;
  // Output-channel axis of the weight input; null when the op has none.
  int (*weight_axis)(const Node&) = nullptr;
  // Of an op with places of its own inside (place_form.h), and of its observed twin; null: none.
  const PlaceForm* places = nullptr;
  // Multiply-accumulates for these shapes; null when the op has none worth counting.
  int64_t (*macs)(const Node&, std::span<const Shape> inputs,
                  std::span<const Shape> outputs) = nullptr;

  QuantizedForm form(const Node& node) const {
    const bool moves = only_moves && only_moves(node);
    return moves ? QuantizedForm{QuantizedOperands::kDirect, {}, {}} : quantized;
  }
  Role role(size_t input) const {
    if (inputs.empty()) return Role::kActivation;
    return inputs[input < inputs.size() ? input : inputs.size() - 1];
  }
};

// ---------------------------------------------------------------- the registry
// Null when there is no row for this op at this opset.
const OpDef* find_op(std::string_view domain, std::string_view op_type, int64_t opset);
const OpDef* find_op(const Graph& graph, const Node& node);
std::vector<const OpDef*> all_ops();  // sorted by domain, op_type, since

// Sets the types of all values of the graph as far as the inputs' types allow.
// Unknown ops leave their outputs unknown. Throws what a row's infer throws.
void infer_types(Graph& graph);

}  // namespace eightfold
