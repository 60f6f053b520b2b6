"""Every model through prepare, calibration, convert to reference and convert: what was observed,
with which parameters, and what the reference model answers.

A prepared node that fusion made keeps the name of its root; `value` is the float model's value
that it computes. A graph row says what was observed where, and what became of it: it does not
depend on the mapping. A run row holds the numbers. What comes out alike on several backends is
one row.
"""
import copy
import importlib
import operator

import torch
from torch import fx, nn
from torch.ao import quantization as tq
from torch.ao.nn import intrinsic as nni
from torch.ao.nn.quantized import reference as nnqr
from torch.ao.quantization import backend_config as bc
from torch.ao.quantization.backend_config.x86 import get_x86_backend_config
from torch.ao.quantization.fx.pattern_utils import _sorted_patterns_dict
from torch.ao.quantization.quantize_fx import convert_fx, convert_to_reference_fx, prepare_fx
from torch.ao.quantization.utils import MatchAllNode

from models import INPUTS, MODELS, build
from specs import number

# The package exports a function of the same name.
fuse = importlib.import_module("torch.ao.quantization.fx.fuse")


class ConvAddReLU2d(nni._FusedModule):
    """The fused module of the example in PyTorch's documentation, as a module of two inputs."""

    def __init__(self, conv, add, relu):
        super().__init__(conv)
        self.add, self.relu = add, relu

    def forward(self, x, extra):
        return self.relu(self.add(extra, self[0](x)))


def custom_backend():
    """A backend of one complex pattern with both getters, and what it takes to quantize the result."""
    dtypes = [bc.DTypeConfig(torch.quint8, torch.quint8, torch.qint8, torch.float)]
    different = bc.ObservationType.OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT
    rows = []
    for add in (torch.add, operator.add):
        rows.append(bc.BackendPatternConfig()
                    ._set_pattern_complex_format((nn.ReLU, (add, MatchAllNode, nn.Conv2d)))
                    .set_observation_type(different).set_dtype_configs(dtypes)
                    .set_fuser_method(lambda is_qat, relu, parts: ConvAddReLU2d(parts[2], parts[0], relu))
                    ._set_root_node_getter(lambda tree: tree[1][2])
                    ._set_extra_inputs_getter(lambda tree: [tree[1][1]])
                    .set_fused_module(ConvAddReLU2d))
    rows.append(bc.BackendPatternConfig((nn.Conv2d, nn.ReLU)).set_dtype_configs(dtypes)
                .set_fuser_method(lambda is_qat, conv, relu: nni.ConvReLU2d(conv, relu))
                .set_fused_module(nni.ConvReLU2d))
    for module in (nn.Conv2d, nni.ConvReLU2d, ConvAddReLU2d):
        rows.append(bc.BackendPatternConfig(module).set_observation_type(different).set_dtype_configs(dtypes)
                    .set_root_module(nn.Conv2d).set_reference_quantized_module(nnqr.Conv2d))
    return bc.BackendConfig("custom_residual").set_backend_pattern_configs(rows)


# name -> (backend config, the name that get_default_qconfig_mapping takes, the engine to lower for)
BACKENDS = {"fbgemm": (bc.get_fbgemm_backend_config, "fbgemm", "fbgemm"),
            "x86": (get_x86_backend_config, "x86", "x86"),
            "qnnpack": (bc.get_qnnpack_backend_config, "qnnpack", "qnnpack"),
            "onednn": (bc.get_onednn_backend_config, "onednn", "onednn"),
            "native": (bc.get_native_backend_config, "x86", "x86"),
            "custom_residual": (custom_backend, "x86", "x86")}


def min_max_mapping(backend):
    """The default mapping with MinMax over 0..255 in place of Histogram: fixed-parameter rows and
    the reuse of "reshape" stay, per-channel weights everywhere."""
    qconfig = tq.QConfig(activation=tq.MinMaxObserver.with_args(dtype=torch.quint8),
                         weight=tq.default_per_channel_weight_observer)
    mapping = tq.get_default_qconfig_mapping(backend)
    default = mapping.global_qconfig
    for key, value in mapping.object_type_qconfigs.items():
        if value.activation == default.activation:
            mapping.set_object_type(key, qconfig)
    return mapping.set_global(qconfig)


