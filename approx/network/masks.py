"""What is known of a mask before it runs: that it hides nothing, or what numbers it can hold.

Libraries build attention masks from positions even where nothing is masked (`arange(n) >= 0`). Such a mask
would cost an addition for every attention score; bounds on the positions prove it true everywhere.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from torch import fx

from approx.network.nodes import aten, is_float

Bounds = tuple[float, float]
_UNKNOWN: Bounds = (-math.inf, math.inf)

_SAME_VALUES = {
    aten.alias.default,
    aten.clone.default,
    aten.expand.default,
    aten.reshape.default,
    aten.slice.Tensor,
    aten.to.dtype,
    aten.unsqueeze.default,
    aten.view.default,
}
_COMPARISONS: dict[Any, Callable[[Bounds, Bounds], bool]] = {
    aten.ge.Scalar: lambda x, y: x[0] >= y[1],
    aten.gt.Scalar: lambda x, y: x[0] > y[1],
    aten.le.Scalar: lambda x, y: x[1] <= y[0],
    aten.lt.Scalar: lambda x, y: x[1] < y[0],
}
_CONJUNCTIONS = {aten.bitwise_and.Tensor, aten.logical_and.default, aten.__and__.Tensor}


def always_true(mask: Any) -> bool:
    """Whether `mask`, a node, is proven true everywhere, for every batch size."""
    if not isinstance(mask, fx.Node):
        return False
    if mask.target in _SAME_VALUES:
        return always_true(mask.args[0])
    if mask.target in _CONJUNCTIONS:
        return all(always_true(part) for part in mask.args)
    if mask.target in _COMPARISONS:
        return _COMPARISONS[mask.target](_bounds(mask.args[0]), _bounds(mask.args[1]))
    return False


def _bounds(value: Any) -> Bounds:
    """Bounds of an integer computed from positions."""
    if isinstance(value, int | float):
        return (value, value)
    if not isinstance(value, fx.Node):
        return _UNKNOWN
    if value.target in _SAME_VALUES:
        return _bounds(value.args[0])
    if value.target is aten.arange.default:
        end = value.args[0]
        return (0, end - 1 if isinstance(end, int) else math.inf)
    if value.target is aten.add.Tensor:
        (low, high), (other_low, other_high) = _bounds(value.args[0]), _bounds(value.args[1])
        return (low + other_low, high + other_high)
    return _UNKNOWN


_CHOICES = {
    aten.where.self: (1, 2),
    aten.where.Scalar: (1, 2),
    aten.where.ScalarOther: (1, 2),
    aten.where.ScalarSelf: (1, 2),
    aten.masked_fill.Scalar: (0, 2),
    aten.masked_fill.Tensor: (0, 2),
    aten.mul.Tensor: (0, 1),
    aten.mul.Scalar: (0, 1),
    aten.add.Tensor: (0, 1),
    aten.add.Scalar: (0, 1),
    aten.sub.Tensor: (0, 1),
    aten.sub.Scalar: (0, 1),
    aten.neg.default: (0,),
    aten._to_copy.default: (0,),
    aten.contiguous.default: (0,),
    aten.select.int: (0,),
} | dict.fromkeys(_SAME_VALUES, (0,))
"""Where the numbers come from that an op gives: the positions of its arguments."""


def possible(
    value: Any, seen: Callable[[fx.Node], Bounds], known: dict[fx.Node, Bounds] | None = None
) -> Bounds:
    """Bounds of a value that only masks, positions and constants reach: masks may hold 0 and 1.

    Args:
        value: a node, or a number.
        seen: the bounds that calibration saw of a node.
        known: what was found before, by the node.

    Returns:
        (low, high); low > high where nothing is known.
    """
    if not isinstance(value, fx.Node):
        return (float(value), float(value)) if isinstance(value, int | float) else (math.inf, -math.inf)
    known = {} if known is None else known
    if value not in known:
        found = seen(value)
        if value.target in _CHOICES:
            parts = [possible(value.args[i], seen, known) for i in _CHOICES[value.target]]
            if all(low <= high for low, high in parts):
                found = _among([_outcome(value.target, parts), found])
        elif not is_float(value.meta.get("val")):
            found = _among([(0.0, 1.0), found])
        known[value] = found
    return known[value]


def _outcome(target: Any, parts: list[Bounds]) -> Bounds:
    """What an op can give of arguments within bounds."""
    operation = _ARITHMETIC.get(target)
    return _among(parts) if operation is None else combined(operation, *parts)


def combined(operation: Callable[..., float], *parts: Bounds) -> Bounds:
    """Bounds of a monotone function of numbers within bounds."""
    values = [operation(*corner) for corner in itertools.product(*parts)]
    return min(values), max(values)


def _among(parts: Iterable[Bounds]) -> Bounds:
    lows, highs = zip(*parts, strict=True)
    return min(lows), max(highs)


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


_ARITHMETIC: dict[Any, Callable[..., float]] = {
    aten.mul.Tensor: _product,
    aten.mul.Scalar: _product,
    aten.add.Tensor: lambda a, b: a + b,
    aten.add.Scalar: lambda a, b: a + b,
    aten.sub.Tensor: lambda a, b: a - b,
    aten.sub.Scalar: lambda a, b: a - b,
    aten.neg.default: lambda a: -a,
}
