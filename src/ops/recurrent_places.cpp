// The places of LSTM, GRU and RNN, and the operand lists of their integer and dynamic ops as
// PlaceForm has them. Defaults: table 5.2 of spec-facts (16 bits inside the cell), but the state
// that is carried has the scale that its values ask for: LSTM's cell state, and GRU's hidden state,
// which comes back as z * h. RNN carries nothing but what its products read, so 8 bits do.
#include "ops/place_form.h"
#include "ops/recurrent.h"

namespace eightfold {
namespace {

constexpr int8_t kX = 0, kW = 1, kR = 2, kInitialH = 5, kInitialC = 6;
constexpr int8_t kY = 0, kYh = 1, kYc = 2;
// kPlaceH: what the products read of h. kPlaceC: what is carried, where that is another place.
enum Place : uint8_t { kPlaceX, kPlaceH, kPlaceC, kPlaceLinear, kSigmoid, kTanh, kProducts };
constexpr uint8_t kRnnLinear = kPlaceC;

constexpr PlaceRow linear_row(CellKind kind) {
  return {.path = "linear",
          .output = tap_output(kind, kTapLinear),
          .types = PlaceTypes::kAny,
          .dtype = DType::kUint16,
          .scale = 1.0f / 2048,
          .zero_point = 32768};
}
constexpr PlaceRow sigmoid_row(CellKind kind) {
  return {.path = "sigmoid",
          .output = tap_output(kind, kTapSigmoid),
          .types = PlaceTypes::kUnsigned,
          .dtype = DType::kUint16,
          .scale = 1.0f / 65536};
}
constexpr PlaceRow tanh_row(CellKind kind) {
  return {.path = "tanh",
          .output = tap_output(kind, kTapTanh),
          .types = PlaceTypes::kUnsigned,
          .dtype = DType::kUint16,
          .scale = 1.0f / 32768,
          .zero_point = 32768};
}

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
    linear_row(CellKind::kLstm),
    sigmoid_row(CellKind::kLstm),
    tanh_row(CellKind::kLstm),
    {.path = "cell",
     .output = kTapProducts,
     .like = kPlaceC,
     .types = PlaceTypes::kAny,
     .dtype = DType::kInt16},
};

constexpr PlaceRow kGruPlaces[] = {
    {.path = "x", .input = kX},
    {.path = "y", .output = kY},
    {.path = "state.0",
     .input = kInitialH,
     .output = tap_output(CellKind::kGru, kTapCell),
     .last = kYh,
     .types = PlaceTypes::kAny,
     .dtype = DType::kInt16},
    linear_row(CellKind::kGru),
    sigmoid_row(CellKind::kGru),
    tanh_row(CellKind::kGru),
    // What products read, from initial_h on.
    {.path = "y", .output = tap_output(CellKind::kGru, kTapProducts), .like = kPlaceH}};

constexpr PlaceRow kRnnPlaces[] = {
    {.path = "x", .input = kX},
    {.path = "state.0", .input = kInitialH, .output = kY, .last = kYh},
    linear_row(CellKind::kRnn)};

using enum PlaceOperand::Kind;
constexpr PlaceOperand kGruInteger[] = {
    {kInput, 0},        {kPlace, kPlaceX}, {kRows, 1},        {kScale, 1},
    {kRows, 2},         {kScale, 2},       {kBias, 3},        {kInput, 4},
    {kInput, 5},        {kPlace, kPlaceH}, {kPlace, kPlaceC}, {kPlace, kPlaceLinear},
    {kPlace, kSigmoid}, {kPlace, kTanh}};
constexpr PlaceOperand kRnnInteger[] = {{kInput, 0},       {kPlace, kPlaceX},   {kRows, 1},
                                        {kScale, 1},       {kRows, 2},          {kScale, 2},
                                        {kBias, 3},        {kInput, 4},         {kInput, 5},
                                        {kPlace, kPlaceH}, {kPlace, kRnnLinear}};
constexpr PlaceOperand kLstmInteger[] = {{kInput, 0},
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
constexpr PlaceOperand kLstmDynamic[] = {{kInput, 0}, {kColumns, 1}, {kColumns, 2}, {kInput, 3},
                                         {kInput, 4}, {kInput, 5},   {kInput, 6},   {kInput, 7},
                                         {kScale, 1}, {kZero, 1},    {kScale, 2},   {kZero, 2}};

// Sigmoid where the kind has gates, Tanh behind.
// Of GRU and RNN: our own, in rows, so that files hold the float op with dequantized weights.
constexpr PlaceOperand kOtherDynamic[] = {{kInput, 0}, {kRows, 1},  {kRows, 2},  {kInput, 3},
                                          {kInput, 4}, {kInput, 5}, {kScale, 1}, {kZero, 1},
                                          {kScale, 2}, {kZero, 2}};

bool has_default_activations(const RecurrentAttributes& attributes) {
  using enum CellActivation::Kind;
  const bool gated = attributes.kind != CellKind::kRnn;
  const size_t count = attributes.kind == CellKind::kLstm ? 3 : gated ? 2 : 1;
  for (int64_t d = 0; d < attributes.directions; ++d) {
    const auto& functions = attributes.activations[static_cast<size_t>(d)];
    for (size_t i = 0; i < count; ++i) {
      if (functions[i].kind != (gated && i == 0 ? kSigmoid : kTanh)) return false;
    }
  }
  return true;
}

template <CellKind kKind>
std::string why_not_integers(const Node& node) {
  constexpr size_t kPeepholes = 7;
  constexpr const char* kStandard[] = {"Sigmoid, Tanh, Tanh", "Sigmoid, Tanh", "Tanh"};
  const RecurrentAttributes attributes = recurrent_attributes(node, kKind);
  if (node.input(kPeepholes) != kNone) return "its cell has peepholes, which stay float";
  if (attributes.clip > 0) return "its cell clips what its gates read";
  if (attributes.input_forget) return "its cell couples the input and the forget gate";
  if (!has_default_activations(attributes)) {
    return std::string("its cell has other activations than ") +
           kStandard[static_cast<size_t>(kKind)];
  }
  return {};
}

std::string why_not_dynamic(const Node& node) {
  const RecurrentAttributes attributes = recurrent_attributes(node, CellKind::kLstm);
  return attributes.batch_major ? "DynamicQuantizeLSTM knows no layout 1" : std::string();
}
std::string any_dynamic(const Node&) { return {}; }

constexpr std::array<BiasPart, 2> kBiasParts{{{kPlaceX, kW}, {kPlaceH, kR}}};
constexpr PlaceForm kForms[] = {
    {.places = kLstmPlaces,
     .outputs = 3,
     .bias = kBiasParts,
     .integers = {kEightfoldDomain, "QLinearLSTM", kLstmInteger, why_not_integers<CellKind::kLstm>},
     .dynamic = {kMicrosoftDomain, "DynamicQuantizeLSTM", kLstmDynamic, why_not_dynamic}},
    {.places = kGruPlaces,
     .outputs = 2,
     .bias = kBiasParts,
     .integers = {kEightfoldDomain, "QLinearGRU", kGruInteger, why_not_integers<CellKind::kGru>},
     .dynamic = {kEightfoldDomain, "DynamicQuantizeGRU", kOtherDynamic, any_dynamic}},
    {.places = kRnnPlaces,
     .outputs = 2,
     .bias = kBiasParts,
     .integers = {kEightfoldDomain, "QLinearRNN", kRnnInteger, why_not_integers<CellKind::kRnn>},
     .dynamic = {kEightfoldDomain, "DynamicQuantizeRNN", kOtherDynamic, any_dynamic}}};

}  // namespace

const PlaceForm& recurrent_places(CellKind kind) { return kForms[static_cast<size_t>(kind)]; }

}  // namespace eightfold
