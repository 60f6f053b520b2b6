// Tables, factors and states of the integer cells. See qlinear_recurrent.h.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "ops/qlinear_recurrent.h"

namespace eightfold::qlinear_recurrent {
namespace {

double sigmoid_of(double v) { return 1.0 / (1.0 + std::exp(-v)); }
double tanh_of(double v) { return std::tanh(v); }

// What a table is made of.
struct TableKey {
  double (*f)(double);
  Place linear, gate;
  bool operator==(const TableKey&) const = default;
};

// q(f(dequantize(v))) for every value of the linear output.
GateTable make_table(const TableKey& key) {
  const auto& [f, linear, gate] = key;
  std::vector<uint16_t> table;
  for (int32_t v = linear.range.lo; v <= linear.range.hi; ++v) {
    const double y = f((v - linear.range.zero) * static_cast<double>(linear.scale));
    const double q = std::nearbyint(y / gate.scale) + gate.range.zero;
    const double inside = std::clamp<double>(q, gate.range.lo, gate.range.hi);
    table.push_back(static_cast<uint16_t>(static_cast<int32_t>(inside)));
  }
  return std::make_shared<const std::vector<uint16_t>>(std::move(table));
}

// Most cells have the standard places: 128 KiB of each for a whole model, as long as a node has it.
GateTable gate_table(const TableKey& key) {
  static std::mutex mutex;
  static std::vector<std::pair<TableKey, std::weak_ptr<const std::vector<uint16_t>>>> known;
  const std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  for (const auto& [made_of, table] : known) {
    GateTable shared = made_of == key ? table.lock() : nullptr;
    if (shared) return shared;
  }
  GateTable made = make_table(key);
  known.emplace_back(key, made);
  return made;
}

// The tables hold 16 bits without a sign.
Place read_gate(const PackContext& context, size_t scale) {
  const Place gate = read_place(context, scale);
  if (gate.range.lo < 0) {
    context.fail(ErrorCode::kInvalidType,
                 "input " + std::to_string(scale + 1) + ": gates are of an unsigned type");
  }
  return gate;
}

Place read_hidden(const PackContext& context, size_t scale) {
  const Place hidden = read_place(context, scale);
  if (!is_quantized_int8(hidden.dtype)) {
    context.fail(ErrorCode::kInvalidType,
                 "input " + std::to_string(scale + 1) + ": the products take h of 8 bits");
  }
  return hidden;
}

struct Gates {
  Place sigmoid, tanh;
};
Gates set_gates(const PackContext& context, size_t sigmoid_scale, size_t tanh_scale,
                const CellPlaces& places, Packed& packed, CellGates& cell) {
  const Gates gates{read_gate(context, sigmoid_scale), read_gate(context, tanh_scale)};
  packed.sigmoid = gate_table({sigmoid_of, places.linear, gates.sigmoid});
  packed.tanh = gate_table({tanh_of, places.linear, gates.tanh});
  cell.sigmoid = packed.sigmoid->data();
  cell.sigmoid_zero = gates.sigmoid.range.zero;
  cell.tanh_zero = gates.tanh.range.zero;
  return gates;
}

void set_common(const CellPlaces& places, const Packed& packed, CellGates& cell) {
  cell.hidden = packed.hidden;
  cell.linear = places.linear.range;
  cell.hidden_state = places.h.range;
  cell.tanh = packed.tanh->data();
}

}  // namespace

CellPlaces set_lstm(const PackContext& context, Packed& packed) {
  const CellPlaces places{read_hidden(context, kLstmH), read_place(context, kLstmLinear)};
  LstmCellParams& cell = packed.lstm;
  const auto [sigmoid, tanh] = set_gates(context, kLstmSigmoid, kLstmTanh, places, packed, cell);
  set_common(places, packed, cell);
  const Place c = read_place(context, kLstmC);
  const Place fc = context.node.input(kFc) != kNone ? read_place(context, kFc) : c;
  const Place ig = context.node.input(kIg) != kNone ? read_place(context, kIg) : c;
  for (int32_t v = c.range.lo; v <= c.range.hi; ++v) {
    const double state = (v - c.range.zero) * static_cast<double>(c.scale);
    packed.cell_tanh.push_back(static_cast<float>(std::tanh(state)));
  }
  packed.h = {kInitialH, 1, places.h.dtype};
  packed.wide = {kInitialC, 2, c.dtype};
  cell.fc = fc.range;
  cell.ig = ig.range;
  cell.cell = c.range;
  cell.cell_tanh = packed.cell_tanh.data();
  cell.fc_factor = sigmoid.scale * c.scale / fc.scale;
  cell.ig_factor = sigmoid.scale * tanh.scale / ig.scale;
  cell.from_fc = fc.scale / c.scale;
  cell.from_ig = ig.scale / c.scale;
  cell.h_factor = sigmoid.scale / places.h.scale;
  return places;
}

CellPlaces set_gru(const PackContext& context, Packed& packed) {
  const CellPlaces places{read_hidden(context, kGruY), read_place(context, kGruLinear)};
  GruCellParams& cell = packed.gru;
  const auto [sigmoid, tanh] = set_gates(context, kGruSigmoid, kGruTanh, places, packed, cell);
  set_common(places, packed, cell);
  const Place state = read_place(context, kGruH);
  packed.h = {-1, -1, places.h.dtype};
  packed.wide = {kInitialH, 1, state.dtype};
  cell.state = state.range;
  cell.resets_first = !packed.attributes.linear_before_reset;
  cell.reset_factor = sigmoid.scale * state.scale / places.h.scale;
  cell.r_factor = sigmoid.scale;
  cell.one = 1 / sigmoid.scale;
  cell.n_factor = sigmoid.scale * tanh.scale / state.scale;
  cell.s_factor = sigmoid.scale;
  cell.h_factor = state.scale / places.h.scale;
  return places;
}

CellPlaces set_rnn(const PackContext& context, Packed& packed) {
  const CellPlaces places{read_hidden(context, kRnnH), read_place(context, kRnnLinear)};
  packed.tanh = gate_table({tanh_of, places.linear, places.h});
  set_common(places, packed, packed.rnn);
  packed.h = {kInitialH, 1, places.h.dtype};
  return places;
}

}  // namespace eightfold::qlinear_recurrent
