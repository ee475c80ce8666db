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

from approx.network.calibrate import Histogram
from approx.network.choices import selects
from approx.network.host import is_computed, on_host
from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.nodes import aten, is_float, reads_input

_MASKED = -9e3
_PASSES = {
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
        masked: whether masked scores were seen.
        histogram: counts of the numbers, for operands of matrix products.
        steps: what `narrow` found from the histogram; every plan asks the same.
    """

    lowest: float = float("inf")
    highest: float = float("-inf")
    masked: bool = False
    histogram: Histogram | None = field(default=None, repr=False)
    steps: dict[tuple[float, ...], float] = field(default_factory=dict, repr=False, compare=False)

    def update(self, x: Tensor, may_be_masked: bool) -> None:
        """See some numbers."""
        self.steps.clear()
        values = x.detach().float().flatten()
        usable = torch.isfinite(values)
        if may_be_masked:
            usable &= values > _MASKED
            self.masked |= bool((values <= _MASKED).any())
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
    """

    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__(program)
        self.edges: dict[str, Edge] = {}
        self._operands = {source.name for node in program.graph.nodes for source in _operands(node)}
        self._masked = _can_be_masked(program.graph)

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and see its value."""
        value = super().run_node(n)
        if isinstance(value, Tensor) and value.is_floating_point():
            if n.name not in self.edges:
                self.edges[n.name] = Edge(histogram=Histogram() if n.name in self._operands else None)
            self.edges[n.name].update(value, n in self._masked)
        return value


def _operands(node: fx.Node) -> Sequence[fx.Node]:
    """The activations that a matrix product of the node reads."""
    known = INSTRUCTIONS.get(node.target)
    if known is None or known.kind is not Kind.GEMM or node.op != "call_function":
        return []
    return [a for a in node.args[:2] if isinstance(a, fx.Node) and reads_input(a)]


def _can_be_masked(graph: fx.Graph) -> set[fx.Node]:
    """Values that a masked score can be: where the host's numbers are added or filled in, and on."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op != "call_function" or not is_float(node.meta.get("val")):
            continue
        inputs = node.all_input_nodes
        begins = _is_mask(node) or selects(node) or any(_is_mask(n) for n in inputs)
        known = INSTRUCTIONS.get(node.target)
        moves = known is not None and known.kind is Kind.MOVE
        if (node.target in _PASSES or moves or _is_mask(node)) and (begins or found.intersection(inputs)):
            found.add(node)
    return found


def _is_mask(node: fx.Node) -> bool:
    """Whether a value is made of no data: the host knows it, whoever computes it."""
    return node.op == "call_function" and (on_host(node) or not is_computed(node))
