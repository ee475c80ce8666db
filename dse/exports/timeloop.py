"""Version 4 input files of Timeloop, a folder a distinct GEMM, for timeloop-model and timeloop-mapper."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from accel_models.backends import timeloop as backend
from accel_models.mapping import DIMENSIONS
from dse.exports.chosen import Chosen

if TYPE_CHECKING:
    from accel_models import Design, Gemm

README = """\
# Timeloop inputs of trial {number} of {study}

Each folder holds one distinct matrix product (M x K) @ (K x N) of the network, on this design:
`model/` with our mapping for timeloop-model, `mapper/` for timeloop-mapper. `gemms.csv` says how often the
network computes each, what our loops pad it to, and which layers it comes from.

    python run.py gemm_01_*/model

runs one with timeloop-python and prints its figures; docs/timeloop.md of NeuralMatrix says how to get it.
The files are for its version 4 front end: timeloop-model by itself refuses them.

- Energy: {energy}
- Lookups, Hadamard products and moves are not here: Timeloop has no form for them.
- The registers of an output-stationary array, and a separate output scratchpad, hold partial sums of
  {accumulator} bits; DRAM and a shared scratchpad count them in words of the operands.
- A level has one width of a word. Products with widths of their own (`a_bits`, `b_bits`, `z_bits` in
  `gemms.csv`) have them in scratchpads that keep one matrix. At DRAM and in a shared scratchpad their words
  have the design's width here; `neuralmatrix verify` charges them at their own. K counts steps of the array.
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
figures = folder.parent if (folder.parent / "ERT.yaml").exists() else here  # of a product's own widths
tables = [str(figures / "ERT.yaml"), str(figures / "ART.yaml")] if "--tables" in sys.argv[2:] else []
if tables:
    shutil.copy(figures / "ART.yaml", output / f"timeloop-{mode}.ART.yaml")
specification = tl.Specification.from_yaml_files(*(str(path) for path in sorted(folder.glob("*.yaml"))))
call = tl.call_model if mode == "model" else tl.call_mapper
print(call(specification, output_dir=str(output), log_to=str(output / "log.txt"), extra_input_files=tables))
print((output / f"timeloop-{mode}.stats.txt").read_text().partition("Summary Stats")[2])
'''

WIDTHS = ("a_bits", "b_bits", "z_bits")
COLUMNS = ("folder", "m", "n", "k", "padded_m", "padded_n", "padded_k", *WIDTHS, "products", "layers")


def timeloop(chosen: Chosen) -> dict[str, str | bytes]:
    """Return the input files of every distinct GEMM, and how to run them."""
    design, rows = chosen.design, []
    files: dict[str, str | bytes] = {}
    for index, (product, operations) in enumerate(backend.products_of(chosen.workload).items(), start=1):
        gemm = operations[0]
        own = "".join(f"_{name[0]}{bits}" for name in WIDTHS if (bits := getattr(product, name)))
        folder = f"gemm_{index:02}_{gemm.m}x{gemm.n}x{gemm.k}{own}"
        mapping = backend.choose(design, gemm)
        sizes = {dimension: mapping.padded(dimension) for dimension in DIMENSIONS}
        made = {
            "model": backend.for_model(design, mapping, gemm),
            "mapper": backend.for_mapper(design, sizes, backend.Budget(), gemm),
        }
        files |= {f"{folder}/{mode}/{name}": text for mode, of in made.items() for name, text in of.items()}
        if own:
            files |= {f"{folder}/{name}": text for name, text in _tables(design, gemm).items()}
        widths = [getattr(product, name) for name in WIDTHS]
        count, layers = (
            sum(backend.runs(design, op) for op in operations),
            " ".join(op.name for op in operations),
        )
        rows.append((folder, gemm.m, gemm.n, gemm.k, *sizes.values(), *widths, count, layers))
    given = {"README.md": _readme(chosen), "run.py": RUN, "gemms.csv": table(COLUMNS, rows)}
    return {**given, **_tables(design), **files}


def _tables(design: Design, gemm: Gemm | None = None) -> dict[str, str]:
    tables = backend.from_model(design, gemm)
    return {"ERT.yaml": tables.ert, "ART.yaml": tables.art}


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
