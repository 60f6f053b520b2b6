"""Quantization observers written out plainly in numpy: the independent reference.

Where: used by make_observer_goldens.py only; shares no code with src/quant.
Source: the published definitions of PyTorch's torch.ao.quantization observers.
Precision, the contract every golden number follows:
  * data, observed min and max, scale: float32. Every arithmetic step of the moving
    average and of qparams() is one float32 operation, rounded to nearest.
  * rounding to the zero point: half to even.
  * histogram: counts, bin index, remap and the search for the clip range in double, from the
    float32 data and float32 min/max; the clip range is rounded to float32 before qparams().
"""
import numpy as np

F = np.float32
EPS = F(2.0 ** -23)
SIGNED = {"uint8": False, "int8": True}


def qparams(lo, hi, spec):
    """scale (float32) and zero point (int) of one observed range.

    Symmetric uint8: 128 with the dtype's own range 0..255, the middle of a narrower one."""
    qmin, qmax = spec["quantMin"], spec["quantMax"]
    if lo > hi:  # never observed: +inf, -inf
        return F(1), 0
    lo, hi = min(F(lo), F(0)), max(F(hi), F(0))
    if spec["qscheme"].endswith("symmetric"):
        scale = max(F(max(-lo, hi) / F((qmax - qmin) / 2)), EPS)
        if SIGNED[spec["dtype"]]:
            return scale, 0
        return scale, 128 if (qmin, qmax) == (0, 255) else (qmin + qmax) // 2
    scale = max(F(F(hi - lo) / F(qmax - qmin)), EPS)
    return scale, int(np.clip(qmin - int(np.rint(F(lo / scale))), qmin, qmax))


class MinMax:
    def __init__(self, spec):
        self.spec, self.lo, self.hi = spec, F(np.inf), F(-np.inf)

    def observe(self, x):
        if x.size:
            self.lo, self.hi = min(self.lo, x.min()), max(self.hi, x.max())

    def result(self):
        scale, zero = qparams(self.lo, self.hi, self.spec)
        return {"min": self.lo, "max": self.hi, "scale": scale, "zeroPoint": zero}


class MovingAverageMinMax(MinMax):
    """The first batch is taken as it is; then m += c (batch - m)."""

    def observe(self, x):
        if not x.size:
            return
        if self.lo > self.hi:
            self.lo, self.hi = x.min(), x.max()
            return
        c = F(self.spec["averagingConstant"])
        self.lo = F(self.lo + F(c * F(x.min() - self.lo)))
        self.hi = F(self.hi + F(c * F(x.max() - self.hi)))


class PerChannelMinMax(MinMax):
    def observe(self, x):
        rows = np.moveaxis(x, self.spec["chAxis"], 0).reshape(x.shape[self.spec["chAxis"]], -1)
        if x.size:
            self.lo = np.minimum(self.lo, rows.min(1))
            self.hi = np.maximum(self.hi, rows.max(1))

    def result(self):
        pairs = [qparams(lo, hi, self.spec) for lo, hi in zip(self.lo, self.hi)]
        return {"min": list(self.lo), "max": list(self.hi),
                "scale": [s for s, _ in pairs], "zeroPoint": [z for _, z in pairs]}


def bin_counts(x, bins, lo, hi):
    """floor((x - lo) / (hi - lo) * bins) in double, x == hi into the last bin."""
    lo, hi = float(lo), float(hi)
    if lo == hi:
        lo, hi = lo - 1, hi + 1
    index = np.floor((x.astype(np.float64).ravel() - lo) / (hi - lo) * bins).astype(int)
    return np.bincount(np.minimum(index, bins - 1), minlength=bins).astype(np.float64)


