"""What is to be approximated, where, and in which metric; and the mesh on which that is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from approx.cpwl.density import Density
from approx.cpwl.function import Array, ErrorKind, Function

TAIL_FLOOR = 1e-7
"""Share of a uniform density mixed into a calibrated one.

The power of ten that costs at most 1 part in 100 of the squared error under a normal density on [-8, 8] for
gelu, silu, tanh and sigmoid at 4, 16 and 64 segments (1e-6 costs up to 6).
"""
UNSEEN_FLOOR = 1e-5
"""The same outside the bins that hold inputs, where nothing else would bound the fit.

With 20,000 normal samples on [-8, 8] and 8 or 16 segments of gelu, silu, tanh and sigmoid, errors stay below
0.7 on uniform knots and 1.2 on free ones; 1e-7 lets them reach 28.
"""
KINK = 1e-4
"""Cells with less than this part of a function's bend are not halved."""
WIDE = 4.0
"""Domains wider than this times a function's own get nodes in every octave."""
OCTAVES = 64
USERS = 16
"""Times the even cells of a catalogue's function that a user's callable is looked at with."""
NEAREST = 2.0**-36
"""Nodes are at least this part of their position apart."""
SMOOTH = 1.1
"""Halving a smooth function's cells changes the sum of their bends by less than this; noise doubles it."""
STRAIGHT = 1e-4
"""Bends whose sum is less than this part of the root of the values are rounding."""
MOST_CELLS = 1 << 16
FINE = 2.0**-14
"""Share of the bend that a cell holds where knots are placed by curvature: coarser cells move
them, and with 24 segments of gelu the error by 1%."""
GAUSS_NODES, GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(5)


@dataclass(frozen=True)
class Target:
    """A function on an interval with the metric that its approximation minimises.

    Attributes:
        function: The function.
        lo: Lower end of the domain.
        hi: Upper end of the domain.
        error: ``"absolute"`` measures L - f, ``"relative"`` (L - f) / |f|.
        density: The inputs' distribution for squared and mean errors; None for uniform.
    """

    function: Function
    lo: float
    hi: float
    error: ErrorKind
    density: Density | None = None

    def scale(self, values: Array) -> Array:
        """Return the width that an error of 1 has where the function takes ``values``."""
        return np.abs(values) if self.error == "relative" else np.ones_like(values)

    def weight(self, x: Array, bounded: bool = True) -> Array:
        """Return the density of inputs at ``x``, if ``bounded`` with a floor that a fit needs everywhere."""
        even = 1 / (self.hi - self.lo)
        if self.density is None:
            return np.full_like(x, even)
        if not bounded:
            return self.density(x)
        least, most = self.density.support
        floor = np.where((x >= least) & (x <= most), TAIL_FLOOR, UNSEEN_FLOOR)
        return np.asarray(self.density(x) + floor * even)

    @property
    def mesh(self) -> Mesh:
        """The adaptive mesh of the whole domain, kept for the next fit of the same function there."""
        return _mesh(replace(self, density=None))

    @property
    def fine_mesh(self) -> Mesh:
        """A mesh that resolves the curvature itself, of the catalogue's functions and of callables."""
        return _fine_mesh(replace(self, density=None))


@dataclass(frozen=True)
class Mesh:
    """Cells over which the function bends by about the same small amount.

    The bend of a cell is ``sqrt(|second difference| / scale)``. Its sum over cells tends to a multiple of the
    integral of sqrt|f''|, so equal shares of it are equal maximum errors of the best line, without
    derivatives and through singular ends.

    Attributes:
        nodes: Cell ends, shape (C+1,).
        bend: The bend of each cell, shape (C,).
    """

    nodes: Array
    bend: Array

    @classmethod
    def build(cls, target: Target, cells: int = 64, share: float = 1 / 256, passes: int = 48) -> Mesh:
        """Halve the cells that hold more than ``share`` of the bend until none does.

        Raises:
            ValueError: If the function is not finite somewhere, or bends at every scale that was looked at.
        """
        nodes = _resolved(target, _first_nodes(target, cells))
        values = _values(target, nodes)
        negligible = 0.0
        for _ in range(passes):
            middle = 0.5 * (nodes[:-1] + nodes[1:])
            at_middle = _values(target, middle)
            bend = _bend(target, values[:-1], at_middle, values[1:])
            # A kink holds all the bend that is left, so halving must end at a small part of the first.
            negligible = negligible or KINK * float(bend.sum())
            coarse = (
                (bend > max(share * bend.sum(), negligible)) & (middle > nodes[:-1]) & (middle < nodes[1:])
            )
            if not coarse.any():
                break
            nodes = np.concatenate((nodes, middle[coarse]))
            order = nodes.argsort(kind="stable")
            nodes = nodes[order]
            values = np.concatenate((values, at_middle[coarse]))[order]
        else:
            bend = _bend(target, values[:-1], target.function(0.5 * (nodes[:-1] + nodes[1:])), values[1:])
        return cls(nodes, bend)

    def cumulative(self, exponent: float, weight: Array | None = None, floor: float = 0.0) -> Array:
        """Return the running integral of (weight * |f''|)**exponent at the nodes, scaled to end at 1.

        ``floor`` is the share that is spread evenly over the domain.
        """
        width = np.diff(self.nodes)
        curvature = (self.bend / width) ** 2
        part = (curvature if weight is None else curvature * weight) ** exponent * width
        total = part.sum()
        even = width / (self.nodes[-1] - self.nodes[0])
        share = even if total <= 0 else (1 - floor) * part / total + floor * even
        running = np.concatenate(([0.0], np.cumsum(share)))
        return np.asarray(running / running[-1])


