"""Choices: comparisons, selections by computed masks and indices, and orders.

A comparison is a table with a jump, fetched at a difference; what a mask selects is s x + (1 - s) y; an order
is a tournament whose matches carry the places.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from approx.machine.copies import embedding, gather, index, index_select
from approx.machine.units import Units
from approx.machine.windows import axes_last
from approx.machine.words import Words

_NUMBERS = [[0, 0], [0, 1]]
"""The lines of a jump: 0 below the knot, 1 from it on."""


def _reached(unit: Units, x: Any) -> Any:
    """Whether x >= 0, as 0 and 1."""
    return unit.fetch(x, unit.numbers([0]), unit.numbers(_NUMBERS))[1]


def _not(unit: Units, mask: Any) -> Any:
    return unit.subtract(unit.numbers(1), mask)


def at_least(unit: Units, x: Any, y: Any) -> Any:
    """x >= y, as 0 and 1."""
    return _reached(unit, unit.difference(x, y))


def equal(unit: Units, x: Any, y: Any) -> Any:
    """x >= y and y >= x: a table with two jumps."""
    return unit.multiply(at_least(unit, x, y), at_least(unit, y, x))


_COMPARISONS: dict[str, Callable[[Units, Any, Any], Any]] = {
    "eq": equal,
    "ge": at_least,
    "gt": lambda unit, x, y: _not(unit, at_least(unit, y, x)),
    "le": lambda unit, x, y: at_least(unit, y, x),
    "lt": lambda unit, x, y: _not(unit, at_least(unit, x, y)),
    "ne": lambda unit, x, y: _not(unit, equal(unit, x, y)),
}


def both(unit: Units, x: Any, y: Any) -> Any:
    """And: a product."""
    return unit.multiply(x, y)


def either(unit: Units, x: Any, y: Any) -> Any:
    """Or: the sum less the product."""
    return unit.subtract(unit.add(x, y), unit.multiply(x, y))


def one_of_two(unit: Units, x: Any, y: Any) -> Any:
    """Exclusive or: the sum less twice the product."""
    return unit.subtract(either(unit, x, y), unit.multiply(x, y))


def select(unit: Units, mask: Any, x: Any, y: Any) -> Any:
    """X where the mask is true, else y."""
    return unit.select(mask, x, y)


def fill(unit: Units, x: Any, mask: Any, value: Any) -> Any:
    """X with a value where the mask is true."""
    return unit.select(mask, value, x)


def read(copy: Callable[..., Any]) -> Callable[..., Any]:
    """Words read from computed addresses."""

    def execute(unit: Units, *arguments: Any, **named: Any) -> Any:
        result = copy(*arguments, **named)
        unit.work["lookup"] += np.size(result)
        return result

    return execute


def total(unit: Units, x: Any, dims: Any = None, keepdim: bool = False, **_: Any) -> Any:
    """Counts added up: a product with a vector of ones."""
    rows, shape = axes_last(x, dims, keepdim)
    return unit.product(rows, unit.numbers(np.ones((rows.shape[-1], 1)))).reshape(shape)


def running_total(unit: Units, x: Any, dim: int, **_: Any) -> Any:
    """Running sums of counts: a product with a triangular matrix of ones."""
    rows = np.moveaxis(x, dim, -1)
    ones = unit.numbers(np.triu(np.ones((rows.shape[-1], rows.shape[-1]))))
    return np.moveaxis(
        unit.product(np.reshape(rows, (-1, rows.shape[-1])), ones).reshape(rows.shape), -1, dim
    )


def place(sign: int) -> Callable[..., Any]:
    """Where the first largest (or, with a sign of -1, least) is along an axis, or among all."""

    def execute(unit: Units, x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        rows = np.reshape(x, (-1,)) if dim is None else np.moveaxis(x, dim, -1)
        _, places = _winner(unit, unit.multiply(rows, unit.numbers(sign)), _places(rows))
        if dim is None:
            return np.reshape(places, (1,) * np.ndim(x) if keepdim else ())
        return np.moveaxis(places, -1, dim) if keepdim else places[..., 0]

    return execute


def order(unit: Units, x: Any, *, dim: int = -1, descending: bool = False, **_: Any) -> tuple[Any, Any]:
    """Values in order along an axis, and their places: of equal ones the first in place leads."""
    rows = np.moveaxis(x, dim, -1)
    sign = unit.numbers(1 if descending else -1)
    left, places = unit.multiply(rows, sign), _places(rows)
    values, order_of = [], []
    for _place in range(rows.shape[-1]):
        value, winner = _winner(unit, left, places)
        values.append(unit.multiply(value, sign))
        order_of.append(winner)
        stays = _not(unit, equal(unit, places, winner))
        left = unit.select(stays, left, unit.numbers(unit.lowest))
        places = unit.select(stays, places, unit.numbers(_NOWHERE))
    return tuple(np.moveaxis(np.concatenate(part, -1), -1, dim) for part in (values, order_of))  # type: ignore[return-value]


_NOWHERE = 1 << 23
"""A place behind all others, for what has left a tournament."""


def _places(rows: Any) -> Any:
    return np.broadcast_to(np.arange(rows.shape[-1]), rows.shape).view(Words)


def _winner(unit: Units, values: Any, places: Any) -> tuple[Any, Any]:
    """The first largest of each row and its place, in ceil(log2 n) rounds between neighbours."""
    while (n := values.shape[-1]) > 1:
        even = n - n % 2
        (a, b), (i, j) = ((part[..., :even:2], part[..., 1:even:2]) for part in (values, places))
        ahead = _ahead(unit, a, b, i, j)
        values = np.concatenate([unit.select(ahead, a, b), values[..., even:]], -1)
        places = np.concatenate([unit.select(ahead, i, j), places[..., even:]], -1)
    return values, places


def _ahead(unit: Units, a: Any, b: Any, i: Any, j: Any) -> Any:
    """Whether a beats b: it is larger, or equal and first in place."""
    first = unit.multiply(at_least(unit, b, a), at_least(unit, i, j))
    return unit.multiply(at_least(unit, a, b), _not(unit, first))


CHOICES: dict[str, Callable[..., Any]] = {
    **{f"aten.{name}.{t}": f for name, f in _COMPARISONS.items() for t in ("Scalar", "Tensor")},
    "aten.argmax.default": place(1),
    "aten.argmin.default": place(-1),
    "aten.embedding.default": read(embedding),
    "aten.gather.default": read(gather),
    "aten.index.Tensor": read(index),
    "aten.index_select.default": read(index_select),
    "aten.masked_fill.Scalar": fill,
    "aten.sort.stable": order,
    "aten.where.Scalar": select,
    "aten.where.ScalarOther": select,
    "aten.where.ScalarSelf": select,
    "aten.where.self": select,
}
"""Lookups, by the op's name."""

