"""The float models, each with small weights that a float32 holds exactly.

Weights and inputs are integers over 64, drawn from a linear congruential generator, so that
the file can hold them as integers. `MODELS` go through prepare and convert; `MATCH_MODELS`
are for the matchers alone.
"""
import operator

import torch
import torch.nn.functional as F
from torch import nn

UNIT = 1 / 64


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def ints(self, count, limit):
        """Sums of two draws, so that the middle is likelier than the ends."""
        found = []
        for _ in range(count):
            pair = 0
            for _ in range(2):
                self.state = (self.state * 1664525 + 1013904223) % 2 ** 32
                pair += (self.state >> 8) % (limit + 1)
            found.append(pair - limit)
        return found


def tensor(lcg, dims, limit):
    count = 1
    for dim in dims:
        count *= dim
    return torch.tensor(lcg.ints(count, limit), dtype=torch.float32).reshape(dims) * UNIT


def batches(seed, dims):
    """Three batches to calibrate with, each wider than the last, and one to run."""
    lcg = Lcg(seed)
    return [tensor(lcg, dims, limit) for limit in (64, 100, 150, 120)]


INPUTS = {"image": batches(11, (1, 2, 4, 4)), "other": batches(12, (1, 2, 4, 4)),
          "rows": batches(13, (2, 6)), "matrix": batches(14, (6, 3))}


def conv(outputs=3, inputs=2):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Model(nn.Module):
    """Sets the parts it is given; `step(self, *inputs)` is the forward pass."""

    def __init__(self, step, **parts):
        super().__init__()
        self.step = step
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.step(self, x)


class TwoInputs(Model):
    def forward(self, x, y):
        return self.step(self, x, y)


def with_shape(m, x):
    y = m.conv(x)
    return m.linear(y.reshape(y.shape[0], 48))


MODELS = {
    "conv": (("image",), lambda: Model(lambda m, x: m.conv(x), conv=conv())),
    "conv_relu": (("image",), lambda: Model(lambda m, x: m.relu(m.conv(x)), conv=conv(), relu=nn.ReLU())),
    "conv_bn_relu": (("image",), lambda: Model(
        lambda m, x: m.relu(m.bn(m.conv(x))), conv=conv(), bn=nn.BatchNorm2d(3), relu=nn.ReLU())),
    "linear_relu": (("rows",), lambda: Model(
        lambda m, x: m.relu(m.linear(x)), linear=nn.Linear(6, 4), relu=nn.ReLU())),
    "residual_input": (("image",), lambda: Model(
        lambda m, x: m.relu(torch.add(x, m.conv(x))), conv=conv(2), relu=nn.ReLU())),
    "residual_left": (("image",), lambda: Model(
        lambda m, x: m.relu(torch.add(m.conv(x), x)), conv=conv(2), relu=nn.ReLU())),
    "residual_convs": (("image",), lambda: Model(
        lambda m, x: m.relu(torch.add(m.conv1(x), m.conv2(x))), conv1=conv(), conv2=conv(), relu=nn.ReLU())),
    "residual_relu": (("image",), lambda: Model(
        lambda m, x: m.relu2(torch.add(m.relu1(m.conv1(x)), m.conv2(x))),
        conv1=conv(), relu1=nn.ReLU(), conv2=conv(), relu2=nn.ReLU())),
    "cat_convs": (("image",), lambda: Model(
        lambda m, x: torch.cat([m.conv1(x), m.conv2(x)], 1), conv1=conv(), conv2=conv(2))),
    "conv_pool_reshape_linear": (("image",), lambda: Model(
        lambda m, x: m.linear(m.pool(m.conv(x)).reshape(1, 12)),
        conv=conv(), pool=nn.MaxPool2d(2), linear=nn.Linear(12, 4))),
    "conv_avgpool_flatten_linear": (("image",), lambda: Model(
        lambda m, x: m.linear(torch.flatten(m.pool(m.conv(x)), 1)),
        conv=conv(), pool=nn.AvgPool2d(2), linear=nn.Linear(12, 4))),
    "conv_shape_reshape_linear": (("image",), lambda: Model(with_shape, conv=conv(), linear=nn.Linear(48, 4))),
    "conv_sigmoid": (("image",), lambda: Model(
        lambda m, x: m.sigmoid(m.conv(x)), conv=conv(), sigmoid=nn.Sigmoid())),
    "linear_tanh": (("rows",), lambda: Model(
        lambda m, x: m.tanh(m.linear(x)), linear=nn.Linear(6, 4), tanh=nn.Tanh())),
    "linear_softmax": (("rows",), lambda: Model(
        lambda m, x: m.softmax(m.linear(x)), linear=nn.Linear(6, 4), softmax=nn.Softmax(dim=1))),
    "sigmoid": (("rows",), lambda: Model(lambda m, x: torch.sigmoid(x))),
    "add_relu": (("image", "other"), lambda: TwoInputs(lambda m, x, y: m.relu(x + y), relu=nn.ReLU())),
    "mul": (("image", "other"), lambda: TwoInputs(lambda m, x, y: x * y)),
    "matmul": (("rows", "matrix"), lambda: TwoInputs(lambda m, x, y: torch.matmul(x, y))),
    "add_scalar": (("image",), lambda: Model(lambda m, x: x + 1)),
    "conv_add_scalar": (("image",), lambda: Model(lambda m, x: m.conv(x) + 1, conv=conv())),
    "conv_pool_twice": (("image",), lambda: Model(
        lambda m, x: (lambda c: torch.add(m.pool(c), m.pool2(c)))(m.conv(x)),
        conv=conv(), pool=nn.MaxPool2d(2), pool2=nn.MaxPool2d(2))),
    "conv_two_users": (("image",), lambda: Model(
        lambda m, x: torch.add(*(lambda c: (c, m.relu(c)))(m.conv(x))), conv=conv(), relu=nn.ReLU())),
    "shared_input": (("rows",), lambda: Model(
        lambda m, x: torch.add(m.linear1(x), m.linear2(x)), linear1=nn.Linear(6, 4), linear2=nn.Linear(6, 4))),
}

