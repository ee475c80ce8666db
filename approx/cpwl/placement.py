"""Placements: where the knots of a table lie."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from approx.cpwl.free_knots import density_knots, distinct, least_squares_knots
from approx.cpwl.function import Addressing, Array
from approx.cpwl.minimax_knots import minimax_knots
from approx.cpwl.target import Target

SQUARED = frozenset({"least_squares", "mean"})
"""Bias corrections whose metric is the mean of the (squared) error under the density, not its maximum."""


def uniform(target: Target, segments: int, _bias: str) -> Array:
    """Return equal segments."""
    return np.linspace(target.lo, target.hi, segments + 1)


def curvature(target: Target, segments: int, bias: str) -> Array:
    """Return knots with density |f''|^(1/2), or (density * f''^2)^(1/5) for the squared metrics.

    For relative errors f'' is divided by |f|.
    """
    if bias in SQUARED:
        return density_knots(target, segments, mesh=target.fine_mesh)
    mesh = target.fine_mesh
    running = mesh.cumulative(0.5, floor=0.01)
    knots = np.interp(np.linspace(0.0, 1.0, segments + 1), running, mesh.nodes)
    return distinct(target, knots, segments)


def minimax(target: Target, segments: int, bias: str) -> Array:
    """Return the best free knots: least squared error for ``least_squares``, else least maximum error."""
    if bias == "least_squares":
        return least_squares_knots(target, segments)
    return minimax_knots(target, segments)


def density(target: Target, segments: int, _bias: str) -> Array:
    """Return the free knots with the least squared error under the calibrated density.

    Raises:
        ValueError: If there is no density.
    """
    if target.density is None:
        raise ValueError("density = None: placement 'density' needs the histogram or samples of the inputs")
    return least_squares_knots(target, segments)


def dyadic(target: Target, segments: int, _bias: str) -> Array:
    """Return the leaves of the best tree that splits the domain at its simplest dyadic numbers.

    A cell splits at the number j * 2^k strictly inside it with the largest k (0 above all), so cells are
    found from an input's sign and leading bits, and a wide domain falls into octaves first. Splitting the
    worst cell again and again is optimal for the maximum error.
    """
    worst = [_cell(target, target.lo, target.hi)]
    while len(worst) < segments:
        _, _, lo, hi = heapq.heappop(worst)
        middle = simplest_dyadic(lo, hi)
        heapq.heappush(worst, _cell(target, lo, middle))
        heapq.heappush(worst, _cell(target, middle, hi))
    return np.asarray(sorted([cell[2] for cell in worst] + [target.hi]))


def _cell(target: Target, lo: float, hi: float) -> tuple[float, float, float, float]:
    """Return a heap entry: the error of the best line, the width to break ties, and the cell."""
    x = np.linspace(lo, hi, 17) if lo <= 0 or hi / lo < 4 else np.geomspace(lo, hi, 17)
    values = target.function(x)
    scale = target.scale(values)
    secant = values[0] + (values[-1] - values[0]) * ((x - lo) / (hi - lo))
    lift = scale[0] + (scale[-1] - scale[0]) * ((x - lo) / (hi - lo))
    above, below = ((secant - values) / (scale + lift)), ((values - secant) / (scale + lift))
    return -float(max(above.max(), below.max())), -(hi - lo), lo, hi


def simplest_dyadic(lo: float, hi: float) -> float:
    """Return the number j * 2^k strictly between ``lo`` and ``hi`` with the largest k, 0 before all."""
    if lo < 0 < hi:
        return 0.0
    step = 2.0 ** math.floor(math.log2(hi - lo)) * 2
    while True:
        number = (math.floor(lo / step) + 1) * step
        if number < hi:
            return number
        step /= 2


Placement = Callable[[Target, int, str], Array]
PLACEMENTS: MappingProxyType[str, Placement] = MappingProxyType(
    {"uniform": uniform, "dyadic": dyadic, "curvature": curvature, "minimax": minimax, "density": density}
)
"""Every placement by name: (target, segments, bias) to knots of shape (N+1,)."""
ADDRESSING: MappingProxyType[str, Addressing] = MappingProxyType({"uniform": "shift", "dyadic": "dyadic"})
"""What hardware needs to find the entry; all other placements need a comparator tree."""
