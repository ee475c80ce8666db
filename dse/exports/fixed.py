"""What the formats for hardware and C share: tables in fixed point, and names that those languages take."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from approx.cpwl import CpwlTable, FixedPoint
from dse.errors import UserError

Tables = Mapping[str, CpwlTable]
"""A table a site, in fixed point."""


class Entry(NamedTuple):
    """A site's table: an identifier for C and SystemVerilog, the site's own name, and the integers."""

    name: str
    site: str
    function: str
    fixed: FixedPoint


def entries(tables: Tables) -> Iterator[Entry]:
    """Yield each site's table as what a format needs of it.

    Raises:
        UserError: If a table is not in fixed point.
    """
    taken: set[str] = set()
    for site, table in tables.items():
        if table.fixed_point is None:
            raise UserError(f"table of {site}: is in floating point: must be quantised to be exported")
        name = _identifier(site, taken)
        taken.add(name)
        yield Entry(name, site, table.function, table.fixed_point)


def _identifier(site: str, taken: set[str]) -> str:
    """Return the site's name as C and SystemVerilog take it; a number tells apart what becomes the same."""
    plain = re.sub(r"[^a-z0-9]+", "_", site.lower()).strip("_") or "table"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    return name


def exponent(step: float) -> int:
    """Return the power of two that a step is.

    Raises:
        UserError: If it is none: hardware shifts.
    """
    mantissa, power = math.frexp(step)
    if mantissa != 0.5:
        raise UserError(f"scale = {step:g}: must be a power of two to be exported for hardware")
    return power - 1
