"""A design in a few characters: its array, dataflow, width, tables, and what tells it from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dse.record import TrialRecord

SHORT = {
    "input_buffer": "input",
    "weight_buffer": "weights",
    "output_buffer": "output",
    "parameter_buffer": "tables",
    "shared_buffer": "shared",
    "dram_bandwidth": "DRAM",
}
"""Names of fields in a label, where they are shorter than the field's own."""

NAMED = ("rows", "cols", "dataflow", "data_width")
"""Fields that every label has."""

KIB = 1024
MOST = 3
"""Fields that a label adds at most to what every label has."""


def label(own: TrialRecord) -> str:
    """Name a design by its array and tables: `16x32 ws int8, 4-16 uniform`, `8x8 os int16, 32 mixed`."""
    tables = list(own.tables.values())
    return ", ".join([array(own.design), *([_tables(tables)] if tables else [])])


def labels(records: Sequence[TrialRecord]) -> list[str]:
    """Name designs that are shown together; those of one `label` by what differs among them too."""
    plain = [label(own) for own in records]
    alike = {name: [own for own, each in zip(records, plain, strict=True) if each == name] for name in plain}
    return [_told_apart(name, own, alike[name]) for name, own in zip(plain, records, strict=True)]


def array(design: Mapping[str, Any]) -> str:
    """Name an array: `16x32 ws int8`."""
    times = "\N{MULTIPLICATION SIGN}"
    return f"{design['rows']}{times}{design['cols']} {design['dataflow']} {design['data_width']}"


def _told_apart(name: str, own: TrialRecord, alike: Sequence[TrialRecord]) -> str:
    differing = [
        field
        for field in own.params
        if field in own.design and field not in NAMED and len({str(o.design.get(field)) for o in alike}) > 1
    ]
    return ", ".join([name, *(_field(field, own.design[field]) for field in differing[:MOST])])


def _field(name: str, value: Any) -> str:
    short = SHORT.get(name, name)
    if isinstance(value, str):
        return value
    if name.endswith("_buffer") and value is not None and value % KIB == 0:
        return f"{short} {value // KIB}K"
    return f"{short} {value:g}" if isinstance(value, float) else f"{short} {value}"


def _tables(tables: Iterable[Mapping[str, Any]]) -> str:
    listed = list(tables)
    segments, placements = [t["segments"] for t in listed], {t["placement"] for t in listed}
    low, high = min(segments), max(segments)
    span = f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
    return f"{span} {placements.pop() if len(placements) == 1 else 'mixed'}"
