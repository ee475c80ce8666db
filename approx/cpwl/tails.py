"""What a table does outside its domain.

One rule for both sides, in this order:

1. A function without an asymptote on that side (exp to the right, log, sqrt, pow) follows its edge segment's
line; sin and
   cos hold the value at the edge, which bounds the error.
2. Where the function has come as close to its asymptote as the table comes to the function, the tail is the
asymptote:
   exactly 0 left of exp, 0 and x around gelu, -1 and 1 around tanh, and nowhere a larger error than inside.
3. A domain that ends before the function has come to its asymptote (calibrated domains often do) keeps its
edge line
   until that line meets the asymptote, and follows the asymptote from there. The outer knot moves out to the
   meeting point, so this costs no entry and makes no jump; inputs slightly outside get the edge line, an exp
   of a masked score is exactly 0 even if only [-2, 0] was calibrated, and a reciprocal never turns negative.
4. If they never meet (silu on [0.2, 1] to the right), the edge line is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from approx.cpwl.function import Line, Tail


@dataclass(frozen=True)
class Edge:
    """One side of a domain: where it ends, the function's value there and the edge segment's line."""

    side: Literal["left", "right"]
    knot: float
    true_value: float
    slope: float
    intercept: float

    @property
    def line(self) -> Line:
        """The edge segment's line."""
        return self.slope, self.intercept

    @property
    def value(self) -> float:
        """The table's value at the edge."""
        return self.slope * self.knot + self.intercept


def choose(edge: Edge, tail: Tail, error: float) -> tuple[Line, float]:
    """Return the tail's line and where it begins.

    Args:
        edge: The edge of the fitted domain.
        tail: What the catalogue says of the function on that side.
        error: The table's largest error as a distance of values at the edge.
    """
    if tail == "edge":
        return edge.line, edge.knot
    if tail == "hold":
        return (0.0, edge.value), edge.knot
    asymptote = tail[0] * edge.knot + tail[1]
    if abs(edge.true_value - asymptote) <= error:
        return tail, edge.knot
    gap = edge.value - asymptote
    closing = tail[0] - edge.slope
    distance = gap / closing if closing else 0.0
    outward = distance > 0 if edge.side == "right" else distance < 0
    meeting = edge.knot + distance
    return (tail, meeting) if outward and meeting != edge.knot else (edge.line, edge.knot)
