"""Words put where an index or a mask of the host's says: `x[i] = v`, `x[mask] = v`."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from approx.network.builder import Builder, Value
from approx.network.host import is_computed
from approx.network.nodes import aten, dtype, shape
from approx.network.rules.registry import rule

Indices = Sequence[fx.Node | None]


@rule(aten.index_put.default, aten._unsafe_index_put.default)
def index_put(b: Builder, x: fx.Node, indices: Indices, values: fx.Node, accumulate: bool = False) -> fx.Node:
    """X with values put, or added, where the indices say.

    Raises:
        UnsupportedOperator: the indices depend on computed values, mix masks and integers, or a mask takes a
            number of words that depends on it.
    """
    while indices[-1] is None:
        indices = indices[:-1]
    given = [index for index in indices if index is not None]
    if any(is_computed(index) and dtype(index) is not torch.bool for index in given):
        raise b.refusal(
            "where it writes depends on computed values; masks, and indices made of inputs, are supported"
        )
    values = values if dtype(values) is dtype(x) else b.op(aten.to.dtype, values, dtype(x))
    if all(dtype(index) is torch.bool for index in given) and len(given) == 1:
        return _put_by_mask(b, x, indices, values, accumulate)
    if any(dtype(index) in (torch.bool, torch.uint8) for index in given):
        raise b.refusal(
            "it indexes by a mask and by integers at once; one after the other would be supported"
        )
    return _put_by_integers(b, x, indices, values, accumulate)


def _put_by_mask(b: Builder, x: fx.Node, indices: Indices, values: fx.Node, accumulate: bool) -> fx.Node:
    """A choice between x and the values, which the words of a masked place share."""
    before = len(indices) - 1  # whole axes before the mask
    mask: Any = indices[-1]
    covered = len(shape(mask))
    behind = len(shape(x)) - before - covered
    taken = len(shape(values)) - behind  # axes of the values that count the places
    if taken == 1 and before == 0 and _counts_places(values) and not is_computed(mask):
        values, taken = _one_for_each_place(b, x, mask, values), 0
    elif taken > 0 and not all(map(_is_one, shape(values)[:taken])):
        raise b.refusal(
            "a mask takes as many words as it has places, which is no fixed size; one value for all of them, "
            "or torch.where, would be supported"
        )
    if taken > 0:
        values = b.op(aten.reshape.default, values, list(shape(values)[taken:]))
    for _ in range(behind):
        mask = b.op(aten.unsqueeze.default, mask, -1)
    put = b.add(x, values) if accumulate else values
    return b.op(aten.where.self, mask, put, x)


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


def _counts_places(values: fx.Node) -> bool:
    """Whether there are as many words as a mask has places: a size that no input's shape gives."""
    size: Any = shape(values)[0]
    return isinstance(size, torch.SymInt) and not size.node.has_hint()


def _one_for_each_place(b: Builder, x: fx.Node, mask: fx.Node, values: fx.Node) -> fx.Node:
    """Words of masked places in order, spread over all: a place reads that of the last masked one."""
    count = b.op(aten.cumsum.default, b.op(aten.reshape.default, mask, [-1]), 0)
    index = b.op(aten.clamp_min.default, b.op(aten.sub.Tensor, count, 1), 0)
    behind = len(shape(values)) - 1
    some = b.op(aten.constant_pad_nd.default, values, [0, 0] * behind + [0, 1])  # a mask may have no place
    spread = b.op(aten.index_select.default, some, 0, index)
    return b.op(aten.reshape.default, spread, b.sizes(x))


