"""Makes observers.json: what every observer must find on every batch of a table of cases.

Run: python make_observer_goldens.py   (needs numpy alone; never part of the test run)
batches.py makes the data, reference_observers.py the numbers; read its header for what is
float32 and what is double. The file is {"cases": [{name, why, batches, expect}]}; a row
of `expect` holds the observer with its arguments, then `find`: what it holds after all
batches. MinMax, MovingAverage and PerChannel rows are to be met exactly, as are left and
right (the first and last bin kept by the search), `total` (sum of the counts),
`moment` (sum of count * bin index) and `counts` (given up to 64 bins) of a Histogram.
Numbers are printed so that a double holds them exactly.
That the histogram rows hang on no rounding is checked here: the bin of every value and sub-bin
must come out alike by a second formula, and no two errors compared may lie within 1e-9.
The min and max of a case never observed are null.
"""
import json
from pathlib import Path

import numpy as np

from batches import generated, listed
from reference_observers import OBSERVERS, Histogram, bin_counts

AFFINE, SYMMETRIC = "per_tensor_affine", "per_tensor_symmetric"


def spec(observer, dtype, low, high, qscheme, **more):
    return {"observer": observer, "dtype": dtype, "quantMin": low, "quantMax": high,
            "qscheme": qscheme, **more}


HISTOGRAM = [
    spec("HistogramObserver", "uint8", 0, 255, AFFINE, bins=2048),
    spec("HistogramObserver", "uint8", 0, 127, AFFINE, bins=2048),
    spec("HistogramObserver", "int8", -128, 127, SYMMETRIC, bins=2048),
    spec("HistogramObserver", "uint8", 0, 255, AFFINE, bins=64),
]
EVERY = [
    spec("MinMaxObserver", "uint8", 0, 255, AFFINE),
    spec("MinMaxObserver", "uint8", 0, 127, AFFINE),
    spec("MinMaxObserver", "int8", -128, 127, AFFINE),
    spec("MinMaxObserver", "int8", -128, 127, SYMMETRIC),
    spec("MinMaxObserver", "int8", -127, 127, SYMMETRIC),
    spec("MinMaxObserver", "uint8", 0, 255, SYMMETRIC),
    spec("MinMaxObserver", "uint8", 0, 127, SYMMETRIC),
    spec("MovingAverageMinMaxObserver", "uint8", 0, 255, AFFINE, averagingConstant=0.01),
    spec("MovingAverageMinMaxObserver", "int8", -128, 127, SYMMETRIC, averagingConstant=0.5),
] + HISTOGRAM


def per_channel(axes):
    rows = [("int8", -128, 127, "symmetric"), ("int8", -127, 127, "symmetric"),
            ("uint8", 0, 255, "affine")]
    return [spec("PerChannelMinMaxObserver", dtype, low, high, f"per_channel_{scheme}", chAxis=axis)
            for axis in axes for dtype, low, high, scheme in rows]


