"""Inputs at which tables are compared: what calibration measured at some of a function's sites."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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


class CalibratedErrors:
    """Errors of tables at the inputs of a converted network. See `TableErrors`.

    Args:
        converted: An `approx.ConvertedModule`, calibrated; it is read, never changed.
        sites: The function of every site that needs a table, by its name.
    """

    def __init__(self, converted: Any, sites: Mapping[str, str]) -> None:
        self._converted, self._functions = converted, sites
        self._sites = {site.name: site for site in converted.program.sites if not site.exact}
        self._known: dict[tuple[str, str], Array] = {}

    def of(self, key: str, table: Mapping[str, Any]) -> Array:
        """Return a table's errors at some of a key's sites, one after the other; see `TableErrors`."""
        named = (key, json.dumps(table, sort_keys=True))
        if named not in self._known:
            self._known[named] = self._fitted(key, table)
        return self._known[named]

    def parts(self, key: str) -> NDArray[np.intp]:
        """Return sites and ranges of these inputs; see `TableErrors`."""
        ranges = [own.ranges for own in self._samples(key).values()]
        return np.array([np.repeat(np.arange(len(ranges)), [r.size for r in ranges]), np.concatenate(ranges)])

    def widest(self, functions: Sequence[str]) -> dict[str, Any]:
        """Return what the widest site of each function is given; see `Network.inputs`."""
        domains = {name: self._converted.domain(site) for name, site in self._sites.items()}
        found = {}
        for function in functions:
            names = self._names(function)
            widest = max(names, key=lambda name: _width(function, domains[name]))
            density = self._converted.density(widest)
            found[function] = {
                "site": widest,
                "sites": len(names),
                "domain": list(domains[widest]),
                "density": None if density is None else density.to_dict(),
            }
        return found

    def _fitted(self, key: str, table: Mapping[str, Any]) -> Array:
        import approx

        samples, width = self._samples(key), table.get("width")
        asked = approx.Approximation(overrides={name: dict(table) for name in samples})
        return np.concatenate(
            [
                own.errors(self._converted.table_for(self._sites[name], asked), width)
                for name, own in samples.items()
            ]
        )

    def _names(self, key: str) -> list[str]:
        return [name for name, function in self._functions.items() if key in (name, function)]

    @cache  # noqa: B019 - one network a process
    def _samples(self, key: str) -> Mapping[str, Sample]:
        """What some sites of a key were given, by name; where nothing was measured, any of the domain."""
        from approx import Density

        converted = self._converted
        return {
            name: Sample.of(converted.density(name) or Density.uniform(*converted.domain(self._sites[name])))
            for name in some_of(self._names(key))
        }


@dataclass(frozen=True)
class Sample:
    """What one site was given.

    Attributes:
        points: In ascending order, (points,).
        shares: Of its inputs, that each stands for, (points,).
    """

    points: Array
    shares: Array

    @classmethod
    def of(cls, density: Any) -> Sample:
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


def _width(function: str, domain: tuple[float, float]) -> float:
    """How wide a domain is: in octaves where errors are relative, else as it is."""
    from approx.cpwl import get_function

    low, high = domain
    relative = get_function(function).error == "relative" and low > 0
    return math.log2(high / low) if relative else high - low
