"""A function on short panels, reduced to what the squared error of lines needs: six numbers each.

On a panel the weighted squared error of any line L is exactly

    rest + weight * ((value - L(centre))^2 + variance * (slope - L')^2)

with the panel's own best line (value at centre, slope) and the error that it leaves. Panels that no knot cuts
are reduced once; each set of knots then costs a few operations a panel, without cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from approx.cpwl.function import Array
from approx.cpwl.target import GAUSS_NODES, GAUSS_WEIGHTS, Target


@dataclass(frozen=True)
class Panels:
    """Panels of any common shape.

    Attributes:
        weight: Integral of density / scale^2.
        centre: Weighted mean of x.
        variance: Weighted variance of x, in squared widths of the domain.
        value: The best line at the centre.
        slope: The best line's rise over the width of the domain.
        rest: The best line's weighted squared error.
    """

    weight: Array
    centre: Array
    variance: Array
    value: Array
    slope: Array
    rest: Array

    @classmethod
    def reduce(cls, target: Target, left: Array, right: Array) -> Panels:
        """Integrate over panels by Gauss-Legendre; those without width get no weight."""
        half = 0.5 * (right - left)[..., None]
        x = 0.5 * (left + right)[..., None] + half * GAUSS_NODES
        values = target.function(x)
        measure = half * GAUSS_WEIGHTS * target.weight(x) / target.scale(values) ** 2
        weight = measure.sum(-1)
        part = measure / np.where(weight > 0, weight, 1.0)[..., None]
        centre = (part * x).sum(-1)
        off = (x - centre[..., None]) / (target.hi - target.lo)
        variance = (part * off**2).sum(-1)
        value = (part * values).sum(-1)
        slope = (part * off * values).sum(-1) / np.where(variance > 0, variance, 1.0)
        residual = values - value[..., None] - slope[..., None] * off
        return cls(weight, centre, variance, value, slope, (measure * residual**2).sum(-1))

    def beside(self, other: Panels, whole: NDArray[np.bool_]) -> Panels:
        """Return these, where ``whole`` (rows, P), with the others (rows, Q) after them: (rows, P + Q)."""
        rows, own = whole.shape
        joined = np.empty((len(FIELDS), rows, own + other.weight[0].size))
        for part, name in zip(joined, FIELDS, strict=True):
            part[:, :own] = getattr(self, name)
            part[:, own:] = getattr(other, name).reshape(rows, -1)
        panels = Panels(*joined)
        panels.weight[:, :own] *= whole
        panels.rest[:, :own] *= whole
        return panels


FIELDS = tuple(field.name for field in fields(Panels))


@dataclass(frozen=True)
class Grid:
    """The panels of a whole domain: between mesh nodes and histogram edges, edges of shape (P+1,)."""

    edges: Array
    panels: Panels

    @classmethod
    def of(cls, target: Target) -> Grid:
        """Return the grid of a target, kept for the next knots."""
        return _grid(target)

    def cut(self, target: Target, knots: Array) -> tuple[Panels, NDArray[np.intp]]:
        """Cut the panels at several sets of knots.

        Args:
            target: The grid's own.
            knots: Shape (rows, N+1), each from end to end of the domain.

        Returns:
            The panels, (rows, P + 2 (N-1)), and each one's segment, 0 to N-1.
        """
        rows, last = np.arange(len(knots))[:, None], self.edges.size - 2
        inner = knots[:, 1:-1]
        at = np.searchsorted(self.edges, inner, side="right") - 1
        whole = np.ones((len(knots), last + 1), dtype=bool)
        whole[rows, at] = False
        left = np.maximum(self.edges[at], knots[:, :-2])
        right = self.edges[np.minimum(at, last) + 1].copy()
        right[:, :-1][at[:, 1:] == at[:, :-1]] = -np.inf  # the next knot's left panel is the rest of this one
        ends = np.stack((left, inner), -1), np.stack((inner, np.maximum(right, inner)), -1)
        parts = Panels.reduce(target, *ends)
        before = np.zeros((len(knots), last + 2), dtype=np.intp)
        np.add.at(before, (rows, np.searchsorted(self.edges, knots, side="left")), 1)
        number = np.arange(inner.shape[1])
        between = np.broadcast_to(np.stack((number, number + 1), -1).ravel(), (len(knots), 2 * number.size))
        segment = np.concatenate((before.cumsum(axis=1)[:, :-1] - 1, between), axis=1)
        return self.panels.beside(parts, whole), segment


@lru_cache(maxsize=8)
def _grid(target: Target) -> Grid:
    edges = target.mesh.nodes
    if target.density is not None:
        edges = np.unique(np.concatenate((edges, target.density.edges)))
        edges = edges[(edges >= target.lo) & (edges <= target.hi)]
    return Grid(edges, Panels.reduce(target, edges[:-1], edges[1:]))
