"""Hadamard instructions: element-wise multiply and add."""

from collections.abc import Callable
from typing import Any

import numpy as np

from approx.machine.choices import LOGIC
from approx.machine.units import Units
from approx.machine.words import Words


def add(unit: Units, x: Any, y: Any, alpha: float = 1) -> Words:
    """X + alpha y."""
    return unit.add(x, y if alpha == 1 else unit.multiply(y, alpha))


def subtract(unit: Units, x: Any, y: Any, alpha: float = 1) -> Words:
    """X - alpha y."""
    return unit.subtract(x, y if alpha == 1 else unit.multiply(y, alpha))


def multiply(unit: Units, x: Any, y: Any) -> Words:
    """The Hadamard product."""
    return unit.multiply(x, y)


def negative(unit: Units, x: Any) -> Words:
    """X times -1."""
    return unit.multiply(x, unit.numbers(-1))


def scatter_add(unit: Units, x: Any, dim: int, index: Any, part: Any) -> Any:
    """X with words added where `index` says along an axis, one position of the index after another."""
    axis = dim % x.ndim
    result = np.copy(x, subok=True)
    reached = result[tuple(slice(None) if d == axis else slice(n) for d, n in enumerate(index.shape))]
    for i in range(index.shape[axis]):
        here = (*[slice(None)] * axis, slice(i, i + 1))
        words = part[tuple(slice(n) for n in index.shape)][here]
        sums = unit.add(np.take_along_axis(reached, index[here], axis), words)
        np.put_along_axis(reached, index[here], sums, axis)
    return result


def index_add(unit: Units, x: Any, dim: int, index: Any, part: Any, alpha: float = 1) -> Any:
    """X with parts added at the indices of an axis, one after another."""
    axis = dim % x.ndim
    result = np.copy(x, subok=True)
    for i, target in enumerate(index.reshape(-1).tolist()):
        here, there = ((*[slice(None)] * axis, at) for at in (i, target))
        result[there] = add(unit, result[there], part[here], alpha)
    return result


HADAMARD: dict[str, Callable[..., Any]] = {
    **LOGIC,
    "aten.add.Scalar": add,
    "aten.add.Tensor": add,
    "aten.index_add.default": index_add,
    "aten.mul.Scalar": multiply,
    "aten.mul.Tensor": multiply,
    "aten.neg.default": negative,
    "aten.scatter_add.default": scatter_add,
    "aten.sub.Scalar": subtract,
    "aten.sub.Tensor": subtract,
}
