"""Inputs of SCALE-Sim 3.0.0: configuration, and a topology of matrix products.

Its scratchpads count words of one byte, and so does its bandwidth; sizes are therefore given in words here.
It has a channel to DRAM for each operand, of the whole bandwidth.
"""

from __future__ import annotations

import configparser
import io

from accel_models import Design
from accel_models.hardware import BITS
from dse.exports.chosen import Chosen, gemms
from dse.exports.timeloop import table

KIB = 1024
README = """\
# SCALE-Sim 3.0.0 inputs of trial {number} of {study}

    python -m scalesim.scale -c scale.cfg -t topology.csv -l layout.csv -i gemm

`topology.csv` has each distinct matrix product once; `gemms.csv` says how often the network computes it.
Sizes of scratchpads and bandwidth are in words: SCALE-Sim's words have one byte. Its figures for these cycles
are the formulas of NeuralMatrix's own model (fill = "serial"), which prints one cycle more (SCALE-Sim issue
125). Products with widths of their own are given like others: SCALE-Sim has one word for all, and no cell
that does several products a cycle.
"""


def scalesim(chosen: Chosen) -> dict[str, str | bytes]:
    """Return configuration, topology and an empty layout, which SCALE-Sim wants to exist."""
    products = gemms(chosen.workload)
    shapes = [(f"gemm_{index:02}", m, n, k) for index, (m, n, k) in enumerate(products, start=1)]
    rows = [
        (*shape, sum(op.count for op in operations), " ".join(op.name for op in operations))
        for shape, operations in zip(shapes, products.values(), strict=True)
    ]
    return {
        "README.md": README.format(number=chosen.number, study=chosen.study.name),
        "scale.cfg": configuration(chosen.design, f"trial_{chosen.number}"),
        "topology.csv": topology(shapes),
        "layout.csv": "Layer name,\n",
        "gemms.csv": table(("layer", "m", "n", "k", "products", "layers"), rows),
    }


def topology(shapes: list[tuple[str, int, int, int]]) -> str:
    """Return products (name, M, N, K) as SCALE-Sim reads them: a header, and a comma after the last entry."""
    lines = ["Layer, M, N, K,", *(f"{name}, {m}, {n}, {k}," for name, m, n, k in shapes)]
    return "\n".join(lines) + "\n"


def configuration(design: Design, name: str) -> str:
    """Return the configuration of a design; three equal parts of a shared scratchpad stand for the three."""
    word, partial = BITS[design.data_width] // 8, design.accumulator_bits // 8
    parts = [design.input_buffer, design.weight_buffer, design.output_buffer]
    if design.shared_buffer is not None:
        parts = [design.shared_buffer // 3] * 3
    sizes = [max(1, size // (each * KIB)) for size, each in zip(parts, (word, word, partial), strict=True)]
    speed = max(1, int(design.dram_bandwidth / design.clock / word))
    config = configparser.ConfigParser()
    config.optionxform = str  # type: ignore[assignment,method-assign]  # keep the names' capitals
    config.read_dict(
        {
            "general": {"run_name": name},
            "architecture_presets": {
                "ArrayHeight": design.rows,
                "ArrayWidth": design.cols,
                **dict(zip(("IfmapSramSzkB", "FilterSramSzkB", "OfmapSramSzkB"), sizes, strict=True)),
                "IfmapOffset": 0,
                "FilterOffset": 10_000_000,
                "OfmapOffset": 20_000_000,
                "Dataflow": design.dataflow,
                "Bandwidth": speed,
                "ReadRequestBuffer": 512,
                "WriteRequestBuffer": 512,
            },
            "layout": {
                "IfmapCustomLayout": False,
                "FilterCustomLayout": False,
                **{
                    f"{operand}SRAMBank{what}": value
                    for operand in ("Ifmap", "Filter")
                    for what, value in (("Bandwidth", 10), ("Num", 10), ("Port", 2))
                },
            },
            "sparsity": {"SparsitySupport": "false"},
            "run_presets": {"InterfaceBandwidth": "USER", "UseRamulatorTrace": False},
        }
    )
    text = io.StringIO()
    config.write(text)
    return text.getvalue()