COUNTS: dict[str, Callable[..., Any]] = {
    "aten.cumsum.default": running_total,
    "aten.sum.dim_IntList": total,
}
"""Matrix products of integers and masks, by the op's name."""

LOGIC: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(["aten.__and__.Tensor", "aten.bitwise_and.Tensor", "aten.logical_and.default"], both),
    **dict.fromkeys(["aten.__or__.Tensor", "aten.bitwise_or.Tensor", "aten.logical_or.default"], either),
    **dict.fromkeys(
        ["aten.__xor__.Tensor", "aten.bitwise_xor.Tensor", "aten.logical_xor.default"], one_of_two
    ),
    **dict.fromkeys(["aten.bitwise_not.default", "aten.logical_not.default"], _not),
    **{
        f"aten.{name}.default": (lambda unit, x, how=name: unit.whole(x, how))
        for name in ("ceil", "floor", "round", "trunc")
    },
}
"""Hadamard instructions, by the op's name."""


GUIDES = {"embedding": 1, "gather": 2, "index": 1, "index_select": 2, "masked_fill": 1, "where": 0}
"""Which argument of an op guides a choice, a mask or an index, and is no word to be chosen."""


NUMBERS = {
    "clamp": (1, 2),
    "clamp_max": (1,),
    "clamp_min": (1,),
    "constant_pad_nd": (2,),
    "masked_fill": (2,),
    "pad": (3,),
    "scatter": (3,),
    "where": (1, 2),
}
"""Which arguments of an op are numbers beside its words, be they written as 7 or as 7.0."""


def is_number(target: str, position: int, value: Any) -> bool:
    """Whether an argument is a whole number that stands beside words."""
    name = target.removeprefix("aten.").partition(".")[0]
    return isinstance(value, int) and position in NUMBERS.get(name, ())


def guide(target: str) -> int | None:
    """The position of an op's mask or index."""
    return GUIDES.get(target.removeprefix("aten.").partition(".")[0])


def compares(target: str) -> bool:
    """Whether an op compares two values."""
    return target.removeprefix("aten.").partition(".")[0] in _COMPARISONS