def _put_by_integers(b: Builder, x: fx.Node, indices: Indices, values: fx.Node, accumulate: bool) -> fx.Node:
    """A copy along one axis: the indexed axes are brought to the front and laid out as one."""
    count = len(shape(x))
    indexed = [axis for axis, index in enumerate(indices) if index is not None]
    order = [*indexed, *(axis for axis in range(count) if axis not in indexed)]
    rows, flat, places = _places(b, x, indices, indexed)
    rest = [b.sizes(x)[axis] for axis in order[len(indexed) :]]
    words = _as_rows(b, _spread(b, x, indices, indexed, values, places), indexed, places, rest)
    matrix = x if order == list(range(count)) else b.op(aten.permute.default, x, order)
    matrix = matrix if len(indexed) == 1 else b.op(aten.reshape.default, matrix, [rows, *rest])
    if accumulate:
        matrix = b.op(aten.index_add.default, matrix, 0, flat, words)
    else:
        matrix = b.op(aten.index_copy.default, matrix, 0, flat, words)
    sizes = b.sizes(x)
    matrix = (
        matrix
        if len(indexed) == 1
        else b.op(aten.reshape.default, matrix, [sizes[axis] for axis in indexed] + rest)
    )
    back = [order.index(axis) for axis in range(count)]
    return matrix if back == list(range(count)) else b.op(aten.permute.default, matrix, back)


def _places(
    b: Builder, x: fx.Node, indices: Indices, indexed: list[int]
) -> tuple[Value, fx.Node, tuple[Any, ...]]:
    """Rows of the axes laid out as one, the row of each place, and the places' shape."""
    place: Any = None
    rows: Value = 1
    for axis in indexed:
        size = b.fixed(x, axis) if len(indexed) > 1 or not _is_positive(indices[axis]) else b.sizes(x)[axis]
        index = _from_the_front(b, indices[axis], size)
        place = index if place is None else b.add(b.mul(place, size), index)
        rows = size if rows == 1 else rows * size
    places = tuple(shape(place))
    return rows, b.op(aten.reshape.default, place, [-1]), places


def _is_positive(index: Any) -> bool:
    return bool(index.target is aten.arange.default)


def _from_the_front(b: Builder, index: Any, size: Value) -> fx.Node:
    """An index with those that count from the end made to count from the front."""
    if _is_positive(index):
        return index  # type: ignore[no-any-return]
    return b.op(aten.remainder.Scalar, index, size)


def _spread(
    b: Builder, x: fx.Node, indices: Indices, indexed: list[int], values: fx.Node, places: tuple[Any, ...]
) -> fx.Node:
    """The values in the shape of x[indices]."""
    with b.fake_mode:
        given = [None if i is None else i.meta["val"] for i in indices]
        whole = aten.index.Tensor(x.meta["val"], given)
    like = list(whole.shape)
    if list(shape(values)) == like:
        return values
    sizes = [n if isinstance(n, int) else b.op(aten.sym_size.int, *_where(b, n, x, indices)) for n in like]
    return b.op(aten.expand.default, values, sizes)


def _where(b: Builder, size: Any, x: fx.Node, indices: Indices) -> tuple[fx.Node, int]:
    """A node and an axis of it that has a free size."""
    for node in (x, *(i for i in indices if i is not None)):
        sizes: list[Any] = list(shape(node))
        for axis, n in enumerate(sizes):
            if isinstance(n, torch.SymInt) and n.node.expr == size.node.expr:
                return node, axis
    raise b.refusal("the size of what it writes is free; a fixed size would be supported")


def _as_rows(
    b: Builder, words: fx.Node, indexed: list[int], places: tuple[Any, ...], rest: list[Value]
) -> fx.Node:
    """Words of the shape of x[indices] as (places, rest)."""
    adjacent = indexed == list(range(indexed[0], indexed[-1] + 1))
    first = indexed[0] if adjacent else 0
    count = len(shape(words))
    front = [*range(first, first + len(places))]
    order = front + [axis for axis in range(count) if axis not in front]
    words = words if order == list(range(count)) else b.op(aten.permute.default, words, order)
    if len(places) == 1:
        return words
    total = math.prod(places) if all(isinstance(n, int) for n in places) else -1
    return b.op(aten.reshape.default, words, [total, *rest])
