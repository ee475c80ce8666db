"""Limits: clamps and the larger of two are exact in a table of two or three segments."""

from torch import fx

from approx.network.builder import Builder, Value
from approx.network.nodes import aten
from approx.network.rules.registry import rule


@rule(aten.hardtanh.default)
def hardtanh(b: Builder, x: fx.Node, min_val: float = -1.0, max_val: float = 1.0) -> fx.Node:
    """X between two bounds."""
    return (
        b.site("relu6", x) if (min_val, max_val) == (0, 6) else b.op(aten.clamp.default, x, min_val, max_val)
    )


@rule(aten.clip.default)
def clip(b: Builder, x: fx.Node, low: float | None = None, high: float | None = None) -> fx.Node:
    """Clamp by its other name."""
    return b.op(aten.clamp.default, x, low, high)


@rule(aten.clamp.Tensor, aten.clip.Tensor)
def clamp_by_tensors(
    b: Builder, x: fx.Node, low: fx.Node | None = None, high: fx.Node | None = None
) -> fx.Node:
    """min(max(x, low), high)."""
    x = x if low is None else b.op(aten.maximum.default, x, low)
    return x if high is None else b.op(aten.minimum.default, x, high)


@rule(aten.clamp_min.Tensor, aten.max.other, aten.fmax.default)
def larger(b: Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    """max(x, y)."""
    return b.op(aten.maximum.default, x, y)


@rule(aten.clamp_max.Tensor, aten.min.other, aten.fmin.default)
def smaller(b: Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    """min(x, y)."""
    return b.op(aten.minimum.default, x, y)


@rule(aten.softshrink.default)
def softshrink(b: Builder, x: fx.Node, lambd: float = 0.5) -> fx.Node:
    """X minus x kept within lambda."""
    return b.sub(x, b.op(aten.clamp.default, x, -lambd, lambd))


@rule(aten.masked_fill.Tensor)
def masked_fill(b: Builder, x: fx.Node, mask: fx.Node, value: Value) -> fx.Node:
    """The value where the mask is true."""
    return b.op(aten.where.self, mask, value, x)
