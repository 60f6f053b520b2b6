"""Writes qlinear.json: single int8 nodes, their inputs, and what onnxruntime-web computes for them.

Needs onnx, onnxruntime and numpy, and a Node of 22 or newer with the repository's node_modules:
  python make_qlinear_goldens.py [path of node]
Prints where the native runtime differs from the web one: only QLinearAdd and QLinearMul may (it fuses multiply
and add), and QLinearSigmoid by one step at most.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from cases import FAMILIES

HERE = os.path.dirname(os.path.abspath(__file__))


def encoded(array):
    array = np.asarray(array)
    return {'dtype': array.dtype.name, 'shape': list(array.shape), 'data': [v.item() for v in array.ravel()]}


def model_of(case):
    names = [f'x{i}' if value is not None else '' for i, value in enumerate(case.inputs)]
    outputs = [f'y{i}' for i in range(case.outputs)]
    node = helper.make_node(case.op, names, outputs, domain=case.domain, **case.attributes)
    kind = lambda value: helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype)
    inputs = [helper.make_tensor_value_info(names[i], kind(case.inputs[i]), np.asarray(case.inputs[i]).shape)
              for i in case.feeds]
    initializers = [onnx.numpy_helper.from_array(np.asarray(value), names[i])
                    for i, value in enumerate(case.inputs) if value is not None and i not in case.feeds]
    graph = helper.make_graph([node], 'case', inputs, [onnx.ValueInfoProto(name=name) for name in outputs], initializers)
    opsets = [helper.make_opsetid('', case.opset), helper.make_opsetid('com.microsoft', 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return model.SerializeToString()


def run_native(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider']).run(None, feeds)


def run_web(node, models):
    with tempfile.TemporaryDirectory() as folder:
        listing = []
        for i, (model, feeds) in enumerate(models):
            with open(os.path.join(folder, f'{i}.onnx'), 'wb') as file:
                file.write(model)
            listing.append({'model': f'{i}.onnx', 'feeds': [{'name': k, **encoded(v)} for k, v in feeds.items()]})
        with open(os.path.join(folder, 'cases.json'), 'w') as file:
            json.dump(listing, file)
        subprocess.run([node, os.path.join(HERE, 'run_web.mjs'), folder], check=True)
        with open(os.path.join(folder, 'results.json')) as file:
            return json.load(file)


def main():
    node = sys.argv[1] if len(sys.argv) > 1 else 'node'
    cases = [(family, case) for family, make in FAMILIES.items() for case in make()]
    models = [(model_of(case), {f'x{i}': np.asarray(case.inputs[i]) for i in case.feeds}) for _, case in cases]
    rows = []
    for (family, case), (model, feeds), web in zip(cases, models, run_web(node, models)):
        for ours, native in zip(web, run_native(model, feeds)):
            differ = int((np.array(ours['data'], dtype=native.dtype).ravel() != native.ravel()).sum())
            if differ:
                print(f'{case.op} ({case.what}): {differ} of {native.size} differ between native and web')
        rows.append({'family': family, 'what': case.what, 'op': case.op, 'domain': case.domain, 'opset': case.opset,
                     'attributes': case.attributes, 'feeds': list(case.feeds),
                     'inputs': [None if v is None else encoded(v) for v in case.inputs], 'outputs': web})
    with open(os.path.join(HERE, 'qlinear.json'), 'w') as file:
        file.write('[\n' + ',\n'.join(json.dumps(row, separators=(',', ':')) for row in rows) + '\n]\n')
    print(len(rows), 'cases')


if __name__ == '__main__':
    main()
