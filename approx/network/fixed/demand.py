"""Demand: which numbers of a value its readers tell apart.

Numbers at or below a demand's low end are all alike to every reader, and so are those at or above its high
end: a word that saturates there loses nothing. What a softmax is 0 of needs no finer word than the scores
that it tells apart, and a mask of -3.4e38 none that holds it. Found from the readers back, in one pass over
the program; a maximum, a choice, a sum and a clamp hand on what their own readers tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import fx

from approx.network.fixed.ranges import Range, Ranges, moves
from approx.network.masks import Bounds
from approx.network.nodes import aten
from approx.network.softmaxes import Shift, shift_at

EVERYTHING: Bounds = (-math.inf, math.inf)
UNSEEN_PEAKS = 64.0
"""How far below the least row's largest score, as calibration saw it, a mask it did not see may leave one."""
MOST_FACTOR = 2.0**10

_ORDERED = {
    aten.amax.default,
    aten.maximum.default,
    aten.minimum.default,
    aten.max_pool1d.default,
    aten.max_pool2d.default,
    aten.max_pool3d.default,
}
_CLAMPS = {aten.clamp.default, aten.clamp_min.default, aten.clamp_max.default}
_SUMS: dict[Any, int] = {aten.add.Tensor: 1, aten.add.Scalar: 1, aten.sub.Tensor: -1, aten.sub.Scalar: -1}


class Demands:
    """The demand on every value of a program.

    Args:
        graph: the program's.
        ranges: of its values.
        maskable: values that a masked score can be.
        tails: where a site is constant to the left and to the right, by its node and the range it reads.
    """

    def __init__(
        self,
        graph: fx.Graph,
        ranges: Ranges,
        maskable: set[fx.Node],
        tails: Callable[[fx.Node, Bounds], Bounds],
    ) -> None:
        self._ranges, self._maskable, self._tails = ranges, maskable, tails
        self._found: dict[fx.Node, Bounds] = {}
        for node in reversed(graph.nodes):
            parts = [self._by(user, node) for user in node.users]
            lows, highs = zip(*parts, strict=True) if parts else ((-math.inf,), (math.inf,))
            self._found[node] = min(lows), max(highs)

    def on(self, node: fx.Node) -> Bounds:
        """(low, high) of a value; infinite where every number counts."""
        return self._found.get(node, EVERYTHING)

    def least_peak(self, shift: Shift) -> float:
        """The least that the largest score of a row can be."""
        peak, scores = self._ranges.of(shift.peak), self._ranges.of(shift.scores)
        least = scores.low if scores is not None and scores.known else 0.0
        if peak is None or not peak.known:
            return least
        return max(least, peak.low - UNSEEN_PEAKS) if shift.scores in self._maskable else peak.low

    def saturation(self, node: fx.Node) -> float:
        """Where a word of a value that saturates at its demand's low end does so; -inf where it need not."""
        low, range_ = self.on(node)[0], self._ranges.of(node)
        high = 0.0 if range_ is None or not range_.known else range_.high
        magnitude = max(abs(low), abs(high))
        return -(2.0 ** math.ceil(math.log2(magnitude))) if math.isfinite(low) and magnitude > 0 else low

    def _by(self, user: fx.Node, node: fx.Node) -> Bounds:
        """What one reader tells apart."""
        if user.op == "call_module":
            range_ = self._ranges.of(node)
            return EVERYTHING if range_ is None or not range_.known else self._tails(user, _seen(range_))
        if user.op != "call_function":
            return EVERYTHING
        own = self.on(user)
        if user.target in _SUMS:
            return self._by_sum(user, node, own)
        if user.target in _ORDERED or moves(user):
            return own
        if user.target in _CLAMPS:
            return self._by_clamp(user, own)
        if user.target is aten.neg.default:
            return -own[1], -own[0]
        return self._by_factor(user, own) if user.target in (aten.mul.Scalar, aten.mul.Tensor) else EVERYTHING

    def _by_clamp(self, clamp: fx.Node, own: Bounds) -> Bounds:
        given = dict(zip(("min", "max"), clamp.args[1:], strict=False)) | clamp.kwargs
        if clamp.target is aten.clamp_max.default:
            given = {"max": clamp.args[1]}
        low, high = given.get("min"), given.get("max")
        return (
            max(own[0], float(low)) if isinstance(low, int | float) else own[0],
            min(own[1], float(high)) if isinstance(high, int | float) else own[1],
        )

    @staticmethod
    def _by_factor(product: fx.Node, own: Bounds) -> Bounds:
        factor = product.args[1]
        if not isinstance(factor, int | float) or not 1 / MOST_FACTOR <= abs(factor) <= MOST_FACTOR:
            return EVERYTHING  # a number that makes a mask of a flag
        low, high = own[0] / factor, own[1] / factor
        return (low, high) if factor > 0 else (high, low)

    def _by_sum(self, total: fx.Node, node: fx.Node, own: Bounds) -> Bounds:
        shift = shift_at(total)
        if shift is not None:
            return self._by_shift(shift, node, own)
        alpha: Any = total.kwargs.get("alpha", total.args[2] if len(total.args) > 2 else 1)
        if alpha != 1 or total.args[0] is total.args[1]:
            return EVERYTHING
        first, sign = total.args[0] is node, _SUMS[total.target]
        other = self._range_of(total.args[1] if first else total.args[0])
        if other is None:
            return EVERYTHING
        own = (self._below(total, node, own[0]), own[1])
        if first and sign < 0:
            return own[0] + other.low, own[1] + other.high
        low, high = own[0] - other.high, own[1] - other.low
        return (low, high) if first or sign > 0 else (-high, -low)

    def _below(self, total: fx.Node, node: fx.Node, low: float) -> float:
        """Where a mask that absorbs what it is added to must take the sum: to where its word saturates."""
        range_ = self._ranges.of(node)
        return self.saturation(total) if range_ is not None and range_.absorbs else low

    def _by_shift(self, shift: Shift, node: fx.Node, own: Bounds) -> Bounds:
        least, scores = self.least_peak(shift), self._ranges.of(shift.scores)
        if node is not shift.scores:
            return least, math.inf
        low = own[0] + least
        if shift.bounded is not None and scores is not None and scores.hides:
            low = min(
                low, 2 * min(least, own[0])
            )  # where all is hidden the peak is half as far down: see `peak`
        return low, math.inf

    def _range_of(self, value: Any) -> Range | None:
        if isinstance(value, int | float):
            return Range(float(value), float(value))
        found = self._ranges.of(value) if isinstance(value, fx.Node) else None
        return found if found is not None and found.known else None


def _seen(range_: Range) -> Bounds:
    return range_.low, range_.high
