"""Free knots with the least squared error.

Newton's method of :mod:`approx.cpwl.least_squares` finds the nearest minimum; which minimum depends on how
many knots each bend of the function gets. So the search starts from the asymptotically best density, (density
* f''^2)^(1/5), shifted several ways, and then moves single knots from where they help least to where they
help most.
"""

from __future__ import annotations

import numpy as np

from approx.cpwl.function import Array
from approx.cpwl.least_squares import refine_knots, segment_errors
from approx.cpwl.minimax_knots import halve_widest
from approx.cpwl.target import Mesh, Target

SHIFTS = (0.0, 0.25, -0.25, 0.5, -0.5)
"""Starts: the knots shifted by these parts of a segment, for tables of up to ``SHIFTED`` segments."""
SHIFTED = 24
TOGETHER = 1e-14
"""Knots nearer than this part of the domain count as one."""
MOVES = 3
"""Knots tried for removal, and segments tried for the knot, in one move."""
WORTH = 1e-4
"""A move is made if it takes this part of the error away."""


def least_squares_knots(target: Target, segments: int) -> Array:
    """Return N+1 knots with the least squared error found."""
    shifts = SHIFTS if 1 < segments <= SHIFTED else SHIFTS[:1]
    knots, error = _best(target, [density_knots(target, segments, shift) for shift in shifts])
    while segments > 1:
        better, least = _best(target, _moves(target, knots), error)
        if least >= error * (1 - WORTH):
            break
        knots, error = better, least
    return knots


def _best(target: Target, starts: list[Array], beat: float = np.inf) -> tuple[Array, float]:
    """Refine several starts; return the knots of the best and their error."""
    found, errors = refine_knots(target, np.stack(starts), beat)
    best = int(errors.argmin())
    return found[best], float(errors[best])


def density_knots(target: Target, segments: int, shift: float = 0.0, mesh: Mesh | None = None) -> Array:
    """Return knots with density (density * f''^2)^(1/5), shifted by ``shift`` of a segment."""
    mesh = mesh or target.mesh
    middle = 0.5 * (mesh.nodes[:-1] + mesh.nodes[1:])
    running = mesh.cumulative(0.4, np.sqrt(target.weight(middle)), floor=0.01)
    level = (np.arange(segments + 1) + shift) / segments
    level[0], level[-1] = 0.0, 1.0
    return distinct(target, np.interp(level, running, mesh.nodes), segments)


def distinct(target: Target, knots: Array, segments: int) -> Array:
    """Return knots from end to end of the domain, those that a kink drew together moved elsewhere."""
    width = target.hi - target.lo
    inner = knots[(knots > target.lo) & (knots < target.hi)]
    apart = np.concatenate(([target.lo], inner, [target.hi]))
    closest = TOGETHER * width + 8 * np.spacing(np.abs(apart))
    kept = np.concatenate(([True], np.diff(apart) > closest[1:]))
    kept[-1] = True
    return halve_widest(apart[kept], segments)


def _moves(target: Target, knots: Array) -> list[Array]:
    """Return the knots after moves of one knot to the middle of a segment that errs most."""
    errors = segment_errors(target, knots[None])[0]
    drops = np.argsort(_merged_errors(target, knots) - errors[:-1] - errors[1:])[:MOVES] + 1
    splits = np.argsort(-errors)[:MOVES]
    return [
        np.sort(np.append(np.delete(knots, drop), 0.5 * (knots[split] + knots[split + 1])))
        for drop in drops
        for split in splits
        if split not in (drop - 1, drop)
    ] or [knots]


def _merged_errors(target: Target, knots: Array) -> Array:
    """Return the squared error of the best line over each pair of neighbouring segments, (N-1,)."""
    errors = np.empty(knots.size - 2)
    even, odd = (np.union1d(knots[[0, -1]], knots[start::2])[None] for start in (0, 1))
    errors[0::2] = segment_errors(target, even)[0][: errors[0::2].size]
    errors[1::2] = segment_errors(target, odd)[0][1 : 1 + errors[1::2].size]
    return errors
