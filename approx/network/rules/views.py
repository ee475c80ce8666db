"""Ways to name a part or an order of a tensor, brought to a few."""

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
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


@rule(aten.as_strided.default)
def as_strided(
    b: Builder, x: fx.Node, size: Sequence[Any], stride: Sequence[Any], storage_offset: Any = None
) -> fx.Node:
    """Words at regular places in memory, windows that overlap for one: taken by an index that is made once.

    The first axis may be free where it stays as it is.

    Raises:
        UnsupportedOperator: places depend on a free size, or lie outside x.
    """
    laid = b.origin.args[0].meta["val"]  # type: ignore[union-attr]
    sizes, strides = [*map(_size, size)], [*map(_size, stride)]
    offset = laid.storage_offset() if storage_offset is None else _size(storage_offset)
    lead = int(bool(sizes) and laid.dim() > 0 and (sizes[0], strides[0]) == (laid.shape[0], laid.stride(0)))
    sides = [*laid.shape[lead:], *laid.stride()[lead:], *sizes[lead:], *strides[lead:], offset]
    if not all(isinstance(n, int) for n in sides):
        raise b.refusal(
            "its places depend on a free size; fixed sizes behind the first axis would support it"
        )
    held = _places(laid.shape[lead:], laid.stride()[lead:], laid.storage_offset())
    wanted = _places(sizes[lead:], strides[lead:], offset)
    order = held.argsort()
    found = torch.searchsorted(held[order], wanted).clamp_max(max(held.numel() - 1, 0))
    if not held.numel() or not torch.equal(held[order][found], wanted):
        raise b.refusal("it reads memory outside its argument; a view of the whole would be supported")
    index = b.constant(f"{b.module_path}.index".lstrip("."), order[found].to(x.meta["val"].device))
    flat = (
        b.op(aten.flatten.using_ints, x, lead, -1)
        if laid.dim() > lead
        else b.op(aten.unsqueeze.default, x, lead)
    )
    taken = b.op(aten.index_select.default, flat, lead, index)
    return (
        b.op(aten.unflatten.int, taken, lead, sizes[lead:])
        if sizes[lead:]
        else b.op(aten.squeeze.dim, taken, lead)
    )


def _size(n: Any) -> Any:
    return n.meta["val"] if isinstance(n, fx.Node) else n


def _places(sizes: Sequence[int], strides: Sequence[int], offset: int) -> torch.Tensor:
    """Where the words of a tensor lie, in its order."""
    places = torch.tensor([offset], device="cpu")
    for n, step in zip(sizes, strides, strict=True):
        places = (places[:, None] + step * torch.arange(n, device="cpu")).flatten()
    return places


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
