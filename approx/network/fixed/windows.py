"""Convolutions over one to three axes in one native pass: windows gathered as the rows of a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from approx.network.fixed import native
from approx.network.fixed.channels import CONVOLUTIONS
from approx.network.fixed.native import Epilogue, Packed, Units
from approx.network.nodes import aten

_AXES = 3
_LARGEST_FLOAT = 2**24
PANEL = 16
"""Columns of a panel of the native product."""
_DEFAULTS: tuple[Any, ...] = (1, 0, 1, 1)
"""Stride, padding, dilation and groups."""
Three = tuple[int, int, int]


def _three(numbers: int | Sequence[int], axes: int, other: int) -> Three:
    """A number for each of depth, height and width; axes that a convolution lacks come first."""
    given = [numbers] if isinstance(numbers, int) else list(numbers)
    given = given * axes if len(given) == 1 else given
    first, second, third = [other] * (_AXES - axes) + given
    return int(first), int(second), int(third)


@dataclass(frozen=True)
class Windows:
    """A convolution's window over depth, height and width."""

    size: Three
    stride: Three
    padding: Three
    dilation: Three
    groups: int = 1

    @classmethod
    def of(
        cls,
        size: Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Windows:
        """From the arguments of a convolution whose weights have a window of `size`."""
        axes = len(size)
        shape = _three(size, axes, 1), _three(stride, axes, 1), _three(padding, axes, 0)
        return cls(*shape, _three(dilation, axes, 1), groups)

    def over(self, size: Three) -> Three:
        """Sizes of the result over an image of some size."""
        deep, down, across = (
            (n + 2 * p - d * (w - 1) - 1) // s + 1
            for n, w, s, p, d in zip(size, self.size, self.stride, self.padding, self.dilation, strict=True)
        )
        return deep, down, across


def windows_of(target: Any, weight: Tensor, rest: Sequence[Any]) -> Windows | None:
    """The windows of a convolution with some arguments after its bias; None of a transposed one."""
    size = weight.shape[2:]
    if target in CONVOLUTIONS:
        stride, padding, dilation, groups = (*rest, *_DEFAULTS[len(rest) :])
        return Windows.of(size, stride, padding, dilation, groups)
    if target is aten.convolution.default and not rest[3]:
        return Windows.of(size, rest[0], rest[1], rest[2], int(rest[5]))
    return None


class Filters:
    """The weights (N, C / groups, *window) of a convolution, as integers, packed once for many images.

    Groups of few channels are taken together, with zeros between them: a panel of the product has 16 columns.

    Attributes:
        words: what the extension reads.
        groups: after some were taken together.
        terms: the products that one output adds, zeros included.
        channels: of the result.
        depthwise: whether every channel is a group of its own.
    """

    def __init__(self, weight: Tensor, groups: int) -> None:
        self.channels, self.depthwise = weight.shape[0], groups == weight.shape[0] and weight.shape[1] == 1
        taps = weight.flatten(2).permute(2, 1, 0)  # (window, C / groups, N)
        if self.depthwise:
            self.groups, self.terms = 1, taps.shape[0]
            self.words = taps.reshape(-1, groups).float().contiguous()
            return
        together = _together(groups, weight.shape[0] // groups)
        self.groups, self.terms = groups // together, weight[0].numel() * together
        window, seen, _ = taps.shape
        apart = taps.reshape(window, seen, self.groups, together, -1)
        filters = taps.new_zeros(self.groups, window, together, seen, together, apart.shape[-1])
        for i in range(together):
            filters[:, :, i, :, i] = apart[..., i, :].permute(2, 0, 1, 3)
        self.words = Packed(filters.reshape(self.groups, self.terms, -1)).words


def _together(groups: int, channels: int) -> int:
    """How many groups of so many output channels one product takes."""
    return next(n for n in range(max(1, min(groups, PANEL // channels)), 0, -1) if groups % n == 0)


def convolution(
    x: Tensor,
    filters: Filters,
    windows: Windows,
    cut: tuple[int, int],
    epilogue: Epilogue,
    units: Units = (1.0, 1.0),
    *,
    largest: float = float("inf"),
) -> Tensor:
    """A convolution of integers, rounded; x (B, C, *axes), the result's channels innermost.

    `largest` is the largest magnitude of a sum.
    """
    axes = x.dim() - 2
    whole = x.reshape(*x.shape[:2], *[1] * (_AXES - axes), *x.shape[2:])
    count, channels, deep, down, across = whole.shape
    out = windows.over((deep, down, across))
    y = x.new_empty((count, *out, filters.channels))
    groups = filters.groups
    seen = channels // groups
    places = deep, down, across, *out, *windows.size, *windows.stride, *windows.padding, *windows.dilation
    shape = native._shape(
        count,
        groups,
        out[0] * out[1] * out[2],
        filters.terms,
        filters.channels // groups,
        a=(whole.stride(0), seen * whole.stride(1), 0, 0),
        cut=cut,
        packed=1,
        image=(seen, *whole.stride()[1:], *places),
        units=units,
    )
    way = ("floats" if largest <= _LARGEST_FLOAT else "doubles") if filters.depthwise else None
    native._run(whole, filters.words, y, shape, epilogue, way)
    result = y.movedim(-1, 1)
    return result.reshape(count, filters.channels, *out[_AXES - axes :]) if axes < _AXES else result
