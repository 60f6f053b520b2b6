"""Test data that C++ can generate bit for bit, from integers and exact arithmetic.

    s = s * 1664525 + 1013904223 mod 2^32;   u = (s >> 8) / 2^24        (one draw, in [0, 1))
    uniform  u
    bell     ((u1 + u2) + u3) + u4 - 2                       (four draws)
    tail     v / (1.0009765625 - |v|),  v = 2 u - 1          (reaches +-1024)
    relu     max(0, tail)
    bimodal  (u < 0.5 ? -1 : 1) + 0.25 * bell                (five draws)
    value = float32(offset + scale * kind), everything before the cast in double, no FMA.
`bits` in the file is the sum of the values' bit patterns mod 2^32: a generator that differs
from this one is told apart from an observer that does.
"""
import numpy as np


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def u(self):
        self.state = (self.state * 1664525 + 1013904223) % 2 ** 32
        return (self.state >> 8) / 2 ** 24

    def bell(self):
        return self.u() + self.u() + self.u() + self.u() - 2

    def tail(self):
        v = 2 * self.u() - 1
        return v / (1.0009765625 - abs(v))

    def relu(self):
        return max(0.0, self.tail())

    def bimodal(self):
        side = -1 if self.u() < 0.5 else 1
        return side + 0.25 * self.bell()

    uniform = u


def generated(kind, seed, dims, scale=1.0, offset=0.0):
    draw = getattr(Lcg(seed), kind)
    count = int(np.prod(dims))
    x = np.array([offset + scale * draw() for _ in range(count)]).astype(np.float32)
    row = {"kind": kind, "seed": seed, "dims": list(dims), "scale": scale, "offset": offset,
           "bits": int(x.view(np.uint32).sum(dtype=np.uint64) % 2 ** 32)}
    return row, x.reshape(dims)


def listed(values, dims=None):
    """Values written out; "inf" and "-inf" are strings, since JSON has no infinity."""
    x = np.array(values, np.float32)
    dims = list(dims or x.shape)
    row = {"kind": "values", "dims": dims,
           "values": [float(v) if np.isfinite(v) else str(v) for v in x]}
    return row, x.reshape(dims)
