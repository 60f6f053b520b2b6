"""Makes fx.json: what PyTorch's own FX graph mode quantization does with small models and configs.

Run: python make_fx_goldens.py   (never part of the test run)
Made with PyTorch 2.6.0 on the CPU; needs `pip install torch==2.6.0 numpy<2`. Versions from 2.5 on
have today's HistogramObserver, and the newest no longer ship torch.ao.quantization.
README.md says what every section holds. Numbers are the shortest decimals that give back the
float32: read one as double, cast it to float. Data are integers over a unit, exact in float32.
"""
import json
import warnings
from pathlib import Path

import torch

from config_rows import configs_section
from decision_rows import decision_rows
from mapping_rows import default_rows, mapping_section, named_rows
from match_rows import match_rows, order_rows
from models import MATCH_MODELS, MODELS
from observer_rows import observer_rows
from onnx_rows import input_rows, model_row
from runs import run_sections
from specs import Specs

BUDGET = 150_000


def dump(value, indent=""):
    """JSON with one row to a line."""
    if isinstance(value, dict) and any(isinstance(v, list) and v and isinstance(v[0], dict) for v in value.values()):
        if not indent or indent == " ":
            inner = [f'{indent}{json.dumps(k)}: {dump(v, indent + " ")}' for k, v in value.items()]
            return "{\n" + ",\n".join(inner) + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"{indent}{json.dumps(v, separators=(',', ':'))}" for v in value) + "]"
    return json.dumps(value, separators=(",", ":"))


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    specs = Specs()
    with torch.no_grad():
        configs = configs_section()
        sections = {
            "torch": torch.__version__.split("+")[0],
            **configs,
            "orders": order_rows(),
            "matches": match_rows(),
            "decisions": decision_rows(specs, configs["dtypeLists"]),
            "mapping": mapping_section(),
            "defaults": default_rows(specs),
            "named": named_rows(specs),
            "observers": observer_rows(specs),
            "inputs": input_rows(),
            "models": [model_row(name) for name in {**MODELS, **MATCH_MODELS}],
            **run_sections(specs),
        }
    text = dump({**sections, "specs": specs.rows}) + "\n"
    assert len(text) < BUDGET, len(text)
    json.loads(text)
    Path(__file__).with_name("fx.json").write_text(text)


if __name__ == "__main__":
    main()
