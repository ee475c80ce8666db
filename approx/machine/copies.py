"""Copies: words gathered, scattered, or chosen by a mask, into a new place."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from approx.machine.views import at, same
from approx.machine.windows import Array, each, windows


def cat(parts: Sequence[Array], dim: int = 0) -> Array:
    """Arrays one after another along an axis; an empty vector is left out."""
    return np.concatenate([part for part in parts if part.shape != (0,)], axis=dim)


def stack(parts: Sequence[Array], dim: int = 0) -> Array:
    """Arrays one after another along a new axis."""
    return np.stack(parts, axis=dim)


def embedding(table: Array, ids: Array, *_: Any) -> Array:
    """Rows of a table."""
    return table[ids]


def gather(x: Array, dim: int, index: Array, **_: Any) -> Array:
    """Words chosen along an axis; the index may be shorter than x on the other axes."""
    return np.take_along_axis(x[_reach(x, dim, index)], index, dim % x.ndim)


def _reach(x: Array, dim: int, index: Array) -> tuple[slice, ...]:
    """The part of x that an index array, perhaps shorter on the other axes, speaks of."""
    return tuple(slice(None) if d == dim % x.ndim else slice(n) for d, n in enumerate(index.shape))


def index(x: Array, indices: Sequence[Array | None]) -> Array:
    """Words chosen by an index array an axis; None takes the whole axis."""
    return x[tuple(slice(None) if i is None else i for i in indices)]


def index_select(x: Array, dim: int, chosen: Array) -> Array:
    """Indices chosen of one axis."""
    return np.take(x, chosen, axis=dim)


def where(mask: Array, x: Any, y: Any) -> Array:
    """X where the mask is true, else y."""
    return np.where(mask, x, y)


def masked_fill(x: Array, mask: Array, value: Any) -> Array:
    """X with `value` where the mask is true."""
    return np.where(mask, value, x)


_PAD_MODES: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Array, widths: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """X with borders; widths are pairs from the last axis backwards, negative ones cut."""
    pairs = list(zip(widths[::2], widths[1::2], strict=True))
    sides = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    cut = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, sides, strict=True))]
    grown = [(max(a, 0), max(b, 0)) for a, b in sides]
    if mode == "constant":
        return np.pad(cut, grown, constant_values=value or 0.0)
    return np.pad(cut, grown, mode=_PAD_MODES[mode])


def constant_pad(x: Array, widths: Sequence[int], value: float = 0.0) -> Array:
    """X with borders of one value."""
    return pad(x, widths, "constant", value)


def flip(x: Array, dims: Sequence[int]) -> Array:
    """Axes read backwards."""
    return np.flip(x, tuple(dims))


def roll(x: Array, shifts: Sequence[int], dims: Sequence[int] = ()) -> Array:
    """Axes turned in a circle; without axes, all words in a row."""
    return (
        np.roll(x, tuple(shifts), tuple(dims)) if dims else np.roll(x.reshape(-1), shifts[0]).reshape(x.shape)
    )


def repeat(x: Array, repeats: Sequence[int]) -> Array:
    """Copies side by side along every axis."""
    return np.tile(x, tuple(repeats))


def repeat_interleave(x: Array, repeats: int, dim: int | None = None, **_: Any) -> Array:
    """Every word of an axis several times in a row."""
    return np.repeat(x, repeats, axis=dim)


def triangle(cut: Callable[..., Any]) -> Callable[..., Array]:
    """One triangle of the last two axes, the rest 0."""
    return lambda x, diagonal=0: cut(x, diagonal)


def im2col(
    x: Array, kernel: Sequence[int], dilation: Sequence[int], padding: Sequence[int], stride: Sequence[int]
) -> Array:
    """Windows as columns; (B, C, H, W) to (B, C kernel, positions)."""
    taken = windows(x, kernel, each(stride, 2), each(padding, 2), each(dilation, 2))
    rows = taken.reshape(x.shape[0], math.prod(taken.shape[1:3]), -1)
    return rows.swapaxes(1, 2)


def pixel_shuffle(x: Array, factor: int) -> Array:
    """Channels laid out as pixels; (..., C r r, H, W) to (..., C, H r, W r)."""
    *lead, channels, height, width = x.shape
    n = len(lead)
    split = x.reshape(*lead, channels // factor**2, factor, factor, height, width)
    order = [*range(n + 1), n + 3, n + 1, n + 4, n + 2]
    return split.transpose(order).reshape(*lead, channels // factor**2, height * factor, width * factor)


def pixel_unshuffle(x: Array, factor: int) -> Array:
    """Pixels laid out as channels; (..., C, H r, W r) to (..., C r r, H, W)."""
    *lead, channels, height, width = x.shape
    n = len(lead)
    split = x.reshape(*lead, channels, height // factor, factor, width // factor, factor)
    order = [*range(n + 1), n + 2, n + 4, n + 1, n + 3]
    return split.transpose(order).reshape(*lead, channels * factor**2, height // factor, width // factor)


def channel_shuffle(x: Array, groups: int) -> Array:
    """Channels of the groups in turn."""
    batch, channels, *spatial = x.shape
    split = x.reshape(batch, groups, channels // groups, *spatial)
    return split.swapaxes(1, 2).reshape(x.shape)


def _replaced(x: Array, place: tuple[Any, ...], part: Any) -> Array:
    copied = np.copy(x, subok=True)
    copied[place] = part
    return copied


def select_scatter(x: Array, part: Array, dim: int, index: int) -> Array:
    """X with one index of an axis replaced."""
    return _replaced(x, at(x, dim, index), part)


def slice_scatter(
    x: Array, part: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Array:
    """X with a range of an axis replaced."""
    return _replaced(x, at(x, dim, slice(start, end, step)), part)


def index_copy(x: Array, dim: int, index: Array, part: Array) -> Array:
    """X with some indices of an axis replaced."""
    return _replaced(x, at(x, dim, index), part)


def scatter(x: Array, dim: int, index: Array, part: Any) -> Array:
    """X with words replaced where `index` says along an axis; the part may be larger than the index."""
    copied = np.copy(x, subok=True)
    words = part[tuple(slice(n) for n in index.shape)] if np.ndim(part) else part
    np.put_along_axis(copied[_reach(x, dim, index)], index, words, dim % x.ndim)
    return copied


COPIES: dict[str, Callable[..., Any]] = {
    "aten.cat.default": cat,
    "aten.channel_shuffle.default": channel_shuffle,
    "aten.clone.default": same,
    "aten.constant_pad_nd.default": constant_pad,
    "aten.contiguous.default": same,
    "aten.embedding.default": embedding,
    "aten.flip.default": flip,
    "aten.gather.default": gather,
    "aten.im2col.default": im2col,
    "aten.index.Tensor": index,
    "aten.index_copy.default": index_copy,
    "aten.index_select.default": index_select,
    "aten.masked_fill.Scalar": masked_fill,
    "aten.pad.default": pad,
    "aten.pixel_shuffle.default": pixel_shuffle,
    "aten.pixel_unshuffle.default": pixel_unshuffle,
    "aten.repeat.default": repeat,
    "aten.repeat_interleave.self_int": repeat_interleave,
    "aten.roll.default": roll,
    "aten.scatter.src": scatter,
    "aten.scatter.value": scatter,
    "aten.select_scatter.default": select_scatter,
    "aten.slice_scatter.default": slice_scatter,
    "aten.stack.default": stack,
    "aten.tile.default": repeat,
    "aten.tril.default": triangle(np.tril),
    "aten.triu.default": triangle(np.triu),
    "aten.where.Scalar": where,
    "aten.where.ScalarOther": where,
    "aten.where.ScalarSelf": where,
    "aten.where.self": where,
}
"""What fills a new place with words, by the op's name."""
