"""Pooling: an average is a mean, a maximum a tournament; windows of unequal size are taken apart."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.registry import rule

_AVERAGE = {1: aten.avg_pool1d.default, 2: aten.avg_pool2d.default, 3: aten.avg_pool3d.default}
_MAXIMUM = {1: aten.max_pool1d.default, 2: aten.max_pool2d.default, 3: aten.max_pool3d.default}


@rule(
    aten.adaptive_avg_pool1d.default,
    aten.adaptive_avg_pool2d.default,
    aten.adaptive_avg_pool3d.default,
    aten._adaptive_avg_pool2d.default,
    aten._adaptive_avg_pool3d.default,
)
def adaptive_avg_pool(b: Builder, x: fx.Node, output_size: Sequence[int]) -> fx.Node:
    """The mean of equal windows, or a constant matrix for each axis of unequal ones."""
    axes = range(-len(output_size), 0)
    if all(size == 1 for size in output_size):
        return b.mean(x, list(axes))
    if window := _equal_windows(b, x, output_size):
        return b.op(_AVERAGE[len(window)], x, window, window)
    for axis, size in zip(axes, output_size, strict=True):
        units = torch.eye(b.fixed(x, axis), dtype=torch.float64, device="cpu")
        x = b.along(x, axis, F.adaptive_avg_pool1d(units, size).T)  # what a linear map does to unit vectors
    return x


def _equal_windows(b: Builder, x: fx.Node, output_size: Sequence[int]) -> list[int] | None:
    """The window of each axis, or None if some do not divide."""
    have = [b.fixed(x, axis) for axis in range(-len(output_size), 0)]
    if any(n % size for n, size in zip(have, output_size, strict=True)):
        return None
    return [n // size for n, size in zip(have, output_size, strict=True)]


def _average(axes: int, target: Any) -> Any:
    def avg_pool(
        b: Builder,
        x: fx.Node,
        window: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil: bool = False,
        padded: bool = True,
        divisor: int | None = None,
    ) -> fx.Node:
        """An average of windows of one size; where torch counts fewer words at the border, times a constant.

        A window that may reach past the end and covers all of x is one mean.
        """
        how = [_each(each, axes) for each in (window, stride or window, padding)]
        if not ceil and (padded or not any(how[2])) and divisor is None:
            return b.op(target, x, *how)
        asked = [*how, ceil, padded] + [divisor] * (axes > 1)
        if ceil and divisor is None and _covers(b, x, *how):
            return b.mean(x, list(range(-axes, 0)))
        ones = b.op(aten.new_ones.default, x, [1, 1, *b.sizes(x)[-axes:]])
        counted = b.op(target, ones, *asked)  # what torch gives for ones, beside what equal windows give
        room = _room(b, x, counted, how)
        equal = [b.op(target, b.op(aten.pad.default, each, room), *how[:2]) for each in (x, ones)]
        factor = b.mul(counted, b.op(aten.reciprocal.default, equal[1]))
        return b.mul(equal[0], factor)

    return avg_pool


def _covers(b: Builder, x: fx.Node, window: list[int], _: list[int], padding: list[int]) -> bool:
    """Whether one window reaches over all of x."""
    return not any(padding) and all(n >= b.fixed(x, i - len(window)) for i, n in enumerate(window))


def _room(b: Builder, x: fx.Node, result: fx.Node, how: list[list[int]]) -> list[int]:
    """Zeros before and after each axis, the last one first, so that every window lies inside."""
    room: list[int] = []
    for axis, (n, step, before) in enumerate(zip(*how, strict=True), start=-len(how[0])):
        reach = (b.fixed(result, axis) - 1) * step + n
        room = [before, max(reach - b.fixed(x, axis) - before, 0), *room]
    return room


def _each(value: Any, axes: int) -> list[int]:
    """A number for each axis, where one may stand for all."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values * axes if len(values) == 1 else values


for _axes, _target in _AVERAGE.items():
    rule(_target)(_average(_axes, _target))


@rule(
    aten.adaptive_max_pool1d.default,
    aten.adaptive_max_pool2d.default,
    aten.adaptive_max_pool3d.default,
)
def adaptive_max_pool(b: Builder, x: fx.Node, output_size: Sequence[int]) -> tuple[fx.Node, None]:
    """The maximum of equal windows, or of each window of each axis."""
    _no_places(b)
    if all(size == 1 for size in output_size):
        return b.maximum(x, list(range(-len(output_size), 0))), None
    if window := _equal_windows(b, x, output_size):
        return b.op(_MAXIMUM[len(window)], x, window, window), None
    for axis, size in zip(range(-len(output_size), 0), output_size, strict=True):
        x = _largest_along(b, x, axis, size)
    return x, None


def _largest_along(b: Builder, x: fx.Node, axis: int, windows: int) -> fx.Node:
    """Window i reaches from floor(i n / windows) to ceil((i + 1) n / windows), as torch divides."""
    n = b.fixed(x, axis)
    spans = [(i * n // windows, -(-(i + 1) * n // windows)) for i in range(windows)]
    return b.op(aten.cat.default, [b.maximum(b.part(x, axis, *span), [axis]) for span in spans], axis)


@rule(
    aten.max_pool1d_with_indices.default,
    aten.max_pool2d_with_indices.default,
    aten.max_pool3d_with_indices.default,
)
def max_pool_with_places(b: Builder, x: fx.Node, *args: Any) -> tuple[fx.Node, None]:
    """The pooling alone."""
    _no_places(b)
    window: list[int] = args[0]
    return b.op(_MAXIMUM[len(window)], x, *args), None


def _no_places(b: Builder) -> None:
    if b.readers_of_part(1):
        raise b.refusal("its indices are read; without return_indices it would be supported")