MAPPINGS = {"minmax": min_max_mapping, "default": tq.get_default_qconfig_mapping}
# The models whose numbers under the default mappings are kept, too.
DEFAULTED = ("conv_bn_relu", "linear_relu", "residual_input", "cat_convs",
             "conv_pool_reshape_linear", "add_scalar")


def fused_values(traced, backend):
    """Name of a node after fusion -> name of the value of the float model that it computes."""
    patterns = _sorted_patterns_dict(fuse._get_fusion_pattern_to_fuse_handler_cls(backend))
    getters = fuse.get_fusion_pattern_to_root_node_getter(backend)
    found = {}
    for node, (last, pattern, tree, _, _) in fuse._find_matches(traced, traced.graph, patterns).items():
        if last.name != node:
            continue
        if pattern in getters:
            root = getters[pattern](tree)
        else:
            while not isinstance(tree[-1], fx.Node):
                tree = tree[-1]
            root = tree[-1]
        found[root.name] = last.name
    return found


def kind_of(node, modules):
    if node.op == "call_module":
        module = modules[node.target]
        family = "quantized." if ".quantized." in type(module).__module__ else ""
        family = "reference." if ".reference" in type(module).__module__ else family
        return family + type(module).__name__
    return node.target if isinstance(node.target, str) else node.target.__name__


def is_observer(node, modules):
    return node.op == "call_module" and isinstance(modules[node.target], tq.ObserverBase)


def observer_state(observer, specs):
    row = {"spec": specs.name(observer)}
    if hasattr(observer, "min_val"):
        row["min"], row["max"] = number(observer.min_val), number(observer.max_val)
    scale, zero_point = observer.calculate_qparams()
    return {**row, "scale": number(scale), "zeroPoint": int(zero_point)}


def prepared_rows(prepared, values, specs):
    modules = dict(prepared.named_modules(remove_duplicate=False))
    instances, observers, nodes, observed = [], [], [], []
    for node in prepared.graph.nodes:
        if node.op in ("placeholder", "output", "get_attr"):
            continue
        if not is_observer(node, modules):
            row = {"name": node.name, "kind": kind_of(node, modules)}
            nodes.append({**row, "value": values[node.name]} if node.name in values else row)
            continue
        observer = modules[node.target]
        if not any(observer is known for known in instances):
            instances.append(observer)
            observers.append(observer_state(observer, specs))
        index = next(i for i, known in enumerate(instances) if known is observer)
        source = node.args[0]
        observed.append({"value": values.get(source.name, source.name),
                         "role": "input" if source.op == "placeholder" else "output",
                         "consumers": [user.name for user in node.users if user.op != "output"],
                         "observer": index})
    return {"nodes": nodes, "observed": observed, "observers": observers}


def counts(model):
    quantize = [n for n in model.graph.nodes if n.op == "call_function"
                and n.target in (torch.quantize_per_tensor, torch.quantize_per_channel)]
    dequantize = [n for n in model.graph.nodes if n.target in ("dequantize", torch.dequantize)]
    return {"quantize": len(quantize), "dequantize": len(dequantize)}


def quantized_with(model, node):
    """(scale, zero point) of a dequantize's quantize node in a reference model, or None."""
    source = node.args[0] if node.args else None
    if node.target != "dequantize" or source.target is not torch.quantize_per_tensor:
        return None
    return [float(getattr(model, a.target)) for a in source.args[1:3]]


