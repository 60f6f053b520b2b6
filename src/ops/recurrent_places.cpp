// The places of LSTM, and the operand lists of eightfold:QLinearLSTM and DynamicQuantizeLSTM as
// PlaceForm has them. Defaults: table 5.2 of spec-facts (16 bits inside the cell), but the cell
// state has the scale that its values ask for.
#include "ops/place_form.h"
#include "ops/recurrent.h"

namespace eightfold {
namespace {

constexpr int8_t kX = 0, kW = 1, kR = 2, kInitialH = 5, kInitialC = 6;
constexpr int8_t kY = 0, kYh = 1, kYc = 2;
enum Place : uint8_t { kPlaceX, kPlaceH, kPlaceC, kPlaceLinear, kSigmoid, kTanh, kProducts };

constexpr PlaceRow kLstmPlaces[] = {
    {.path = "x", .input = kX},
    {.path = "state.0", .input = kInitialH, .output = kY, .last = kYh},
    {.path = "state.1",
     .also = "cell",
     .input = kInitialC,
     .output = kTapCell,
     .last = kYc,
     .types = PlaceTypes::kAny,
     .dtype = DType::kInt16},
    {.path = "linear",
     .output = kTapLinear,
     .types = PlaceTypes::kAny,
     .dtype = DType::kUint16,
     .scale = 1.0f / 2048,
     .zero_point = 32768},
    {.path = "sigmoid",
     .output = kTapSigmoid,
     .types = PlaceTypes::kUnsigned,
     .dtype = DType::kUint16,
     .scale = 1.0f / 65536},
    {.path = "tanh",
     .output = kTapTanh,
     .types = PlaceTypes::kUnsigned,
     .dtype = DType::kUint16,
     .scale = 1.0f / 32768,
     .zero_point = 32768},
    {.path = "cell",
     .output = kTapProducts,
     .like = kPlaceC,
     .types = PlaceTypes::kAny,
     .dtype = DType::kInt16},
};

using enum PlaceOperand::Kind;
constexpr PlaceOperand kInteger[] = {{kInput, 0},
                                     {kPlace, kPlaceX},
                                     {kRows, 1},
                                     {kScale, 1},
                                     {kRows, 2},
                                     {kScale, 2},
                                     {kBias, 3},
                                     {kInput, 4},
                                     {kInput, 5},
                                     {kInput, 6},
                                     {kPlace, kPlaceH},
                                     {kPlace, kPlaceC},
                                     {kPlace, kPlaceLinear},
                                     {kPlace, kSigmoid},
                                     {kPlace, kTanh},
                                     {kPlace, kProducts},
                                     {kPlace, kProducts}};
constexpr PlaceOperand kDynamic[] = {{kInput, 0}, {kColumns, 1}, {kColumns, 2}, {kInput, 3},
                                     {kInput, 4}, {kInput, 5},   {kInput, 6},   {kInput, 7},
                                     {kScale, 1}, {kZero, 1},    {kScale, 2},   {kZero, 2}};

bool has_default_activations(const RecurrentAttributes& attributes) {
  for (int64_t d = 0; d < attributes.directions; ++d) {
    const auto& functions = attributes.activations[static_cast<size_t>(d)];
    if (functions[0].kind != CellActivation::Kind::kSigmoid ||
        functions[1].kind != CellActivation::Kind::kTanh ||
        functions[2].kind != CellActivation::Kind::kTanh) {
      return false;
    }
  }
  return true;
}

std::string why_not_integers(const Node& node) {
  constexpr size_t kPeepholes = 7;
  const RecurrentAttributes attributes = recurrent_attributes(node, CellKind::kLstm);
  if (node.input(kPeepholes) != kNone) return "its cell has peepholes, which stay float";
  if (attributes.clip > 0) return "its cell clips what its gates read";
  if (attributes.input_forget) return "its cell couples the input and the forget gate";
  if (!has_default_activations(attributes)) {
    return "its cell has other activations than Sigmoid, Tanh, Tanh";
  }
  return {};
}

std::string why_not_dynamic(const Node& node) {
  const RecurrentAttributes attributes = recurrent_attributes(node, CellKind::kLstm);
  return attributes.batch_major ? "DynamicQuantizeLSTM knows no layout 1" : std::string();
}

constexpr PlaceForm kLstm{
    .places = kLstmPlaces,
    .outputs = 3,
    .bias = {{{kPlaceX, kW}, {kPlaceH, kR}}},
    .integers = {kEightfoldDomain, "QLinearLSTM", kInteger, why_not_integers},
    .dynamic = {kMicrosoftDomain, "DynamicQuantizeLSTM", kDynamic, why_not_dynamic}};

}  // namespace

const PlaceForm& lstm_places() { return kLstm; }

}  // namespace eightfold
