"""Edges: what range every value of a program has, seen in the calibration pass.

A number at or below -9000 is taken for a masked score (masks add -10,000 to minus infinity) where an addend
of the host's can have made it: it is noted, and kept out of the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from approx.network import softmaxes
from approx.network.calibrate import Histogram
from approx.network.choices import selects
from approx.network.floors import above, floors
from approx.network.host import is_computed, on_host
from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.nodes import aten, is_float, reads_input

MASKED = -9e3
INFINITE = -(2.0**128)
"""What stands for a masked score of minus infinity: no float32 is as low."""
PASSES = {
    aten.add.Tensor,
    aten.sub.Tensor,
    aten.amax.default,
    aten.maximum.default,
    aten.clamp.default,
    aten.clamp_min.default,
    aten.masked_fill.Scalar,
    aten.where.self,
    aten.where.ScalarSelf,
    aten.where.ScalarOther,
}
"""Ops whose result can be a masked score."""


@dataclass
class Edge:
    """The range of one value.

    Attributes:
        lowest: least number seen, masked scores left out.
        highest: largest number seen.
        masked: the least masked score that was seen, 0 if none was.
        histogram: counts of the numbers, for operands of matrix products.
        steps: what `narrow` found from the histogram; every plan asks the same.
        above: least number above the floor of an inverse that reads the value, where it has one.
    """

    lowest: float = float("inf")
    highest: float = float("-inf")
    masked: float = 0.0
    histogram: Histogram | None = field(default=None, repr=False)
    steps: dict[tuple[float, ...], float] = field(default_factory=dict, repr=False, compare=False)
    above: float = field(default=float("inf"), repr=False, compare=False)

    def update(self, x: Tensor, may_be_masked: bool, noted: bool = True) -> None:
        """See some numbers; masked scores among them are `noted`, or left out."""
        self.steps.clear()
        values = x.detach().float().flatten()
        usable = torch.isfinite(values)
        if may_be_masked:
            usable &= values > MASKED
            hidden = values[values <= MASKED]
            if noted and hidden.numel():
                self.masked = max(min(self.masked, float(hidden.min())), INFINITE)
        if not usable.all():
            values = values[usable]
        if values.numel():
            low, high = torch.aminmax(values)
            self.lowest, self.highest = min(self.lowest, low.item()), max(self.highest, high.item())
        if self.histogram is not None:
            self.histogram.update(values)

    @property
    def seen(self) -> bool:
        """Whether any number was seen."""
        return self.lowest <= self.highest

    @property
    def magnitude(self) -> float:
        """The largest distance from 0 that was seen."""
        return max(abs(self.lowest), abs(self.highest)) if self.seen else 0.0


class Recorder(fx.Interpreter):
    """Runs a program and sees the range of every value.

    Attributes:
        edges: by the node's name.
        hides: scores of softmaxes of which a part is hidden, as padding would, after they were seen; with
            the axis along which.
    """

    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__(program)
        self._floors = floors(program)
        self._shifts = list(softmaxes.shifts(program.graph))
        self.edges: dict[str, Edge] = {}
        self.hides: dict[str, int] = {}
        self._operands = {source.name for node in program.graph.nodes for source in _operands(node)}
        self._masked = can_be_masked(program.graph)

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and see its value."""
        value = super().run_node(n)
        if isinstance(value, Tensor) and value.dtype is not torch.bool and not value.is_complex():
            if n.name not in self.edges:
                self.edges[n.name] = Edge(histogram=Histogram() if n.name in self._operands else None)
            self.edges[n.name].update(self._counting(n, value), n in self._masked, noted=not self.hides)
        return _padded(value, self.hides[n.name]) if n.name in self.hides else value

    def _counting(self, n: fx.Node, value: Tensor) -> Tensor:
        """The numbers that count: those of an inverse that does not read its floor, and what it reads."""
        if n not in self._floors:
            return value
        source: Any = n.args[0]
        read, edge = self.env[source], self.edges[source.name]
        counts = above(read, self._floors[n])
        if counts is None:  # it is no floor
            edge.above = -float("inf")
        if counts is None or not bool(counts.any()):
            return value
        edge.above = min(edge.above, float(read[counts].min()))
        return value[counts]

    def never_masked(self) -> dict[str, int]:
        """Scores of softmaxes that a mask can hide and none has, with their softmax's axis."""
        found: dict[str, int] = {}
        for shift in self._shifts:
            edge = self.edges.get(shift.scores.name)
            if (
                shift.axis is not None
                and shift.scores in self._masked
                and edge is not None
                and not edge.masked
            ):
                found[shift.scores.name] = shift.axis
        return found


def _padded(scores: Tensor, axis: int) -> Tensor:
    """Scores of which each of the batch keeps another number along an axis from the first on, 1 at least."""
    along = scores.movedim(axis, -1)
    n, batch = along.shape[-1], along.shape[0] if along.dim() > 1 else 1
    left = 1 + torch.arange(batch, device=scores.device) * n // batch
    hidden = torch.arange(n, device=scores.device) >= left.reshape([batch] + [1] * max(along.dim() - 1, 0))
    return along.masked_fill(hidden.reshape(n) if along.dim() == 1 else hidden, -torch.inf).movedim(-1, axis)


def _operands(node: fx.Node) -> Sequence[fx.Node]:
    """The activations that a matrix product of the node reads."""
    known = INSTRUCTIONS.get(node.target)
    if known is None or known.kind is not Kind.GEMM or node.op != "call_function":
        return []
    return [a for a in node.args[:2] if isinstance(a, fx.Node) and reads_input(a)]


def can_be_masked(graph: fx.Graph) -> set[fx.Node]:
    """Values that a masked score can be: where the host's numbers are added or filled in, and on.

    Of the scores of a softmax, also those that a number of an input is added to.
    """
    scores = softmaxes.scores(graph)
    found: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op != "call_function" or not is_float(node.meta.get("val")):
            if node in scores and node.op in ("placeholder", "get_attr"):
                found.add(node)
            continue
        inputs = node.all_input_nodes
        begins = _is_mask(node) or selects(node) or any(_is_mask(n) for n in inputs)
        known = INSTRUCTIONS.get(node.target)
        moves = known is not None and known.kind is Kind.MOVE
        passes = node.target in PASSES or moves or _is_mask(node) or softmaxes.is_scaling(node)
        if passes and (begins or found.intersection(inputs)):
            found.add(node)
    return found


def _is_mask(node: fx.Node) -> bool:
    """Whether a value is made of no data: the host knows it, whoever computes it."""
    return node.op == "call_function" and (on_host(node) or not is_computed(node))
