"""Softmaxes in a program: where scores are shifted by their largest, and what is made of them.

exp(x - max x) is at most 1 and its sum at least 1, whatever calibration saw: a mask that calibration did not
see leaves a sum of 1 where it saw sums of 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import fx

from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.nodes import aten, example_size, is_float, shape

_SAME_SCORES = {
    aten.add.Tensor,
    aten.add.Scalar,
    aten.sub.Tensor,
    aten.sub.Scalar,
    aten.maximum.default,
    aten.clamp.default,
    aten.clamp_min.default,
}


@dataclass(frozen=True)
class Shift:
    """Scores less their largest.

    Attributes:
        scores: (..., n).
        peak: their largest, (..., 1).
        shifted: scores - peak, or less its clamped value.
    """

    scores: fx.Node
    peak: fx.Node
    shifted: fx.Node

    @property
    def axis(self) -> int | None:
        """The axis of the softmax, if it is one."""
        dims: Any = self.peak.args[1] if len(self.peak.args) > 1 else None
        return int(dims[0]) if isinstance(dims, list | tuple) and len(dims) == 1 else None

    @property
    def bounded(self) -> fx.Node | None:
        """The clamp between the peak and the difference, of a softmax that is 0 where all is masked."""
        subtracted: Any = self.shifted.args[1]
        return None if subtracted is self.peak else subtracted


def shift_at(node: fx.Node) -> Shift | None:
    """The shift that a difference is."""
    if node.target is not aten.sub.Tensor or not all(isinstance(a, fx.Node) for a in node.args[:2]):
        return None
    scores: Any = node.args[0]
    peak: Any = node.args[1]
    if peak.target is aten.clamp_min.default:
        peak = peak.args[0]
    found = isinstance(peak, fx.Node) and peak.target is aten.amax.default and peak.args[0] is scores
    return Shift(scores, peak, node) if found else None


def shifts(graph: fx.Graph) -> Iterator[Shift]:
    """Every shift of a program."""
    found = map(shift_at, (node for node in graph.nodes if node.op == "call_function"))
    return (shift for shift in found if shift is not None)


def scores(graph: fx.Graph) -> set[fx.Node]:
    """Values that are scores of a softmax, or become such by additions, choices and moves alone."""
    found: set[fx.Node] = set()
    pending = [shift.scores for shift in shifts(graph)]
    while pending:
        node = pending.pop()
        if node in found:
            continue
        found.add(node)
        known = INSTRUCTIONS.get(node.target)
        moves = known is not None and known.kind is Kind.MOVE
        if node.op == "call_function" and (moves or node.target in _SAME_SCORES or is_scaling(node)):
            pending += [n for n in node.all_input_nodes if is_float(n.meta.get("val"))]
    return found


def is_scaling(node: fx.Node) -> bool:
    """Whether a node multiplies by a number."""
    return node.target in (aten.mul.Tensor, aten.mul.Scalar) and isinstance(node.args[1], int | float)


@dataclass(frozen=True)
class Softmax:
    """A softmax that is shifted: exp, its sum, the sum's reciprocal or log, and their product."""

    exp: fx.Node
    total: fx.Node
    inverse: fx.Node | None
    result: fx.Node | None


def softmax_of(shift: Shift) -> Softmax | None:
    """What becomes of shifted scores."""
    exp = next((u for u in shift.shifted.users if u.op == "call_module"), None)
    total = _user(exp, aten.sum.dim_IntList)
    if exp is None or total is None:
        return None
    bounded = _user(total, aten.clamp_min.default)
    inverse = next((u for u in (bounded or total).users if u.op == "call_module"), None)
    result = _user(inverse, aten.mul.Tensor)
    return Softmax(exp, total, inverse, result if result is not None and exp in result.args else None)


def _user(node: fx.Node | None, target: Any) -> fx.Node | None:
    return None if node is None else next((u for u in node.users if u.target is target), None)


def most_terms(shift: Shift) -> int | None:
    """The terms of a softmax's sum, which it is where all scores are alike: in a row that is masked whole."""
    axis = shift.axis
    return None if axis is None else example_size(shape(shift.scores)[axis])


def largest_sums(graph: fx.Graph, maskable: set[fx.Node]) -> dict[str, int]:
    """The largest sum of exponentials that a mask can leave, by the target of the site that reads it."""
    found: dict[str, int] = {}
    for shift in shifts(graph):
        softmax, most = softmax_of(shift), most_terms(shift)
        if softmax is None or softmax.inverse is None or most is None or shift.scores not in maskable:
            continue
        target = str(softmax.inverse.target)
        found[target] = max(found.get(target, 0), most)
    return found


def widen(graph: fx.Graph, maskable: set[fx.Node], edges: Mapping[str, Any]) -> Iterator[str]:
    """Let the ranges of a softmax hold what an unseen mask can make of it.

    Args:
        graph: the program's.
        maskable: values that a masked score can be.
        edges: the ranges that calibration saw, by the node's name.

    Yields:
        The targets of the sites that read sums of exponentials, which can be 1.
    """
    for shift in shifts(graph):
        found = softmax_of(shift)
        if found is None or found.inverse is None or shift.scores not in maskable:
            continue
        yield str(found.inverse.target)
        if (most := most_terms(shift)) is not None and found.total.name in edges:
            edges[found.total.name].highest = max(edges[found.total.name].highest, float(most))
        for node in (found.inverse, found.result):
            if found.result is not None and node is not None and node.name in edges:
                edges[node.name].highest = max(edges[node.name].highest, 1.0)
