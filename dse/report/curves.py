"""A function, its table and the error between them, beside the least error of any table of that size."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from accel_models import Design
from accel_models.hardware import BITS
from approx.cpwl import CpwlTable, Density, fit
from dse.report.drawing import Drawing, drawing
from dse.results import Snapshot
from dse.space import Tables

WEIGHED = ("least_squares", "mean")
"""Bias corrections that weigh errors by the calibrated inputs, as the placement "density" does."""


@dataclass(frozen=True)
class Curve:
    """One table of one function, on the domain of the function's widest site.

    Attributes:
        identity: Tells it from the others of a page.
        site: The site whose domain it is.
        sites: How many sites of the network evaluate the function.
        table: The table, in real numbers.
        error: Its largest error over the domain, in its error kind.
        limit: The largest error of the best table of as many segments: free knots and values, minimax.
        drawing: What a page draws of it.
    """

    identity: str
    site: str
    sites: int
    table: CpwlTable
    error: float
    limit: float
    drawing: Drawing

    @property
    def ratio(self) -> float:
        """How many times the limit the error is; a fit ends within 0.1% of it, so never below 1."""
        return max(1.0, self.error / self.limit) if self.limit else 1.0

    @property
    def rows(self) -> Iterator[tuple[float, float, float, float]]:
        """From, to, slope and intercept of each segment."""
        knots = self.table.knots.tolist()
        return zip(knots, knots[1:], self.table.slopes.tolist(), self.table.intercepts.tolist(), strict=False)


@dataclass(frozen=True)
class Shown:
    """A curve on a design's card.

    Attributes:
        curve: The curve.
        bits: Bits of the table's numbers on this design; none where it computes in floating point.
        rounded: The largest error in so many bits; none where they cannot hold the table.
    """

    curve: Curve
    bits: int | None
    rounded: float | None


class Curves:
    """The tables of a study's designs, each fitted and drawn once however many designs have it.

    A study that was begun before inputs were kept has none.
    """

    def __init__(self, study: Snapshot) -> None:
        self._inputs: Mapping[str, Any] = study.study.inputs
        self._made: dict[str, Curve] = {}
        self._rounded: dict[tuple[str, int], float | None] = {}

    def all(self) -> list[Curve]:
        """Return those that were asked for, by function and size."""
        return sorted(self._made.values(), key=lambda curve: (curve.table.function, curve.table.segments))

    def of(self, tables: Tables, design: Design) -> list[Shown]:
        """Return what a card shows of a design's tables, one a function."""
        shown = []
        for function, given in self._inputs.items():
            spec = tables.get(function, tables.get(given["site"]))
            if spec is not None:
                curve = self._curve(function, spec)
                bits = table_bits(spec, design)
                shown.append(Shown(curve, bits, None if bits is None else self._in_bits(curve, bits)))
        return shown

    def _curve(self, function: str, spec: Mapping[str, Any]) -> Curve:
        asked = {name: spec[name] for name in ("segments", "placement", "bias")}
        key = json.dumps([function, asked], sort_keys=True)
        if key not in self._made:
            self._made[key] = self._make(function, asked, f"table-{len(self._made) + 1}")
        return self._made[key]

    def _make(self, function: str, asked: dict[str, Any], identity: str) -> Curve:
        given = self._inputs[function]
        table, error, limit = _fitted(json.dumps([function, asked, given]))
        drawn = drawing(table, limit)
        return Curve(identity, given["site"], given["sites"], table, error, limit, drawn)

    def _in_bits(self, curve: Curve, bits: int) -> float | None:
        key = (curve.identity, bits)
        if key not in self._rounded:
            self._rounded[key] = _rounded(curve.table, bits)
        return self._rounded[key]


def table_bits(spec: Mapping[str, Any], design: Design) -> int | None:
    """Return the bits of a table's numbers: its own, or a stored word's; none in floating point."""
    if not design.data_width.startswith("int"):
        return None
    return spec.get("width") or BITS[design.elementwise_width]


@lru_cache(maxsize=4096)
def _fitted(problem: str) -> tuple[CpwlTable, float, float]:
    """Return a table as its network has it, its largest error, and the least that there is."""
    function, asked, given = json.loads(problem)
    weighed = asked["placement"] == "density" or asked["bias"] in WEIGHED
    known = given["density"] if weighed else None
    density = None if known is None else Density.from_dict(known)
    table = fit(function, domain=given["domain"], density=density, **asked)
    least = fit(function, segments=asked["segments"], domain=given["domain"])
    return table, table.max_error(), least.max_error()


def _rounded(table: CpwlTable, bits: int) -> float | None:
    try:
        return table.quantize(bits, storage="midpoint").max_error()
    except ValueError:  # so few bits cannot hold it
        return None
