"""QConfigMapping: which QConfig each node of a nested model gets, and the defaults as data.

The QConfigs of the precedence cases are labels, told apart by their range: "a" is 0..1, "b" is
0..2 and so on; null is an explicit "do not quantize", "none" means that the node got nothing.
"""
import torch
from torch import nn
from torch.ao import quantization as tq
from torch.ao.quantization.fx.graph_module import _get_observed_graph_module_attr
from torch.ao.quantization.qconfig_mapping import _get_symmetric_qnnpack_qconfig_mapping
from torch.ao.quantization.quantize_fx import prepare_fx

from models import calls


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)

    def forward(self, x):
        return torch.add(self.conv2(self.conv1(x)), x)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.conv = Inner(), nn.Conv2d(2, 2, 1)

    def forward(self, x):
        return torch.add(torch.add(self.conv(self.inner(x)), x), x)


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.block, self.block2, self.pool = nn.Conv2d(2, 2, 1), Block(), Block(), nn.MaxPool2d(2)

    def forward(self, x):
        return self.pool(self.block2(self.block(self.conv(x)))).reshape(1, 8)


OBJECTS = {"Conv": nn.Conv2d, "Add": torch.add, "MaxPool": nn.MaxPool2d, "Reshape": "reshape"}
LABELS = "abcdefg"


def qconfig_of(label):
    if label is None:
        return None
    return tq.QConfig(activation=tq.MinMaxObserver.with_args(quant_min=0, quant_max=LABELS.index(label) + 1),
                      weight=tq.default_weight_observer)


# style and key, then label; in the order in which they are set
G, O, R, N, I = "global", "object_type", "module_name_regex", "module_name", "module_name_object_type_order"
CASES = [
    ("global", [(G, None, "a")]),
    ("nothing", []),
    ("object type over global", [(G, None, "a"), (O, "Conv", "b")]),
    ("a method's name", [(G, None, "a"), (O, "Reshape", "b"), (O, "MaxPool", "c")]),
    ("object type alone", [(O, "Add", "a")]),
    ("regex over object type", [(O, "Conv", "a"), (R, "block.*conv", "b")]),
    ("regex is anchored at the start", [(G, None, "a"), (R, "conv", "b")]),
    ("regex is not anchored at the end", [(G, None, "a"), (R, "block\\.inner", "b"), (R, "block2?", "c")]),
    ("the first regex wins", [(R, "block.*", "a"), (R, "block2.*", "b"), (R, ".*conv", "c")]),
    ("a regex set again keeps its place", [(R, "block.*", "a"), (R, "block2.*", "b"), (R, "block.*", "c")]),
    ("module name over regex", [(R, ".*", "a"), (N, "block.inner", "b")]),
    ("the nearest ancestor", [(G, None, "a"), (N, "block", "b"), (N, "block.inner", "c"),
                              (N, "block.inner.conv2", "d")]),
    ("a name is not a prefix", [(G, None, "a"), (N, "bl", "b"), (N, "block", "c")]),
    ("a name set again", [(N, "block", "a"), (N, "block", "b")]),
    ("order over name", [(G, None, "a"), (N, "block", "b"), (I, ("block.inner", "Conv", 1), "c")]),
    ("order counts within the module", [(G, None, "a"), (I, ("block", "Conv", 0), "b"), (I, ("block", "Conv", 1), "c"),
                                        (I, ("block2.inner", "Conv", 0), "d")]),
    ("order of functions", [(G, None, "a"), (I, ("block", "Add", 0), "b"), (I, ("block", "Add", 1), "c"),
                            (I, ("block2.inner", "Add", 0), "d")]),
    ("order at the top", [(G, None, "a"), (I, ("", "Conv", 0), "b"), (I, ("", "MaxPool", 0), "c")]),
    ("order does not reach below", [(G, None, "a"), (I, ("block2", "Conv", 2), "b")]),
    ("null global", [(G, None, None), (O, "Conv", "b")]),
    ("null object type", [(G, None, "a"), (O, "Conv", None)]),
    ("null regex", [(G, None, "a"), (R, "block\\.", None)]),
    ("null name", [(G, None, "a"), (O, "Conv", "b"), (N, "block.inner", None)]),
    ("null order", [(G, None, "a"), (N, "block", "b"), (I, ("block", "Conv", 0), None)]),
    ("all five", [(G, None, "a"), (O, "Conv", "b"), (R, "block2?", "c"), (N, "block2.inner", "d"),
                  (I, ("block2.inner", "Conv", 1), "e"), (O, "Reshape", None)]),
]


