"""Inputs at which tables are compared: what calibration saw at some of a function's sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SITES = 8
"""Sites of a function, spread over the network, whose errors stand for all: a fit takes up to a second."""

RANGES = 8
"""Ranges of a site's inputs that are told apart, each with as many inputs."""

PER_BIN = 4
"""Points in each bin of a calibrated density."""


@dataclass(frozen=True)
class Seen:
    """What one site was given.

    Attributes:
        points: In ascending order, (points,).
        shares: Of its inputs, that each stands for, (points,).
    """

    points: Array
    shares: Array

    @classmethod
    def of(cls, density: Any) -> Seen:
        """Return the points of an `approx.Density`."""
        return cls(*density.points(PER_BIN))

    @property
    def ranges(self) -> NDArray[np.intp]:
        """Which range each point is in, (points,)."""
        before = np.cumsum(self.shares) - 0.5 * self.shares
        return np.minimum((before * RANGES).astype(np.intp), RANGES - 1)

    def errors(self, table: Any, width: int | None) -> Array:
        """Return the errors of a site's `approx.CpwlTable` in so many bits, in floats if None.

        One that they cannot hold errs by 1 everywhere.

        Returns:
            (points,), their squares adding up to the mean squared error.
        """
        roots = np.sqrt(self.shares)
        try:
            held = table if width is None else table.quantize(width, storage="midpoint")
        except ValueError:
            return np.asarray(roots)
        return np.asarray(held.errors(self.points) * roots)


def some_of(sites: Sequence[str]) -> list[str]:
    """Return up to `SITES` of a key's sites, spread evenly."""
    return sorted({sites[len(sites) * part // (2 * SITES)] for part in range(1, 2 * SITES, 2)})