def reference_rows(reference, values, output, specs):
    modules = dict(reference.named_modules())
    rows = {**counts(reference), "quantized": [], "weights": []}
    last = None
    for node in reference.graph.nodes:
        if node.op == "call_function" and node.target is torch.quantize_per_tensor:
            name = node.args[0].name
            rows["quantized"].append(values.get(name, name))
        if node.op == "output":
            last = quantized_with(reference, node.args[0])
    for name, module in modules.items():
        if isinstance(module, nnqr.modules.utils.ReferenceQuantizedModule):
            rows["weights"].append({
                "node": name.removesuffix(".0").replace(".", "_"),
                "scale": [number(s) for s in module.weight_scale.flatten()]})
            assert not module.weight_zero_point.any()
    flat = output.flatten()
    if last is None:
        rows["output"] = {"dims": list(output.shape), "values": [number(v) for v in flat]}
    else:
        steps = [round(float(v) / last[0]) + int(last[1]) for v in flat]
        rows["output"] = {"dims": list(output.shape), "scale": number(last[0]),
                          "zeroPoint": int(last[1]), "ints": steps}
    return rows


def lowered_rows(lowered, inputs, expected, step):
    modules = dict(lowered.named_modules())
    rows = {**counts(lowered), "nodes": [
        kind_of(n, modules) for n in lowered.graph.nodes
        if n.op not in ("placeholder", "output", "get_attr")]}
    largest = float((lowered(*inputs) - expected).abs().max())
    return {**rows, "stepsFromReference": round(largest / step) if step else None}


def run_one(name, backend_name, mapping_name, specs):
    """The graph row and the run row, without the names of backends."""
    get_backend, mapping_backend, engine = BACKENDS[backend_name]
    torch.backends.quantized.engine = engine
    backend = get_backend()
    sources, model = build(name)
    mapping = MAPPINGS[mapping_name](mapping_backend)
    data = [INPUTS[s] for s in sources]
    *calibration, inputs = [tuple(b[i] for b in data) for i in range(4)]
    try:
        values = fused_values(fx.symbolic_trace(model), backend)
        prepared = prepare_fx(model, mapping, inputs, backend_config=backend)
    except (LookupError, AttributeError) as error:
        # The parts of a fused module with different qconfigs; a constant under MatchAllNode.
        return {"error": type(error).__name__, "message": str(error).split(" in <")[0]}, None
    for batch in calibration:
        prepared(*batch)
    graph = prepared_rows(prepared, values, specs)
    run = {"qconfig": specs.qconfig(mapping.global_qconfig), "observers": graph.pop("observers")}
    reference = convert_to_reference_fx(copy.deepcopy(prepared), backend_config=backend)
    output = reference(*inputs)
    graph["reference"] = reference_rows(reference, values, output, specs)
    run["weights"], run["output"] = (graph["reference"].pop(key) for key in ("weights", "output"))
    lowered = convert_fx(copy.deepcopy(prepared), backend_config=backend)
    graph["lowered"] = lowered_rows(lowered, inputs, output, run["output"].get("scale"))
    run["loweredSteps"] = graph["lowered"].pop("stepsFromReference")
    return graph, run


def merge(rows, key, backend, found):
    """Adds the backend to the row that says the same, or a new row. Of steps the most is kept."""
    def core(row):
        return {k: v for k, v in row.items() if k not in ("backends", "loweredSteps")}

    for row in rows:
        if core(row) == {**key, **core(found)}:
            row["backends"].append(backend)
            if found.get("loweredSteps"):
                row["loweredSteps"] = max(row["loweredSteps"], found["loweredSteps"])
            return
    rows.append({**key, "backends": [backend], **found})


def run_sections(specs):
    graphs, runs = [], []
    for name in MODELS:
        for backend in BACKENDS:
            if backend == "custom_residual" and not name.startswith("residual"):
                continue
            graph, run = run_one(name, backend, "minmax", specs)
            merge(graphs, {"model": name}, backend, graph)
            if run is not None:
                merge(runs, {"model": name, "mapping": "minmax"}, backend, run)
            if name in DEFAULTED and backend != "custom_residual":
                same, run = run_one(name, backend, "default", specs)
                assert same == graph, "a graph that depends on the mapping"
                merge(runs, {"model": name, "mapping": "default"}, backend, run)
    return {"graphs": graphs, "runs": runs}
