"""Which pattern claims which node, by PyTorch's two matchers; and the order patterns are tried in.

A pattern is an operator, "*" for MatchAllNode, a number for a constant, or an array of the
consumer and its inputs' patterns: the complex format.
"""
import importlib
import operator

import torch
from torch import fx, nn
from torch.ao.quantization.fx import match_utils
from torch.ao.quantization.fx.pattern_utils import _sorted_patterns_dict
from torch.ao.quantization.utils import MatchAllNode

from models import build

fuse = importlib.import_module("torch.ao.quantization.fx.fuse")
CALLS = {"Conv": nn.Conv2d, "BatchNormalization": nn.BatchNorm2d, "Relu": nn.ReLU, "Gemm": nn.Linear,
         "MaxPool": nn.MaxPool2d, "Add": torch.add, "Mul": torch.mul, "Sigmoid": nn.Sigmoid, "*": MatchAllNode}


def to_torch(pattern):
    if isinstance(pattern, list):
        return tuple(to_torch(p) for p in pattern)
    return CALLS[pattern] if isinstance(pattern, str) else pattern


CONV_BN_RELU = ["Relu", ["BatchNormalization", "Conv"]]
RIGHT, LEFT = ["Relu", ["Add", "*", "Conv"]], ["Relu", ["Add", "Conv", "*"]]
SINGLES = ["Conv", "Relu", "BatchNormalization", "MaxPool"]

ORDERS = [
    ["Conv", "Relu", ["Relu", "Conv"], ["BatchNormalization", "Conv"], CONV_BN_RELU],
    [["Relu", "Conv"], RIGHT, LEFT, CONV_BN_RELU, "Add", ["Relu", ["Add", ["BatchNormalization", "Conv"], "*"]]],
    [["Add", "*", 1], ["Relu", "Conv"], ["Relu", "Gemm"], "Gemm", ["Add", "*", "*"]],
]

# model, patterns in the order of registration
CASES = [
    ("conv", ["Relu", "Conv"]),
    ("conv_relu", SINGLES + [["Relu", "Conv"]]),
    ("conv_bn_relu", SINGLES + [["Relu", "Conv"], ["BatchNormalization", "Conv"], CONV_BN_RELU]),
    ("conv_bn_relu", SINGLES + [["BatchNormalization", "Conv"], ["Relu", "BatchNormalization"]]),
    ("conv_bn_two_users", SINGLES + [CONV_BN_RELU, ["BatchNormalization", "Conv"], ["Relu", "BatchNormalization"]]),
    ("anchor_two_users", SINGLES + [["Relu", "Conv"], ["Mul", "MaxPool", "MaxPool"]]),
    ("residual_input", ["Conv", RIGHT]),
    ("residual_input", ["Conv", LEFT]),
    ("residual_left", ["Conv", RIGHT, LEFT]),
    ("residual_convs", ["Conv", LEFT, RIGHT]),
    ("residual_convs", ["Conv", RIGHT, LEFT]),
    ("residual_relu", ["Conv", ["Relu", "Conv"], RIGHT]),
    ("residual_relu", ["Conv", "Relu", ["Add", "*", "Conv"]]),
    ("residual_relu", ["Conv", ["Relu", "Conv"], ["Relu", ["Add", ["Relu", "Conv"], "*"]]]),
    ("add_itself", ["Conv", RIGHT]),
    ("add_itself", ["Conv", ["Relu", ["Add", "Conv", "Conv"]]]),
    ("add_one", ["Conv", ["Add", "*", 1]]),
    ("add_two", ["Conv", ["Add", "*", 1]]),
    ("add_one", ["Conv", RIGHT]),
    ("relu_relu", ["Conv", ["Relu", "Conv"], ["Relu", "Relu"]]),
    ("relu_relu", ["Conv", "Relu", ["Relu", ["Relu", "Conv"]]]),
    ("conv_two_users", ["Conv", ["Relu", "Conv"], "Relu"]),
    ("conv_two_users", ["Conv", ["Add", "Conv", "Relu"], ["Add", "*", ["Relu", "Conv"]]]),
]


def claims(found, patterns, name_of):
    """One row for a match: what anchors it and all nodes it claims."""
    rows = {}
    for node, match in found.items():
        anchor, pattern = name_of(match)
        row = rows.setdefault(anchor, {"pattern": patterns.index(pattern), "anchor": anchor, "nodes": []})
        row["nodes"] = sorted([*row["nodes"], node])
    return [rows[anchor] for anchor in sorted(rows)]


def fusion_claims(traced, patterns, ordered):
    found = fuse._find_matches(traced, traced.graph, {p: lambda node: None for p in ordered})
    # A node recorded under MatchAllNode alone is copied, not absorbed: fusion does not claim it.
    found = {node: match for node, match in found.items()
             if match[4].get(next(n for n in traced.graph.nodes if n.name == node)) is not MatchAllNode}
    return claims(found, patterns, lambda match: (match[0].name, match[1]))


def quantize_claims(traced, patterns, ordered):
    modules = dict(traced.named_modules())
    handlers = {p: lambda tree, modules, getter: None for p in ordered}
    found = match_utils._find_matches(traced.graph, modules, handlers, {})
    return claims(found, patterns, lambda match: (match[0].name, match[2]))


def attempt(matcher, *args):
    try:
        return matcher(*args)
    except AttributeError as error:
        return {"error": str(error)}


def match_rows():
    rows = []
    for model, written in CASES:
        traced = fx.symbolic_trace(build(model)[1])
        for node in traced.graph.nodes:  # operator.add and torch.add are one Add
            node.target = {operator.add: torch.add, operator.mul: torch.mul}.get(node.target, node.target)
        patterns = [to_torch(p) for p in written]
        ordered = list(_sorted_patterns_dict({p: None for p in patterns}))
        rows.append({"model": model, "patterns": written,
                     "fusion": attempt(fusion_claims, traced, patterns, ordered),
                     "quantize": attempt(quantize_claims, traced, patterns, ordered)})
    return rows


def order_rows():
    rows = []
    for written in ORDERS:
        patterns = [to_torch(p) for p in written]
        ordered = list(_sorted_patterns_dict({p: None for p in patterns}))
        rows.append({"patterns": written, "order": [patterns.index(p) for p in ordered]})
    return rows
