"""Softmax and its relatives: shifted by the maximum, so that exp's inputs are at most 0."""

from collections.abc import Sequence

import torch
from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten, dtype
from approx.network.rules.registry import rule


@rule(aten.softmax.int)
def softmax(b: Builder, x: fx.Node, dim: int, kind: torch.dtype | None = None) -> fx.Node:
    """exp(x - max) times the reciprocal of its sum."""
    x = x if kind is None or kind is dtype(x) else b.op(aten.to.dtype, x, kind)
    e = b.site("exp", b.sub(x, b.maximum(x, [dim])))
    return b.mul(e, b.site("reciprocal", b.sum(e, [dim])))


@rule(aten._softmax.default)
def softmax_of_half(b: Builder, x: fx.Node, dim: int, half_to_float: bool) -> fx.Node:
    """Softmax, in single precision if asked for."""
    return softmax(b, x, dim, torch.float32 if half_to_float else None)


def masked_softmax(b: Builder, x: fx.Node) -> fx.Node:
    """Softmax over the last dimension that gives 0 where every score is -inf.

    A finite floor under the maximum keeps -inf - -inf out. The sum holds exp(0) = 1 unless the row is masked,
    so a floor of 1 changes no other row.
    """
    floor = torch.finfo(dtype(x)).min
    peak = b.op(aten.clamp_min.default, b.maximum(x, [-1]), floor)
    e = b.site("exp", b.sub(x, peak))
    return b.mul(e, b.site("reciprocal", b.op(aten.clamp_min.default, b.sum(e, [-1]), 1.0)))


@rule(aten._safe_softmax.default)
def safe_softmax(b: Builder, x: fx.Node, dim: int, kind: torch.dtype | None = None) -> fx.Node:
    """Softmax that gives 0 on rows of -inf."""
    if dim in (-1, x.meta["val"].dim() - 1):
        return masked_softmax(b, x)
    rows = masked_softmax(b, b.op(aten.transpose.int, x, dim, -1))
    return b.op(aten.transpose.int, rows, dim, -1)


@rule(aten.log_softmax.int)
def log_softmax(b: Builder, x: fx.Node, dim: int, kind: torch.dtype | None = None) -> fx.Node:
    """Shifted inputs minus the log of the sum of their exponentials."""
    x = x if kind is None or kind is dtype(x) else b.op(aten.to.dtype, x, kind)
    shifted = b.sub(x, b.maximum(x, [dim]))
    return b.sub(shifted, b.site("log", b.sum(b.site("exp", shifted), [dim])))


@rule(aten._log_softmax.default)
def log_softmax_of_half(b: Builder, x: fx.Node, dim: int, half_to_float: bool) -> fx.Node:
    """Log-softmax, in single precision if asked for."""
    return log_softmax(b, x, dim, torch.float32 if half_to_float else None)


@rule(aten.logsumexp.default)
def logsumexp(b: Builder, x: fx.Node, dim: Sequence[int], keepdim: bool = False) -> fx.Node:
    """The maximum plus the log of the sum of exponentials of what is left."""
    dims: list[int] = [dim] if isinstance(dim, int) else list(dim)
    peak = b.maximum(x, dims)
    total = b.sum(b.site("exp", b.sub(x, peak)), dims, keepdim)
    return b.add(peak if keepdim else b.op(aten.squeeze.dims, peak, dims), b.site("log", total))


@rule(aten.logaddexp.default)
def logaddexp(b: Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    """max(x, y) + softplus(-|x - y|)."""
    apart = b.neg(b.site("abs", b.sub(x, y)))
    return b.add(b.op(aten.maximum.default, x, y), b.site("softplus", apart))
