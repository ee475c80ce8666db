"""What a user's `Dim` says of a free axis beyond its being free: that it stays so, its bounds, its equals."""

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import fx
from torch.export import Dim
from torch.utils._sympy.numbers import int_oo

from approx.network.batch import sizes_of
from approx.network.expressions import Names, size_text

Place = tuple[str, Any, Any]
"""An axis as a person calls it, its size in the trace, and its `Dim`."""


def places(inputs: list[fx.Node], labels: Sequence[str], axes: Sequence[Mapping[int, Any]]) -> list[Place]:
    """Every axis that a user names."""
    return [
        (f"{label}.shape[{axis}]", sizes_of(node)[axis], dim)
        for node, label, free in zip(inputs, labels, axes, strict=True)
        for axis, dim in free.items()
    ]


def check_free(stated: list[Place]) -> None:
    """Refuse a `Dim` whose axis the model fixes; `Dim.AUTO` leaves that to the model.

    Raises:
        ValueError: names the axis and the size that it must have.
    """
    for place, size, dim in stated:
        fixed = not isinstance(size, torch.SymInt) or isinstance(size.node.expr, sympy.Integer)
        if fixed and dim is not Dim.AUTO:
            name = getattr(dim, "__name__", "Dim.DYNAMIC")
            raise ValueError(
                f"dynamic_shapes: {place} = {name}: must be {int(size)}, which the model fixes; leave it "
                "out, or say Dim.AUTO, which frees what can be"
            )


def conditions(stated: list[Place], names: Names) -> list[str]:
    """Bounds, and equality of axes that have one name."""
    found: list[str] = []
    first: dict[str, str] = {}
    for _, size, dim in stated:
        text = str(size_text(size, names))
        low, high = getattr(dim, "min", None), getattr(dim, "max", None)
        found += [f"{text} >= {int(low)}"] if low is not None and low > 1 else []
        found += (
            [f"{text} <= {int(high)}"] if high is not None and high is not int_oo and high < 2**31 else []
        )
        name = getattr(dim, "__name__", None)
        if isinstance(name, str) and name.isidentifier():
            found += [f"{text} == {first[name]}"] if first.setdefault(name, text) != text else []
    return found
