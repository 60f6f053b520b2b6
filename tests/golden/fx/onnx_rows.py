"""A traced float model as rows of an ONNX graph: what a test builds to stand for it.

Values and nodes bear the names of the FX nodes, so that every other row of the file can speak
of them. A tensor is {name, dims, ints, unit}: the value of an element is int * unit, exactly;
one of int64 has no unit.
"""
import torch
from torch import fx, nn

from models import INPUTS, UNIT, build, calls


def ints_of(value):
    scaled = (value.detach().double() / UNIT).round()
    assert torch.equal((scaled * UNIT).float(), value.float()), "not a multiple of the unit"
    return [int(v) for v in scaled.flatten()]


def tensor_row(name, value):
    return {"name": name, "dims": list(value.shape), "unit": UNIT, "ints": ints_of(value)}


def int64_row(name, values, dims=None):
    return {"name": name, "dims": [len(values)] if dims is None else dims, "ints": values}


class Rows:
    def __init__(self, traced):
        self.traced = traced
        self.nodes, self.tensors = [], []
        self.modules = dict(traced.named_modules())

    def add(self, op, node, inputs, attributes=None, output=None):
        name = output or node.name
        self.nodes.append({"name": name, "op": op, "inputs": inputs, "outputs": [name],
                           "attributes": attributes or {}})

    def parameters(self, target, names):
        module = self.modules[target]
        for name in names:
            self.tensors.append(tensor_row(f"{target}.{name}", getattr(module, name)))
        return [f"{target}.{name}" for name in names]

    def module(self, node):
        module = self.modules[node.target]
        inputs = [node.args[0].name]
        op = calls()[type(module)]
        if isinstance(module, nn.Conv2d):
            inputs += self.parameters(node.target, ["weight", "bias"])
            return self.add(op, node, inputs, {"pads": [*module.padding] * 2, "kernel_shape": [*module.kernel_size]})
        if isinstance(module, nn.Linear):
            return self.add(op, node, inputs + self.parameters(node.target, ["weight", "bias"]), {"transB": 1})
        if isinstance(module, nn.BatchNorm2d):
            inputs += self.parameters(node.target, ["weight", "bias", "running_mean", "running_var"])
            return self.add(op, node, inputs, {"epsilon": module.eps})
        if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
            size = [module.kernel_size] * 2
            return self.add(op, node, inputs, {"kernel_shape": size, "strides": size})
        return self.add(op, node, inputs, {"axis": module.dim} if isinstance(module, nn.Softmax) else {})

    def constant(self, node, value):
        name = f"{node.name}.constant"
        self.tensors.append(tensor_row(name, torch.tensor(float(value))))
        return name

    def function(self, node):
        if node.target is getattr:
            return self.add("Shape", node, [node.args[0].name])
        if node.target.__name__ == "getitem":
            self.tensors.append(int64_row(f"{node.name}.index", [node.args[1]]))
            return self.add("Gather", node, [node.args[0].name, f"{node.name}.index"], {"axis": 0})
        op = calls()[node.target]
        if op == "Concat":
            return self.add(op, node, [a.name for a in node.args[0]], {"axis": node.args[1]})
        if op == "Flatten":
            return self.add(op, node, [node.args[0].name], {"axis": node.args[1]})
        inputs = [a.name if isinstance(a, fx.Node) else self.constant(node, a) for a in node.args]
        return self.add(op, node, inputs)

    def reshape(self, node):
        source, *dims = node.args
        shape = f"{node.name}.shape"
        if any(isinstance(d, fx.Node) for d in dims):
            self.tensors.append(int64_row(f"{node.name}.rest", [d for d in dims if isinstance(d, int)]))
            parts = [dims[0].name, f"{node.name}.rest"]
            self.add("Concat", node, parts, {"axis": 0}, shape)
        else:
            self.tensors.append(int64_row(shape, dims))
        self.add("Reshape", node, [source.name, shape])

    def walk(self):
        inputs, output = [], None
        for node in self.traced.graph.nodes:
            if node.op == "placeholder":
                inputs.append(node.name)
            elif node.op == "output":
                output = node.args[0].name
            elif node.op == "call_module":
                self.module(node)
            elif node.op == "call_function":
                self.function(node)
            else:
                self.reshape(node)
        return inputs, output


def model_row(name):
    sources, model = build(name)
    rows = Rows(fx.symbolic_trace(model))
    inputs, output = rows.walk()
    return {"name": name, "opset": 17,
            "inputs": [{"name": n, "data": s, "dims": list(INPUTS[s][0].shape)} for n, s in zip(inputs, sources)],
            "nodes": rows.nodes, "tensors": rows.tensors, "output": output}


def input_rows():
    rows = []
    for name, (*calibration, run) in INPUTS.items():
        rows.append({"name": name, "dims": list(run.shape), "unit": UNIT,
                     "calibration": [ints_of(b) for b in calibration], "run": ints_of(run)})
    return rows
