"""How words are laid out for a product or a tournament: axes to reduce at the end, windows side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any  # words, or integers and masks of the host: a move does not look inside


def each(value: int | Sequence[int], n: int) -> tuple[int, ...]:
    """One number an axis: a lone number stands for all."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * n if len(values) == 1 else values


def batched(x: Array, axes: int) -> Array:
    """X with a leading batch, which a lone sample (channels and `axes` spatial axes) lacks."""
    return x if x.ndim == axes + 2 else x[None]


def axes_last(x: Array, dims: int | Sequence[int] | None, keepdim: bool) -> tuple[Array, list[int]]:
    """Bring the axes to reduce together at the end.

    Args:
        x: any shape.
        dims: the axes; all of them if none is named.
        keepdim: the reduced axes stay, with size 1.

    Returns:
        x as (..., n), and the shape of the reduced result.
    """
    named = [dims] if isinstance(dims, int) else dims
    reduced = sorted({d % x.ndim for d in named} if named else range(x.ndim))
    kept = [axis for axis in range(x.ndim) if axis not in reduced]
    shape = [1 if axis in reduced else x.shape[axis] for axis in range(x.ndim) if keepdim or axis in kept]
    rows = x.transpose([*kept, *reduced]).reshape([*(x.shape[axis] for axis in kept), -1])
    return rows, shape


def windows(
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    fill: float = 0.0,
    ceil_mode: bool = False,
) -> Array:
    """What lies under every output position; x (B, C, *spatial) to (B, *positions, C, *kernel).

    Args:
        x: the input.
        kernel: sizes of the window.
        stride: steps between windows.
        padding: words around the input, which read as `fill`.
        dilation: steps between the words of a window.
        fill: what padding reads as.
        ceil_mode: a last window may stick out, if it begins inside the input or the padding before it.
    """
    axes = len(kernel)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    beyond = [
        p + (_partial(n, r, s, p) if ceil_mode else 0)
        for n, r, s, p in zip(x.shape[2:], reach, stride, padding, strict=True)
    ]
    padded = np.pad(x, [(0, 0), (0, 0), *zip(padding, beyond, strict=True)], constant_values=fill)
    views = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + axes)))
    steps = [slice(None, None, s) for s in (*stride, *dilation)]
    return np.moveaxis(views[(slice(None), slice(None), *steps)], 1, 1 + axes)


def _partial(size: int, reach: int, stride: int, padding: int) -> int:
    """How far a last, partial window sticks out."""
    left = (size + 2 * padding - reach) % stride
    begins = size + 2 * padding - reach - left + stride
    return stride - left if left and begins < size + padding else 0