FLAT = (1024,)
CASES = [
    ("widening", "every batch is wider than the one before: the histogram is remapped each time", EVERY,
     [generated("uniform", 1, FLAT, 1.5, -0.5), generated("uniform", 2, FLAT, 3.1, -1.2),
      generated("uniform", 3, FLAT, 6.3, -2.9), generated("uniform", 4, FLAT, 11.7, -3.3)]),
    ("widening right", "only the upper end moves", EVERY,
     [generated("uniform", 5, FLAT, 1.3, -0.7), generated("relu", 6, FLAT, 0.11)]),
    ("inside", "the second batch lies inside the first: counts are added in place", EVERY,
     [generated("bell", 7, FLAT, 2.3, 0.1), generated("uniform", 8, FLAT, 0.9, -0.4)]),
    ("bell", "what a layer before its activation looks like", EVERY,
     [generated("bell", 9 + i, (4, 8, 5, 5), 1.7, 0.3) for i in range(4)]),
    ("relu", "half zeros, half a long tail", EVERY,
     [generated("relu", 20 + i, FLAT, 0.37) for i in range(4)]),
    ("heavy tail", "the clip range is far inside min and max", EVERY,
     [generated("tail", 30 + i, (2048,), 0.21) for i in range(3)]),
    ("outlier", "one value a thousand times larger than the rest", EVERY,
     [generated("bell", 40, (4096,), 0.5), listed([250.3]), generated("bell", 41, (4096,), 0.5)]),
    ("bimodal", "two humps and nothing between them", EVERY,
     [generated("bimodal", 50 + i, FLAT, 3.3, 0.7) for i in range(3)]),
    ("long bell", "enough data that the search takes several steps", HISTOGRAM,
     [generated("bell", 100, (65536,), 1.7, 0.3)]),
    ("long relu", "likewise, with a remap before it", HISTOGRAM,
     [generated("relu", 100 + i, (16384,), 0.37) for i in range(3)]),
    ("long relu mirrored", "nothing above zero, a spike in the last bin", HISTOGRAM,
     [generated("relu", 100 + i, (16384,), -0.37) for i in range(3)]),
    ("left outlier", "one value in over 100,000 is less than a step: the left end leaps over it", HISTOGRAM,
     [generated("bell", 110, (65536,), 1.7, 0.3), listed([-4.3]),
      generated("bell", 111, (65536,), 1.7, 0.3)]),
    ("long bimodal", "empty bins in the middle, sparse ones at both ends", HISTOGRAM,
     [generated("bimodal", 100 + i, (16384,), 3.3, 0.7) for i in range(3)]),
    ("one-sided positive", "min > 0: the range is extended to hold zero", EVERY,
     [generated("uniform", 60, FLAT, 5.7, 0.5), generated("uniform", 61, FLAT, 5.9, 0.6)]),
    ("one-sided negative", "max < 0: likewise", EVERY,
     [generated("uniform", 62, FLAT, 5.7, -6.3), generated("uniform", 63, FLAT, 2.1, -7.9)]),
    ("constant", "min == max: the histogram has no width", EVERY,
     [listed([0.75] * 8), listed([0.75] * 4)]),
    ("constant negative", "min == max < 0", EVERY, [listed([-1.25] * 8)]),
    ("constant, then wide", "the mass of a single value is moved as one", EVERY,
     [listed([0.75] * 40), generated("uniform", 64, FLAT, 2.9, -1.1)]),
    ("all zero", "scale is eps, the zero point the range's lower end", EVERY,
     [listed([0.0] * 16), listed([-0.0] * 3)]),
    ("tiny", "range / 255 is below eps", EVERY, [generated("uniform", 65, FLAT, 1e-6, -3e-7)]),
    ("half down", "min / scale is -2.5: to even is -2", EVERY, [listed([-2.5, 252.5, 7.25])]),
    ("half up", "min / scale is -3.5: to even is -4", EVERY, [listed([-3.5, 251.5, 7.25])]),
    ("empty batch", "a batch without elements changes nothing", EVERY,
     [generated("bell", 66, FLAT), listed([], (0, 4)), generated("bell", 67, FLAT, 1.1)]),
    ("never observed", "scale 1, zero point 0", EVERY, []),
    ("infinities", "a histogram drops them; a batch of nothing else is ignored", HISTOGRAM,
     [listed([np.inf, -np.inf]), generated("bell", 68, FLAT), listed([0.1, -np.inf, 3.1, np.inf])]),
    ("channels", "per channel along each axis of an image batch", per_channel([0, 1, 3]),
     [generated("bell", 70, (2, 3, 4, 5), 1.3, 0.2), generated("tail", 71, (2, 3, 4, 5), 0.01)]),
    ("weights", "a matrix with a dead row, a one-sided row and a tiny row", per_channel([0, 1]),
     [listed([0, 0, 0, 0, 0.5, 1.5, 2.5, 0.25, 1e-9, -2e-9, 0, 1e-9, -4, 3, 2, -1], (4, 4))]),
]


class SecondOpinion(Histogram):
    """Bins by search among the boundaries, where Histogram divides."""

    def edges(self, lo, hi):
        lo, hi = float(lo), float(hi)
        lo, hi = (lo - 1, hi + 1) if lo == hi else (lo, hi)
        return np.linspace(lo, hi, self.bins + 1)

    def place(self, values, weights, lo, hi):
        k = np.searchsorted(self.edges(lo, hi), values, side="right") - 1
        return np.bincount(np.clip(k, 0, self.bins - 1), weights, self.bins)

    def remapped(self, lo, hi):
        if self.lo == self.hi:
            return super().remapped(lo, hi)
        fine = np.linspace(float(self.lo), float(self.hi), self.bins * self.SUB_BINS + 1)
        return self.place((fine[:-1] + fine[1:]) / 2,
                          self.counts.repeat(self.SUB_BINS) / self.SUB_BINS, lo, hi)


def check_robust(case, observer, arrays):
    other = SecondOpinion(observer.spec)
    for x in arrays:
        other.observe(x)
        finite = x[~np.isinf(x)].ravel()
        if finite.size:
            same = other.place(finite.astype(np.float64), None, other.lo, other.hi)
            assert (same == bin_counts(finite, other.bins, other.lo, other.hi)).all(), case
    assert (other.counts == observer.counts).all(), f"{case}: counts hang on rounding"
    assert getattr(observer, "margin", 1) > 1e-9, f"{case}: the search hangs on rounding"


def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(value) if np.isfinite(value) else None


def expected(case, row, arrays):
    observer = OBSERVERS[row["observer"]](row)
    for x in arrays:
        observer.observe(x)
    found = observer.result()
    if isinstance(observer, Histogram):
        check_robust(case, observer, arrays)
    return {**row, "find": {key: plain(value) for key, value in found.items()}}


def main():
    lines = []
    for name, why, specs, batches in CASES:
        arrays = [x for _, x in batches]
        rows = [json.dumps(row) for row, _ in batches]
        finds = [json.dumps(expected(name, row, arrays)) for row in specs]
        lines.append(f'{{"name": {json.dumps(name)}, "why": {json.dumps(why)},\n "batches": [\n  '
                     + ",\n  ".join(rows) + '],\n "expect": [\n  ' + ",\n  ".join(finds) + "]}")
        print(f"{name}: {len(batches)} batches, {len(finds)} observers")
    text = '{"cases": [\n' + ",\n".join(lines) + "\n]}\n"
    json.loads(text)
    Path(__file__).with_name("observers.json").write_text(text)


if __name__ == "__main__":
    main()
