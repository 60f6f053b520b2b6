"""Does a backend take a QConfig: a DTypeConfig against a QConfig on one small model, and whether
prepare and convert quantized the operator. `test` names the case of PyTorch's own suite that a
row is taken from, "" where the row is new.
"""
import copy

import torch
from torch import nn
from torch.ao import quantization as tq
from torch.ao.nn.quantized import reference as nnqr
from torch.ao.quantization import backend_config as bc
from torch.ao.quantization.qconfig import default_symmetric_qnnpack_qconfig
from torch.ao.quantization.quantize_fx import convert_to_reference_fx, prepare_fx

from config_rows import dtype_config_of, index_of
from runs import BACKENDS, counts
from specs import dtype_config_row

MM, FIXED = tq.MinMaxObserver, tq.FixedQParamsObserver


def act(observer=MM, dtype=torch.quint8, **more):
    return observer.with_args(dtype=dtype, **more)


def weight(observer=MM, dtype=torch.qint8, **more):
    return observer.with_args(dtype=dtype, qscheme=torch.per_tensor_symmetric, **more)


RANGE = {"input": {"dtype": "uint8", "quantMinLowerBound": 0, "quantMaxUpperBound": 31},
         "output": {"dtype": "uint8", "quantMinLowerBound": 0, "quantMaxUpperBound": 31},
         "weight": {"dtype": "int8", "quantMinLowerBound": -64, "quantMaxUpperBound": 63}, "bias": "float32"}
SCALE = {"input": {"dtype": "uint8", "scaleMinLowerBound": 2 ** -12},
         "output": {"dtype": "uint8", "scaleMinLowerBound": 2 ** -12},
         "weight": {"dtype": "int8", "scaleMinLowerBound": 2 ** -12}, "bias": "float32"}
PLAIN = {"input": "uint8", "output": "uint8", "weight": "int8", "bias": "float32"}
SIGNED = {"input": "int8", "output": "int8", "weight": "int8", "bias": "float32"}
FLOAT_OUT = {"input": "uint8", "output": "float32", "weight": "int8", "bias": "float32"}
DYNAMIC = {**FLOAT_OUT, "isDynamic": True}
NO_WEIGHT = {"input": "uint8", "output": "uint8"}
HALF_RANGE = {"input": {"dtype": "uint8", "quantMaxUpperBound": 31}, "output": "uint8", "weight": "int8"}
TANH = {"dtype": "uint8", "quantMinLowerBound": 0, "quantMaxUpperBound": 255,
        "scaleExactMatch": 2 / 256, "zeroPointExactMatch": 128}
HALF_EXACT = {"dtype": "uint8", "scaleExactMatch": 2 / 256}
RANGE_TEST, SCALE_TEST = "test_backend_config_quantization_range", "test_backend_config_scale_min"
LOW, FINE = 2 ** -12, 2 ** -14

# test, what is tried, dtype configs, activation, weight
LINEAR_CASES = [
    (RANGE_TEST, "within", [RANGE], act(quant_min=0, quant_max=15), weight(quant_min=-32, quant_max=31)),
    (RANGE_TEST, "activation outside", [RANGE], act(quant_min=0, quant_max=63), weight()),
    (RANGE_TEST, "weight outside", [RANGE], act(), weight(quant_min=-128, quant_max=127)),
    (RANGE_TEST, "no range", [RANGE], tq.ReuseInputObserver, tq.ReuseInputObserver),
    ("", "weight alone outside", [RANGE], act(quant_min=0, quant_max=15), weight(quant_min=-128, quant_max=127)),
    ("", "bounds met exactly", [RANGE], act(quant_min=0, quant_max=31), weight(quant_min=-64, quant_max=63)),
    ("", "one bound of two", [HALF_RANGE], act(), weight()),
    (SCALE_TEST, "equal", [SCALE], act(eps=LOW), weight(eps=LOW)),
    (SCALE_TEST, "greater", [SCALE], act(eps=2 ** -10), weight(eps=2 ** -10)),
    (SCALE_TEST, "activation smaller", [SCALE], act(eps=FINE), weight()),
    (SCALE_TEST, "weight smaller", [SCALE], act(), weight(eps=FINE)),
    (SCALE_TEST, "no eps", [SCALE], FIXED.with_args(scale=1.0, zero_point=0),
     FIXED.with_args(scale=1.0, zero_point=0)),
    ("", "weight alone smaller", [SCALE], act(eps=LOW), weight(eps=FINE)),
    ("", "no constraints", [PLAIN], act(), weight()),
    ("", "another activation dtype", [PLAIN], act(dtype=torch.qint8), weight()),
    ("", "another weight dtype", [PLAIN], act(), act()),
    ("", "the second of two", [SIGNED, PLAIN], act(), weight()),
    ("", "none", [], act(), weight()),
    ("", "float output", [FLOAT_OUT], act(), weight()),
    ("", "dynamic config, static qconfig", [DYNAMIC], act(), weight()),
    ("", "static config, dynamic qconfig", [PLAIN], tq.PlaceholderObserver.with_args(
        dtype=torch.quint8, quant_min=0, quant_max=255, is_dynamic=True), weight()),
    ("", "no weight named", [NO_WEIGHT], act(), weight()),
    ("", "all null", [{}], act(), weight()),
]
TANH_CASES = [
    ("test_fixed_qparams_ops", "the right parameters", [{"input": TANH, "output": TANH}],
     tq.default_fixed_qparams_range_neg1to1_observer),
    ("test_fixed_qparams_ops_wrong_qconfig", "no fixed parameters", [{"input": TANH, "output": TANH}], act()),
    ("", "the parameters of Sigmoid", [{"input": TANH, "output": TANH}], tq.default_fixed_qparams_range_0to1_observer),
    ("", "scale alone", [{"input": HALF_EXACT, "output": HALF_EXACT}], act()),
    ("", "output alone constrained", [{"input": "uint8", "output": TANH}], act()),
    ("test_change_backend_config_for_fixed_qparam_ops", "not in the backend", None, act()),
]


