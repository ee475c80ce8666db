"""Reductions: sums and means are GEMMs with a constant vector, maxima are tournaments."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx

from approx.network.builder import Builder
from approx.network.host import only_reported
from approx.network.nodes import aten, dtype, is_float, shape
from approx.network.rules.elementary import power
from approx.network.rules.registry import rule

Dims = Sequence[int] | int | None


def dimensions(x: fx.Node, dim: Dims) -> list[int]:
    """The dimensions that `dim` means; none means all."""
    if dim is None or dim == []:
        return list(range(len(shape(x))))
    return [dim] if isinstance(dim, int) else list(dim)


@rule(aten.mean.default)
def mean_of_all(b: Builder, x: fx.Node, dtype: torch.dtype | None = None) -> fx.Node:
    """The mean over every dimension."""
    return b.mean(x, dimensions(x, None), keepdim=False)


@rule(aten.sum.default)
def sum_of_all(b: Builder, x: fx.Node, dtype: torch.dtype | None = None) -> fx.Node:
    """The sum over every dimension."""
    return b.sum(x, dimensions(x, None), keepdim=False)


@rule(aten.amin.default)
def minimum(b: Builder, x: fx.Node, dim: Dims = None, keepdim: bool = False) -> fx.Node:
    """Minus the maximum of -x."""
    return b.neg(b.maximum(b.neg(x), dimensions(x, dim), keepdim))


@rule(aten.aminmax.default)
def both_extremes(
    b: Builder, x: fx.Node, *, dim: int | None = None, keepdim: bool = False
) -> tuple[fx.Node, fx.Node]:
    """The minimum and the maximum."""
    return minimum(b, x, dim, keepdim), b.maximum(x, dimensions(x, dim), keepdim)


@rule(aten.max.default)
def maximum_of_all(b: Builder, x: fx.Node) -> fx.Node:
    """The maximum over every dimension."""
    return b.maximum(x, dimensions(x, None), keepdim=False)


@rule(aten.min.default)
def minimum_of_all(b: Builder, x: fx.Node) -> fx.Node:
    """The minimum over every dimension."""
    smallest: fx.Node = minimum(b, x)
    return smallest


@rule(aten.max.dim)
def maximum_with_place(b: Builder, x: fx.Node, dim: int, keepdim: bool = False) -> tuple[fx.Node, Any]:
    """The maximum, and where it is."""
    return b.maximum(x, [dim], keepdim), _place(b, aten.argmax.default, x, dim, keepdim)


@rule(aten.min.dim)
def minimum_with_place(b: Builder, x: fx.Node, dim: int, keepdim: bool = False) -> tuple[fx.Node, Any]:
    """The minimum, and where it is."""
    return minimum(b, x, [dim], keepdim), _place(b, aten.argmin.default, x, dim, keepdim)


def _place(b: Builder, find: Any, x: fx.Node, dim: int, keepdim: bool) -> fx.Node | None:
    readers = b.readers_of_part(1)
    place = b.op(find, x, dim, keepdim) if readers else None
    if place is not None and all(only_reported(reader) for reader in readers):
        place.meta["on_host"] = True
    return place


# Moments


def _variance(
    b: Builder, x: fx.Node, dims: list[int], correction: float, keepdim: bool
) -> tuple[fx.Node, fx.Node]:
    """Variance and mean; `correction` is what is taken from the number of entries (1: unbiased)."""
    centred = b.sub(x, b.mean(x, dims))
    variance = b.mean(b.mul(centred, centred), dims, keepdim)
    if correction != 0:
        entries = math.prod(b.fixed(x, d) for d in dims)
        variance = b.mul(variance, entries / (entries - correction) if entries > correction else math.nan)
    return variance, b.mean(x, dims, keepdim)


def _deviation(b: Builder, moments: tuple[fx.Node, fx.Node]) -> tuple[fx.Node, fx.Node]:
    return b.site("sqrt", moments[0]), moments[1]


_MOMENTS: dict[str, Callable[[Builder, tuple[fx.Node, fx.Node]], Any]] = {
    "var": lambda _, moments: moments[0],
    "std": lambda b, moments: _deviation(b, moments)[0],
    "var_mean": lambda _, moments: moments,
    "std_mean": _deviation,
}


def _register_moments(packet: Any, finish: Callable[[Builder, tuple[fx.Node, fx.Node]], Any]) -> None:
    """The three ways torch has to name dimensions and correction."""

    @rule(packet.default)
    def of_all(b: Builder, x: fx.Node, unbiased: bool = True) -> Any:
        return finish(b, _variance(b, x, dimensions(x, None), float(unbiased), False))

    @rule(packet.dim)
    def over(b: Builder, x: fx.Node, dim: Dims, unbiased: bool = True, keepdim: bool = False) -> Any:
        return finish(b, _variance(b, x, dimensions(x, dim), float(unbiased), keepdim))

    @rule(packet.correction)
    def corrected(
        b: Builder, x: fx.Node, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False
    ) -> Any:
        entries = 1.0 if correction is None else float(correction)
        return finish(b, _variance(b, x, dimensions(x, dim), entries, keepdim))


for _name, _finish in _MOMENTS.items():
    _register_moments(getattr(aten, _name), _finish)


# Norms


@rule(aten.linalg_vector_norm.default)
def vector_norm(
    b: Builder,
    x: fx.Node,
    order: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    **_: Any,
) -> fx.Node:
    """The p-norm: Euclidean by squares and a root, 1 and infinity by absolute values."""
    dims = dimensions(x, dim)
    if order == 2:
        return b.site("sqrt", b.sum(b.mul(x, x), dims, keepdim))
    size = b.site("abs", x)
    if order == 1:
        return b.sum(size, dims, keepdim)
    if math.isinf(order):
        return b.maximum(size, dims, keepdim) if order > 0 else minimum(b, size, dims, keepdim)
    if order == 0:
        return b.sum(b.op(aten.to.dtype, b.op(aten.ne.Scalar, x, 0), dtype(x)), dims, keepdim)
    return power(b, b.sum(power(b, size, order), dims, keepdim), 1.0 / order)


@rule(aten.norm.ScalarOpt_dim, aten.norm.ScalarOpt_dim_dtype, aten.norm.Scalar)
def norm(
    b: Builder, x: fx.Node, p: float | None = 2, dim: Dims = None, keepdim: bool = False, **_: Any
) -> fx.Node:
    """The p-norm by its older name."""
    length: fx.Node = vector_norm(b, x, 2 if p is None else p, dim, keepdim)
    return length


@rule(aten.cdist.default)
def distances(b: Builder, x: fx.Node, y: fx.Node, p: float = 2, *_: Any, **__: Any) -> fx.Node:
    """The p-norm of every difference, (..., P, M) and (..., R, M) to (..., P, R)."""
    apart = b.sub(b.op(aten.unsqueeze.default, x, -2), b.op(aten.unsqueeze.default, y, -3))
    length: fx.Node = vector_norm(b, apart, p, [-1])
    return length


# Running sums and products


@rule(aten.cumsum.default)
def running_sum(b: Builder, x: fx.Node, dim: int, **_: Any) -> fx.Node:
    """A product with a triangular matrix of ones."""
    if not is_float(x.meta["val"]):
        return b.op(aten.cumsum.default, x, dim)
    size = b.fixed(x, dim)
    return b.along(x, dim, torch.ones(size, size, dtype=dtype(x), device="cpu").tril())


@rule(aten.prod.dim_int)
def product(b: Builder, x: fx.Node, dim: int, keepdim: bool = False, **_: Any) -> fx.Node:
    """Halves multiplied until one entry is left: a tree of Hadamard products."""
    size = b.fixed(x, dim)
    while size > 1:
        half, odd = divmod(size, 2)
        pairs = b.mul(b.part(x, dim, 0, half), b.part(x, dim, half, 2 * half))
        x = b.op(aten.cat.default, [pairs, b.part(x, dim, 2 * half, size)], dim) if odd else pairs
        size = half + odd
    return x if keepdim else b.op(aten.squeeze.dim, x, dim)


@rule(aten.prod.default)
def product_of_all(b: Builder, x: fx.Node, **_: Any) -> fx.Node:
    """The product over every dimension."""
    for _axis in shape(x)[1:]:
        x = product(b, x, -1)
    entries: fx.Node = product(b, x, 0)
    return entries
