"""Goldens of the observed LSTM cell, made with PyTorch 2.6.0's quantizable LSTM; never run by a test.

    python make_lstm_goldens.py > lstm.json

For each case: weights in ONNX's gate order (i o f c), a calibration input and an input to run, per
place the range that PyTorch's observers found (MinMaxObserver everywhere), the float output, and
the output of PyTorch's reference quantized LSTM with the parameters of its QNNPACK test (table 5.2
of the facts: wide inner places as qint32, hidden state and inputs quint8).
"""
import json
import sys

import torch
from torch.ao.quantization import (
    FixedQParamsObserver, MinMaxObserver, QConfig, QConfigMapping, default_weight_observer,
)
from torch.ao.quantization.backend_config import get_qnnpack_backend_config
from torch.ao.quantization.backend_config.backend_config import DTypeConfig
from torch.ao.quantization.fx.lstm_utils import (
    _get_lstm_with_individually_observed_parts, _get_reference_quantized_lstm_module,
)

CASES = [dict(input=6, hidden=5, steps=12, batch=3, seed=1),
         dict(input=3, hidden=8, steps=20, batch=1, seed=2)]


def gates(tensor):
    """PyTorch's i f g o to ONNX's i o f c."""
    i, f, g, o = tensor.chunk(4)
    return torch.cat([i, o, f, g])


def numbers(tensor):
    return [float(f"{v:.9g}") for v in tensor.detach().flatten().tolist()]


def backend():
    config = get_qnnpack_backend_config()
    wide = DTypeConfig(input_dtype=torch.qint32, output_dtype=torch.qint32)
    for pattern in config.configs:
        op = pattern.pattern
        if op in (torch.nn.Sigmoid, torch.nn.Tanh, torch.add, torch.mul):
            pattern.add_dtype_config(wide)
    return config


def make(case, **parts):
    torch.manual_seed(case["seed"])
    lstm = torch.nn.LSTM(case["input"], case["hidden"]).eval()
    lstm.qconfig = QConfig(activation=MinMaxObserver.with_args(dtype=torch.quint8),
                           weight=default_weight_observer)
    shape = (case["steps"], case["batch"], case["input"])
    calibration, run = torch.rand(shape) * 4 - 2, torch.rand(shape) * 4 - 2
    observed = _get_lstm_with_individually_observed_parts(
        float_lstm=lstm, example_inputs=(calibration,), backend_config=backend(), **parts)
    observed(calibration)
    return lstm, observed, calibration, run


def fixed(bits, zero, dtype=torch.qint32, low=0, high=65535):
    return FixedQParamsObserver.with_args(scale=2.0**-bits, zero_point=zero, dtype=dtype,
                                          quant_min=low, quant_max=high)


def ranges(case):
    """The ranges of the inner places: every observer of the cell by what it observes."""
    free = MinMaxObserver.with_args(dtype=torch.quint8)
    _, observed, _, _ = make(
        case, linear_output_obs_ctr=free, sigmoid_obs_ctr=free, tanh_obs_ctr=free,
        cell_state_obs_ctr=free, hidden_state_obs_ctr=free)
    cell = observed.layers[0].layer_fw.cell
    users = {}
    adds = muls = 0
    for node in cell.graph.nodes:
        if node.op != "call_module" or "activation_post_process" not in str(node.target):
            continue
        module = cell.get_submodule(node.target)
        source = node.args[0]
        kind = str(source.target) if source.op == "call_module" else getattr(
            source.target, "__name__", str(source.target))
        if kind == "add":
            name, adds = ("linear", "cell")[min(adds, 1)], adds + 1
        elif kind == "mul":
            name, muls = ("fc", "ig", "hidden")[muls], muls + 1
        elif kind in ("input_gate", "forget_gate", "output_gate"):
            name = "sigmoid"
        elif kind == "cell_gate":
            name = "tanh"
        else:
            continue
        low, high = module.min_val.item(), module.max_val.item()
        known = users.get(name, (low, high))
        users[name] = (min(low, known[0]), max(high, known[1]))
    return {name: [float(f"{v:.9g}") for v in pair] for name, pair in users.items()}


def rows(case):
    lstm, observed, calibration, run = make(
        case, linear_output_obs_ctr=fixed(11, 2**15), sigmoid_obs_ctr=fixed(16, 0),
        tanh_obs_ctr=fixed(15, 2**15),
        cell_state_obs_ctr=fixed(11, 0, low=-(2**15), high=2**15 - 1),
        hidden_state_obs_ctr=fixed(7, 2**7, torch.quint8, 0, 255))
    reference = _get_reference_quantized_lstm_module(observed_lstm=observed, backend_config=backend())
    low, high = calibration.min().item(), calibration.max().item()
    scale = (high - low) / 255
    zero = int(round(-low / scale))
    quantized = torch.quantize_per_tensor(run, scale, zero, torch.quint8)
    states = [torch.quantize_per_tensor(torch.zeros(1, case["batch"], case["hidden"]), s, z, t)
              for s, z, t in ((2.0**-7, 2**7, torch.quint8), (2.0**-11, 0, torch.qint32))]
    out, _ = reference(quantized, tuple(states))
    out = out.dequantize() if out.is_quantized else out
    return dict(case, w=numbers(gates(lstm.weight_ih_l0)), r=numbers(gates(lstm.weight_hh_l0)),
                b=numbers(gates(lstm.bias_ih_l0)) + numbers(gates(lstm.bias_hh_l0)),
                calibration=numbers(calibration), run=numbers(run), ranges=ranges(case),
                y=numbers(lstm(run)[0]), quantized=numbers(out))


json.dump([rows(case) for case in CASES], sys.stdout, separators=(",", ":"))
