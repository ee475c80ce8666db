"""Tables as one memory image for `$readmemh`, and a SystemVerilog package that says where each part lies."""

from __future__ import annotations

from approx.cpwl import FixedPoint
from approx.cpwl.fixed_point import SHIFT_BITS
from dse.exports.fixed import Tables, entries, exponent

PACKAGE = "neuralmatrix_tables"

PARTS = ("knots", "slopes", "offsets")
"""The order in which a table's parts follow each other in the memory."""


def memory(tables: Tables) -> tuple[str, str]:
    """Return the memory image and the package.

    A table is its knots (segments + 1 words), slopes and offsets (segments + 2 words each); a word is a
    two's complement integer as wide as the widest table's, and worth two to the exponent that the package
    gives of its part. Where the package gives slopes shift bits, those are the digits by which the rest of
    the word is shifted left.

    Raises:
        UserError: If a table is not in fixed point, or one of its steps is no power of two.
    """
    listed = list(entries(tables))
    width = max((entry.fixed.bits for entry in listed), default=1)
    words: list[str] = []
    lines: list[str] = []
    for name, site, _, fixed in listed:
        lines += ["", f"  // {' '.join(site.split())}", *_parameters(name.upper(), fixed, len(words))]
        words += [_word(value, width) for part in PARTS for value in _integers(fixed, part)]
    head = [f"package {PACKAGE};", _parameter("WIDTH", width), _parameter("DEPTH", len(words))]
    return "\n".join(words) + "\n", "\n".join([*head, *lines, "endpackage"]) + "\n"


def _integers(fixed: FixedPoint, part: str) -> list[int]:
    """Return a part's words: slopes with their shifts as their lowest bits, where they have some."""
    values = list(getattr(fixed, part))
    if part != "slopes" or not fixed.shifts:
        return values
    return [value << SHIFT_BITS | shift for value, shift in zip(values, fixed.shifts, strict=True)]


def _parameter(name: str, value: int) -> str:
    return f"  localparam integer {name} = {value};"


def _word(value: int, width: int) -> str:
    return f"{value & ((1 << width) - 1):0{-(-width // 4)}x}"


def _parameters(name: str, fixed: FixedPoint, base: int) -> list[str]:
    """Return the addresses of a table's parts, its size, and what its integers are worth."""
    lines = [_parameter(f"{name}_SEGMENTS", len(fixed.knots) - 1)]
    for part, step in zip(PARTS, fixed.scale, strict=True):
        lines.append(_parameter(f"{name}_{part.upper()}", base))
        lines.append(_parameter(f"{name}_{part.upper()}_EXPONENT", exponent(step)))
        base += len(getattr(fixed, part))
    lines.append(_parameter(f"{name}_SLOPES_SHIFT_BITS", SHIFT_BITS if fixed.shifts else 0))
    return [*lines, _parameter(f"{name}_MIDPOINT", int(fixed.storage == "midpoint"))]
