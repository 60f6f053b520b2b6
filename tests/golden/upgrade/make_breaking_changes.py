"""Lists the breaking changes in the history of the ai.onnx operators, from the schemas of the onnx package.

Breaking: an attribute went away, changed its kind or its default; the list of inputs or outputs lost or moved a member
that was there before; or the operator was deprecated. What only gained attributes, types or trailing inputs is not
listed. Changes that concern forms nobody can have written are named in HARMLESS, with the reason.

    python make_breaking_changes.py > breaking_changes.json
"""
import collections
import json

import onnx.defs
from onnx import helper

HARMLESS = {
    ("GRU", 3): "the default direction was misspelt; an absent attribute means the same",
    ("Clip", 6): "the default bounds became the largest floats, opset 11 takes them back",
}


def default(attribute):
    if not attribute.default_value.name:
        return None
    return str(helper.get_attribute_value(attribute.default_value))


def changes(old, new):
    for name, attribute in old.attributes.items():
        if name not in new.attributes:
            yield f"-{name}"
        elif attribute.type != new.attributes[name].type:
            yield f"{name} is of another kind"
        elif default(attribute) != default(new.attributes[name]):
            yield f"{name}: {default(attribute)} -> {default(new.attributes[name])}"
    names = [i.name for i in old.inputs], [i.name for i in new.inputs]
    if len(names[1]) < len(names[0]):
        yield f"inputs {names[0]} -> {names[1]}"
    if len(new.outputs) < len(old.outputs):
        yield f"outputs {[o.name for o in old.outputs]} -> {[o.name for o in new.outputs]}"
    if old.name == "Resize" and new.since_version == 11:
        yield "inputs moved"
    if new.deprecated and not old.deprecated:
        yield "deprecated"


def main():
    versions = collections.defaultdict(dict)
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            versions[schema.name][schema.since_version] = schema
    rows = []
    for op in sorted(versions):
        history = sorted(versions[op])
        for a, b in zip(history, history[1:]):
            what = list(changes(versions[op][a], versions[op][b]))
            if (op, b) in HARMLESS:
                what = [w for w in what if w == "-consumed_inputs"]
            if what:
                rows.append({"op": op, "to": b, "what": "; ".join(what)})
    print("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]")


main()
