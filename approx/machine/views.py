"""Views: the same words addressed another way. No work."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from approx.machine.windows import Array


def same(x: Array, *_: Any, **__: Any) -> Array:
    """X itself; a change of type is the executor's."""
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


def at(x: Array, dim: int, index: Any) -> tuple[Any, ...]:
    """The numpy index that means `index` on one axis."""
    return (*[slice(None)] * (dim % x.ndim), index)


def select(x: Array, dim: int, index: int) -> Array:
    """One index of an axis."""
    return x[at(x, dim, index)]


def slice_(x: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Array:
    """A range of an axis, its ends cut to the axis."""
    return x[at(x, dim, slice(start, end, step))]


def split(x: Array, size: int | Sequence[int], dim: int = 0) -> list[Array]:
    """Parts of an axis, of one size or of the sizes listed."""
    n = x.shape[dim]
    sizes = [min(size, n - first) for first in range(0, n, size)] if isinstance(size, int) else list(size)
    ends = itertools.accumulate(sizes)
    return [x[at(x, dim, slice(end - part, end))] for part, end in zip(sizes, ends, strict=True)]


def chunk(x: Array, chunks: int, dim: int = 0) -> list[Array]:
    """At most `chunks` parts of an axis, equal but for the last."""
    return split(x, math.ceil(x.shape[dim] / chunks), dim)


def unbind(x: Array, dim: int = 0) -> list[Array]:
    """Every index of an axis."""
    return [x[at(x, dim, i)] for i in range(x.shape[dim])]


def squeeze(x: Array, dim: int | Sequence[int] | None = None) -> Array:
    """Axes of size 1 left out, `dim` only if named."""
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    return np.squeeze(x, tuple(d for d in dims if x.shape[d] == 1))


def unsqueeze(x: Array, dim: int) -> Array:
    """An axis of size 1 put in."""
    return np.expand_dims(x, dim)


def unfold(x: Array, dim: int, size: int, step: int) -> Array:
    """Overlapping parts of an axis, each laid out on a new last axis."""
    parts = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim % x.ndim)
    return parts[at(x, dim, slice(None, None, step))]


def diagonal(x: Array, offset: int = 0, first: int = 0, second: int = 1) -> Array:
    """The diagonal of two axes."""
    return x.diagonal(offset, first, second)


def getitem(x: Any, index: int) -> Any:
    """One part of a split."""
    return x[index]


VIEWS: dict[str, Callable[..., Any]] = {
    "aten._unsafe_view.default": reshape,
    "aten.alias.default": same,
    "aten.chunk.default": chunk,
    "aten.detach.default": same,
    "aten.diagonal.default": diagonal,
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
    "aten.squeeze.dims": squeeze,
    "aten.t.default": matrix_transpose,
    "aten.to.dtype": same,
    "aten.transpose.int": transpose,
    "aten.unbind.int": unbind,
    "aten.unflatten.int": unflatten,
    "aten.unfold.default": unfold,
    "aten.unsqueeze.default": unsqueeze,
    "aten.view.default": reshape,
    "operator.getitem": getitem,
}
"""Another way to address the same words, by the op's name."""
