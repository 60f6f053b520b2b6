"""The trained layers as a float ONNX model, one node per layer, nothing folded.

Where: after train.py. Opset 13, IR 8, free batch dimension N; BatchNormalization
stays a node of its own (inference form, running moments as initializers) so that
the quantizer has something to fuse.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from layers import (BatchNorm, Conv, DepthwiseConv, GlobalAveragePool, Linear, MaxPool2, Relu,
                    Residual)


class Builder:
    def __init__(self):
        self.nodes, self.initializers = [], []

    def weight(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op, name, inputs, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def chain(self, layers, x):
        for name, layer in layers:
            x = EMIT[type(layer)](self, name, layer, x)
        return x


def conv(b, name, layer, x):
    w = layer.weights[0]
    k, p = w.shape[2], w.shape[2] // 2
    return b.node("Conv", name, [x, b.weight(f"{name}.weight", w)], group=layer.groups,
                  kernel_shape=[k, k], pads=[p] * 4, strides=[1, 1])


def batch_norm(b, name, layer, x):
    parts = zip(("scale", "bias", "mean", "var"), (*layer.weights, layer.mean, layer.var))
    names = [b.weight(f"{name}.{part}", array) for part, array in parts]
    return b.node("BatchNormalization", name, [x, *names], epsilon=layer.eps)


def relu(b, name, layer, x):
    return b.node("Relu", name, [x])


def max_pool(b, name, layer, x):
    return b.node("MaxPool", name, [x], kernel_shape=[2, 2], strides=[2, 2])


def global_pool(b, name, layer, x):
    pooled = b.node("GlobalAveragePool", name, [x])
    return b.node("Flatten", "flatten", [pooled], axis=1)


def linear(b, name, layer, x):
    weight, bias = (b.weight(f"{name}.{part}", array)
                    for part, array in zip(("weight", "bias"), layer.weights))
    return b.node("Gemm", name, [x, weight, bias], transB=1)


def residual(b, name, layer, x):
    return b.node("Add", name, [x, b.chain(layer.body, x)])


EMIT = {Conv: conv, DepthwiseConv: conv, BatchNorm: batch_norm, Relu: relu, MaxPool2: max_pool,
        GlobalAveragePool: global_pool, Linear: linear, Residual: residual}


def to_onnx(net):
    b = Builder()
    b.chain(net, "input")
    b.nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        b.nodes, "digits",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        b.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                              producer_name="eightfold examples/digits")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
