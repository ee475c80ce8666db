"""Accelergy's energy and area reference tables (ERT, ART), written from this toolkit's own process files.

With them Timeloop's energy rests on the same figures as the analytic model's, so that a difference between
the two is one of counting; and processes that Accelergy knows nothing of, an FPGA say, can be checked at all.
"""

from typing import Any, NamedTuple

from accel_models.backends.timeloop.architecture import DRAM_TYPES, ROW_BITS, buffers
from accel_models.backends.timeloop.text import Quoted, dump
from accel_models.design import Design
from accel_models.hardware import Hardware, derive
from accel_models.table import from_designs

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


def default_tables(design: Design) -> str:
    """Return "accelergy" where its plug-ins are known to answer for all components, else "model"."""
    return "model" if why_not_accelergy(design) else "accelergy"


def why_not_accelergy(design: Design) -> str:
    """Return in words what a design has that Accelergy's figures do not cover, or an empty string."""
    if design.technology != "45nm":
        return f"technology = {design.technology}"
    if not design.data_width.startswith("int"):
        return f"data_width = {design.data_width}"
    if design.dram in DRAM_TYPES:
        return f"dram = {design.dram}"
    return f"accumulator_bits = {design.accumulator_bits}" if design.accumulator_bits == 48 else ""


def from_model(design: Design) -> Tables:
    """Return the tables of a design's components by its process file.

    A multiply-add passes operands and a partial sum on in registers. That is charged to the cell's own
    register, once a multiply-add: on its reads where it keeps an operand, on its updates where it keeps
    results.
    """
    h = derive(from_designs([design]))
    row = {"DRAM": ROW_BITS / 8, **{buffer.name: buffer.width / 8 for buffer in buffers(design)}}
    hop = float(h.register_pj[0] * h.register_bits[0])
    keeps_results = design.dataflow == "os"
    energies = {
        "DRAM": dict.fromkeys(("read", "write", "update"), float(h.dram_pj[0]) * row["DRAM"]),
        **{buffer.name: _sram(h, buffer.name, row[buffer.name]) for buffer in buffers(design)},
        "preg": {
            "read": 0.0 if keeps_results else hop,
            "write": 0.0,
            "update": hop if keeps_results else 0.0,
        },
        "mac": {"compute": float(h.mac_pj[0])},
    }
    cells = design.rows * design.cols
    areas = {
        "DRAM": 0.0,
        **{buffer.name: float(h.area[ROLES[buffer.name]][0]) * 1e6 for buffer in buffers(design)},
        "inter_PE_spatial": 0.0,
        "preg": 0.0,
        "mac": float(h.area["array"][0]) * 1e6 / cells,  # registers included
    }
    return Tables(_ert(design, energies), _art(design, areas))


def _sram(h: Hardware, name: str, row: float) -> dict[str, float]:
    role = ROLES[name]
    write = float(h.write_pj[role][0]) * row
    return {"read": float(h.read_pj[role][0]) * row, "write": write, "update": write}


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
