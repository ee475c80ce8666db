"""From a program and its calibrated ranges to the plan."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx

from approx.network.fixed import choices, rules  # noqa: F401 - register theirs
from approx.network.fixed.accumulators import width
from approx.network.fixed.edges import Edge
from approx.network.fixed.plan import Plan
from approx.network.fixed.planner import Planner
from approx.network.host import is_computed
from approx.network.nodes import is_float
from approx.network.numerics import Numerics


def build(program: fx.GraphModule, edges: Mapping[str, Edge], numerics: Numerics) -> tuple[Plan, int]:
    """Plan a program.

    Returns:
        The plan, and the accumulators' width.

    Raises:
        ValueError: the program was not calibrated, holds an op that has no rule, or can overflow the
            accumulators.
    """
    planner = Planner(program, edges, numerics)
    for node in program.graph.nodes:
        numbers = is_float(node.meta.get("val")) or is_computed(node)
        if node.op in ("placeholder", "call_function", "call_module") and numbers:
            planner.visit(node)
    accumulator = width(planner.needs, numerics.accumulator)
    return planner.finished(accumulator), accumulator
