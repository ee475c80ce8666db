"""Lookup instructions: tables, and maxima as tournaments between two table entries."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from approx.machine.move import Array, axes_last, each, im2col
from approx.machine.units import Units, saturated

_CHOICE = np.array([0.0], np.float32), np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
"""relu's table with the complement of its slope beside it: (0, 1) below 0, (1, 0) from 0 on."""


def table(unit: Units, x: Array, knots: Array, lines: Array) -> Array:
    """A site: slope and intercept of the entry of x, then the multiply-add."""
    return unit.lookup(x, knots, lines)


def match(unit: Units, a: Array, b: Array) -> Array:
    """max(a, b) = a + relu(b - a), as s b + (1 - s) a with s the slope that relu's table gives at b - a.

    The two are the same number but for rounding, which matters: a + relu(b - a) loses b altogether where a
    is a masked score of -3.4e38.
    """
    slope, complement = unit.fetch(unit.subtract(b, a), *_CHOICE)
    return unit.add(unit.multiply(slope, b), unit.multiply(complement, a))


def tournament(unit: Units, contestants: Array) -> Array:
    """The largest along the last axis, in ceil(log2(n)) rounds and n - 1 matches; (..., n) to (..., 1)."""
    left: Array = saturated(contestants)
    while (n := left.shape[-1]) > 1:
        half = n // 2
        winners = match(unit, left[..., :half], left[..., half : 2 * half])
        left = np.concatenate([winners, left[..., 2 * half :]], axis=-1)
    return left


def maximum(unit: Units, x: Array, dims: Sequence[int] | int = (), keepdim: bool = False) -> Array:
    """The maximum over `dims`, all of them if none is named."""
    rows, shape = axes_last(x, [dims] if isinstance(dims, int) else dims, keepdim)
    return tournament(unit, rows).reshape(shape)


def max_pool(
    unit: Units,
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Array:
    """The maximum of every window, outside which -inf is read; the spatial axes are the kernel's."""
    axes = len(kernel)
    whole = x if x.ndim == axes + 2 else x[None]  # a lone sample comes without its batch axis
    steps = each(stride or kernel, axes)
    windows = im2col(whole, kernel, steps, each(padding, axes), each(dilation, axes), -np.inf, ceil_mode)
    rows = np.moveaxis(windows, 1 + axes, 1)
    result = tournament(unit, rows.reshape(*rows.shape[: 2 + axes], -1))[..., 0]
    return result if whole is x else result[0]


LOOKUP: dict[str, Callable[..., Any]] = {
    "aten.amax.default": maximum,
    "aten.max_pool1d.default": max_pool,
    "aten.max_pool2d.default": max_pool,
    "aten.max_pool3d.default": max_pool,
    "table": table,
}
