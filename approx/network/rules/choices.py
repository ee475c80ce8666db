"""Choices: what jumps where a computed value crosses a threshold, and what is selected by computed values."""

import math
from typing import Any

import torch
from torch import fx

from approx.network.builder import Builder, Value
from approx.network.nodes import aten, dtype, shape
from approx.network.rules.arithmetic import div
from approx.network.rules.registry import rule

# Steps


@rule(aten.frac.default)
def fraction(b: Builder, x: fx.Node) -> fx.Node:
    """X less its whole part."""
    return b.sub(x, b.op(aten.trunc.default, x))


@rule(aten.round.decimals)
def round_to(b: Builder, x: fx.Node, *, decimals: int = 0) -> fx.Node:
    """X in units of the last digit, rounded."""
    whole = b.op(aten.round.default, b.mul(x, 10.0**decimals))
    return b.mul(whole, 10.0**-decimals)


@rule(aten.sign.default, aten.sgn.default)
def sign(b: Builder, x: fx.Node) -> fx.Node:
    """[x > 0] - [x < 0]."""
    return b.sub(
        number(b, b.op(aten.gt.Scalar, x, 0), dtype(x)), number(b, b.op(aten.lt.Scalar, x, 0), dtype(x))
    )


@rule(aten.heaviside.default)
def heaviside(b: Builder, x: fx.Node, at_zero: fx.Node) -> fx.Node:
    """0 below 0, 1 above it, and a given value there."""
    above = number(b, b.op(aten.gt.Scalar, x, 0), dtype(x))
    return b.op(aten.where.self, b.op(aten.eq.Scalar, x, 0), at_zero, above)


@rule(aten.hardshrink.default)
def hardshrink(b: Builder, x: fx.Node, lambd: float = 0.5) -> fx.Node:
    """X outside -lambda..lambda, 0 in it."""
    outside = b.op(aten.logical_or.default, b.op(aten.gt.Scalar, x, lambd), b.op(aten.lt.Scalar, x, -lambd))
    return b.op(aten.where.ScalarOther, outside, x, 0.0)


@rule(aten.threshold.default)
def threshold(b: Builder, x: fx.Node, threshold: float, value: float) -> fx.Node:
    """X above the threshold, else the value: a clamp if the two are one number."""
    if threshold == value:
        return b.op(aten.clamp_min.default, x, value)
    return b.op(aten.where.ScalarOther, b.op(aten.gt.Scalar, x, threshold), x, float(value))


# Numbers that are none


@rule(aten.isnan.default)
def is_nan(b: Builder, x: fx.Node) -> fx.Node:
    """What does not equal itself."""
    return b.op(aten.ne.Tensor, x, x)


@rule(aten.isinf.default)
def is_infinite(b: Builder, x: fx.Node) -> fx.Node:
    """What is as large as infinity."""
    return b.op(aten.eq.Scalar, b.site("abs", x), math.inf)


@rule(aten.isfinite.default)
def is_finite(b: Builder, x: fx.Node) -> fx.Node:
    """What is less than infinity."""
    return b.op(aten.lt.Scalar, b.site("abs", x), math.inf)


