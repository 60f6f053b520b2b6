"""BackendConfig and its parts as data: what from_dict takes, what to_dict gives, what is refused,
how patterns given twice settle, and which values each backend observes after which operator.
"""
import torch
from torch import nn
from torch.ao.nn import intrinsic as nni
from torch.ao.quantization import backend_config as bc
from torch.ao.quantization.backend_config import utils
from torch.ao.quantization.utils import MatchAllNode

from match_rows import to_torch
from models import calls
from runs import BACKENDS
from specs import DTYPES, FIELDS, constraints_row, dtype_config_row

NAMES = {name: dtype for dtype, name in DTYPES.items()}
KEYS = {"input": "input_dtype", "output": "output_dtype", "weight": "weight_dtype"}
BOUNDED = {"dtype": "uint8", "quantMinLowerBound": 0, "quantMaxUpperBound": 127}
SCALED = {"dtype": "int8", "scaleMinLowerBound": 2 ** -12, "scaleMaxUpperBound": 2.5}
EXACT = {"dtype": "uint8", "scaleExactMatch": 1 / 256, "zeroPointExactMatch": 0}

DTYPE_DICTS = [
    {},
    {"input": "uint8"},
    {"input": "uint8", "output": "uint8", "weight": "int8", "bias": "float32"},
    {"input": "uint8", "output": "float32", "weight": "int8", "bias": "float32", "isDynamic": True},
    {"input": "uint8", "output": "uint8", "isDynamic": False},
    {"input": BOUNDED, "output": BOUNDED, "weight": SCALED, "bias": "float32"},
    {"input": EXACT, "output": EXACT},
    {"weight": SCALED},
    {"input": 3},
    {"output": "a string"},
    {"weight": [8]},
]


def constraints_of(row):
    back = {name: field for field, name in FIELDS.items()}
    return bc.DTypeWithConstraints(dtype=NAMES[row["dtype"]],
                                   **{back[k]: v for k, v in row.items() if k != "dtype"})


def dtype_dict_of(row):
    found = {}
    for name, key in KEYS.items():
        value = row.get(name)
        if isinstance(value, dict):
            found[key] = constraints_of(value)
        elif value is not None:
            found[key] = NAMES.get(value, value) if isinstance(value, str) else value
    if "bias" in row:
        found["bias_dtype"] = NAMES[row["bias"]]
    if "isDynamic" in row:
        found["is_dynamic"] = row["isDynamic"]
    return found


def dtype_config_of(row):
    return bc.DTypeConfig.from_dict(dtype_dict_of(row))


def to_dict_row(config):
    """What to_dict gives, a constraints object as a row of its set fields."""
    return {key: constraints_row(value) if isinstance(value, bc.DTypeWithConstraints)
            else DTYPES.get(value, value) for key, value in config.to_dict().items()}


def error_of(act):
    try:
        act()
    except Exception as error:  # the kind of error is the datum
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": None}


def dtype_config_rows():
    rows = []
    for given in DTYPE_DICTS:
        row = {"from": given, **error_of(lambda: dtype_config_of(given))}
        if row["error"] is None:
            config = dtype_config_of(given)
            again = bc.DTypeConfig.from_dict(config.to_dict())
            row.update(config=dtype_config_row(config), toDict=to_dict_row(config), roundTrip=again == config)
        rows.append(row)
    return rows


def keys_row(what, config):
    again = type(config).from_dict(config.to_dict())
    return {"set": what, "toDictKeys": sorted(config.to_dict()), "roundTrip": again.to_dict() == config.to_dict()}


def key_rows():
    pattern = bc.BackendPatternConfig
    eight = bc.DTypeConfig(torch.quint8, torch.quint8)
    return [
        keys_row("nothing", pattern()),
        keys_row("pattern", pattern(nn.Conv2d)),
        keys_row("observation type and dtype config", pattern(nn.Conv2d).add_dtype_config(eight)
                 .set_observation_type(bc.ObservationType.OUTPUT_SHARE_OBSERVER_WITH_INPUT)),
        keys_row("modules", pattern(nn.Conv2d).set_root_module(nn.Conv2d).set_qat_module(nn.Conv2d)
                 .set_reference_quantized_module(nn.Conv2d)),
        keys_row("fusion", pattern((nn.Conv2d, nn.ReLU)).set_fused_module(nni.ConvReLU2d).set_fuser_method(max)),
        keys_row("complex format and getters", pattern()
                 ._set_pattern_complex_format((nn.ReLU, (torch.add, MatchAllNode, nn.Conv2d)))
                 ._set_root_node_getter(max)._set_extra_inputs_getter(min)),
        keys_row("index maps", pattern(torch.addmm)._set_input_type_to_index({"bias": 0, "weight": 2})
                 ._set_num_tensor_args_to_observation_type({1: bc.ObservationType(1)})),
        keys_row("backend config", bc.BackendConfig("name").set_backend_pattern_config(pattern(nn.Conv2d))),
    ]


