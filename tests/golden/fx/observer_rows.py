"""What PyTorch's own observers find on small data: tests/golden/observers has the same rows from an
independent reference, these say what PyTorch itself answers, rounding of float32 included.
"""
import torch
from torch.ao import quantization as tq

from models import Lcg, UNIT
from specs import number

AFFINE, SYMMETRIC = torch.per_tensor_affine, torch.per_tensor_symmetric
CHANNEL, CHANNEL_SYMMETRIC = torch.per_channel_affine, torch.per_channel_symmetric


def drawn(seed, count, limit, offset=0):
    return [v + offset for v in Lcg(seed).ints(count, limit)]


# name, dims, batches of integers over 64
DATA = [
    ("one batch", [40], [drawn(1, 40, 90)]),
    ("widening", [40], [drawn(2, 40, 30), drawn(3, 40, 80), drawn(4, 40, 200, 20)]),
    ("one end grows", [40], [drawn(5, 40, 60), drawn(6, 40, 60, 55), drawn(7, 40, 60)]),
    ("positive", [40], [drawn(11, 40, 50, 80), drawn(12, 40, 50, 90)]),
    ("negative", [40], [drawn(13, 40, 50, -80), drawn(14, 40, 40, -90)]),
    ("constant", [8], [[96] * 8]),
    ("a constant twice, then a range", [16], [[96] * 16, [96] * 16, drawn(15, 16, 150)]),
    ("zeros", [8], [[0] * 8]),
    ("an outlier", [60], [drawn(16, 59, 12) + [2000]]),
    ("unobserved", [0], []),
    ("channels", [3, 4, 2], [drawn(17, 24, 100), drawn(18, 24, 60)]),
]

PER_TENSOR = [
    (tq.MinMaxObserver, dict(dtype=torch.quint8, qscheme=AFFINE)),
    (tq.MinMaxObserver, dict(dtype=torch.quint8, qscheme=SYMMETRIC)),
    (tq.MinMaxObserver, dict(dtype=torch.qint8, qscheme=AFFINE)),
    (tq.MinMaxObserver, dict(dtype=torch.qint8, qscheme=SYMMETRIC)),
    (tq.MinMaxObserver, dict(dtype=torch.qint8, qscheme=SYMMETRIC, quant_min=-127, quant_max=127, eps=2 ** -12)),
    (tq.MinMaxObserver, dict(dtype=torch.quint8, qscheme=SYMMETRIC, quant_min=0, quant_max=127)),
    (tq.MovingAverageMinMaxObserver, dict(dtype=torch.quint8, qscheme=AFFINE)),
    (tq.MovingAverageMinMaxObserver, dict(dtype=torch.qint8, qscheme=SYMMETRIC, averaging_constant=0.5)),
    (tq.HistogramObserver, dict(dtype=torch.quint8, qscheme=AFFINE)),
    (tq.HistogramObserver, dict(dtype=torch.quint8, qscheme=AFFINE, reduce_range=True)),
    (tq.HistogramObserver, dict(dtype=torch.qint8, qscheme=SYMMETRIC, eps=2 ** -12)),
]
PER_CHANNEL = [
    (tq.PerChannelMinMaxObserver, dict(dtype=torch.qint8, qscheme=CHANNEL_SYMMETRIC)),
    (tq.PerChannelMinMaxObserver, dict(dtype=torch.quint8, qscheme=CHANNEL, ch_axis=1)),
    (tq.PerChannelMinMaxObserver, dict(dtype=torch.qint8, qscheme=CHANNEL_SYMMETRIC, ch_axis=2,
                                       quant_min=-127, quant_max=127, eps=2 ** -12)),
    (tq.MovingAveragePerChannelMinMaxObserver, dict(dtype=torch.qint8, qscheme=CHANNEL_SYMMETRIC)),
]


def found_by(observer, batches):
    for batch in batches:
        observer(batch)
    scale, zero_point = observer.calculate_qparams()
    if not batches:
        return {"scale": number(scale), "zeroPoint": int(zero_point)}
    if scale.numel() > 1:
        return {"min": [number(v) for v in observer.min_val], "max": [number(v) for v in observer.max_val],
                "scale": [number(v) for v in scale], "zeroPoint": [int(z) for z in zero_point]}
    row = {"min": number(observer.min_val), "max": number(observer.max_val),
           "scale": number(scale), "zeroPoint": int(zero_point)}
    if isinstance(observer, tq.HistogramObserver):
        clip_min, clip_max = observer._non_linear_param_search()
        row.update(clipMin=number(clip_min), clipMax=number(clip_max), total=number(observer.histogram.sum()))
    return row


def observer_rows(specs):
    rows = []
    for name, dims, batches in DATA:
        tensors = [torch.tensor(b, dtype=torch.float32).reshape(dims) * UNIT for b in batches]
        expect = []
        for kind, arguments in PER_CHANNEL if len(dims) > 1 else PER_TENSOR:
            observer = kind(**arguments)
            expect.append({"spec": specs.name(observer), "find": found_by(observer, tensors)})
        rows.append({"name": name, "dims": dims, "unit": UNIT, "batches": batches, "expect": expect})
    return rows
