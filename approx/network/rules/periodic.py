"""Periodic functions: the input less the nearest multiple of the period, and a table of one period.

The reduction costs a multiply and a rounding to a whole number of periods q, and two multiply-adds that take
q high and q low from x. The upper part of the period has so few digits that q times it is exact in float32
(Cody and Waite, Software Manual for the Elementary Functions, 1980), which leaves the angle as exact as x
itself up to |x| of 8,000. In fixed point it is as exact as the step of x's word.
"""

import math

from torch import fx

from approx.network.builder import Builder
from approx.network.choices import PERIOD
from approx.network.nodes import aten
from approx.network.rules.registry import rule


def within_period(b: Builder, x: fx.Node) -> fx.Node:
    """X less the nearest multiple of 2 pi; found once for all that ask."""
    if "within_period" not in x.meta:
        periods = b.op(aten.round.default, b.mul(x, 1 / (2 * math.pi)))
        high, low = (b.mul(periods, part) for part in PERIOD)
        x.meta["within_period"] = b.sub(b.sub(x, high), low)
    reduced: fx.Node = x.meta["within_period"]
    return reduced


@rule(aten.sin.default)
def sin(b: Builder, x: fx.Node) -> fx.Node:
    """The sine of what is left of x."""
    return b.site("sin", within_period(b, x))


@rule(aten.cos.default)
def cos(b: Builder, x: fx.Node) -> fx.Node:
    """The cosine of what is left of x."""
    return b.site("cos", within_period(b, x))


@rule(aten.tan.default)
def tan(b: Builder, x: fx.Node) -> fx.Node:
    """sin(x) times the reciprocal of cos(x)."""
    return b.mul(sin(b, x), b.site("reciprocal", cos(b, x)))
