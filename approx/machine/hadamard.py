"""Hadamard instructions: element-wise multiply and add."""

from collections.abc import Callable
from typing import Any

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
    return unit.multiply(x, -1.0)


HADAMARD: dict[str, Callable[..., Any]] = {
    "aten.add.Tensor": add,
    "aten.mul.Tensor": multiply,
    "aten.neg.default": negative,
    "aten.sub.Tensor": subtract,
}
