"""Arithmetic that is not yet a multiply or an add."""

from typing import Any

import torch
from torch import fx

from approx.network.builder import Builder, Value
from approx.network.nodes import aten, dtype, shape
from approx.network.rules.registry import rule


@rule(aten.div.Tensor, aten.div.Scalar, aten.true_divide.Tensor, aten.true_divide.Scalar)
def div(b: Builder, x: Value, y: Value) -> fx.Node:
    """X times the reciprocal of y; a divisor that is the same for every input needs no table."""
    if not isinstance(y, fx.Node):
        return b.mul(x, 1.0 / y)
    inverse = b.site("reciprocal", y) if b.varies(y) else b.op(aten.reciprocal.default, y)
    return b.mul(inverse, x)


@rule(aten.rsub.Scalar, aten.rsub.Tensor)
def rsub(b: Builder, x: fx.Node, y: Value, alpha: float = 1) -> fx.Node:
    """Y minus alpha x."""
    return b.add(b.mul(x, -alpha), y)


@rule(aten.addcmul.default)
def addcmul(b: Builder, x: fx.Node, y: fx.Node, z: fx.Node, value: float = 1) -> fx.Node:
    """X + value y z."""
    product = b.mul(y, z)
    return b.add(x, product if value == 1 else b.mul(product, value))


@rule(aten.addcdiv.default)
def addcdiv(b: Builder, x: fx.Node, y: fx.Node, z: fx.Node, value: float = 1) -> fx.Node:
    """X + value y / z."""
    quotient = div(b, y, z)
    return b.add(x, quotient if value == 1 else b.mul(quotient, value))


@rule(aten.lerp.Scalar, aten.lerp.Tensor)
def lerp(b: Builder, x: fx.Node, end: fx.Node, weight: Value) -> fx.Node:
    """X + weight (end - x)."""
    return b.add(x, b.mul(b.sub(end, x), weight))


@rule(aten.addmm.default)
def addmm(b: Builder, bias: fx.Node, x: fx.Node, y: fx.Node, beta: float = 1, alpha: float = 1) -> fx.Node:
    """Bias + x @ y, each with its factor."""
    return _plus_product(b, bias, b.op(aten.mm.default, x, y), beta, alpha)


@rule(aten.baddbmm.default)
def baddbmm(b: Builder, bias: fx.Node, x: fx.Node, y: fx.Node, beta: float = 1, alpha: float = 1) -> fx.Node:
    """Bias + x @ y for a batch of matrices."""
    return _plus_product(b, bias, b.op(aten.bmm.default, x, y), beta, alpha)


@rule(aten.addmv.default)
def addmv(b: Builder, bias: fx.Node, x: fx.Node, y: fx.Node, beta: float = 1, alpha: float = 1) -> fx.Node:
    """Bias + x @ y, y a vector."""
    return _plus_product(b, bias, b.op(aten.matmul.default, x, y), beta, alpha)


@rule(aten.addbmm.default)
def addbmm(b: Builder, bias: fx.Node, x: fx.Node, y: fx.Node, beta: float = 1, alpha: float = 1) -> fx.Node:
    """Bias + the sum of all x @ y."""
    return _plus_product(b, bias, b.sum(b.op(aten.bmm.default, x, y), [0], False), beta, alpha)


def _plus_product(b: Builder, bias: fx.Node, product: fx.Node, beta: float, alpha: float) -> fx.Node:
    scaled = product if alpha == 1 else b.mul(product, alpha)
    if beta == 0:
        return scaled  # as torch: whatever the bias is, NaN included
    return b.add(scaled, bias if beta == 1 else b.mul(bias, beta))


@rule(aten.dot.default, aten.vdot.default, aten.mv.default)
def dot(b: Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    """A product with a vector."""
    return b.op(aten.matmul.default, x, y)


@rule(aten.bilinear.default)
def bilinear(b: Builder, x: fx.Node, y: fx.Node, weight: fx.Node, bias: fx.Node | None = None) -> fx.Node:
    """x^T W_k y for each output k: a GEMM with all W_k side by side, then a dot product with y."""
    outputs, inputs, others = shape(weight)
    columns = b.op(aten.reshape.default, b.op(aten.transpose.int, weight, 1, 2), [outputs * others, inputs])
    mapped = b.op(aten.unflatten.int, b.op(aten.linear.default, x, columns), -1, [outputs, others])
    total = b.sum(b.mul(mapped, b.op(aten.unsqueeze.default, y, -2)), [-1], False)
    return total if bias is None else b.add(total, bias)


@rule(
    aten.to.dtype,
    aten.to.device,
    aten.to.dtype_layout,
    aten.to.other,
    aten.type_as.default,
    aten._to_copy.default,
)
def to(b: Builder, x: fx.Node, *args: Any, **kwargs: Any) -> fx.Node:
    """Nothing where the type stays; else the words are rounded to the other type.

    To integers that is the whole part, to a mask a comparison with 0.
    """
    kinds = [dtype(a) if isinstance(a, fx.Node) else a for a in (*args, *kwargs.values())]
    kind = next((k for k in kinds if isinstance(k, torch.dtype)), dtype(x))
    if kind is torch.bool and dtype(x) is not kind:
        return b.op(aten.ne.Scalar, x, 0)
    if dtype(x).is_floating_point and not kind.is_floating_point:
        x = b.op(aten.trunc.default, x)
    return x if kind is dtype(x) else b.op(aten.to.dtype, x, kind)


@rule(aten.copy.default)
def copy(b: Builder, x: fx.Node, source: fx.Node, non_blocking: bool = False) -> fx.Node:
    """What `x.copy_(source)` stores: `source` in the type and shape of x."""
    words = to(b, source, dtype(x))
    return words if shape(source) == shape(x) else b.op(aten.expand.default, words, b.sizes(x))


@rule(aten.fill.Scalar)
def fill(b: Builder, x: fx.Node, value: float) -> fx.Node:
    """The same number everywhere."""
    return b.op(aten.full_like.default, x, value)


@rule(aten.fill.Tensor)
def fill_with(b: Builder, x: fx.Node, value: fx.Node) -> fx.Node:
    """A scalar tensor everywhere."""
    return copy(b, x, value)


@rule(aten.zero.default)
def zero(b: Builder, x: fx.Node) -> fx.Node:
    """Zeros."""
    return b.op(aten.zeros_like.default, x)
