"""Orders: sort, top-k, the kth value and the median are tournaments whose matches carry the places."""

import operator

from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten, shape
from approx.network.rules.registry import rule


@rule(aten.topk.default)
def top(
    b: Builder, x: fx.Node, k: int, dim: int = -1, largest: bool = True, *_: bool, **__: bool
) -> tuple[fx.Node, fx.Node]:
    """The first k of the values in order; of equal ones the first in place."""
    axis = dim % max(len(shape(x)), 1)
    values, places = _ordered(b, x, axis, largest)
    return b.part(values, axis, 0, k), b.part(places, axis, 0, k)


@rule(aten.sort.default)
def sort(b: Builder, x: fx.Node, dim: int = -1, descending: bool = False) -> tuple[fx.Node, fx.Node]:
    """Values in order and their places; of equal ones the first in place."""
    return _ordered(b, x, dim, descending)


@rule(aten.sort.stable)
def sort_stable(
    b: Builder, x: fx.Node, *, stable: bool | None = None, dim: int = -1, descending: bool = False
) -> tuple[fx.Node, fx.Node]:
    """The same."""
    return _ordered(b, x, dim, descending)


@rule(aten.argsort.default)
def argsort(b: Builder, x: fx.Node, dim: int = -1, descending: bool = False) -> fx.Node:
    """The places of the values in order."""
    return _ordered(b, x, dim, descending)[1]


@rule(aten.argsort.stable)
def argsort_stable(
    b: Builder, x: fx.Node, *, stable: bool = True, dim: int = -1, descending: bool = False
) -> fx.Node:
    """The same."""
    return _ordered(b, x, dim, descending)[1]


@rule(aten.msort.default)
def msort(b: Builder, x: fx.Node) -> fx.Node:
    """Values in order along the first axis."""
    return _ordered(b, x, 0, False)[0]


@rule(aten.kthvalue.default)
def kth(b: Builder, x: fx.Node, k: int, dim: int = -1, keepdim: bool = False) -> tuple[fx.Node, fx.Node]:
    """The kth least value and its place."""
    values, places = _ordered(b, x, dim, False)
    return _one(b, values, dim, k - 1, keepdim), _one(b, places, dim, k - 1, keepdim)


@rule(aten.median.dim)
def median(b: Builder, x: fx.Node, dim: int, keepdim: bool = False) -> tuple[fx.Node, fx.Node]:
    """The middle value, the lower of two, and its place."""
    return kth(b, x, (b.fixed(x, dim) + 1) // 2, dim, keepdim)


@rule(aten.median.default)
def median_of_all(b: Builder, x: fx.Node) -> fx.Node:
    """The middle of all values, the lower of two."""
    return median(b, b.op(aten.reshape.default, x, [-1]), 0)[0]


def _ordered(b: Builder, x: fx.Node, dim: int, descending: bool) -> tuple[fx.Node, fx.Node]:
    order = b.op(aten.sort.stable, x, stable=True, dim=dim % max(len(shape(x)), 1), descending=descending)
    return b.op(operator.getitem, order, 0), b.op(operator.getitem, order, 1)


def _one(b: Builder, x: fx.Node, dim: int, place: int, keepdim: bool) -> fx.Node:
    return b.part(x, dim, place, place + 1) if keepdim else b.op(aten.select.int, x, dim, place)
