// The equations of recurrent_cell.h, one loop per term.
#include "ops/recurrent_cell.h"

#include <algorithm>

namespace eightfold {
namespace {

void add(const float* from, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

void add_product(const float* a, const float* b, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] += a[i] * b[i];
}

void add_late_bias(const CellRow& row, int64_t gate, int64_t count, float* gates) {
  const int64_t first = gate * row.hidden;
  if (row.late_bias) add(row.late_bias + first, count * row.hidden, gates + first);
}

// What `count` gates from `gate` on read, where it is asked for.
void tap_linear(const CellRow& row, int64_t gate, int64_t count, const float* gates) {
  const int64_t first = gate * row.hidden;
  if (row.linear) std::copy_n(gates + first, count * row.hidden, row.linear + first);
}

// The clip is on what gate activations read, not on what h reads of the cell state: so does ONNX
// Runtime. NaN passes.
void activate(const CellRow& row, size_t function, float* values, int64_t n) {
  const float clip = row.attributes.clip;
  for (int64_t i = 0; i < n && clip > 0; ++i) {
    const float low = values[i] < -clip ? -clip : values[i];
    values[i] = clip < low ? clip : low;
  }
  apply(row.functions[function], values, n);
}

// H' = (1 - z) * n + z * H
void mix(const float* z, const float* n, int64_t hidden, float* h) {
  for (int64_t i = 0; i < hidden; ++i) h[i] = (1.0f - z[i]) * n[i] + z[i] * h[i];
}

}  // namespace

void lstm_step(const CellRow& row, float* gates, const float* products, float* h, float* c) {
  const int64_t n = row.hidden;
  add(products, 4 * n, gates);
  tap_linear(row, kLstmInput, 4, gates);
  float *i = gates + kLstmInput * n, *o = gates + kLstmOutput * n, *f = gates + kLstmForget * n,
        *g = gates + kLstmCell * n;
  if (row.peepholes) {
    add_product(row.peepholes, c, n, i);
    add_product(row.peepholes + 2 * n, c, n, f);
    add_late_bias(row, kLstmInput, 1, gates);
    add_late_bias(row, kLstmForget, 2, gates);
    activate(row, 0, i, n);
    activate(row, 0, f, n);
  } else {
    add_late_bias(row, kLstmInput, 4, gates);
    activate(row, 0, gates, 3 * n);  // i, o and f lie side by side
  }
  activate(row, 1, g, n);
  for (int64_t j = 0; j < n && row.attributes.input_forget; ++j) f[j] = 1.0f - i[j];
  for (int64_t j = 0; j < n; ++j) c[j] = f[j] * c[j] + i[j] * g[j];
  if (row.peepholes) {
    add_product(row.peepholes + n, c, n, o);
    add_late_bias(row, kLstmOutput, 1, gates);
    activate(row, 0, o, n);
  }
  std::copy_n(c, n, h);
  apply(row.functions[2], h, n);
  for (int64_t j = 0; j < n; ++j) h[j] *= o[j];
}

void gru_step_linear(const CellRow& row, float* gates, const float* products, float* h) {
  const int64_t n = row.hidden;
  add(products, 2 * n, gates);
  tap_linear(row, kGruUpdate, 2, gates);
  activate(row, 0, gates, 2 * n);
  float* candidate = gates + kGruHidden * n;
  add_product(gates + kGruReset * n, products + kGruHidden * n, n, candidate);
  tap_linear(row, kGruHidden, 1, gates);
  activate(row, 1, candidate, n);
  mix(gates, candidate, n, h);
}

void gru_reset(const CellRow& row, float* gates, const float* products, const float* h,
               float* reset_h) {
  const int64_t n = row.hidden;
  add(products, 2 * n, gates);
  tap_linear(row, kGruUpdate, 2, gates);
  activate(row, 0, gates, 2 * n);
  const float* r = gates + kGruReset * n;
  for (int64_t i = 0; i < n; ++i) reset_h[i] = r[i] * h[i];
}

void gru_step(const CellRow& row, float* gates, const float* product, float* h) {
  const int64_t n = row.hidden;
  float* candidate = gates + kGruHidden * n;
  add(product, n, candidate);
  tap_linear(row, kGruHidden, 1, gates);
  activate(row, 1, candidate, n);
  mix(gates, candidate, n, h);
}

void rnn_step(const CellRow& row, float* gates, const float* products, float* h) {
  add(products, row.hidden, gates);
  tap_linear(row, 0, 1, gates);
  activate(row, 0, gates, row.hidden);
  std::copy_n(gates, row.hidden, h);
}

}  // namespace eightfold
