"""Move instructions: words addressed another way, or copied to a new place. No arithmetic."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any  # words, or integers and masks of the host: a move does not look inside


# What the other kinds use


def each(value: int | Sequence[int], n: int) -> tuple[int, ...]:
    """One number an axis: a lone number stands for all."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * n if len(values) == 1 else values


def axes_last(x: Array, dims: Sequence[int] | None, keepdim: bool) -> tuple[Array, list[int]]:
    """Bring the axes to reduce together at the end.

    Returns:
        x as (..., n), and the shape of the reduced result.
    """
    reduced = sorted({d % x.ndim for d in dims} if dims else range(x.ndim))
    kept = [axis for axis in range(x.ndim) if axis not in reduced]
    shape = [1 if axis in reduced else x.shape[axis] for axis in range(x.ndim) if keepdim or axis in kept]
    rows = x.transpose([*kept, *reduced]).reshape([*(x.shape[axis] for axis in kept), -1])
    return rows, shape


def im2col(
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    fill: float = 0.0,
    ceil_mode: bool = False,
) -> Array:
    """The window under every output position; x (B, C, *spatial) to (B, *positions, C, *kernel)."""
    axes = len(kernel)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    after = [
        p + (_partial(x.shape[2 + i], reach[i], stride[i], p) if ceil_mode else 0)
        for i, p in enumerate(padding)
    ]
    padded = np.pad(x, [(0, 0), (0, 0), *zip(padding, after, strict=True)], constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + axes)))
    steps = [slice(None, None, s) for s in (*stride, *dilation)]
    taken = windows[(slice(None), slice(None), *steps)]
    return np.moveaxis(taken, 1, 1 + axes)


def _partial(size: int, reach: int, stride: int, padding: int) -> int:
    """How far a last window that begins inside the input or its left padding may stick out."""
    left = (size + 2 * padding - reach) % stride
    begins = size + 2 * padding - reach - left + stride
    return stride - left if left and begins < size + padding else 0


def spread(x: Array, stride: Sequence[int], reach: Sequence[int], extra: Sequence[int]) -> Array:
    """X with stride - 1 zeros between neighbours and `reach` around, `extra` more at the end."""
    spatial = [(n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True)]
    ends = [r + e for r, e in zip(reach, extra, strict=True)]
    spaced: Array = np.zeros([*x.shape[:2], *spatial], x.dtype)
    spaced[(slice(None), slice(None), *(slice(None, None, s) for s in stride))] = x
    around = [(max(r, 0), max(e, 0)) for r, e in zip(reach, ends, strict=True)]
    cut = [slice(max(-r, 0), n - max(-e, 0)) for n, r, e in zip(spatial, reach, ends, strict=True)]
    return np.pad(spaced[(slice(None), slice(None), *cut)], [(0, 0), (0, 0), *around])


# Views


def same(x: Array, *_: Any) -> Array:
    """X itself."""
    return x


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """The same words in another shape."""
    return x.reshape(shape)


def expand(x: Array, shape: Sequence[int], **_: Any) -> Array:
    """Broadcast; -1 keeps a size."""
    old = (1,) * (len(shape) - x.ndim) + x.shape
    return np.broadcast_to(x, [have if want == -1 else want for have, want in zip(old, shape, strict=True)])


def flatten(x: Array, start: int = 0, end: int = -1) -> Array:
    """Axes start..end as one."""
    first, last = start % max(x.ndim, 1), end % max(x.ndim, 1)
    return x.reshape(*x.shape[:first], -1, *x.shape[last + 1 :])


def unflatten(x: Array, dim: int, sizes: Sequence[int]) -> Array:
    """One axis as several."""
    axis = dim % x.ndim
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])


def permute(x: Array, dims: Sequence[int]) -> Array:
    """Axes in another order."""
    return x.transpose(dims)


def transpose(x: Array, first: int, second: int) -> Array:
    """Two axes exchanged."""
    return x.swapaxes(first, second)


def matrix_transpose(x: Array) -> Array:
    """A matrix's two axes exchanged."""
    return x.T


def select(x: Array, dim: int, index: int) -> Array:
    """One index of an axis."""
    return x[_at(x, dim, index)]


