"""A design in a few characters: its array, dataflow, width, and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dse.record import TrialRecord


def label(own: TrialRecord) -> str:
    """Name a design by its array and tables: `16x32 ws int8, 4-16 uniform`, `8x8 os int16, 32 mixed`."""
    tables = list(own.tables.values())
    return ", ".join([array(own.design), *([_tables(tables)] if tables else [])])


def array(design: Mapping[str, Any]) -> str:
    """Name an array: `16x32 ws int8`."""
    return (
        f"{design['rows']}\N{MULTIPLICATION SIGN}{design['cols']} {design['dataflow']} {design['data_width']}"
    )


def _tables(tables: list[Mapping[str, Any]]) -> str:
    segments, placements = [t["segments"] for t in tables], {t["placement"] for t in tables}
    low, high = min(segments), max(segments)
    span = f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
    return f"{span} {placements.pop() if len(placements) == 1 else 'mixed'}"
