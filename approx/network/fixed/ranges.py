"""Ranges: what a value can be, from what calibration saw and from what is known of masks before they run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import fx

from approx.network.fixed.edges import INFINITE, MASKED, PASSES, Edge
from approx.network.host import is_computed
from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.masks import Bounds, possible
from approx.network.nodes import is_float, reads_input
from approx.network.softmaxes import is_scaling

LARGEST = 2.0**127
"""What stands for infinity: a float32 holds a word of it."""
ABSORBING = -1e6
"""A mask at or below this leaves nothing of a float32 score that it is added to; a row of such is uniform."""
NO_RANGE: Bounds = (math.inf, -math.inf)


@dataclass(frozen=True)
class Range:
    """What a value can be.

    Attributes:
        low, high: its numbers, masked scores left out; low > high where nothing is known.
        depth: the least masked score, 0 where there is none, `INFINITE` of minus infinity.
    """

    low: float
    high: float
    depth: float = 0.0

    @property
    def known(self) -> bool:
        """Whether any number is known."""
        return self.low <= self.high

    @property
    def hides(self) -> bool:
        """Whether masked scores are minus infinity, so that a row of such has no largest score."""
        return self.depth <= INFINITE

    @property
    def absorbs(self) -> bool:
        """Whether masked scores are all one number, whatever they were added to."""
        return self.depth <= ABSORBING


class Ranges:
    """The range of every value of a program."""

    def __init__(self, edges: Mapping[str, Edge]) -> None:
        self._edges = edges
        self._possible: dict[fx.Node, Bounds] = {}
        self._depths: dict[fx.Node, float] = {}

    def of(self, node: fx.Node) -> Range | None:
        """The range of a value; None if calibration did not see it and nothing else tells it."""
        edge = self._edges.get(node.name)
        known = self._known(node)
        if edge is None and known is None:
            return None
        low, high = (edge.lowest, edge.highest) if edge is not None and edge.seen else NO_RANGE
        if known is not None:
            least = known[0] if known[0] > MASKED else min(low, known[1])
            low, high = min(low, least), max(high, known[1])
        return Range(max(low, -LARGEST), min(high, LARGEST), self._depth(node))

    def _depth(self, node: Any) -> float:
        """The least masked score that was seen of a value, or that is added or filled into it."""
        if node not in self._depths:
            edge, known = self._edges.get(node.name), self._known(node)
            found = [0.0 if edge is None else -abs(edge.masked), 0.0 if known is None else known[0]]
            if node.op == "call_function" and is_scaling(node):
                found.append(self._depth(node.args[0]) * max(float(node.args[1]), 0.0))
            elif node.op == "call_function" and (node.target in PASSES or moves(node)):
                found += [self._depth(n) for n in node.all_input_nodes if is_float(n.meta.get("val"))]
                found += [float(a) for a in node.args if isinstance(a, float)]
            least = min(found)
            self._depths[node] = max(least, INFINITE) if least <= MASKED else 0.0
        return self._depths[node]

    def _known(self, node: fx.Node) -> Bounds | None:
        """What masks and positions can make of a value; None of one that data reach."""
        if node.op == "placeholder":
            return None if is_float(node.meta.get("val")) else possible(node, self._seen, self._possible)
        if node.op != "call_function" or is_computed(node) or not reads_input(node) or _reads_floats(node):
            return None  # what depends on no input was seen as it is
        found = possible(node, self._seen, self._possible)
        return None if found[0] > found[1] else found

    def _seen(self, node: fx.Node) -> Bounds:
        edge = self._edges.get(node.name)
        if edge is None or not edge.seen:
            return NO_RANGE
        return (min(edge.lowest, -abs(edge.masked)) if edge.masked else edge.lowest), edge.highest


def _reads_floats(node: fx.Node) -> bool:
    """Whether floats of an input reach a value."""
    if "reads_floats" not in node.meta:
        node.meta["reads_floats"] = any(
            (n.op == "placeholder" and is_float(n.meta.get("val"))) or _reads_floats(n)
            for n in node.all_input_nodes
        )
    return bool(node.meta["reads_floats"])


def moves(node: fx.Node) -> bool:
    """Whether a node moves words and computes nothing."""
    known = INSTRUCTIONS.get(node.target)
    return node.op == "call_function" and known is not None and known.kind is Kind.MOVE


def reads_inputs_alone(node: fx.Node) -> bool:
    """Whether a value is an input's, moved."""
    return node.op == "placeholder" or (moves(node) and all(map(reads_inputs_alone, node.all_input_nodes)))
