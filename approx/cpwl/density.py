"""The calibrated distribution of a table's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from approx.cpwl.function import Array


@dataclass(frozen=True, eq=False)
class Density:
    """A histogram of inputs, normalised to a probability density that is constant in each bin.

    Attributes:
        edges: Bin edges, shape (B+1,), strictly increasing.
        counts: Inputs (or weights) seen in each bin, shape (B,), not negative, not all zero.
    """

    edges: Array
    counts: Array

    def __post_init__(self) -> None:
        edges, counts = (np.array(a, dtype=np.float64) for a in (self.edges, self.counts))
        if edges.ndim != 1 or edges.size < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise ValueError(
                "density: edges must be finite, strictly increasing and at least 2, "
                f"got shape {edges.shape} from {edges.flat[0] if edges.size else 'nothing'}"
            )
        if counts.shape != (edges.size - 1,):
            raise ValueError(f"density: counts have shape {counts.shape}: must be ({edges.size - 1},)")
        if not np.isfinite(counts).all() or (counts < 0).any() or counts.sum() <= 0:
            raise ValueError("density: counts must be finite, not negative and not all zero")
        edges.flags.writeable = counts.flags.writeable = False
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "counts", counts)

    @classmethod
    def from_samples(cls, samples: ArrayLike, bins: int = 256) -> Density:
        """Count samples of any shape into equal bins between their least and greatest value.

        Raises:
            ValueError: If there are no samples or one is NaN or infinite.
        """
        values = np.asarray(samples, dtype=np.float64).ravel()
        if values.size == 0:
            raise ValueError("density: samples are empty: at least one is needed")
        if not np.isfinite(values).all():
            raise ValueError("density: samples hold NaN or infinity: all must be finite")
        lo, hi = float(values.min()), float(values.max())
        margin = 0.0 if hi > lo else max(abs(lo), 1e-300) * 1e-6
        counts, edges = np.histogram(values, bins=bins, range=(lo - margin, hi + margin))
        return cls(edges, counts.astype(np.float64))

    @classmethod
    def uniform(cls, lo: float, hi: float, bins: int = 256) -> Density:
        """Return the density of inputs that are equally likely from lo to hi."""
        return cls(np.linspace(lo, hi, bins + 1), np.ones(bins))

    @cached_property
    def support(self) -> tuple[float, float]:
        """The least interval that holds every input seen."""
        seen = np.flatnonzero(self.counts)
        return float(self.edges[seen[0]]), float(self.edges[seen[-1] + 1])

    def __call__(self, x: Array) -> Array:
        """Return the probability density at ``x`` (0 outside the bins)."""
        return np.asarray(self._heights[np.searchsorted(self.edges, x, side="right")])

    @cached_property
    def _heights(self) -> Array:
        """The density below the bins, in each, and above them, (B+2,)."""
        height = self.counts / (self.counts.sum() * np.diff(self.edges))
        return np.concatenate(([0.0], height, [0.0]))

    def points(self, per_bin: int) -> tuple[Array, Array]:
        """Return so many points in each bin that has inputs, and the share of inputs each stands for.

        Returns:
            Both of shape (bins with inputs * per_bin,), the points in ascending order.
        """
        seen = np.flatnonzero(self.counts)
        steps = (np.arange(per_bin) + 0.5) / per_bin
        points = self.edges[seen, None] + np.diff(self.edges)[seen, None] * steps
        return points.ravel(), np.repeat(self.counts[seen] / self.counts.sum() / per_bin, per_bin)

    def symmetrised(self) -> Density:
        """Return the mean of the density and its mirror image about 0."""
        edges = np.unique(np.concatenate((self.edges, -self.edges)))
        middle, width = 0.5 * (edges[:-1] + edges[1:]), np.diff(edges)
        return Density(edges, (self(middle) + self(-middle)) * width)

    def to_dict(self) -> dict[str, list[float]]:
        """Return plain lists, ready for JSON."""
        return {"edges": self.edges.tolist(), "counts": self.counts.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Density:
        """Rebuild what :meth:`to_dict` wrote."""
        return cls(np.asarray(data["edges"]), np.asarray(data["counts"]))
