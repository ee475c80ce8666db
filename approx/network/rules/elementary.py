"""Powers, exponentials and logarithms by the tables of a few of them."""

import math

from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.registry import rule


@rule(aten.pow.Tensor_Scalar)
def power(b: Builder, x: fx.Node, exponent: float) -> fx.Node:
    """Whole powers by Hadamard products, roots and inverses by their tables, the rest by a table of x^p."""
    if exponent == int(exponent) and 1 <= exponent <= 8:
        return _whole_power(b, x, int(exponent))
    if exponent == 0:
        return b.op(aten.ones_like.default, x)
    named = {-1.0: "reciprocal", 0.5: "sqrt", -0.5: "rsqrt"}
    return b.site(named.get(float(exponent), f"pow({float(exponent)})"), x)


def _whole_power(b: Builder, x: fx.Node, exponent: int) -> fx.Node:
    """x^n by repeated squaring."""
    if exponent == 1:
        return x
    half = _whole_power(b, x, exponent // 2)
    square = b.mul(half, half)
    return b.mul(square, x) if exponent % 2 else square


@rule(aten.pow.Scalar)
def exponential(b: Builder, base: float, x: fx.Node) -> fx.Node:
    """base^x = exp(x ln base).

    Raises:
        UnsupportedOperator: the base is not positive.
    """
    if base <= 0:
        raise b.refusal(f"base = {base}: a positive base would be supported")
    return b.site("exp", b.mul(x, math.log(base)))


@rule(aten.pow.Tensor_Tensor, aten.float_power.Tensor_Tensor)
def power_of_two_values(b: Builder, x: fx.Node, exponent: fx.Node) -> fx.Node:
    """x^y = exp(y log x), for x of at least 0, as a power with any exponent is defined."""
    return b.site("exp", b.mul(exponent, b.site("log", x)))


@rule(aten.exp2.default)
def exp2(b: Builder, x: fx.Node) -> fx.Node:
    """2^x."""
    return exponential(b, 2.0, x)


@rule(aten.square.default)
def square(b: Builder, x: fx.Node) -> fx.Node:
    """X times x."""
    return b.mul(x, x)


@rule(aten.expm1.default)
def expm1(b: Builder, x: fx.Node) -> fx.Node:
    """exp(x) - 1."""
    return b.sub(b.site("exp", x), 1.0)


@rule(aten.log1p.default)
def log1p(b: Builder, x: fx.Node) -> fx.Node:
    """log(1 + x)."""
    return b.site("log", b.add(x, 1.0))


@rule(aten.log2.default)
def log2(b: Builder, x: fx.Node) -> fx.Node:
    """log(x) / log(2)."""
    return b.mul(b.site("log", x), 1 / math.log(2))


@rule(aten.log10.default)
def log10(b: Builder, x: fx.Node) -> fx.Node:
    """log(x) / log(10)."""
    return b.mul(b.site("log", x), 1 / math.log(10))


@rule(aten.logit.default)
def logit(b: Builder, x: fx.Node, eps: float | None = None) -> fx.Node:
    """log(x) - log(1 - x), x kept away from 0 and 1 by eps."""
    x = x if eps is None else b.op(aten.clamp.default, x, eps, 1 - eps)
    return b.sub(b.site("log", x), b.site("log", b.add(b.neg(x), 1.0)))


@rule(aten.erfc.default)
def erfc(b: Builder, x: fx.Node) -> fx.Node:
    """1 - erf(x)."""
    return b.add(b.neg(b.site("erf", x)), 1.0)


@rule(aten.hypot.default)
def hypot(b: Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    """The root of x^2 + y^2."""
    return b.site("sqrt", b.add(b.mul(x, x), b.mul(y, y)))


_LEAST = 2.0**-100
"""In the place of a zero radius: any quotient of 0 by it is 0."""


@rule(aten.atan2.default, aten.arctan2.default)
def atan2(b: Builder, y: fx.Node, x: fx.Node) -> fx.Node:
    """The angle of (x, y): atan of the smaller by the larger, at most pi / 4, turned into its octant."""
    across, up = b.site("abs", x), b.site("abs", y)
    larger = b.op(aten.clamp_min.default, b.op(aten.maximum.default, across, up), _LEAST)
    ratio = b.mul(b.op(aten.minimum.default, across, up), b.site("reciprocal", larger))
    angle = b.site("atan", ratio)
    steep = b.add(b.neg(angle), math.pi / 2)
    angle = b.op(aten.where.self, b.op(aten.gt.Tensor, up, across), steep, angle)
    angle = b.op(aten.where.self, b.op(aten.lt.Scalar, x, 0), b.add(b.neg(angle), math.pi), angle)
    return b.op(aten.where.self, b.op(aten.lt.Scalar, y, 0), b.neg(angle), angle)


@rule(aten.sinh.default)
def sinh(b: Builder, x: fx.Node) -> fx.Node:
    """(e^x - e^-x) / 2."""
    return b.mul(b.sub(b.site("exp", x), b.site("exp", b.neg(x))), 0.5)


@rule(aten.cosh.default)
def cosh(b: Builder, x: fx.Node) -> fx.Node:
    """(e^x + e^-x) / 2."""
    return b.mul(b.add(b.site("exp", x), b.site("exp", b.neg(x))), 0.5)