def backend_of(module, dtypes):
    config = bc.BackendPatternConfig(module).set_dtype_configs([dtype_config_of(d) for d in dtypes])
    if module is nn.Linear:
        config.set_root_module(nn.Linear).set_reference_quantized_module(nnqr.Linear)
    return bc.BackendConfig("one").set_backend_pattern_config(config)


def decide(module, backend, qconfig):
    torch.backends.quantized.engine = "x86"
    model = nn.Sequential(module).eval()
    example = (torch.ones(2, 6),)
    prepared = prepare_fx(model, tq.QConfigMapping().set_global(qconfig), example, backend_config=backend)
    observers = sum(isinstance(m, tq.ObserverBase) for m in prepared.modules())
    prepared(*example)
    reference = convert_to_reference_fx(copy.deepcopy(prepared), backend_config=backend)
    row = {"quantized": observers > 0, "observers": observers, **counts(reference)}
    if isinstance(module, nn.Linear):
        row["weightQuantized"] = any(isinstance(m, nnqr.Linear) for m in reference.modules())
    return row


def lean(config):
    return {k: v for k, v in dtype_config_row(config).items() if v}


def decision_rows(specs, dtype_lists):
    """`dtypes` is an index into `dtype_lists`."""
    rows = []
    for test, what, dtypes, activation, weights in LINEAR_CASES:
        qconfig = tq.QConfig(activation=activation, weight=weights)
        configs = index_of(dtype_lists, [lean(dtype_config_of(d)) for d in dtypes])
        rows.append({"op": "Gemm", "test": test, "case": what, "dtypes": configs,
                     "qconfig": specs.qconfig(qconfig),
                     **decide(nn.Linear(6, 4), backend_of(nn.Linear, dtypes), qconfig)})
    for test, what, dtypes, activation in TANH_CASES:
        qconfig = tq.QConfig(activation=activation, weight=weight())
        backend = bc.BackendConfig() if dtypes is None else backend_of(nn.Tanh, dtypes)
        configs = index_of(dtype_lists, [lean(dtype_config_of(d)) for d in dtypes or []])
        rows.append({"op": "Tanh", "test": test, "case": what, "dtypes": configs,
                     "qconfig": specs.qconfig(qconfig), **decide(nn.Tanh(), backend, qconfig)})
    for name, qconfig in (("get_default_qconfig", tq.get_default_qconfig("qnnpack")),
                          ("default_symmetric_qnnpack_qconfig", default_symmetric_qnnpack_qconfig)):
        backend = BACKENDS["qnnpack"][0]()
        configs = backend._pattern_complex_format_to_config[nn.Linear].dtype_configs
        rows.append({"op": "Gemm", "test": "test_qnnpack_backend_config", "case": name,
                     "dtypes": index_of(dtype_lists, [lean(c) for c in configs]),
                     "qconfig": specs.qconfig(qconfig), **decide(nn.Linear(6, 4), backend, qconfig)})
    return rows
