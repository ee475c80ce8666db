"""Lookup instructions: tables, and maxima as tournaments between two table entries."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from approx.machine.choices import CHOICES
from approx.machine.units import Units
from approx.machine.windows import Array, axes_last, batched, each, windows

_CHOICE = [0], [[0, 1], [1, 0]]
"""relu's table with the complement of its slope beside it: (0, 1) below 0, (1, 0) from 0 on."""


def table(unit: Units, x: Array, knots: Array, lines: Array) -> Array:
    """A site: slope and intercept of the entry of x, then the multiply-add."""
    return unit.lookup(x, knots, lines)


def match(unit: Units, a: Array, b: Array) -> Array:
    """max(a, b) = a + relu(b - a), as s b + (1 - s) a with s the slope that relu's table gives at b - a.

    The two are the same number but for rounding, which matters: a + relu(b - a) loses b altogether where a
    is a masked score of -3.4e38.
    """
    slope, complement = unit.fetch(unit.subtract(b, a), *map(unit.numbers, _CHOICE))
    return unit.add(unit.multiply(slope, b), unit.multiply(complement, a))


def tournament(unit: Units, contestants: Array) -> Array:
    """The largest along the last axis, in ceil(log2(n)) rounds and n - 1 matches; (..., n) to (..., 1)."""
    left: Array = unit.saturated(contestants)
    while (n := left.shape[-1]) > 1:
        half = n // 2
        winners = match(unit, left[..., :half], left[..., half : 2 * half])
        left = np.concatenate([winners, left[..., 2 * half :]], axis=-1)
    return left


def maximum(unit: Units, x: Array, dims: Sequence[int] | int = (), keepdim: bool = False) -> Array:
    """The maximum over `dims`, all of them if none is named."""
    rows, shape = axes_last(x, dims, keepdim)
    return tournament(unit, rows).reshape(shape)


def larger(unit: Units, a: Array, b: Array) -> Array:
    """max(a, b), element by element."""
    return match(unit, unit.saturated(a), unit.saturated(b))


def smaller(unit: Units, a: Array, b: Array) -> Array:
    """min(a, b), element by element: the loser of the match."""
    a, b = unit.saturated(a), unit.saturated(b)
    slope, complement = unit.fetch(unit.subtract(b, a), *map(unit.numbers, _CHOICE))
    return unit.add(unit.multiply(slope, a), unit.multiply(complement, b))


def clamp(unit: Units, x: Array, low: float | None = None, high: float | None = None) -> Array:
    """X inside bounds: a table of x itself, with a constant beyond each bound."""
    knots = [bound for bound in (low, high) if bound is not None]
    below = [] if low is None else [(0, low)]
    above = [] if high is None else [(0, high)]
    return unit.lookup(x, unit.numbers(knots), unit.numbers([*below, (1, 0), *above]))


def clamp_max(unit: Units, x: Array, high: float) -> Array:
    """min(x, high)."""
    return clamp(unit, x, None, high)


def max_pool(axes: int) -> Callable[..., Array]:
    """The maximum of every window, outside which -inf is read."""

    def execute(
        unit: Units,
        x: Array,
        kernel: Sequence[int],
        stride: Sequence[int] = (),
        padding: Sequence[int] = (0,),
        dilation: Sequence[int] = (1,),
        ceil_mode: bool = False,
    ) -> Array:
        whole = batched(x, axes)
        window, steps = each(kernel, axes), each(stride or kernel, axes)
        shape = each(padding, axes), each(dilation, axes)
        taken = np.moveaxis(windows(whole, window, steps, *shape, unit.lowest, ceil_mode), 1 + axes, 1)
        result = tournament(unit, taken.reshape(*taken.shape[: 2 + axes], -1))[..., 0]
        return result if whole is x else result[0]

    return execute


LOOKUP: dict[str, Callable[..., Any]] = {
    **CHOICES,
    "aten.amax.default": maximum,
    "aten.clamp.default": clamp,
    "aten.clamp_max.default": clamp_max,
    "aten.clamp_min.default": clamp,
    "aten.max_pool1d.default": max_pool(1),
    "aten.max_pool2d.default": max_pool(2),
    "aten.max_pool3d.default": max_pool(3),
    "aten.maximum.default": larger,
    "aten.minimum.default": smaller,
    "table": table,
}
