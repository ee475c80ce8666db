"""Arithmetic that is not yet a multiply or an add."""

from typing import Any

from torch import fx

from approx.network.builder import Builder, Value, aten
from approx.network.rules.registry import rule


@rule(aten.div.Tensor)
def div(b: Builder, x: Value, y: Value) -> fx.Node:
    """X times the reciprocal of y; a constant divisor needs no table."""
    if not isinstance(y, fx.Node):
        return b.mul(x, 1.0 / y)
    return b.mul(b.site("reciprocal", y), x)


@rule(aten.rsub.Scalar, aten.rsub.Tensor)
def rsub(b: Builder, x: fx.Node, y: Value, alpha: float = 1) -> fx.Node:
    """Y minus alpha x."""
    return b.add(b.mul(x, -alpha), y)


@rule(aten.pow.Tensor_Scalar)
def power(b: Builder, x: fx.Node, exponent: float) -> fx.Node:
    """Whole powers by Hadamard products, roots and inverses by their tables, the rest by a table of x^p."""
    if exponent == int(exponent) and 1 <= exponent <= 8:
        return _whole_power(b, x, int(exponent))
    named = {-1.0: "reciprocal", 0.5: "sqrt", -0.5: "rsqrt"}
    return b.site(named.get(float(exponent), f"pow({float(exponent)})"), x)


def _whole_power(b: Builder, x: fx.Node, exponent: int) -> fx.Node:
    """x^n by repeated squaring."""
    if exponent == 1:
        return x
    half = _whole_power(b, x, exponent // 2)
    square = b.mul(half, half)
    return b.mul(square, x) if exponent % 2 else square


@rule(aten.square.default)
def square(b: Builder, x: fx.Node) -> fx.Node:
    """X times x."""
    return b.mul(x, x)


@rule(aten.addmm.default)
def addmm(b: Builder, bias: fx.Node, x: fx.Node, y: fx.Node, beta: float = 1, alpha: float = 1) -> fx.Node:
    """Bias + x @ y, each with its factor."""
    product = b.op(aten.mm.default, x, y)
    scaled = product if alpha == 1 else b.mul(product, alpha)
    return b.add(scaled, bias if beta == 1 else b.mul(bias, beta))


@rule(aten.to.dtype, aten.to.device, aten._to_copy.default, aten.to.dtype_layout, aten.type_as.default)
def to(b: Builder, x: fx.Node, *args: Any, **kwargs: Any) -> fx.Node:
    """The program has one float type: a conversion between floats is nothing."""
    return x
