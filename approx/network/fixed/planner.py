"""The planner: the plan under construction, and what its rules ask about a program's values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, fx

from approx.cpwl import get_function
from approx.network.calibrate import calibrated_domain
from approx.network.fixed.accumulators import Need
from approx.network.fixed.edges import Edge
from approx.network.fixed.plan import Constant, Plan, Step
from approx.network.fixed.words import Word
from approx.network.host import is_computed, on_host
from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.nodes import arguments, aten, is_float, label
from approx.network.numerics import Numerics
from approx.network.site import SiteModule

MASK_MARGIN = 16.0
"""How far below every other score a masked one lies: exp(-16) is less than half a step of a 16-bit word."""

Rule = Callable[["Planner", fx.Node], Step]
RULES: dict[Any, Rule] = {}


def rule(*targets: Any) -> Callable[[Rule], Rule]:
    """Register the decorated function as what plans `targets`."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(targets, function))
        return function

    return register


def _key(node: fx.Node) -> Any:
    """What a node is registered under: its op, "site", "move", "whole" (integers) or "number" (of them)."""
    if node.op == "call_module":
        return "site"
    if not is_float(node.meta.get("val")):
        return "whole"
    if node.target is aten.to.dtype and not is_float(arguments(node)[0].meta.get("val")):
        return "number"
    known = INSTRUCTIONS.get(node.target)
    return "move" if known is None or known.kind is Kind.MOVE else node.target


class Planner:
    """The plan under construction.

    Attributes:
        steps: so far, by the node's name.
        needs: what the layers' accumulators must hold.
    """

    def __init__(self, program: fx.GraphModule, edges: Mapping[str, Edge], numerics: Numerics) -> None:
        self.program, self.edges, self.numerics = program, edges, numerics
        self.steps: dict[str, Step] = {}
        self.needs: list[Need] = []
        self._unrounded: dict[str, int] = {}

    def visit(self, node: fx.Node) -> None:
        """Plan one node, unless the host knows its value."""
        if node.op != "placeholder" and on_host(node):
            return
        if node.op == "placeholder":
            self.steps[node.name] = Step(self.word(node))
            return
        planned = RULES.get(_key(node))
        if planned is None:
            raise ValueError(
                f"data = {self.numerics.data}: op {node.target} at {label(node)} has no fixed-point form"
            )
        self.steps[node.name] = planned(self, node)

    def finished(self, accumulator: int) -> Plan:
        """The plan, products that only sums read shifted so that these accumulators hold the sums."""
        for name, terms in self._unrounded.items():
            step = self.steps[name]
            bits = min(step.word.bits, accumulator - math.ceil(math.log2(terms)))
            word = Word(bits, step.word.fraction - (step.word.bits - bits))
            self.steps[name] = replace(step, word=word, rounds=bits < step.word.bits)
        return self.steps

    # Formats

    def edge(self, node: fx.Node) -> Edge:
        """The calibrated range of a value.

        Raises:
            ValueError: there is none.
        """
        edge = self.edges.get(node.name)
        if edge is None:
            raise ValueError(
                f"data = {self.numerics.data}: the range of {label(node)} is unknown: must be calibrated; "
                "convert with calibration batches"
            )
        return edge

    def word(self, node: fx.Node) -> Word:
        """The stored word of a value: the finest that holds its range."""
        edge = self.edge(node)
        low, high = (edge.lowest, edge.highest) if edge.seen else (0.0, 0.0)
        if edge.masked:
            low -= MASK_MARGIN + self.span_of_sums(node)
        low, high = self._needed_by_site(node, low, high)
        of_masks = node.op == "call_function" and not is_computed(node)
        return Word.holding(self.numerics.word_bits, max(abs(low), abs(high)), whole=of_masks)

    def span_of_sums(self, node: fx.Node) -> float:
        """The widest range of masked scores that a value is yet added to: what masks must outdo them all."""
        spans = [0.0]
        for user in node.users:
            edge = self.edges.get(user.name)
            if user.target is aten.add.Tensor and edge is not None and edge.masked and edge.seen:
                spans.append(edge.highest - edge.lowest)
            if _key(user) == "move":
                spans.append(self.span_of_sums(user))
        return max(spans)

    def _needed_by_site(self, node: fx.Node, low: float, high: float) -> tuple[float, float]:
        """The range without what only a constant tail of the one site that reads it would serve."""
        users = list(node.users)
        if len(users) != 1 or users[0].op != "call_module":
            return low, high
        module: Any = self.program.get_submodule(str(users[0].target))
        left, right = _constant_tails(module, (low, high))
        return max(low, min(left, high)), min(high, max(right, low))

    def word_of(self, value: Any) -> Word | None:
        """The word of an argument; None for what is no planned value: the host's numbers and Python's."""
        if isinstance(value, list | tuple):
            return None
        return (
            self.steps[value.name].word if isinstance(value, fx.Node) and value.name in self.steps else None
        )

    def magnitude(self, value: Any) -> float:
        """The largest magnitude of an argument that is no planned value."""
        if not isinstance(value, fx.Node):
            return abs(float(value))
        if value.op == "get_attr":
            return float(self.tensor(value).abs().max())
        edge = self.edge(value)
        return edge.magnitude + (MASK_MARGIN if edge.masked else 0.0)

    def tensor(self, node: fx.Node) -> Tensor:
        """The parameter or constant that a node reads."""
        path, _, leaf = str(node.target).rpartition(".")
        value: Tensor = getattr(self.program.get_submodule(path), leaf)
        return value.detach()

    def constant(self, value: Any, finest: int) -> Constant:
        """The word of an operand that is no planned value, with at most so many digits after the point."""
        word = Word.holding(self.numerics.word_bits, self.magnitude(value), whole=True)
        return Constant(word.bits, min(word.fraction, finest))

    def need(self, node: fx.Node, terms: int, magnitude: float) -> int:
        """Note what a layer's accumulators must hold, and return it."""
        self.needs.append(Need(label(node), terms, math.ceil(magnitude)))
        return self.needs[-1].magnitude

    def unrounded(self, node: fx.Node, terms: int) -> None:
        """Let a product go to the accumulators of the sums that read it."""
        self._unrounded[node.name] = terms


def _constant_tails(module: SiteModule, seen: tuple[float, float]) -> tuple[float, float]:
    """Where the site's function is constant to the left, and to the right; infinite where it is not.

    One step of margin, so that an input that saturates there is served by the tail.
    """
    table = module.table
    if table is None:
        function = get_function(module.function)
        left, right = calibrated_domain(function, seen)
        flat = [isinstance(tail, tuple) and tail[0] == 0 for tail in (function.left, function.right)]
    else:
        left, right = float(table.knots[0]), float(table.knots[-1])
        flat = [table.left[0] == 0, table.right[0] == 0]
    margin = (right - left) / 64
    return (left - margin if flat[0] else -math.inf), (right + margin if flat[1] else math.inf)
