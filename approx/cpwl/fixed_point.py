"""Fixed-point tables: what the parameter buffer of an accelerator can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from approx.cpwl.function import Array

if TYPE_CHECKING:
    from approx.cpwl.table import CpwlTable

Storage = Literal["intercept", "midpoint"]
PARTS = ("knots", "slopes", "offsets")


@dataclass(frozen=True)
class FixedPoint:
    """The integers behind a quantised table; a value is its integer times the part's scale.

    Attributes:
        bits: Width of every integer, sign included.
        storage: ``"intercept"`` keeps the line's value at 0, ``"midpoint"`` at the middle of its segment (at 0 for the
            two tails).
        scale: The step of ``knots``, ``slopes`` and ``offsets``.
        knots: N+1 integers.
        slopes: N+2 integers, from the left tail to the right tail.
        offsets: N+2 integers, likewise.
        bound: The quantised table differs from the table it came from by at most this over the domain.
    """

    bits: int
    storage: Storage
    scale: tuple[float, float, float]
    knots: tuple[int, ...]
    slopes: tuple[int, ...]
    offsets: tuple[int, ...]
    bound: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FixedPoint:
        """Rebuild what :meth:`to_dict` wrote."""
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def quantize(
    table: CpwlTable, bits: int, *, storage: Storage, scale: float | Mapping[str, float] | None
) -> CpwlTable:
    """Round knots, slopes and offsets to ``bits``-bit integers times a scale.

    Args:
        table: The table to round; a quantised one is rounded again from what it holds.
        bits: Width of every integer with its sign, 2 to 32.
        storage: Where a line's offset is kept; ``"midpoint"`` errs 1.3 to 4.5 times less at 6 to 8 bits, because
            the slope's rounding error is multiplied by half a segment instead of by the whole of x.
        scale: One step for all three parts, a mapping with any of ``knots``, ``slopes``, ``offsets``, or None for the
            smallest power of two that holds the largest magnitude.

    Returns:
        A table whose floats are exactly the rounded values, with ``fixed_point.bound`` stating by how much it can
        differ from ``table``. Segments that no rounded input can reach (both knots on one step) are left out.

    Raises:
        ValueError: If an argument is out of range or a given scale cannot hold the values.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= 32:
        raise ValueError(f"bits = {bits!r}: must be an integer from 2 to 32")
    if storage not in get_args(Storage):
        raise ValueError(f"storage = {storage!r}: must be 'intercept' or 'midpoint'")
    limit = 2 ** (bits - 1) - 1
    steps = _given_scales(scale)
    step_t, knots = _round("knots", table.knots, limit, steps)
    kept = np.flatnonzero(np.diff(knots) > 0)
    if kept.size == 0:
        raise ValueError(
            f"bits = {bits}: all knots fall on one step of {step_t:g}; use more bits or a smaller scale"
        )
    ends = np.append(knots[kept], knots[kept[-1] + 1])
    entries = np.concatenate(([0], kept + 1, [table.segments + 1]))
    slope = np.concatenate(([table.left[0]], table.slopes, [table.right[0]]))[entries]
    intercept = np.concatenate(([table.left[1]], table.intercepts, [table.right[1]]))[entries]
    centre = _centres(ends * step_t, storage)
    step_k, slopes = _round("slopes", slope, limit, steps)
    step_o, offsets = _round("offsets", slope * centre + intercept, limit, steps)
    lines = slopes * step_k, offsets * step_o - slopes * step_k * centre
    reach = _reach(table, ends * step_t, centre)
    bound = 0.5 * step_k * reach + 0.5 * step_o + 0.5 * step_t * float(np.ptp(slope)) + _jump(table)
    fixed = FixedPoint(
        bits,
        storage,
        (step_t, step_k, step_o),
        tuple(ends.astype(int).tolist()),
        tuple(slopes.astype(int).tolist()),
        tuple(offsets.astype(int).tolist()),
        bound,
    )
    return replace(
        table,
        knots=ends * step_t,
        slopes=lines[0][1:-1],
        intercepts=lines[1][1:-1],
        left=(lines[0][0], lines[1][0]),
        right=(lines[0][-1], lines[1][-1]),
        exact=False,
        symmetric=False,
        fixed_point=fixed,
    )


def _given_scales(scale: float | Mapping[str, float] | None) -> dict[str, float]:
    steps = (
        {} if scale is None else dict(scale) if isinstance(scale, Mapping) else dict.fromkeys(PARTS, scale)
    )
    for name, step in steps.items():
        if name not in PARTS or not (isinstance(step, int | float) and math.isfinite(step) and step > 0):
            raise ValueError(f"scale: {name} = {step!r}: must be a positive step of {', '.join(PARTS)}")
    return {name: float(step) for name, step in steps.items()}


def _round(name: str, values: Array, limit: int, steps: Mapping[str, float]) -> tuple[float, Array]:
    """Return the step and the integers (as floats)."""
    largest = float(np.abs(values).max())
    step = steps.get(name)
    if step is None:
        step = 2.0 ** math.ceil(math.log2(largest / limit)) if largest > 0 else 1.0
    integers = np.round(values / step)
    if np.abs(integers).max() > limit:
        raise ValueError(
            f"scale: {name} = {step:g} holds at most {limit * step:g}, but {largest:g} is needed"
        )
    return step, integers


def _centres(knots: Array, storage: Storage) -> Array:
    middle = 0.5 * (knots[:-1] + knots[1:]) if storage == "midpoint" else np.zeros(knots.size - 1)
    return np.concatenate(([0.0], middle, [0.0]))


def _reach(table: CpwlTable, knots: Array, centre: Array) -> float:
    """Return the largest distance, inside the domain, of an input from its line's centre."""
    lo, hi = table.domain
    ends = np.concatenate(([min(lo, knots[0])], knots, [max(hi, knots[-1])]))
    return float(np.maximum(np.abs(ends[:-1] - centre), np.abs(ends[1:] - centre)).max())


def _jump(table: CpwlTable) -> float:
    """Return the largest jump of the unquantised table at a knot, which a moved knot can expose."""
    slope = np.concatenate(([table.left[0]], table.slopes, [table.right[0]]))
    intercept = np.concatenate(([table.left[1]], table.intercepts, [table.right[1]]))
    return float(np.abs(np.diff(slope) * table.knots + np.diff(intercept)).max())