def slice_(x: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Array:
    """A range of an axis, its ends cut to the axis."""
    return x[_at(x, dim, slice(start, end, step))]


def split(x: Array, size: int | Sequence[int], dim: int = 0) -> list[Array]:
    """Parts of an axis, of one size or of the sizes listed."""
    n = x.shape[dim]
    sizes = [min(size, n - at) for at in range(0, n, size)] if isinstance(size, int) else list(size)
    ends = list(itertools.accumulate(sizes))
    return [x[_at(x, dim, slice(end - part, end))] for part, end in zip(sizes, ends, strict=True)]


def chunk(x: Array, chunks: int, dim: int = 0) -> list[Array]:
    """At most `chunks` parts of an axis, equal but for the last."""
    return split(x, math.ceil(x.shape[dim] / chunks), dim)


def unbind(x: Array, dim: int = 0) -> list[Array]:
    """Every index of an axis."""
    return [x[_at(x, dim, i)] for i in range(x.shape[dim])]


def squeeze(x: Array, dim: int | Sequence[int] | None = None) -> Array:
    """Axes of size 1 left out, `dim` only if named."""
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    return np.squeeze(x, tuple(d for d in dims if x.shape[d] == 1))


def unsqueeze(x: Array, dim: int) -> Array:
    """An axis of size 1 put in."""
    return np.expand_dims(x, dim)


def getitem(x: Any, index: int) -> Any:
    """One part of a split."""
    return x[index]


def _at(x: Array, dim: int, index: int | slice) -> tuple[Any, ...]:
    return (*[slice(None)] * (dim % x.ndim), index)


# Copies


def cat(parts: Sequence[Array], dim: int = 0) -> Array:
    """Arrays one after another along an axis."""
    return np.concatenate([part for part in parts if part.shape != (0,)], axis=dim)


def stack(parts: Sequence[Array], dim: int = 0) -> Array:
    """Arrays one after another along a new axis."""
    return np.stack(parts, axis=dim)


def embedding(table: Array, ids: Array, *_: Any) -> Array:
    """Rows of a table."""
    return table[ids]


def gather(x: Array, dim: int, index: Array, **_: Any) -> Array:
    """Words chosen along an axis; the index may be shorter than x on the other axes."""
    axis = dim % x.ndim
    cut = tuple(slice(None) if d == axis else slice(n) for d, n in enumerate(index.shape))
    return np.take_along_axis(x[cut], index, axis)


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


def pad(x: Array, widths: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """X with borders; widths are pairs from the last axis backwards, negative ones cut."""
    pairs = list(zip(widths[::2], widths[1::2], strict=True))
    sides = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    cut = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, sides, strict=True))]
    grown = [(max(a, 0), max(b, 0)) for a, b in sides]
    if mode == "constant":
        return np.pad(cut, grown, constant_values=0.0 if value is None else value)
    return np.pad(cut, grown, mode=_PAD_MODES[mode])


_PAD_MODES: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


VIEWS: dict[str, Callable[..., Any]] = {
    "aten.alias.default": same,
    "aten.chunk.default": chunk,
    "aten.detach.default": same,
    "aten.expand.default": expand,
    "aten.flatten.using_ints": flatten,
    "aten.permute.default": permute,
    "aten.reshape.default": reshape,
    "aten.select.int": select,
    "aten.slice.Tensor": slice_,
    "aten.split.Tensor": split,
    "aten.split_with_sizes.default": split,
    "aten.squeeze.default": squeeze,
    "aten.squeeze.dim": squeeze,
    "aten.t.default": matrix_transpose,
    "aten.transpose.int": transpose,
    "aten.unbind.int": unbind,
    "aten.unflatten.int": unflatten,
    "aten.unsqueeze.default": unsqueeze,
    "aten.view.default": reshape,
    "operator.getitem": getitem,
}
"""Another way to address the same words: no work."""

COPIES: dict[str, Callable[..., Any]] = {
    "aten.cat.default": cat,
    "aten.clone.default": same,
    "aten.contiguous.default": same,
    "aten.embedding.default": embedding,
    "aten.gather.default": gather,
    "aten.index.Tensor": index,
    "aten.index_select.default": index_select,
    "aten.masked_fill.Scalar": masked_fill,
    "aten.pad.default": pad,
    "aten.stack.default": stack,
    "aten.where.Scalar": where,
    "aten.where.ScalarOther": where,
    "aten.where.ScalarSelf": where,
    "aten.where.self": where,
}
"""Words gathered, or chosen by a mask, into a new place."""

MOVE = VIEWS | COPIES
