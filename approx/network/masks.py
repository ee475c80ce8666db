"""What is known of a mask before it runs.

Libraries build attention masks from positions even where nothing is masked (`arange(n) >= 0`). Such a mask
would cost an addition for every attention score; bounds on the positions prove it true everywhere.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import fx

from approx.network.nodes import aten

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
