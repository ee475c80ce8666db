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
SHIFT_BITS = 4
"""Bits of a slope that hold its shift, where slopes have one."""
_WORTH = 4.0
"""How many times less slopes must err to have a shift each."""


@dataclass(frozen=True)
class FixedPoint:
    """The integers behind a quantised table; a value is its integer times the part's scale.

    Attributes:
        bits: Width of every integer, sign included.
        storage: ``"intercept"`` keeps the line's value at 0, ``"midpoint"`` at the middle of its segment (at
            0 for the
            two tails).
        scale: The step of ``knots``, ``slopes`` and ``offsets``.
        knots: N+1 integers.
        slopes: N+2 integers, from the left tail to the right tail.
        offsets: N+2 integers, likewise.
        shifts: Digits by which each slope's integer is shifted left; empty where none is. A slope with its
            shift is as wide as the rest: ``SHIFT_BITS`` of its bits are the shift.
        bound: The quantised table differs from the table it came from by at most this over the domain; 0 for
            one that was fitted in its words.
    """

    bits: int
    storage: Storage
    scale: tuple[float, float, float]
    knots: tuple[int, ...]
    slopes: tuple[int, ...]
    offsets: tuple[int, ...]
    bound: float
    shifts: tuple[int, ...] = ()

    @property
    def slope_steps(self) -> Array:
        """The step of each slope, shape (N+2,)."""
        return self.scale[1] * 2.0 ** np.asarray(self.shifts or (0,) * len(self.slopes))

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FixedPoint:
        """Rebuild what :meth:`to_dict` wrote."""
        data = {"shifts": (), **data}
        if set(data) != set(cls.__dataclass_fields__):
            raise ValueError(
                f"fixed_point: must hold {', '.join(cls.__dataclass_fields__)}, got {sorted(data)}"
            )
        parts: dict[str, Any] = {
            n: tuple(part) if isinstance(part, list) else part for n, part in data.items()
        }
        return cls(**parts)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def quantize(
    table: CpwlTable, bits: int, *, storage: Storage, scale: float | Mapping[str, float] | None
) -> CpwlTable:
    """Round knots, slopes and offsets to ``bits``-bit integers times a scale.

    Args:
        table: The table to round; a quantised one is rounded again from what it holds.
        bits: Width of every integer with its sign, 2 to 32.
        storage: Where a line's offset is kept. With ``"midpoint"`` a slope's rounding error is multiplied by
            half a segment instead of by the whole of x: on one grid of 2^-6 to 2^-8 for slopes and offsets,
            16-segment tables of eight functions err 1.4 to 4.1 times less. With an automatic scale it can
            lose where midpoint values are much larger than intercepts, as in gelu on [-8, 8].
        scale: One step for all three parts, a mapping with any of ``knots``, ``slopes``, ``offsets``, or None
            for the
            smallest power of two that holds the largest magnitude (for a knot, to within one step). With an
            automatic scale, slopes of a table that spans decades, as 1/sqrt(x) over 1e-4 to 1 does, have a
            shift each: in one step for all, flat segments would have slope 0.

    Returns:
        A table whose floats are exactly the rounded values, with ``fixed_point.bound`` stating by how much it
        can differ from ``table``. Segments that no rounded input can reach (both knots on one step) are left
        out.

    Raises:
        ValueError: If an argument is out of range or a given scale cannot hold the values.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= 32:
        raise ValueError(f"bits = {bits!r}: must be an integer from 2 to 32")
    if storage not in get_args(Storage):
        raise ValueError(f"storage = {storage!r}: must be 'intercept' or 'midpoint'")
    limit = 2 ** (bits - 1) - 1
    steps = given_scales(scale)
    step_t, rounded = _rounded_knots(table.knots, limit, steps)
    kept = np.flatnonzero(np.diff(rounded) > 0)
    if kept.size == 0:
        raise ValueError(f"bits = {bits}: all knots fall on one step of {step_t:g}; use more bits")
    ends = np.append(rounded[kept], rounded[kept[-1] + 1])
    slope, intercept = (line[np.concatenate(([0], kept + 1, [-1]))] for line in _all_lines(table))
    centre = _centres(ends * step_t, storage)
    reach = _reach(table.domain, ends * step_t, centre)
    step_k, slopes, digits, error = _rounded_slopes(slope, bits, reach, steps)
    step_o, offsets = _round("offsets", slope * centre + intercept, limit, steps)
    moved = float(np.abs(rounded * step_t - table.knots).max())
    bound = error + 0.5 * step_o + moved * float(np.ptp(_all_lines(table)[0])) + _jump(table)
    knots, slope_integers, offset_integers, shifts = (
        tuple(map(int, part)) for part in (ends, slopes, offsets, digits)
    )
    scales = (step_t, step_k, step_o)
    fixed = FixedPoint(bits, storage, scales, knots, slope_integers, offset_integers, bound, shifts)
    return dequantised(table, fixed, centre)


def _rounded_slopes(
    slopes: Array, bits: int, reach: Array, steps: Mapping[str, float]
) -> tuple[float, Array, Array, float]:
    """Return the step, the integers (as floats), the shifts (none or N+2), and the error in a value."""
    step, integers = _round("slopes", slopes, 2 ** (bits - 1) - 1, steps)
    error = 0.5 * step * float(reach.max())
    limit = 2 ** (bits - SHIFT_BITS - 1) - 1
    if "slopes" in steps or limit < 1 or not slopes.any():
        return step, integers, np.array([]), error
    most = 2**SHIFT_BITS - 1
    finest = 2.0 ** (math.ceil(math.log2(np.abs(slopes).max() / limit)) - most)
    digits = np.log2(np.maximum(np.abs(slopes) / limit, finest) / finest)
    shifts = np.clip(np.ceil(digits), 0, most)
    own = 0.5 * float((finest * 2.0**shifts * reach).max())
    if own * _WORTH > error:
        return step, integers, np.array([]), error
    return finest, np.round(slopes / (finest * 2.0**shifts)), shifts, own


def _all_lines(table: CpwlTable) -> tuple[Array, Array]:
    """Return slopes and intercepts with the tails, each of shape (N+2,)."""
    slope = np.concatenate(([table.left[0]], table.slopes, [table.right[0]]))
    return slope, np.concatenate(([table.left[1]], table.intercepts, [table.right[1]]))


def dequantised(table: CpwlTable, fixed: FixedPoint, centre: Array) -> CpwlTable:
    """Return the table that integers stand for, of the function that `table` approximates.

    `centre`: where each of the N+2 lines has its offset.
    """
    step_t, _, step_o = fixed.scale
    slopes = np.asarray(fixed.slopes) * fixed.slope_steps
    intercepts = np.asarray(fixed.offsets) * step_o - slopes * centre
    return replace(
        table,
        knots=np.asarray(fixed.knots) * step_t,
        slopes=slopes[1:-1],
        intercepts=intercepts[1:-1],
        left=(slopes[0], intercepts[0]),
        right=(slopes[-1], intercepts[-1]),
        exact=False,
        symmetric=False,
        fixed_point=fixed,
    )


def given_scales(scale: float | Mapping[str, float] | None) -> dict[str, float]:
    """Return the steps that are given, by part.

    Raises:
        ValueError: If a part is unknown or a step is not positive.
    """
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


def _rounded_knots(knots: Array, limit: int, steps: Mapping[str, float]) -> tuple[float, Array]:
    """Round the knots; one that is a step too large, as 8 is for [-8, 8), becomes the largest integer."""
    largest = float(np.abs(knots).max())
    step = steps.get("knots", 2.0 ** math.ceil(math.log2(largest / (limit + 1))))
    return step, _round("knots", np.clip(knots, -limit * step, limit * step), limit, {"knots": step})[1]


def _centres(knots: Array, storage: Storage) -> Array:
    middle = 0.5 * (knots[:-1] + knots[1:]) if storage == "midpoint" else np.zeros(knots.size - 1)
    return np.concatenate(([0.0], middle, [0.0]))


def _reach(domain: tuple[float, float], knots: Array, centre: Array) -> Array:
    """Return the largest distance, inside the domain, of an input from each line's centre; 0 outside it."""
    ends = np.concatenate(([min(domain[0], knots[0])], knots, [max(domain[1], knots[-1])]))
    reach: Array = np.maximum(np.abs(ends[:-1] - centre), np.abs(ends[1:] - centre))
    return np.where(np.diff(ends) > 0, reach, 0.0)


def _jump(table: CpwlTable) -> float:
    """Return the largest jump of the unquantised table at a knot, which a moved knot can expose."""
    slope, intercept = _all_lines(table)
    return float(np.abs(np.diff(slope) * table.knots + np.diff(intercept)).max())
