"""Free knots with the least squared error: several starts, refined, then knots moved where they help most."""

from __future__ import annotations

import numpy as np

from approx.cpwl.function import Array
from approx.cpwl.least_squares import refine_knots
from approx.cpwl.target import Target


def least_squares_knots(target: Target, segments: int) -> Array:
    """Return N+1 knots with the least squared error found."""
    middle = 0.5 * (target.mesh.nodes[:-1] + target.mesh.nodes[1:])
    running = target.mesh.cumulative(0.4, np.sqrt(target.weight(middle)), floor=0.01)
    knots = np.interp(np.linspace(0.0, 1.0, segments + 1), running, target.mesh.nodes)
    knots[0], knots[-1] = target.lo, target.hi
    return refine_knots(target, knots)[0]