def refusal_rows():
    pattern, both = bc.BackendPatternConfig, (nn.ReLU, nn.Conv2d)
    flip = utils._get_pattern_in_reversed_nested_tuple_format
    cases = {
        "set_pattern after the complex format": lambda: pattern()._set_pattern_complex_format(both).set_pattern(both),
        "the complex format after a pattern": lambda: pattern(both)._set_pattern_complex_format(both),
        "both formats in from_dict": lambda: pattern.from_dict({"pattern": both, "pattern_complex_format": both}),
        "no pattern in a backend config": lambda: bc.BackendConfig().set_backend_pattern_config(pattern()),
        "a forward tuple of one": lambda: flip(pattern((nn.Conv2d,))),
        "a forward tuple of four": lambda: flip(pattern((nn.Conv2d, nn.ReLU, nn.ReLU, nn.ReLU))),
        "a nested forward tuple": lambda: flip(pattern((nn.ReLU, (nn.BatchNorm2d, nn.Conv2d)))),
        "dtype_configs of a wrong type": lambda: pattern.from_dict({"dtype_configs": [3]}),
        "configs of a wrong type": lambda: bc.BackendConfig.from_dict({"configs": [3]}),
        "unknown keys": lambda: bc.BackendConfig.from_dict({"name": "n", "more": 1}),
    }
    return [{"case": case, **error_of(act)} for case, act in cases.items()]


# forward: a simple pattern; complex: the nested format. The third field tells the configs apart.
SETTINGS = [
    [("forward", "Conv", 0), ("forward", ["Conv", "Relu"], 0), ("forward", "Conv", 1)],
    [("forward", ["Conv", "BatchNormalization", "Relu"], 0), ("complex", ["Relu", ["BatchNormalization", "Conv"]], 1)],
    [("complex", ["Relu", "Conv"], 1), ("forward", "Gemm", 0), ("forward", ["Conv", "Relu"], 2)],
    [("forward", ["Conv", "Relu"], 0), ("complex", ["Conv", "Relu"], 1)],
]


def to_written(pattern):
    if isinstance(pattern, tuple):
        return [to_written(p) for p in pattern]
    return "*" if pattern is MatchAllNode else calls().get(pattern, getattr(pattern, "__name__", pattern))


def setting_rows():
    rows = []
    for settings in SETTINGS:
        config = bc.BackendConfig()
        for form, written, kind in settings:
            one = bc.BackendPatternConfig().set_observation_type(bc.ObservationType(kind))
            pattern = to_torch(written)
            config.set_backend_pattern_config(
                one.set_pattern(pattern) if form == "forward" else one._set_pattern_complex_format(pattern))
        kept = config._pattern_complex_format_to_config
        rows.append({"set": [{"form": f, "pattern": p, "observationType": k} for f, p, k in settings],
                     "configs": [{"pattern": to_written(p), "observationType": c.observation_type.value}
                                 for p, c in kept.items()]})
    return rows


OPS = [("Conv", nn.Conv2d), ("ConvTranspose", nn.ConvTranspose2d), ("Gemm", nn.Linear), ("Add", torch.add),
       ("Mul", torch.mul), ("MatMul", torch.matmul), ("Concat", torch.cat), ("Relu", nn.ReLU),
       ("Clip", nn.functional.relu6), ("MaxPool", nn.MaxPool2d), ("AveragePool", nn.AvgPool2d),
       ("GlobalAveragePool", nn.AdaptiveAvgPool2d), ("ReduceMean", torch.mean), ("Reshape", "reshape"),
       ("Flatten", torch.flatten), ("Transpose", "permute"), ("Squeeze", torch.squeeze),
       ("Unsqueeze", torch.unsqueeze), ("Resize", nn.functional.interpolate), ("DepthToSpace", nn.PixelShuffle),
       ("Shape", "shape"), ("Sigmoid", torch.sigmoid), ("Tanh", torch.tanh), ("Softmax", nn.Softmax),
       ("HardSigmoid", nn.Hardsigmoid), ("HardSwish", nn.Hardswish), ("LeakyRelu", nn.LeakyReLU), ("Elu", nn.ELU),
       ("PRelu", nn.PReLU), ("LayerNormalization", nn.LayerNorm), ("InstanceNormalization", nn.InstanceNorm2d),
       ("BatchNormalization", nn.BatchNorm2d), ("LSTM", nn.LSTM), ("Identity", nn.Identity), ("Dropout", nn.Dropout)]


def index_of(rows, row):
    if row not in rows:
        rows.append(row)
    return rows.index(row)


def backend_rows(dtype_lists):
    """One row for backends that agree on an operator; `backends` that do not know it are left out.
    `dtypes` is an index into `dtype_lists`, the lists of dtype configs that occur."""
    rows = []
    for op, key in OPS:
        for name, (make, _, _) in {**BACKENDS, "tensorrt": (bc.get_tensorrt_backend_config, 0, 0)}.items():
            config = make()._pattern_complex_format_to_config.get(key)
            if config is None or name == "custom_residual":
                continue
            found = {"op": op, "observationType": config.observation_type.value}
            if config._num_tensor_args_to_observation_type:
                found["byTensorArgs"] = {str(n): t.value
                                         for n, t in config._num_tensor_args_to_observation_type.items()}
            dtypes = [dtype_config_row(d) for d in config.dtype_configs]
            found["dtypes"] = index_of(dtype_lists, [{k: v for k, v in d.items() if v} for d in dtypes])
            for row in rows:
                if {k: v for k, v in row.items() if k != "backends"} == found:
                    row["backends"].append(name)
                    break
            else:
                rows.append({**found, "backends": [name]})
    return rows


def configs_section():
    dtype_lists = []
    backends = backend_rows(dtype_lists)
    return {"dtypeConfigs": dtype_config_rows(), "configKeys": key_rows(), "refusals": refusal_rows(),
            "settings": setting_rows(), "backendOps": backends, "dtypeLists": dtype_lists}
