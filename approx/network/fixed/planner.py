"""The planner: the plan under construction, and what its rules ask about a program's values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, fx

from accel_models.precision import Widths
from approx.cpwl import get_function
from approx.network import softmaxes
from approx.network.calibrate import calibrated_domain
from approx.network.fixed.accumulators import Need
from approx.network.fixed.demand import Demands
from approx.network.fixed.edges import MASKED, PASSES, Edge, can_be_masked
from approx.network.fixed.plan import Constant, Plan, Step
from approx.network.fixed.ranges import ABSORBING, LARGEST, Range, Ranges, reads_inputs_alone
from approx.network.fixed.words import Word
from approx.network.host import is_computed, on_host
from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.masks import Bounds
from approx.network.nodes import arguments, aten, attribute, is_float, label
from approx.network.numerics import Numerics
from approx.network.site import SiteModule
from approx.network.softmaxes import shift_at

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
        layers: the layers so far, by name.
    """

    def __init__(self, program: fx.GraphModule, edges: Mapping[str, Edge], numerics: Numerics) -> None:
        self.program, self.edges, self.numerics = program, edges, numerics
        self.ranges, self.maskable = Ranges(edges), can_be_masked(program.graph)
        self.scores = softmaxes.scores(program.graph)
        self.demands = Demands(program.graph, self.ranges, self.maskable, self._tails)
        self.steps: dict[str, Step] = {}
        self.needs: list[Need] = []
        self.layers: dict[str, None] = {}
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
        """The plan, products that only sums read shifted so that these accumulators hold the sums.

        Raises:
            ValueError: the numerics give widths to a layer that there is not.
        """
        check_named(self.numerics.layers, self.layers)
        for name, terms in self._unrounded.items():
            step = self.steps[name]
            bits = min(step.word.bits, accumulator - math.ceil(math.log2(terms)))
            word = Word(bits, step.word.fraction - (step.word.bits - bits))
            self.steps[name] = replace(step, word=word, rounds=bits < step.word.bits)
        return self.steps

    # Formats

    def widths(self, node: fx.Node) -> Widths:
        """The widths of a matrix product's operands."""
        self.layers[label(node)] = None
        return self.numerics.precision.of(label(node))

    def range(self, node: fx.Node) -> Range:
        """What a value can be.

        Raises:
            ValueError: nothing is known of it.
        """
        found = self.ranges.of(node)
        if found is None:
            raise ValueError(
                f"data = {self.numerics.data}: the range of {label(node)} is unknown: must be calibrated; "
                "convert with calibration batches"
            )
        return found

    def edge(self, node: fx.Node) -> Edge:
        """What calibration saw of a value; nothing of one that it did not see."""
        return self.edges.get(node.name, Edge())

    def word(self, node: fx.Node) -> Word:
        """The stored word of a value: the finest that holds what its readers tell apart of its range."""
        low, high = self.reach(node)
        of_masks = node.op == "call_function" and not is_computed(node)
        return Word.holding(self.numerics.word_bits, max(abs(low), abs(high)), whole=of_masks)

    def reach(self, node: fx.Node) -> Bounds:
        """The least and the largest number that the word of a value must hold."""
        found, (least, most) = self.range(node), self.demands.on(node)
        low, high = (found.low, found.high) if found.known else (0.0, 0.0)
        if self._is_masked(node):
            return self._lowest_masked(node, low, least), min(high, max(most, low))
        return max(low, min(least, high)), min(high, max(most, low))

    def _is_masked(self, node: fx.Node) -> bool:
        """Whether a mask makes numbers of a value that calibration need not have seen."""
        shift = shift_at(node)
        scores = node if shift is None else shift.scores
        return scores in self.maskable and (scores in self.scores or self.range(node).depth < 0)

    def _lowest_masked(self, node: fx.Node, low: float, least: float) -> float:
        """How far down a word must reach so that what is masked is told from what is not."""
        if not math.isfinite(least):
            depth = max(self.range(node).depth, -LARGEST)
            given = reads_inputs_alone(node) or (depth > ABSORBING and _is_given(node))
            return min(low, depth) if given else low - (MASK_MARGIN if depth else 0.0)
        if node.target in (aten.add.Tensor, aten.sub.Tensor) and shift_at(node) is None:
            return min(least, self._lowest_sum(node))
        return least

    def _lowest_sum(self, node: fx.Node) -> float:
        """The least sum where a mask leaves the scores that it is added to as they differ; else 0."""
        parts = [a for a in node.args[:2] if isinstance(a, fx.Node) and self.ranges.of(a) is not None]
        if len(parts) < 2:
            return 0.0
        adds = node.target is aten.add.Tensor
        depths = (
            self.range(parts[0]).depth,
            self.range(parts[1]).depth if adds else -self.range(parts[1]).high,
        )
        if not ABSORBING < min(depths) <= MASKED:
            return 0.0
        (low, _), (other, high) = (self.reach(a) for a in parts)
        lows = low, other if adds else -high
        masks = (depth <= MASKED for depth in depths)  # a mask saturates where its word ends
        return sum(-holding(-n) if mask else n for n, mask in zip(lows, masks, strict=True))

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
            return min(abs(float(value)), LARGEST)
        if value.op == "get_attr":
            return self._magnitude_of_constant(value)
        return max(map(abs, self.reach(value)))

    def _magnitude_of_constant(self, node: fx.Node) -> float:
        """The largest magnitude of a parameter or constant; of a mask's, what its readers tell apart."""
        tensor, (least, most) = self.tensor(node).double(), self.demands.on(node)
        if tensor.numel() == 0:
            return 0.0
        low, high = max(float(tensor.min()), least), min(float(tensor.max()), most)
        return min(max(abs(low), abs(high)), LARGEST)

    def tensor(self, node: fx.Node) -> Tensor:
        """The parameter or constant that a node reads."""
        value: Tensor = attribute(self.program, node)
        return value.detach()

    def constant(self, value: Any, finest: int) -> Constant:
        """The word of an operand that is no planned value, with at most so many digits after the point."""
        word = Word.holding(self.numerics.word_bits, self.magnitude(value), whole=True)
        return Constant(word.bits, min(word.fraction, finest))

    def need(self, node: fx.Node, terms: int, magnitude: float) -> int:
        """Note what a layer's accumulators must hold, and return it."""
        self.needs.append(Need(label(node), terms, math.ceil(magnitude)))
        return self.needs[-1].magnitude

    def _tails(self, node: fx.Node, seen: Bounds) -> Bounds:
        module: Any = self.program.get_submodule(str(node.target))
        return _constant_tails(module, seen)

    def unrounded(self, node: fx.Node, terms: int) -> None:
        """Let a product go to the accumulators of the sums that read it."""
        self._unrounded[node.name] = terms


