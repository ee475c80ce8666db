"""Designs of a table that no process has figures for, or that hold a value that is not allowed, and why.

The rest of the model works on whole columns. So such a design is told apart once, here: it keeps its row,
with the defaults in the place of its values, and its reason.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from accel_models.design import Design, elementwise_width
from accel_models.table import DesignTable, from_designs
from accel_models.technology import check_mac, check_sram, load_technology

_THREE = ("input_buffer", "weight_buffer", "output_buffer")
_WIDTHS = ("technology", "data_width", "elementwise_bits", "accumulator_bits")


def sound(t: DesignTable) -> DesignTable:
    """Return the table with a reason beside each design that cannot be evaluated, and defaults for it."""
    refused = t.refused.copy()
    for row, why in {**_without_memory(t), **_without_cells(t)}.items():
        refused[row] = refused[row] or why
    bad = np.array([why != "" for why in refused], dtype=np.bool_)
    if not bad.any():
        return t
    default = from_designs([Design()])
    columns = {name: np.where(bad, default[name][0], column) for name, column in t.columns.items()}
    return replace(t, columns=columns, refused=refused)


def _without_cells(t: DesignTable) -> dict[int, str]:
    """Return designs with cells of a width that their process has no figure for."""
    keys = np.stack([np.nan_to_num(t[name].astype(np.float64), nan=-1.0) for name in _WIDTHS], axis=1)
    _, first, kind = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    found: dict[int, str] = {}
    for place, row in enumerate(first.tolist()):
        if why := _why(*(t.show(name, row) for name in _WIDTHS)):
            found |= dict.fromkeys(np.flatnonzero(kind.ravel() == place).tolist(), why)
    return found


def _why(technology: str, data_width: str, elementwise_bits: int | None, accumulator_bits: int) -> str:
    try:
        check_mac(technology, data_width, accumulator_bits)
        check_mac(technology, elementwise_width(data_width, elementwise_bits), accumulator_bits)
    except ValueError as error:
        return str(error)
    return ""


def _without_memory(t: DesignTable) -> dict[int, str]:
    """Return designs with scratchpads larger than any that their process has figures for."""
    largest = t.per_option("technology", _largest) * t["banks"]
    found: dict[int, str] = {}
    for name in (*_THREE, "shared_buffer", "accumulator_buffer", "parameter_buffer"):
        large = (t[name] > largest) & ~(t.shared & (name in _THREE))  # nothing where there is none
        for row in np.flatnonzero(large).tolist():
            try:
                check_sram(t.show("technology", row), name, int(t[name][row]), int(t["banks"][row]))
            except ValueError as error:
                found.setdefault(row, str(error))
    return found


def _largest(technology: Any) -> float:
    return float(load_technology(technology).sram.size[-1])
