"""Folded tables: one half of a symmetric function is stored, the other follows from it."""

from __future__ import annotations

import numpy as np

from approx.cpwl.function import Array, Symmetry
from approx.cpwl.least_squares import refine_knots
from approx.cpwl.minimax_knots import minimax_knots
from approx.cpwl.placement import PLACEMENTS
from approx.cpwl.target import Target


def check(target: Target, segments: int) -> Symmetry:
    """Return the function's symmetry.

    Raises:
        ValueError: If the function, domain, error kind or number of segments cannot be folded.
    """
    symmetry = target.function.symmetry
    if symmetry is None:
        raise ValueError(f"symmetric = True: {target.function.name} has no symmetry")
    if target.lo != -target.hi:
        raise ValueError(f"symmetric = True: domain ({target.lo}, {target.hi}) must be (-a, a)")
    if target.error == "relative":
        raise ValueError("symmetric = True: only absolute errors are the same on both sides")
    if segments % 2:
        raise ValueError(
            f"segments = {segments}: must be even with symmetric = True, both halves have the same number"
        )
    return symmetry


def mirrored_knots(target: Target, segments: int, placement: str, bias: str) -> Array:
    """Place half of the knots on [0, hi] and mirror them.

    About a centre of odd symmetry the two segments beside 0 are one line, so the half table starts on the
    curve.
    """
    half = Target(target.function, 0.0, target.hi, target.error, target.density)
    odd = target.function.symmetry is not None and target.function.symmetry.sign < 0
    if odd and placement == "minimax" and bias != "least_squares":
        right = minimax_knots(half, segments // 2, pinned=True)
    else:
        right = PLACEMENTS[placement](half, segments // 2, bias)
    knots = np.concatenate((-right[:0:-1], right))
    if bias == "least_squares" and placement in ("minimax", "density"):
        knots = refine_knots(target, knots[None])[0][0]
    knots = 0.5 * (knots - knots[::-1])
    return np.asarray(knots)


def mirrored_values(knots: Array, values: Array, symmetry: Symmetry) -> Array:
    """Return the mean of the values and their mirror image, which errs no more than the values do."""
    image = symmetry.sign * values[::-1] - symmetry.slope * knots + symmetry.offset
    return np.asarray(0.5 * (values + image))
