"""Accelergy's energy and area reference tables (ERT, ART), written from this toolkit's own process files.

With them Timeloop's energy rests on the same figures as the analytic model's, so that a difference between
the two is one of counting; and processes that Accelergy knows nothing of, an FPGA say, can be checked at all.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from accel_models.backends.timeloop.architecture import DRAM_TYPES, ROW_BITS, Buffer, buffers
from accel_models.backends.timeloop.text import Quoted, dump
from accel_models.backends.timeloop.words import OWN_WIDTHS, figures_of, words_of
from accel_models.design import Design
from accel_models.hardware import Hardware
from accel_models.workload import Gemm

TABLES = ("accelergy", "model")
"""Whose energy and area figures Timeloop is given."""

ROLES = {
    "GLB": "input",
    "input_buffer": "input",
    "weight_buffer": "weight",
    "output_buffer": "output",
    "accumulator_buffer": "accumulator",
}
"""A scratchpad level's component in `accel_models.hardware`; a shared one is built once, as input."""


class Tables(NamedTuple):
    """The two tables as YAML text."""

    ert: str
    art: str


ACCELERGY_FIELDS = ("technology", "data_width", "dram", "accumulator_bits")
"""Fields of a design by which Accelergy's plug-ins are known to answer or not."""


def default_tables(design: Design) -> str:
    """Return "accelergy" where its plug-ins are known to answer for all components, else "model"."""
    return "model" if why_not_accelergy(design) else "accelergy"


def why_not_accelergy(design: Design) -> str:
    """Return in words what a design has that Accelergy's figures do not cover, or an empty string."""
    return uncovered(*(getattr(design, name) for name in ACCELERGY_FIELDS))


def own_width(gemms: Iterable[Gemm]) -> str:
    """Return the first width of their own that products have, which its figures do not cover either."""
    for gemm in gemms:
        for name in OWN_WIDTHS:
            if getattr(gemm, name) is not None:
                return f"{name} = {getattr(gemm, name)}"
    return ""


def uncovered(technology: str, data_width: str, dram: str, accumulator_bits: int) -> str:
    """Return which of `ACCELERGY_FIELDS` its figures do not cover, or an empty string."""
    if technology != "45nm":
        return f"technology = {technology}"
    if not data_width.startswith("int"):
        return f"data_width = {data_width}"
    if dram in DRAM_TYPES:
        return f"dram = {dram}"
    return f"accumulator_bits = {accumulator_bits}" if accumulator_bits == 48 else ""


def action_energies(design: Design, gemm: Gemm | None = None) -> dict[str, dict[str, float]]:
    """Return pJ an action of each component by a design's process file: of a row, or of a cell's step.

    A multiply-add passes operands and a partial sum on in registers. That is charged to the cell's own
    register, once a multiply-add: on its reads where it keeps an operand, on its updates where it keeps
    results.
    """
    h = figures_of(design, gemm)
    levels, products = buffers(design, words_of(design, gemm)), float(h.products[0])
    hop = float(h.register_pj[0] * h.register_bits[0]) * products
    keeps_results = design.dataflow == "os"
    return {
        "DRAM": dict.fromkeys(("read", "write", "update"), float(h.dram_pj[0]) * ROW_BITS / 8),
        **{buffer.name: _sram(h, buffer) for buffer in levels},
        "preg": {
            "read": 0.0 if keeps_results else hop,
            "write": 0.0,
            "update": hop if keeps_results else 0.0,
        },
        "mac": {"compute": float(h.mac_pj[0] * h.mac_energy[0]) * products},
    }


def from_model(design: Design, gemm: Gemm | None = None) -> Tables:
    """Return the tables of a design's components by its process file, for a GEMM's widths if it has some."""
    h = figures_of(design, gemm)
    cells = design.rows * design.cols
    areas = {
        "DRAM": 0.0,
        **{buffer.name: float(h.area[ROLES[buffer.name]][0]) * 1e6 for buffer in buffers(design)},
        "inter_PE_spatial": 0.0,
        "preg": 0.0,
        "mac": float(h.area["array"][0]) * 1e6 / cells,  # registers included
    }
    return Tables(_ert(design, action_energies(design, gemm)), _art(design, areas))


def _sram(h: Hardware, buffer: Buffer) -> dict[str, float]:
    role = ROLES[buffer.name]
    write = float(h.write_pj[role][0]) * buffer.row_bytes
    return {"read": float(h.read_pj[role][0]) * buffer.row_bytes, "write": write, "update": write}


def _ert(design: Design, energies: dict[str, dict[str, float]]) -> str:
    """Leakage is left to the analytic model: Timeloop charges that of scratchpads alone."""
    arguments = {"global_cycle_seconds": 1 / design.clock, "action_latency_cycles": 1}

    def action(component: str, name: str, energy: float) -> dict[str, Any]:
        return {"name": name, "arguments": {} if component == "mac" else arguments, "energy": energy}

    tables = [
        {
            "name": _instances(design, component),
            "actions": [action(component, name, pj) for name, pj in {**actions, "leak": 0.0}.items()],
        }
        for component, actions in energies.items()
    ]
    return dump({"ERT": {"version": Quoted("0.4"), "tables": tables}})


def _art(design: Design, areas: dict[str, float]) -> str:
    tables = [{"name": _instances(design, name), "area": area} for name, area in areas.items()]
    return dump({"ART": {"version": Quoted("0.4"), "tables": tables}})


def _instances(design: Design, component: str) -> str:
    count = design.rows * design.cols if component in ("preg", "mac") else 1
    return f"system_top_level.{component}[1..{count}]"
