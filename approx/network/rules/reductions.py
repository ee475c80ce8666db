"""Reductions: sums and means are GEMMs with a constant vector, maxima are tournaments."""

from collections.abc import Sequence

from torch import fx

from approx.network.builder import Builder, aten, shape
from approx.network.rules.registry import rule


@rule(aten.mean.default)
def mean_of_all(b: Builder, x: fx.Node) -> fx.Node:
    """The mean over every dimension."""
    return b.mean(x, list(range(len(shape(x)))), keepdim=False)


@rule(aten.sum.default)
def sum_of_all(b: Builder, x: fx.Node) -> fx.Node:
    """The sum over every dimension."""
    return b.sum(x, list(range(len(shape(x)))), keepdim=False)


@rule(aten.amin.default)
def minimum(b: Builder, x: fx.Node, dim: Sequence[int] = (), keepdim: bool = False) -> fx.Node:
    """Minus the maximum of -x."""
    return b.op(aten.neg.default, b.maximum(b.op(aten.neg.default, x), list(dim), keepdim))
