"""Running products, maxima and sums of exponentials: a scan in ceil(log2 n) steps, each of one operation."""

from collections.abc import Callable
from typing import Any

from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.registry import rule

Combine = Callable[[fx.Node, fx.Node], fx.Node]


def scan(b: Builder, x: fx.Node, dim: int, combine: Combine) -> fx.Node:
    """x_0, x_0 * x_1, ... for an associative operation (Hillis and Steele, CACM 29(12), 1986)."""
    size, reach = b.fixed(x, dim), 1
    while reach < size:
        first, rest = b.part(x, dim, 0, reach), b.part(x, dim, reach, size)
        joined = combine(rest, b.part(x, dim, 0, size - reach))
        x = b.op(aten.cat.default, [first, joined], dim)
        reach *= 2
    return x


@rule(aten.cumprod.default)
def running_product(b: Builder, x: fx.Node, dim: int, **_: Any) -> fx.Node:
    """Products of all up to each place."""
    return scan(b, x, dim, b.mul)


@rule(aten.cummax.default)
def running_maximum(b: Builder, x: fx.Node, dim: int) -> tuple[fx.Node, None]:
    """The largest of all up to each place."""
    _no_places(b)
    return scan(b, x, dim, lambda y, z: b.op(aten.maximum.default, y, z)), None


@rule(aten.cummin.default)
def running_minimum(b: Builder, x: fx.Node, dim: int) -> tuple[fx.Node, None]:
    """The least of all up to each place."""
    _no_places(b)
    return scan(b, x, dim, lambda y, z: b.op(aten.minimum.default, y, z)), None


def _no_places(b: Builder) -> None:
    if b.readers_of_part(1):
        raise b.refusal("its indices are read; its values are supported")


@rule(aten.logaddexp.default)
def log_of_sum(b: Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    """log(e^x + e^y) = max(x, y) + softplus(-|x - y|)."""
    apart = b.neg(b.site("abs", b.sub(x, y)))
    return b.add(b.op(aten.maximum.default, x, y), b.site("softplus", apart))


@rule(aten.logcumsumexp.default)
def running_log_of_sum(b: Builder, x: fx.Node, dim: int) -> fx.Node:
    """Logarithms of the sums of exponentials up to each place."""
    return scan(b, x, dim, lambda y, z: log_of_sum(b, y, z))
