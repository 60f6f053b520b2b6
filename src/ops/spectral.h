// Operators of signal processing: DFT, STFT, windows, MelWeightMatrix.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

void add_spectral_rows(std::vector<OpDef>& rows);  // with spectral_windows.cpp's
void add_window_rows(std::vector<OpDef>& rows);

}  // namespace eightfold
