"""Which designs can run a workload at all, and why not."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from accel_models.checks import refuse
from accel_models.counting import table_bytes
from accel_models.fpga import missing
from accel_models.hardware import ROW_BYTES, Hardware, with_widths
from accel_models.systolic import Shape, granules
from accel_models.table import BoolArray, DesignTable, FloatArray
from accel_models.technology import FIXED, check_cell, highest_clock
from accel_models.technology.parts import NONE, check_part
from accel_models.workload import Gemm, Lookup, Workload

_RANK = {"shift": 0, "dyadic": 1, "exponent": 1, "comparator": 2}


def needs(workload: Workload) -> dict[str, Any]:
    """Return the fields of a Design that follow from a workload's tables: what addresses them, no more.

    A dyadic unit also extracts exponents.
    """
    lookups = [op for op in workload.operations if isinstance(op, Lookup)]
    rank = max((_RANK[op.addressing] for op in lookups), default=0)
    trees = [op.segments for op in lookups if op.addressing == "comparator"]
    return {"addressing": ("shift", "dyadic", "comparator")[rank], "max_segments": max(trees, default=1)}


def reasons(workload: Workload, t: DesignTable, h: Hardware) -> list[str]:
    """Return a line a design: why it cannot run the workload, or an empty string."""
    found: list[str] = t.refused.tolist()
    for check in (_clock, _cell, _part, _tiles, _tables, _addressing):
        for row, reason in check(workload, t, h).items():
            found[row] = found[row] or reason
    return found


def _clock(workload: Workload, t: DesignTable, h: Hardware) -> dict[int, str]:  # noqa: ARG001 - one signature
    """The process must reach the clock."""
    most = t.per_option("technology", highest_clock)
    found = {}
    for row in np.flatnonzero(t["clock"] > most):
        allowed = f"at most {most[row]:.4g} Hz, what {t.show('technology', int(row))} reaches"
        found[int(row)] = str(refuse("clock", f"{t['clock'][row]:g}", allowed))
    return found


def _cell(workload: Workload, t: DesignTable, h: Hardware) -> dict[int, str]:  # noqa: ARG001 - one signature
    """Scalable cells must be of the operands' width, in a process that has figures."""
    found = {}
    for row in np.flatnonzero(~t.is_("cell", FIXED)).tolist():
        try:
            check_cell(*(t.show(name, row) for name in ("technology", "cell", "data_width")))
        except ValueError as error:
            found[row] = str(error)
    return found


def _part(workload: Workload, t: DesignTable, h: Hardware) -> dict[int, str]:  # noqa: ARG001 - one signature
    """The part must go with the process and the numbers, and hold the design."""
    found = {}
    for row in np.flatnonzero(~t.is_("part", NONE)).tolist():
        part = t.show("part", row)
        try:
            check_part(part, t.show("technology", row), t.show("data_width", row))
            found[row] = missing(part, {name: float(values[row]) for name, values in h.resources.items()})
        except ValueError as error:
            found[row] = str(error)
    return found


def _tiles(workload: Workload, t: DesignTable, h: Hardware) -> dict[int, str]:
    """The scratchpads must hold the operands and the result of one fold, twice if double-buffered."""
    gemms = list(
        {
            (op.m, op.n, op.k, op.a_bits, op.b_bits): op for op in workload.operations if isinstance(op, Gemm)
        }.values()
    )
    if not gemms:
        return {}
    need = np.array([_least_bytes(op, t, with_widths(h, t, op)) for op in gemms])  # (gemms, 4, designs)
    share = np.where(t.is_("buffering", "double"), 2.0, 1.0)
    found: dict[int, str] = {}
    for name, (small, bytes_) in _short(need, t, h).items():
        for row in np.flatnonzero(small.any(axis=0)).tolist():
            rows = np.ceil(bytes_[:, row] * share[row] / ROW_BYTES) * ROW_BYTES
            found.setdefault(row, _too_small(t, name, row, rows, gemms))
    return found


