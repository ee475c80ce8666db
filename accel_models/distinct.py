"""Designs that differ only in what a computation does not read, computed once.

What is read is found by watching: a computation gets views of the designs that hold the fields read so far,
and begins again when it asks for one beside them. Two designs are of one kind where everything that is read
is equal, so that a result of the kind is theirs, whatever the formulas become.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models.hardware import Hardware
from accel_models.table import DesignTable

Rows = NDArray[np.intp]

_read: set[str] = set()
"""Fields of designs and of their hardware that were read in this process: where the next views start."""

_FIGURES = {entry.name for entry in fields(Hardware)}


class NotReadYet(KeyError):
    """A field that was not read before, `args[0]`; it is in the next views."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        _read.add(name)


class _Columns(dict[str, NDArray[Any]]):
    """The fields of designs that were read before."""

    def __missing__(self, name: str) -> NDArray[Any]:
        raise NotReadYet(name)


class _Figures(SimpleNamespace):
    """The figures of hardware that were read before."""

    def __getattr__(self, name: str) -> Any:
        raise NotReadYet(name) if name in _FIGURES else AttributeError(name)


class Kinds:
    """Designs, one of each kind.

    Args:
        t: The designs.
        h: Their hardware.

    Attributes:
        size: How many kinds there are.
        places: Which kind each design is, (designs,).
    """

    def __init__(self, t: DesignTable, h: Hardware) -> None:
        read = sorted(_read)
        self._columns = {name: t[name] for name in read if name not in _FIGURES}
        self._figures = {name: getattr(h, name) for name in read if name in _FIGURES}
        self._refused = t.refused
        refused = [t.refused] if (t.refused != "").any() else []
        self._rows, self.places = _kinds(t.size, [*self._columns.values(), *self._figures.values(), *refused])
        self.size = len(self._rows)

    def part(self, start: int, stop: int) -> tuple[DesignTable, Any]:
        """Return kinds start..stop-1: designs, and their hardware."""
        rows = self._rows[start:stop]
        columns = _Columns({name: values[rows] for name, values in self._columns.items()})
        figures = {name: _mapped(lambda part: part[rows], values) for name, values in self._figures.items()}
        return DesignTable(columns, len(rows), self._refused[rows]), _Figures(**figures)


def _kinds(size: int, values: list[Any]) -> tuple[Rows, Rows]:
    """Return a row of each kind, and the kind of each row."""
    kinds = np.zeros(size, dtype=np.intp)
    for part in (part for value in values for part in _arrays(value)):
        if kinds.max() + 1 < size and not (part == part[0]).all():
            own, codes = np.unique(part, return_inverse=True)
            kinds = np.unique(kinds * len(own) + codes, return_inverse=True)[1]
    _, rows, places = np.unique(kinds, return_index=True, return_inverse=True)
    return rows, places


def _arrays(value: Any) -> Iterator[NDArray[Any]]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
    yield from parts


def _mapped(change: Callable[[NDArray[Any]], NDArray[Any]], value: Any) -> Any:
    if isinstance(value, dict):
        return {name: change(part) for name, part in value.items()}
    return tuple(map(change, value)) if isinstance(value, tuple) else change(value)