@rule(aten.nan_to_num.default)
def without_nan(
    b: Builder, x: fx.Node, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> fx.Node:
    """Numbers in the place of NaN and infinities."""
    largest = torch.finfo(dtype(x)).max
    numbers = b.op(aten.where.ScalarSelf, is_nan(b, x), float(nan or 0.0), x)
    above = b.op(
        aten.where.ScalarSelf,
        b.op(aten.eq.Scalar, x, math.inf),
        largest if posinf is None else posinf,
        numbers,
    )
    return b.op(
        aten.where.ScalarSelf,
        b.op(aten.eq.Scalar, x, -math.inf),
        -largest if neginf is None else neginf,
        above,
    )


# Division with a remainder


@rule(aten.div.Tensor_mode, aten.div.Scalar_mode)
def div_mode(b: Builder, x: Value, y: Value, rounding_mode: str | None = None) -> fx.Node:
    """Division, rounded as asked."""
    if isinstance(x, fx.Node) and not dtype(x).is_floating_point and isinstance(y, int) and rounding_mode:
        return _whole_quotient(b, x, y, rounding_mode)
    quotient: fx.Node = div(b, x, y)
    whole = {None: None, "floor": aten.floor.default, "trunc": aten.trunc.default}[rounding_mode]
    rounded = quotient if whole is None else b.op(whole, quotient)
    return _in_type_of(b, rounded, x)


@rule(aten.floor_divide.default)
def floor_divide(b: Builder, x: Value, y: Value) -> fx.Node:
    """The whole part of x / y, downwards."""
    return div_mode(b, x, y, "floor")


@rule(aten.remainder.Scalar, aten.remainder.Tensor)
def remainder(b: Builder, x: Value, y: Value) -> fx.Node:
    """X less y times the floor of x / y; the sign is y's."""
    return b.sub(x, b.mul(div_mode(b, x, y, "floor"), y))


@rule(aten.fmod.Scalar, aten.fmod.Tensor)
def fmod(b: Builder, x: Value, y: Value) -> fx.Node:
    """X less y times the whole part of x / y; the sign is x's."""
    return b.sub(x, b.mul(div_mode(b, x, y, "trunc"), y))


def _whole_quotient(b: Builder, x: fx.Node, y: int, rounding_mode: str) -> fx.Node:
    """Integers by an integer; half is added first, so that no rounding crosses a whole number.

    Raises:
        UnsupportedOperator: the divisor is not positive.
    """
    if y <= 0:
        raise b.refusal(f"computed integers over {y}; a positive divisor would be supported")
    up = b.op(aten.floor.default, b.mul(b.add(x, 0.5), 1.0 / y))
    if rounding_mode == "trunc":
        down = b.neg(b.op(aten.floor.default, b.mul(b.add(b.neg(x), 0.5), 1.0 / y)))
        up = b.op(aten.where.self, b.op(aten.lt.Scalar, x, 0), down, up)
    return b.op(aten.to.dtype, up, dtype(x))


def _in_type_of(b: Builder, quotient: fx.Node, x: Value) -> fx.Node:
    """A whole quotient of integers as integers."""
    whole = isinstance(x, fx.Node) and not dtype(x).is_floating_point
    return b.op(aten.to.dtype, quotient, dtype(x)) if whole else quotient


# Masks


def number(b: Builder, mask: fx.Node, kind: torch.dtype) -> fx.Node:
    """A mask as 0 and 1."""
    return b.op(aten.to.dtype, mask, kind)


def as_mask(b: Builder, x: fx.Node) -> fx.Node:
    """Whether numbers are not 0."""
    return x if dtype(x) is torch.bool else b.op(aten.ne.Scalar, x, 0)


@rule(aten.any.default, aten.any.dim, aten.any.dims)
def some(b: Builder, x: fx.Node, dim: Any = None, keepdim: bool = False) -> fx.Node:
    """The largest of a mask."""
    return b.op(aten.amax.default, as_mask(b, x), _axes(x, dim), keepdim)


@rule(aten.all.default, aten.all.dim, aten.all.dims)
def every(b: Builder, x: fx.Node, dim: Any = None, keepdim: bool = False) -> fx.Node:
    """Not any that is not."""
    no = b.op(aten.logical_not.default, as_mask(b, x))
    return b.op(aten.logical_not.default, b.op(aten.amax.default, no, _axes(x, dim), keepdim))


@rule(aten.count_nonzero.default, aten.count_nonzero.dim_IntList)
def count(b: Builder, x: fx.Node, dim: Any = None) -> fx.Node:
    """The sum of a mask."""
    return b.sum(as_mask(b, x), _axes(x, dim), keepdim=False)


def _axes(x: fx.Node, dim: Any) -> list[int]:
    if dim is None:
        return list(range(len(shape(x))))
    return [dim] if isinstance(dim, int) else list(dim)


def one_hot(b: Builder, index: fx.Node, classes: int) -> fx.Node:
    """Masks (..., classes): which number each index is."""
    numbers = b.op(aten.arange.default, classes, device=index.meta["val"].device)
    return b.op(aten.eq.Tensor, b.op(aten.unsqueeze.default, index, -1), numbers)


@rule(aten.one_hot.default)
def one_hot_numbers(b: Builder, index: fx.Node, num_classes: int = -1) -> fx.Node:
    """Comparisons with every class.

    Raises:
        UnsupportedOperator: the number of classes depends on the indices.
    """
    if num_classes < 0:
        raise b.refusal(
            "num_classes = -1: counts the classes by the values; a number of classes is supported"
        )
    return number(b, one_hot(b, index, num_classes), torch.int64)


# What a mask selects


@rule(aten.where.Scalar)
def where_numbers(b: Builder, mask: fx.Node, x: float, y: float) -> fx.Node:
    """One number or another."""
    whole = isinstance(x, int) and isinstance(y, int)
    kind = torch.int64 if whole else torch.get_default_dtype()
    options = {"dtype": kind, "device": mask.meta["val"].device}
    chosen, other = (b.op(aten.scalar_tensor.default, n, **options) for n in (x, y))
    return b.op(aten.where.self, mask, chosen, other)


@rule(aten.masked_scatter.default)
def masked_scatter(b: Builder, x: fx.Node, mask: fx.Node, source: fx.Node) -> fx.Node:
    """The nth word of the source at the nth true place: its index is a running sum of the mask."""
    sizes = b.sizes(x)
    marks = b.op(aten.reshape.default, b.op(aten.expand.default, mask, sizes), [-1])
    at = b.op(aten.sub.Tensor, b.op(aten.cumsum.default, marks, 0), 1)
    at = b.op(aten.clamp_min.default, at, 0)
    words = b.op(aten.index_select.default, b.op(aten.reshape.default, source, [-1]), 0, at)
    chosen = b.op(aten.reshape.default, words, sizes)
    return b.op(aten.where.self, b.op(aten.expand.default, mask, sizes), chosen, x)


@rule(aten.index.Tensor)
def read(b: Builder, x: fx.Node, indices: Any) -> fx.Node:
    """Words at indices.

    Raises:
        UnsupportedOperator: a computed mask says how many.
    """
    if any(b.is_choice(i) and dtype(i) is torch.bool for i in indices if i is not None):
        raise b.refusal(COUNTED)
    return b.op(aten.index.Tensor, x, indices)


COUNTED = (
    "the size of its result depends on computed values; torch.where, which has a fixed size, is supported"
)

# What computed indices read and write


@rule(aten.scatter.value)
def scatter_value(b: Builder, x: fx.Node, dim: int, index: fx.Node, value: float) -> fx.Node:
    """A number at the places that indices name: wherever one of them is."""
    if not b.is_choice(index):
        return b.op(aten.scatter.value, x, dim, index, value)
    hit, _ = _hits(b, x, dim, index)
    return b.op(aten.where.ScalarSelf, hit, value, x)


@rule(aten.scatter.src)
def scatter(b: Builder, x: fx.Node, dim: int, index: fx.Node, source: fx.Node) -> fx.Node:
    """Words at the places that indices name, each from where its index stands in the source."""
    if not b.is_choice(index):
        return b.op(aten.scatter.src, x, dim, index, source)
    hit, marks = _hits(b, x, dim, index)
    axis = dim % len(shape(x))
    standing = b.op(aten.argmax.default, number(b, marks, torch.get_default_dtype()), axis, False)
    return b.op(aten.where.self, hit, b.op(aten.gather.default, source, axis, last_to(b, standing, axis)), x)


@rule(aten.scatter_add.default)
def scatter_add(b: Builder, x: fx.Node, dim: int, index: fx.Node, source: fx.Node) -> fx.Node:
    """Words added at the places that indices name: a product with the masks of which place each names."""
    if not b.is_choice(index):
        return b.op(aten.scatter_add.default, x, dim, index, source)
    axis = dim % len(shape(x))
    b_index, b_source = (b.op(aten.transpose.int, n, axis, -1) for n in (index, source))
    masks = number(b, one_hot(b, b_index, b.fixed(x, axis)), dtype(x))
    sums = b.op(aten.matmul.default, b.op(aten.unsqueeze.default, b_source, -2), masks)
    return b.add(x, b.op(aten.transpose.int, b.op(aten.squeeze.dim, sums, -2), axis, -1))


def _hits(b: Builder, x: fx.Node, dim: int, index: fx.Node) -> tuple[fx.Node, fx.Node]:
    """Whether any index names each place of x, and which do: (..., k, ..., n) with n last.

    Raises:
        UnsupportedOperator: the indices are fewer than x has places on the other axes.
    """
    axis = dim % len(shape(x))
    if any(a != c for i, (a, c) in enumerate(zip(shape(x), shape(index), strict=True)) if i != axis):
        raise b.refusal(
            "computed indices that reach a part of the other axes; all of them would be supported"
        )
    marks = one_hot(b, index, b.fixed(x, axis))
    hit = b.op(aten.amax.default, marks, [axis], False)
    return last_to(b, hit, axis), marks


def last_to(b: Builder, x: fx.Node, axis: int) -> fx.Node:
    """The last axis moved to where `axis` is."""
    order = list(range(len(shape(x)) - 1))
    order.insert(axis, len(order))
    return x if order == sorted(order) else b.op(aten.permute.default, x, order)
