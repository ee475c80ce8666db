"""Floors: the least number that an inverse reads, and the rows that lie on it.

A norm's variance plus eps is eps itself where a row is of one value: what the inverse root is there does not
matter, as it multiplies zeros. Tables and words that reached 1e6 for such rows would serve no other row.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, fx

from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.nodes import aten, is_float
from approx.network.site import SiteModule

_INVERSES = ("rsqrt", "reciprocal")
_MOST = 1e-3
"""The largest bound that is an eps: what lies on a larger one counts, as the sum of a softmax does."""

_NOTHING = 2.0**-16
"""Share of the floor by which a number must lie above it to count: below, a row is 0.4% of its size."""


def floors(program: fx.GraphModule) -> dict[fx.Node, float]:
    """The floor of what each inverse reads, by the inverse's node; of those that have one."""
    modules = dict(program.named_modules())
    found: dict[fx.Node, float] = {}
    for node in program.graph.nodes:
        site = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(site, SiteModule) and site.function in _INVERSES:
            floor = _floor(node.args[0], modules)
            if floor is not None and floor > 0:
                found[node] = floor
    return found


def _floor(node: Any, modules: dict[str, Any]) -> float | None:
    """The number that a value cannot be below, if what it is added to is not negative."""
    if not isinstance(node, fx.Node):
        return None
    if node.target in (aten.add.Tensor, aten.add.Scalar, aten.clamp_min.default, aten.clamp.default):
        return _eps(node.args[1] if len(node.args) > 1 else None)
    if node.target is aten.maximum.default:
        return next((eps for eps in map(_eps, node.args) if eps is not None), None)
    known = INSTRUCTIONS.get(node.target)
    if node.op == "call_function" and known is not None and known.kind is Kind.MOVE:
        sources = [n for n in node.all_input_nodes if is_float(n.meta.get("val"))]
        return _floor(sources[0], modules) if len(sources) == 1 else None
    site = modules.get(str(node.target)) if node.op == "call_module" else None
    if isinstance(site, SiteModule) and site.function == "sqrt":
        floor = _floor(node.args[0], modules)
        return None if floor is None or floor < 0 else math.sqrt(floor)
    return None


def _eps(bound: Any) -> float | None:
    """The number that a bound is, if it is one and no larger than an eps."""
    if isinstance(bound, fx.Node) and bound.target is aten.scalar_tensor.default:
        bound = bound.args[0]
    return float(bound) if isinstance(bound, int | float) and bound <= _MOST else None


def above(x: Tensor, floor: float) -> Tensor | None:
    """Where numbers lie above their floor; None where some lie below it, so that it is none."""
    if bool((x < floor * (1 - _NOTHING)).any()):
        return None
    return x > floor * (1 + _NOTHING)
