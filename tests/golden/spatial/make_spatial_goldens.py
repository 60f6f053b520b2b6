"""Makes spatial.json: what ONNX Runtime computes where the text of ONNX leaves room.

Windows under ceil_mode, the odd element of SAME_UPPER and SAME_LOWER, the pads of ConvTranspose.
Inputs are small integers by a rule, so results are exact and the file stays small:
x[i] = i * 7 % 11 - 5, w[i] = i * 5 % 7 - 3. Needs numpy, onnx and onnxruntime.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

OPSET = 21


def pattern(shape, step, modulus, shift):
    count = int(np.prod(shape))
    return (np.arange(count) * step % modulus - shift).astype(np.float32).reshape(shape)


def run(op, attributes, x_shape, w_shape):
    inputs = {"x": pattern(x_shape, 7, 11, 5)}
    if w_shape:
        inputs["w"] = pattern(w_shape, 5, 7, 3)
    node = helper.make_node(op, list(inputs), ["y"], **attributes)
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in inputs.items()]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "g", infos, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def pools():
    """Every small combination of extent, kernel, stride, pads, with and without ceil_mode."""
    for op in ("MaxPool", "AveragePool"):
        for extent, kernel, stride, pads in itertools.product(
            (5, 6, 7), (2, 3), (1, 2, 3), ([0, 0], [1, 1], [0, 1], [1, 0])
        ):
            attributes = {"kernel_shape": [kernel], "strides": [stride], "pads": pads, "ceil_mode": 1}
            for include in (0, 1) if op == "AveragePool" else (None,):
                extra = {} if include is None else {"count_include_pad": include}
                yield op, attributes | extra, [1, 2, extent], None
        for extent, kernel, stride, mode in itertools.product((5, 6), (2, 3), (1, 2), ("SAME_UPPER", "SAME_LOWER")):
            attributes = {"kernel_shape": [kernel, kernel], "strides": [stride, stride], "auto_pad": mode}
            yield op, attributes, [1, 1, extent, extent], None
    for dilation, ceil in itertools.product((1, 2), (0, 1)):
        attributes = {"kernel_shape": [2, 3], "strides": [2, 2], "dilations": [dilation, dilation], "pads": [1, 1, 1, 1], "ceil_mode": ceil}
        yield "MaxPool", attributes, [1, 2, 6, 7], None
        for include in (0, 1):
            yield "AveragePool", attributes | {"count_include_pad": include}, [1, 2, 6, 7], None


def convolutions():
    for extent, kernel, stride, mode in itertools.product(
        (5, 6), (2, 3, 4), (1, 2, 3), ("SAME_UPPER", "SAME_LOWER", "VALID")
    ):
        yield "Conv", {"strides": [stride], "auto_pad": mode}, [1, 2, extent], [3, 2, kernel]


def transposed():
    for extent, kernel, stride, mode in itertools.product(
        (3, 4), (2, 3, 4), (1, 2, 3), ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
    ):
        yield "ConvTranspose", {"strides": [stride], "auto_pad": mode}, [1, 2, extent], [2, 3, kernel]
    for shape, mode in itertools.product((7, 8, 9), ("NOTSET", "SAME_UPPER", "SAME_LOWER")):
        yield "ConvTranspose", {"strides": [2], "output_shape": [shape], "auto_pad": mode}, [1, 2, 4], [2, 3, 3]
    for padding, dilation, group in itertools.product((0, 1), (1, 2), (1, 2)):
        attributes = {"strides": [2, 2], "output_padding": [padding, 0], "dilations": [dilation, 1], "pads": [1, 0, 0, 1], "group": group}
        yield "ConvTranspose", attributes, [1, 4, 3, 4], [4, 2, 3, 2]


def main():
    cases, refused = [], []
    for op, attributes, x_shape, w_shape in itertools.chain(pools(), convolutions(), transposed()):
        try:
            y = run(op, attributes, x_shape, w_shape)
        except Exception as error:
            refused.append((op, attributes, x_shape, str(error).split("\n")[0][:120]))
            continue
        values = [round(float(v), 6) for v in y.ravel()]
        cases.append({"op": op, "attributes": attributes, "x": x_shape, "w": w_shape or [], "y": list(y.shape), "values": values})
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    text = f'{{"opset":{OPSET},"onnxruntime":"{onnxruntime.__version__}","cases":[\n{lines}\n]}}\n'
    Path(__file__).with_name("spatial.json").write_text(text)
    print(len(cases), "cases;", len(refused), "refused by ONNX Runtime")
    for row in refused:
        print("refused:", *row)


if __name__ == "__main__":
    main()
