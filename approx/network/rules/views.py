"""Ways to name a part or an order of a tensor, brought to a few."""

from collections.abc import Sequence
from typing import NoReturn

from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten, shape
from approx.network.rules.registry import rule


@rule(aten.narrow.default)
def narrow(b: Builder, x: fx.Node, dim: int, start: int, length: int) -> fx.Node:
    """A slice, given by its length."""
    return b.part(x, dim, start, start + length)


@rule(aten.swapaxes.default, aten.swapdims.default)
def swapaxes(b: Builder, x: fx.Node, dim: int, other: int) -> fx.Node:
    """A transposition."""
    return b.op(aten.transpose.int, x, dim, other)


@rule(aten.movedim.int, aten.moveaxis.int)
def movedim(b: Builder, x: fx.Node, source: int, destination: int) -> fx.Node:
    """A permutation that takes one dimension elsewhere."""
    count = len(shape(x))
    order = [d for d in range(count) if d != source % count]
    order.insert(destination % count, source % count)
    return b.op(aten.permute.default, x, order)


@rule(aten.expand_as.default)
def expand_as(b: Builder, x: fx.Node, other: fx.Node) -> fx.Node:
    """Expanded to another's shape."""
    return b.op(aten.expand.default, x, b.sizes(other))


@rule(aten.view_as.default, aten.reshape_as.default)
def view_as(b: Builder, x: fx.Node, other: fx.Node) -> fx.Node:
    """In another's shape."""
    return b.op(aten.reshape.default, x, b.sizes(other))


@rule(aten.broadcast_to.default)
def broadcast_to(b: Builder, x: fx.Node, size: Sequence[int]) -> fx.Node:
    """Expanded."""
    return b.op(aten.expand.default, x, size)


@rule(aten.item.default, aten._local_scalar_dense.default)
def item(b: Builder, _: fx.Node) -> NoReturn:
    """A number of Python's.

    Raises:
        UnsupportedOperator: always.
    """
    raise b.refusal("it makes a number of a computed value; the tensor itself would be supported")


@rule(aten.lift_fresh_copy.default, aten.lift_fresh.default, aten.lift.default)
def lifted(b: Builder, x: fx.Node) -> fx.Node:
    """The same words."""
    return x
