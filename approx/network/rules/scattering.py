"""Words combined where the host's indices say: the largest, the least or the mean of what falls together."""

from typing import Any

from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten, shape
from approx.network.rules.arithmetic import div
from approx.network.rules.choices import last_to, one_hot
from approx.network.rules.registry import rule

_LOWEST = float("-inf")


@rule(aten.scatter_reduce.two)
def scatter_reduce(
    b: Builder, x: fx.Node, dim: int, index: fx.Node, source: fx.Node, reduce: str, include_self: bool = True
) -> fx.Node:
    """Each place of x combined with the words whose index names it.

    Raises:
        UnsupportedOperator: a product, or an index that is computed.
    """
    if b.is_choice(index) or reduce == "prod":
        raise b.refusal(
            f"reduce = {reduce!r}: amax, amin, sum and mean by indices made from integers are supported"
        )
    if reduce in ("sum", "mean"):
        return _added(b, x, dim, index, source, reduce == "mean", include_self)
    if reduce == "amin":
        negated = scatter_reduce(b, b.neg(x), dim, index, b.neg(source), "amax", include_self)
        return b.neg(negated)
    return _largest(b, x, dim % len(shape(x)), index, source, include_self)


def _largest(
    b: Builder, x: fx.Node, axis: int, index: fx.Node, source: fx.Node, include_self: bool
) -> fx.Node:
    """A tournament for each place among the words that its mask lets through."""
    marks = one_hot(b, _without_copies(index), b.fixed(x, axis))
    words = b.op(aten.where.ScalarOther, marks, b.op(aten.unsqueeze.default, source, -1), _LOWEST)
    found = last_to(b, b.maximum(words, [axis], keepdim=False), axis)
    if include_self:
        return b.op(aten.maximum.default, found, x)
    hit = last_to(b, b.op(aten.any.dim, marks, axis), axis)
    return b.op(aten.where.self, hit, found, x)


def _without_copies(index: fx.Node) -> fx.Node:
    """An index before it was expanded along further axes: its masks are the same for all of them."""
    source: Any = index.args[0] if index.target is aten.expand.default else index
    return source if len(shape(source)) == len(shape(index)) else index


def _added(
    b: Builder, x: fx.Node, dim: int, index: fx.Node, source: fx.Node, mean: bool, include_self: bool
) -> fx.Node:
    """Sums by scatter_add; for a mean, over counts that the host knows."""
    ones = b.op(aten.ones_like.default, source)
    kept = b.op(aten.ones_like.default, x)
    hits = b.op(aten.scatter_add.default, b.op(aten.zeros_like.default, x), dim, index, ones)
    if not include_self:
        kept = b.sub(kept, b.op(aten.clamp.default, hits, 0.0, 1.0))
    total = b.op(aten.scatter_add.default, b.mul(x, kept), dim, index, source)
    if not mean:
        return total
    counts = b.op(aten.clamp_min.default, b.add(hits, kept), 1.0)
    quotient: fx.Node = div(b, total, counts)
    return quotient