MATCH_MODELS = {
    "add_itself": (("image",), lambda: Model(
        lambda m, x: m.relu((lambda c: torch.add(c, c))(m.conv(x))), conv=conv(), relu=nn.ReLU())),
    "add_one": (("image",), lambda: Model(
        lambda m, x: m.relu(torch.add(m.conv(x), 1)), conv=conv(), relu=nn.ReLU())),
    "add_two": (("image",), lambda: Model(
        lambda m, x: m.relu(torch.add(m.conv(x), 2)), conv=conv(), relu=nn.ReLU())),
    "conv_bn_two_users": (("image",), lambda: Model(
        lambda m, x: (lambda c: torch.add(m.relu(m.bn(c)), c))(m.conv(x)),
        conv=conv(), bn=nn.BatchNorm2d(3), relu=nn.ReLU())),
    "anchor_two_users": (("image",), lambda: Model(
        lambda m, x: (lambda r: torch.mul(m.pool(r), m.pool2(r)))(m.relu(m.conv(x))),
        conv=conv(), relu=nn.ReLU(), pool=nn.MaxPool2d(2), pool2=nn.MaxPool2d(2))),
    "relu_relu": (("image",), lambda: Model(
        lambda m, x: m.relu2(m.relu1(m.conv(x))), conv=conv(), relu1=nn.ReLU(), relu2=nn.ReLU())),
}


def fill(model, seed):
    """Weights within 1, biases within 1/2, batch normalization statistics near 0 and 1."""
    lcg = Lcg(seed)
    for name, value in model.state_dict().items():
        if value.dtype != torch.float32:
            continue
        drawn = tensor(lcg, tuple(value.shape), 40 if value.dim() > 1 else 30)
        norm = name.split(".")[0].startswith("bn")
        if norm and name.endswith(("weight", "running_var")):
            drawn += 1
        value.copy_(drawn)
    return model.eval()


def build(name):
    inputs, make = {**MODELS, **MATCH_MODELS}[name]
    seed = 100 + sum(ord(c) for c in name)
    return inputs, fill(make(), seed)


def calls():
    """What a node calls -> the name that patterns and rows use (functions, methods, modules)."""
    return {nn.Conv2d: "Conv", nn.BatchNorm2d: "BatchNormalization", nn.ReLU: "Relu", nn.Linear: "Gemm",
            nn.MaxPool2d: "MaxPool", nn.AvgPool2d: "AveragePool", nn.Sigmoid: "Sigmoid", nn.Tanh: "Tanh",
            nn.Softmax: "Softmax", torch.add: "Add", operator.add: "Add", torch.mul: "Mul", operator.mul: "Mul",
            torch.matmul: "MatMul", torch.cat: "Concat", torch.flatten: "Flatten", torch.sigmoid: "Sigmoid",
            torch.tanh: "Tanh", F.relu: "Relu", torch.relu: "Relu", "reshape": "Reshape"}
