"""What a technology file must hold; the files of this package and those of users have one form."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from accel_models.checks import FloatRange, did_you_mean, refuse

_FIGURE = FloatRange(0.0, 1e9)
_TABLES = ("name", "description", "clock", "wire", "mac", "scalable", "register", "adder", "sram")
_CELL = ("pJ", "area_um2", "leak_uW")
_SRAM = ("size_KiB", "read_pJ", "write_pJ", "area_mm2", "leak_mW")
CLOCK = ("base_Hz", "base_V", "threshold_V", "alpha", "least_V", "most_V")
WIDTHS = ("8x8", "8x4", "8x2", "4x4", "2x2")
SCALABLE = ("subword", "bitserial")
_OPTIONAL = {"clock": CLOCK, "wire": ("pJ_per_bit_mm",)}
_MAC = re.compile(r"(int8|int16|int32|fp16|bf16|fp32)-(16|32|48)")


def check_form(values: Mapping[str, Any]) -> None:
    """Refuse the content of a technology file that lacks a figure or a source, or has a field of no meaning.

    Raises:
        ValueError: A line that names the table, the field and what it must be.
    """
    _check_known("", values, _TABLES)
    if not isinstance(values.get("description"), str):
        raise refuse("description", values.get("description"), "a line of text")
    for name in ("register", "adder"):
        _check_cell(f"[{name}]", values.get(name))
    macs = values.get("mac")
    if not isinstance(macs, Mapping) or not macs:
        raise refuse("[mac]", macs, "at least one table [mac.FORMAT-ACCUMULATOR], such as [mac.int8-32]")
    for name, cell in macs.items():
        if not _MAC.fullmatch(name):
            raise refuse(f"[mac.{name}]", name, "FORMAT-ACCUMULATOR, such as int8-32 or fp16-32")
        _check_cell(f"[mac.{name}]", cell)
    _check_sram(values.get("sram"))
    _check_optional(values)


def _check_known(where: str, table: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse a field that nobody reads: a figure under another name would be left out without a word."""
    for field in table:
        if field not in names:
            shown = f"{where} {field}".strip()
            hint = did_you_mean(field, names)
            raise refuse(shown, table[field], f"left out{hint}; fields are {', '.join(names)}")


def _check_optional(values: Mapping[str, Any]) -> None:
    """Check what a file may leave out: clock and voltage, and wires."""
    for name, fields in _OPTIONAL.items():
        table = values.get(name)
        if table is None:
            continue
        if not isinstance(table, Mapping):
            raise refuse(f"[{name}]", table, f"a table of {', '.join(fields)} and source")
        _check_known(f"[{name}]", table, (*fields, "source"))
        for field in fields:
            FloatRange(1e-12, 1e12).check(f"[{name}] {field}", table.get(field))
        _check_source(f"[{name}]", table)
    _check_scalable(values.get("scalable", {}))
    clock = values.get("clock")
    if clock is not None:
        _check_voltages(clock)


def _check_scalable(cells: Any) -> None:
    fields = ("area_um2", "leak_uW", *WIDTHS)
    if not isinstance(cells, Mapping) or set(cells) - set(SCALABLE):
        raise refuse("[scalable]", cells, f"tables [scalable.{'] or [scalable.'.join(SCALABLE)}]")
    for name, cell in cells.items():
        where = f"[scalable.{name}]"
        if not isinstance(cell, Mapping):
            raise refuse(where, cell, f"a table of {', '.join(fields)} and source")
        _check_known(where, cell, (*fields, "source"))
        for field in fields:
            FloatRange(1e-12, 1e9).check(f"{where} {field}", cell.get(field))
        _check_source(where, cell)


def _check_voltages(clock: Mapping[str, Any]) -> None:
    least, most = clock["least_V"], clock["most_V"]
    if not clock["threshold_V"] < least:
        raise refuse("[clock] least_V", least, f"above threshold_V = {clock['threshold_V']}")
    if not least <= clock["base_V"] <= most:
        raise refuse("[clock] base_V", clock["base_V"], f"from least_V = {least} to most_V = {most}")


def _check_cell(where: str, cell: Any) -> None:
    if not isinstance(cell, Mapping):
        raise refuse(where, cell, f"a table of {', '.join(_CELL)} and source")
    _check_known(where, cell, (*_CELL, "source"))
    for name in _CELL:
        _FIGURE.check(f"{where} {name}", cell.get(name))
    _check_source(where, cell)


def _check_source(where: str, table: Mapping[str, Any]) -> None:
    source = table.get("source")
    if not isinstance(source, str) or not source.strip():
        raise refuse(f"{where} source", source, "where the figures come from: paper, table, page, or tool")


def _check_sram(sram: Any) -> None:
    if not isinstance(sram, Mapping):
        raise refuse("[sram]", sram, f"a table of {', '.join(_SRAM)}, a list each, and source")
    _check_known("[sram]", sram, (*_SRAM, "source"))
    sizes = sram.get("size_KiB") or []
    for name in _SRAM:
        figures = sram.get(name)
        if not isinstance(figures, list) or not figures or len(figures) != len(sizes):
            raise refuse(f"[sram] {name}", figures, "a list with a figure for each of size_KiB")
        for figure in figures:
            FloatRange(1e-12, 1e9).check(f"[sram] {name}", figure)  # interpolation takes logarithms
    if any(later <= earlier for earlier, later in pairwise(sizes)):
        raise refuse("[sram] size_KiB", sizes, "sizes in ascending order")
    _check_source("[sram]", sram)