def _short(need: FloatArray, t: DesignTable, h: Hardware) -> dict[str, tuple[BoolArray, FloatArray]]:
    """Return where each scratchpad is too small for the least tile of a GEMM, and what that takes in it."""
    a, b, z, results = (need[:, place] for place in range(4))
    together, alone = a + b + z * ~h.apart, ~t.shared & ~h.apart
    tight = h.apart & (results > np.where(t.shared, np.inf, h.usable[2]))  # they pass there on their way out
    return {
        "shared_buffer": (t.shared & (together > h.usable[0]), together),
        "input_buffer": (~t.shared & (a > h.usable[0]), a),
        "weight_buffer": (~t.shared & (b > h.usable[1]), b),
        "output_buffer": (alone & (z > h.usable[2]) | tight, np.where(h.apart, results, z)),
        "accumulator_buffer": (h.apart & (z > h.sums) & ~tight, z),
    }


def _least_bytes(op: Gemm, t: DesignTable, h: Hardware) -> FloatArray:
    """Return the bytes of the least tile of A, B, partial sums, and results."""
    m, n, k = (np.full(t.size, float(size)) for size in (op.m, op.n, op.k))
    k, word = np.ceil(k / h.products), np.maximum(h.a_step, h.b_step)
    unit = granules(Shape(m, n, k, t["rows"], t["cols"], t.is_("dataflow", "ws"), t.is_("dataflow", "os")))
    z = unit.m * unit.n
    return np.array([unit.m * unit.k * word, unit.k * unit.n * word, z * h.partial, z * h.element])


def _too_small(t: DesignTable, field: str, row: int, need: FloatArray, gemms: Sequence[Gemm]) -> str:
    worst = int(np.argmax(need))
    twice = "one double-buffered tile" if t.show("buffering", row) == "double" else "one tile"
    gemm = gemms[worst]
    label = gemm.name or f"GEMM {gemm.m} x {gemm.n} x {gemm.k}"
    return str(
        refuse(field, int(t[field][row]), f"at least {int(need[worst])} bytes to hold {twice} of {label}")
    )


def _tables(workload: Workload, t: DesignTable, h: Hardware) -> dict[int, str]:
    """The parameter buffer must hold the largest table; comparator trees its segments."""
    lookups = [op for op in workload.operations if isinstance(op, Lookup)]
    if not lookups:
        return {}
    sizes = np.array([op.table_words * table_bytes(op, h) for op in lookups])
    need = sizes.max(axis=0)
    found = {}
    for row in np.flatnonzero(need > t["parameter_buffer"]):
        worst = lookups[int(sizes[:, row].argmax())]
        allowed = f"at least {math.ceil(need[row])} bytes to hold the table of {worst.name or 'a lookup'}"
        found[int(row)] = str(refuse("parameter_buffer", int(t["parameter_buffer"][row]), allowed))
    trees = [op.segments for op in lookups if op.addressing == "comparator"]
    for row in np.flatnonzero(t["max_segments"] < max(trees, default=0)):
        allowed = f"at least {max(trees)} for the largest table"
        found.setdefault(int(row), str(refuse("max_segments", int(t["max_segments"][row]), allowed)))
    return found


def _addressing(workload: Workload, t: DesignTable, h: Hardware) -> dict[int, str]:  # noqa: ARG001 - one signature
    lookups = [op for op in workload.operations if isinstance(op, Lookup)]
    if not lookups:
        return {}
    worst = max(lookups, key=lambda op: _RANK[op.addressing])
    needed = "comparator" if worst.addressing == "comparator" else "dyadic or comparator"
    rank = t.per_option("addressing", lambda name: _RANK[name])
    return {
        int(row): str(
            refuse(
                "addressing", t.show("addressing", int(row)), f"{needed}, as {worst.name or 'a lookup'} needs"
            )
        )
        for row in np.flatnonzero(rank < _RANK[worst.addressing])
    }
