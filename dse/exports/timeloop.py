"""Version 4 input files of Timeloop, a folder a distinct GEMM, for timeloop-model and timeloop-mapper."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from accel_models.backends import timeloop as backend
from accel_models.mapping import DIMENSIONS
from dse.exports.chosen import Chosen, gemms

if TYPE_CHECKING:
    from accel_models import Design

README = """\
# Timeloop inputs of trial {number} of {study}

Each folder holds one distinct matrix product (M x K) @ (K x N) of the network, on this design:
`model/` with our mapping for timeloop-model, `mapper/` for timeloop-mapper. `gemms.csv` says how often the
network computes each, what our loops pad it to, and which layers it comes from.

    python run.py gemm_01_*/model

runs one with timeloop-python and prints its figures; docs/timeloop.md of NeuralMatrix says how to get it.

- Energy: {energy}
- Lookups, Hadamard products and moves are not here: Timeloop has no form for them.
- The registers of an output-stationary array, and a separate output scratchpad, hold partial sums of
  {accumulator} bits; DRAM and a shared scratchpad count them in words of the operands.
- DRAM's read and write bandwidth are each the design's whole bandwidth, and together too.
"""

ACCELERGY = (
    "Accelergy's plug-ins (45 nm). `run.py FOLDER --tables` uses ERT.yaml and ART.yaml instead, this "
    "toolkit's own figures."
)
MODEL = (
    "ERT.yaml and ART.yaml, this toolkit's figures for {why}, with `run.py FOLDER --tables`. Without, "
    "Accelergy's plug-ins are asked for 45 nm, which is not this design."
)

RUN = '''\
"""Runs the Timeloop input files of one folder: python run.py FOLDER [--tables]."""

import shutil
import sys
from pathlib import Path

try:
    import pytimeloop.timeloopfe.v4 as tl
except ImportError:
    import timeloopfe.v4 as tl

folder, here = Path(sys.argv[1]).resolve(), Path(__file__).resolve().parent
mode, output = folder.name, folder / "output"
output.mkdir(exist_ok=True)
tables = [str(here / "ERT.yaml"), str(here / "ART.yaml")] if "--tables" in sys.argv[2:] else []
if tables:
    shutil.copy(here / "ART.yaml", output / f"timeloop-{mode}.ART.yaml")
specification = tl.Specification.from_yaml_files(*(str(path) for path in sorted(folder.glob("*.yaml"))))
call = tl.call_model if mode == "model" else tl.call_mapper
print(call(specification, output_dir=str(output), log_to=str(output / "log.txt"), extra_input_files=tables))
print((output / f"timeloop-{mode}.stats.txt").read_text().partition("Summary Stats")[2])
'''

COLUMNS = ("folder", "m", "n", "k", "padded_m", "padded_n", "padded_k", "products", "layers")


def timeloop(chosen: Chosen) -> dict[str, str | bytes]:
    """Return the input files of every distinct GEMM, and how to run them."""
    design, files = chosen.design, {}
    rows = []
    for index, ((m, n, k), operations) in enumerate(gemms(chosen.workload).items(), start=1):
        folder = f"gemm_{index:02}_{m}x{n}x{k}"
        mapping = backend.choose(design, operations[0])
        sizes = {dimension: mapping.padded(dimension) for dimension in DIMENSIONS}
        for name, text in backend.for_model(design, mapping).items():
            files[f"{folder}/model/{name}"] = text
        for name, text in backend.for_mapper(design, sizes, backend.Budget()).items():
            files[f"{folder}/mapper/{name}"] = text
        layers = " ".join(op.name for op in operations)
        rows.append((folder, m, n, k, *sizes.values(), sum(op.count for op in operations), layers))
    tables = backend.from_model(design)
    return {
        "README.md": _readme(chosen),
        "run.py": RUN,
        "gemms.csv": table(COLUMNS, rows),
        "ERT.yaml": tables.ert,
        "ART.yaml": tables.art,
        **files,
    }


def table(columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    """Return rows as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


def _readme(chosen: Chosen) -> str:
    return README.format(
        number=chosen.number,
        study=chosen.study.name,
        energy=_energy(chosen.design),
        accumulator=chosen.design.accumulator_bits,
    )


def _energy(design: Design) -> str:
    why = backend.why_not_accelergy(design)
    return MODEL.format(why=why) if why else ACCELERGY
