"""Observers, dtypes and dtype configs as data, in the words of tests/golden/observers."""
import numpy as np
import torch

DTYPES = {torch.quint8: "uint8", torch.qint8: "int8", torch.qint32: "int32", torch.float32: "float32",
          torch.float16: "float16", torch.quint4x2: "uint4"}


def number(value):
    """The shortest decimal that is this float32; inf and NaN have no place in the file."""
    single = np.float32(float(value))
    assert np.isfinite(single), value
    if single == np.trunc(single) and abs(single) < 2 ** 24:
        return int(single)
    shortest = float(str(single))
    assert np.float32(shortest) == single
    return shortest


def dtype_name(dtype):
    return None if dtype is None else DTYPES[dtype]


def spec_of(observer):
    """What an observer instance, or a factory of one, is made with."""
    if not isinstance(observer, torch.nn.Module):
        observer = observer()
    row = {"observer": type(observer).__name__, "dtype": dtype_name(getattr(observer, "dtype", None))}
    if getattr(observer, "quant_min", None) is not None:
        row["quantMin"], row["quantMax"] = int(observer.quant_min), int(observer.quant_max)
    if getattr(observer, "qscheme", None) is not None and hasattr(observer, "quant_min"):
        row["qscheme"] = str(observer.qscheme).removeprefix("torch.")
    if getattr(observer, "reduce_range", False):
        row["reduceRange"] = True
    if hasattr(observer, "eps"):
        row["eps"] = number(observer.eps)
    if getattr(observer, "is_dynamic", False):
        row["isDynamic"] = True
    if row["observer"] == "FixedQParamsObserver":
        row["scale"], row["zeroPoint"] = number(observer.scale), int(observer.zero_point)
    if hasattr(observer, "bins"):
        row["bins"] = observer.bins
    if hasattr(observer, "ch_axis") and "PerChannel" in row["observer"]:
        row["chAxis"] = observer.ch_axis
    if hasattr(observer, "averaging_constant"):
        row["averagingConstant"] = observer.averaging_constant
    return row


class Specs:
    """Gives every distinct spec a name; rows hold the name, the file's `specs` the rest."""

    def __init__(self):
        self.rows = []

    def name(self, observer):
        row = spec_of(observer)
        for known in self.rows:
            if {k: v for k, v in known.items() if k != "name"} == row:
                return known["name"]
        name = row["observer"].removesuffix("Observer").lower()
        if "quantMin" in row:
            name += f"_{row['dtype']}_{row['quantMin']}_{row['quantMax']}"
        name += "_symmetric" if row.get("qscheme", "").endswith("symmetric") else ""
        if any(known["name"] == name for known in self.rows):
            name += f"_{len(self.rows)}"
        self.rows.append({"name": name, **row})
        return name

    def qconfig(self, qconfig):
        if qconfig is None:
            return None
        return {"activation": self.name(qconfig.activation), "weight": self.name(qconfig.weight)}


FIELDS = {"quant_min_lower_bound": "quantMinLowerBound", "quant_max_upper_bound": "quantMaxUpperBound",
          "scale_min_lower_bound": "scaleMinLowerBound", "scale_max_upper_bound": "scaleMaxUpperBound",
          "scale_exact_match": "scaleExactMatch", "zero_point_exact_match": "zeroPointExactMatch"}


def constraints_row(constraints):
    row = {} if constraints.dtype is None else {"dtype": dtype_name(constraints.dtype)}
    for field, name in FIELDS.items():
        if getattr(constraints, field) is not None:
            row[name] = getattr(constraints, field)
    return row


def dtype_config_row(config):
    row = {"input": constraints_row(config.input_dtype_with_constraints),
           "output": constraints_row(config.output_dtype_with_constraints),
           "weight": constraints_row(config.weight_dtype_with_constraints),
           "bias": dtype_name(config.bias_dtype)}
    return {**row, "isDynamic": config.is_dynamic} if config.is_dynamic is not None else row