def check_named(patterns: Iterable[str], layers: Iterable[str]) -> None:
    """Refuse a name or glob that answers to no layer."""
    known = list(layers)
    for pattern in patterns:
        if not any(pattern == name or fnmatchcase(name, pattern) for name in known):
            near = get_close_matches(pattern, known, n=3, cutoff=0.3) or known[:3]
            raise ValueError(
                f"layers[{pattern!r}]: must name a layer or match some; near it: {', '.join(near)}"
            )


def _is_given(node: Any) -> bool:
    """Whether what looks like masked scores can only be an input's own: nothing of the host's was added."""
    if not isinstance(node, fx.Node):
        return not isinstance(node, int | float) or node > MASKED
    if node.op != "call_function":
        return node.op in ("placeholder", "call_module") or "is_parameter" in node.meta
    return (
        not on_host(node) and all(map(_is_given, node.args)) if node.target in PASSES else is_computed(node)
    )


def holding(magnitude: float) -> float:
    """The least power of two that is not less than a magnitude."""
    return 2.0 ** math.ceil(math.log2(magnitude)) if magnitude > 0 else 0.0


def _constant_tails(module: SiteModule, seen: Bounds) -> Bounds:
    """Where the site's function is constant to the left, and to the right; infinite where it is not.

    One step of margin, so that an input that saturates there is served by the tail.
    """
    table = module.table
    if table is None:
        function = get_function(module.function)
        left, right = calibrated_domain(function, seen if function.exact else (-math.inf, math.inf))
        flat = [isinstance(tail, tuple) and tail[0] == 0 for tail in (function.left, function.right)]
    else:
        left, right = float(table.knots[0]), float(table.knots[-1])
        flat = [table.left[0] == 0, table.right[0] == 0]
    margin = (min(right, seen[1]) - max(left, seen[0])) / 64
    margin = margin if math.isfinite(margin) and margin > 0 else 0.0
    return (left - margin if flat[0] else -math.inf), (right + margin if flat[1] else math.inf)