def mapping_of(entries):
    mapping = tq.QConfigMapping()
    for style, key, label in entries:
        qconfig = qconfig_of(label)
        if style == G:
            mapping.set_global(qconfig)
        elif style == O:
            mapping.set_object_type(OBJECTS[key], qconfig)
        elif style == R:
            mapping.set_module_name_regex(key, qconfig)
        elif style == N:
            mapping.set_module_name(key, qconfig)
        else:
            mapping.set_module_name_object_type_order(key[0], OBJECTS[key[1]], key[2], qconfig)
    return mapping


def nodes_of(prepared):
    """Paths of the nodes: a module's own, a function's enclosing module and its FX name."""
    scopes = _get_observed_graph_module_attr(prepared, "node_name_to_scope")
    names = {target: op for op, target in OBJECTS.items()}
    modules, counted, rows = dict(prepared.named_modules(remove_duplicate=False)), {}, {}
    for node in prepared.graph.nodes:
        key = type(modules[node.target]) if node.op == "call_module" else node.target
        if key not in names:
            continue
        path = node.target if node.op == "call_module" else ".".join(p for p in (scopes[node.name][0], node.name) if p)
        module = path.rpartition(".")[0]
        index = counted.setdefault((module, key), 0)
        counted[module, key] += 1
        rows[node.name] = {"name": path, "op": names[key], "module": module, "index": index}
    return rows


def mapping_section():
    rows, nodes = [], None
    for case, entries in CASES:
        mapping = mapping_of(entries)
        again = tq.QConfigMapping.from_dict(mapping.to_dict())
        prepared = prepare_fx(Nested().eval(), mapping, (torch.ones(1, 2, 4, 4),))
        nodes = nodes_of(prepared)
        qconfigs = _get_observed_graph_module_attr(prepared, "node_name_to_qconfig")
        found = []
        for name in nodes:
            got = qconfigs[name]
            found.append("none" if got is None else LABELS[got.activation().quant_max - 1])
        entry_rows = []
        for style, key, label in entries:
            row = {"style": style, "qconfig": label}
            if style == I:
                row["module"], row["op"], row["index"] = key
            elif key is not None:
                row["key"] = key
            entry_rows.append(row)
        assert again.to_dict() == mapping.to_dict()
        rows.append({"case": case, "set": entry_rows, "found": found})
    return {"nodes": list(nodes.values()), "cases": rows}


NAMES = {nn.ConvTranspose1d: "ConvTranspose1d", nn.ConvTranspose2d: "ConvTranspose2d",
         nn.ConvTranspose3d: "ConvTranspose3d", nn.LayerNorm: "LayerNormalization", nn.PReLU: "PRelu",
         nn.Hardsigmoid: "HardSigmoid"}


def default_row(mapping, specs):
    def name(qconfig):
        return {part: specs.name(getattr(qconfig, part)) for part in ("activation", "weight")}

    groups = []
    for key, qconfig in mapping.object_type_qconfigs.items():
        op = {**NAMES, **calls()}.get(key, key if isinstance(key, str) else key.__name__)
        for group in groups:
            if group["qconfig"] == name(qconfig):
                group["ops"] += [op] if op not in group["ops"] else []
                break
        else:
            groups.append({"ops": [op], "qconfig": name(qconfig)})
    return {"qconfig": name(mapping.global_qconfig), "objectTypes": groups}


def default_rows(specs):
    rows = []
    for backend in ("fbgemm", "x86", "qnnpack", "onednn"):
        found = default_row(tq.get_default_qconfig_mapping(backend), specs)
        if rows and {k: rows[-1][k] for k in found} == found:
            rows[-1]["backends"].append(backend)
        else:
            rows.append({"backends": [backend], "kind": "default", **found})
    rows.append({"backends": ["qnnpack"], "kind": "symmetric",
                 **default_row(_get_symmetric_qnnpack_qconfig_mapping(), specs)})
    for bad in ("imaginary_backend", 3):
        try:
            tq.get_default_qconfig_mapping(bad)
        except AssertionError as error:
            rows.append({"backends": [bad], "kind": "default", "error": "AssertionError",
                         "message": str(error).splitlines()[0]})
    return rows


def named_rows(specs):
    named = ["default_qconfig", "default_per_channel_qconfig", "default_reuse_input_qconfig",
             "default_dynamic_qconfig", "per_channel_dynamic_qconfig", "float16_dynamic_qconfig",
             "float16_static_qconfig", "default_symmetric_qnnpack_qconfig",
             "default_per_channel_symmetric_qnnpack_qconfig", "default_debug_qconfig"]
    return [{"name": n, "qconfig": specs.qconfig(getattr(tq.qconfig, n))} for n in named]
