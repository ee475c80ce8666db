"""The widths of a design, and the numerics that the network runs in on it: one follows from the other.

A trial's accuracy and its energy therefore always use the same widths. What a study file leaves open is the
same for both: 8-bit operands are stored in 16-bit words, and accumulators are the least that no layer of the
network can overflow.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from accel_models import stored_bits
from dse.errors import UserError

WIDTHS = ("data_width", "elementwise_bits", "accumulator_bits")
"""Fields of a Design that decide what the network computes."""

Widths = Mapping[str, Any]
Least = Callable[[Widths], int]
"""The least accumulator that no layer can overflow, of some widths."""


def widths(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return a design's widths, from its fields; what is not given is left out."""
    return {name: design[name] for name in WIDTHS if design.get(name) is not None}


def chosen_widths(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return the widths that a candidate's design names, as it names them."""
    return {name: design[name] for name in WIDTHS if name in design}


def completed(design: Mapping[str, Any], least: Least) -> dict[str, Any]:
    """Return a design's fields with the widths that a study file left open.

    Raises:
        ValueError: If an accumulator that is given, or any, can be overflowed; names the layer.
    """
    fields = dict(design)
    fields["elementwise_bits"] = fields.get("elementwise_bits") or stored_bits(fields["data_width"])
    fields["accumulator_bits"] = least(widths(fields))
    return fields


def completed_all(designs: pd.DataFrame, least: Least) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Complete many designs.

    Returns:
        The designs, and a line each that says why its widths cannot serve the network, or an empty text.
    """
    given = [name for name in WIDTHS if name in designs]
    known: dict[tuple[Any, ...], tuple[dict[str, Any], str]] = {}
    found = []
    for row in designs[given].itertuples(index=False, name=None):
        if row not in known:
            known[row] = _completed({n: v for n, v in zip(given, row, strict=True) if not pd.isna(v)}, least)
        found.append(known[row])
    rows = designs.copy()
    for name in WIDTHS:
        rows[name] = [fields.get(name) for fields, _ in found]
    return rows.dropna(axis="columns", how="all"), pd.Series(
        [reason for _, reason in found], index=designs.index
    )


def usable(choices: Iterable[Widths], least: Least) -> list[Widths]:
    """Return the choices of widths that can serve the network."""
    return [chosen for chosen in choices if not _completed(chosen, least)[1]]


def check(axes: Mapping[str, tuple[Any, ...]], least: Least) -> None:
    """Refuse, before any trial, widths of which none can serve the network.

    Raises:
        UserError: Naming the field and, for an accumulator, the layer that can overflow it.
    """
    named = {name: axes[name] for name in WIDTHS if name in axes}
    combinations = [dict(zip(named, values, strict=True)) for values in itertools.product(*named.values())]
    reasons = [_completed({n: v for n, v in c.items() if v is not None}, least)[1] for c in combinations]
    if all(reasons):
        raise UserError(f"[hardware] {reasons[0]}")


def _completed(fields: Widths, least: Least) -> tuple[dict[str, Any], str]:
    """The widths, and an empty text; or what may stand in their place, and why they cannot serve."""
    plain = {name: value if isinstance(value, str) else int(value) for name, value in fields.items()}
    try:
        return completed(plain, least), ""
    except ValueError as error:
        return {"accumulator_bits": 32, **plain}, str(error)


def numerics(chosen: Widths) -> Any:
    """Return the `approx.Numerics` of some widths."""
    import approx

    data, words = chosen["data_width"], chosen.get("elementwise_bits")
    if not data.startswith("int"):
        return approx.Numerics(data)
    own = int(data.removeprefix("int"))
    return approx.Numerics(data, elementwise=words or own, accumulator=chosen.get("accumulator_bits"))