def _first_nodes(target: Target, cells: int) -> Array:
    """Even cells; on a domain far wider than where the function lives, also cells there and in every octave.

    A bend that lies inside one even cell would never be found: gelu bends within 16 of a domain of +-1e6.
    """
    lo, hi = target.lo, target.hi
    even = np.linspace(lo, hi, cells + 1)
    home = target.function.domain
    if home == (lo, hi):  # a user's callable, of which nothing is known
        even = np.linspace(lo, hi, USERS * cells + 1)
    elif hi - lo <= WIDE * (home[1] - home[0]):
        return even
    largest = max(abs(lo), abs(hi))
    octaves = largest * 2.0 ** -np.arange(0, OCTAVES, 1 / 4)
    marks = [np.linspace(*home, cells + 1), octaves, -octaves]
    marks += [end + side * octaves for end in (lo, hi, *home) for side in (1, -1)]
    nodes = np.unique(np.concatenate([even, *marks]))
    nodes = nodes[(nodes >= lo) & (nodes <= hi)]
    apart = np.diff(nodes) > NEAREST * np.abs(nodes[1:])
    return np.concatenate([nodes[:1], nodes[1:-1][apart[:-1]], nodes[-1:]])


def _resolved(target: Target, nodes: Array) -> Array:
    """Halve all cells until halving adds no more bend: that of a smooth function is shared by the halves."""
    given = nodes.size
    while True:
        halves = _halved(nodes)
        quarters = 0.5 * (halves[:-1] + halves[1:])
        values, between = _values(target, halves), _values(target, quarters)
        whole = _bend(target, values[:-2:2], values[1::2], values[2::2]).sum()
        parts = _bend(target, values[:-1], between, values[1:]).sum()
        if parts <= SMOOTH * whole or parts <= STRAIGHT * _size(target, values):
            known = target.function.domain != (target.lo, target.hi)
            return nodes if nodes.size == given and known else _halved(halves)  # so that no peak is missed
        if nodes.size > MOST_CELLS:
            step = float(np.diff(nodes).max())
            raise ValueError(
                f"function = {target.function.name}: bends within {step:.2g} of x, at every scale that was "
                "looked at: must be smooth where it does not jump, as noise or fast oscillation is not"
            )
        nodes = halves


def _halved(nodes: Array) -> Array:
    return np.sort(np.concatenate([nodes, 0.5 * (nodes[:-1] + nodes[1:])]))


def _size(target: Target, values: Array) -> float:
    return float(np.sqrt(np.abs(values).max() / target.scale(values).max()))


def _values(target: Target, x: Array) -> Array:
    values = target.function(x)
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(
            f"function = {target.function.name}: not finite at x = {x[~finite][0]:g} in the domain"
        )
    return values


@lru_cache(maxsize=128)
def _mesh(target: Target) -> Mesh:
    return Mesh.build(target)


@lru_cache(maxsize=128)
def _fine_mesh(target: Target) -> Mesh:
    return Mesh.build(target, share=FINE)


def _bend(target: Target, left: Array, middle: Array, right: Array) -> Array:
    second = np.abs(left - 2 * middle + right)
    noise = 4e-16 * (np.abs(left) + np.abs(right))
    bend = np.sqrt(np.maximum(second - noise, 0.0) / target.scale(middle))
    return np.where(np.isfinite(bend), bend, 0.0)


@dataclass(frozen=True)
class Quadrature:
    """Gauss-Legendre points on panels that respect knots, mesh and histogram, grouped by segment.

    Attributes:
        x: Points, shape (Q,).
        measure: Quadrature weight times density, shape (Q,).
        values: The function at the points.
        scale: The width of a unit error at the points.
        starts: Index of each segment's first point, shape (N,).
        segment: The segment of each point, shape (Q,).
    """

    x: Array
    measure: Array
    values: Array
    scale: Array
    starts: NDArray[np.intp]
    segment: NDArray[np.intp]

    @classmethod
    def build(cls, target: Target, knots: Array, bounded: bool = True) -> Quadrature:
        """Place the points for integrals over the segments between ``knots``."""
        edges = [knots, target.mesh.nodes]
        if target.density is not None:
            edges.append(target.density.edges)
        panels = np.unique(np.concatenate(edges))
        panels = panels[(panels >= knots[0]) & (panels <= knots[-1])]
        half = 0.5 * np.diff(panels)[:, None]
        x = (0.5 * (panels[:-1] + panels[1:])[:, None] + half * GAUSS_NODES).ravel()
        values = target.function(x)
        measure = (half * GAUSS_WEIGHTS).ravel() * target.weight(x, bounded)
        segment = np.repeat(np.searchsorted(knots, panels[:-1], side="right") - 1, GAUSS_NODES.size)
        starts = np.searchsorted(segment, np.arange(knots.size - 1))
        return cls(x, measure, values, target.scale(values), starts, segment)

    def sums(self, integrand: Array) -> Array:
        """Add samples of shape (..., Q) up over each segment, to shape (..., N)."""
        return np.asarray(np.add.reduceat(integrand, self.starts, axis=-1))