class Histogram(MinMax):
    SUB_BINS = 16

    def __init__(self, spec):
        super().__init__(spec)
        self.bins = spec["bins"]
        self.counts = np.zeros(self.bins)

    def observe(self, x):
        x = x[~np.isinf(x)]
        if not x.size:
            return
        lo, hi = min(self.lo, x.min()), max(self.hi, x.max())
        fresh = bin_counts(x, self.bins, lo, hi)
        if self.lo <= self.hi and (lo, hi) != (self.lo, self.hi):
            self.counts = self.remapped(lo, hi)
        self.counts = self.counts + fresh
        self.lo, self.hi = lo, hi

    def remapped(self, lo, hi):
        """The old counts over the new, wider range: 16 equal parts per old bin, by mid-point."""
        if self.lo == self.hi:
            return bin_counts(np.array([self.lo]), self.bins, lo, hi) * self.counts.sum()
        old_lo, width = float(self.lo), (float(self.hi) - float(self.lo)) / self.bins
        new_lo, new_width = float(lo), (float(hi) - float(lo)) / self.bins
        moved = np.zeros(self.bins)
        for i, count in enumerate(self.counts):
            for j in range(self.SUB_BINS):
                middle = old_lo + (i + (j + 0.5) / self.SUB_BINS) * width
                k = int(np.floor((middle - new_lo) / new_width))
                moved[min(max(k, 0), self.bins - 1)] += count / self.SUB_BINS
        return moved

    def error(self, left, right):
        """Squared error if bins left..right are spread over 256 levels, the rest clipped.

        Integral of (x - nearest level)^2 with the mass of each bin spread evenly."""
        levels, w = 256, (float(self.hi) - float(self.lo)) / self.bins
        step = w * (right - left + 1) / levels
        if step == 0:
            return 0.0
        begin = (np.arange(self.bins) - left) * w
        end = begin + w
        first = np.clip(np.floor(begin / step), 0, levels - 1)
        last = np.clip(np.floor(end / step), 0, levels - 1)
        cube = lambda p, q: self.counts / w * (q ** 3 - p ** 3) / 3
        return (cube(begin - (first + 0.5) * step, step / 2)
                + (last - first - 1) * cube(-step / 2, step / 2)
                + cube(-step / 2, end - (last + 0.5) * step)).sum()

    def search(self):
        """Narrows the bins greedily from the side with more empty quantile, until it hurts."""
        total, cumulative = float(self.counts.sum()), np.cumsum(self.counts).tolist()
        self.margin = np.inf  # relative distance of the closest comparison of two errors
        alpha, beta, left, right, best = 0.0, 1.0, 0, self.bins - 1, np.inf
        while alpha < beta:
            next_alpha, next_beta = alpha + 1e-5, beta - 1e-5
            l, r = left, right
            while l < right and cumulative[l] < next_alpha * total:
                l += 1
            while r > left and cumulative[r] > next_beta * total:
                r -= 1
            next_left, next_right = left, right
            if l - left > right - r:
                next_left, alpha = l, next_alpha
            else:
                next_right, beta = r, next_beta
            if (next_left, next_right) == (left, right):
                continue
            error = self.error(next_left, next_right)
            if np.isfinite(best) and best > 0:
                self.margin = min(self.margin, abs(error - best) / best)
            if error > best:
                break
            best, left, right = error, next_left, next_right
        return left, right

    def result(self):
        if self.lo > self.hi:
            return super().result()
        left, right = self.search()
        lo, width = float(self.lo), (float(self.hi) - float(self.lo)) / self.bins
        clip = F(lo + width * left), F(lo + width * (right + 1))
        scale, zero = qparams(*clip, self.spec)
        found = {"min": self.lo, "max": self.hi, "left": left, "right": right,
                 "clipMin": clip[0], "clipMax": clip[1], "scale": scale, "zeroPoint": zero,
                 "total": self.counts.sum(), "moment": (self.counts * np.arange(self.bins)).sum()}
        return found | ({"counts": list(self.counts)} if self.bins <= 64 else {})


OBSERVERS = {"MinMaxObserver": MinMax, "MovingAverageMinMaxObserver": MovingAverageMinMax,
             "PerChannelMinMaxObserver": PerChannelMinMax, "HistogramObserver": Histogram}
