"""The designs of a study file by number, made when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dse.space import applies
from dse.study_file import Axis

Numbers = NDArray[np.int64]
"""Designs of a grid by number, (n,)."""


@dataclass(frozen=True)
class Grid:
    """The product of the axes of a design, the last axis fastest.

    Attributes:
        axes: Values of each field of a Design; None is "not given".
    """

    axes: Mapping[str, Axis]

    @cached_property
    def size(self) -> int:
        """Points of the product; designs that differ in a field that does not apply are counted each."""
        return math.prod(map(len, self.axes.values()))

    @cached_property
    def searched(self) -> dict[str, Axis]:
        """The axes with more than one value."""
        return {name: axis for name, axis in self.axes.items() if len(axis) > 1}

    def chunks(self, most: int) -> Iterator[Numbers]:
        """Yield all numbers, at most so many at a time."""
        for start in range(0, self.size, most):
            yield np.arange(start, min(start + most, self.size), dtype=np.int64)

    def places(self, numbers: Numbers) -> dict[str, NDArray[np.int64]]:
        """Return which value of each axis some designs have, (n,) each."""
        found, rest = {}, numbers
        for name, axis in reversed(list(self.axes.items())):
            rest, found[name] = np.divmod(rest, len(axis))
        return dict(reversed(found.items()))

    def frame(self, numbers: Numbers) -> pd.DataFrame:
        """Return designs as a table, columns as `axes`, indexed by their numbers."""
        columns = {name: _values(self.axes[name])[place] for name, place in self.places(numbers).items()}
        return pd.DataFrame(columns, index=numbers)

    def fields(self, number: int) -> dict[str, Any]:
        """Return one design's fields as plain values."""
        places = self.places(np.array([number]))
        return {name: self.axes[name][int(place[0])] for name, place in places.items()}

    def number(self, fields: Mapping[str, Any]) -> int:
        """Return the number of a design."""
        number = 0
        for name, axis in self.axes.items():
            number = number * len(axis) + axis.index(fields[name])
        return number

    def distinct(self, numbers: Numbers) -> Numbers:
        """Leave out designs that differ from one before only in a field that does not apply to them."""
        places, kept = self.places(numbers), np.ones(len(numbers), dtype=bool)
        for name in set(applies.APPLIES) & set(self.searched):
            kept &= (places[name] == 0) | self._applies(name, places)
        return numbers[kept]

    def _applies(self, name: str, places: Mapping[str, NDArray[np.int64]]) -> NDArray[np.bool_]:
        """Mark the designs for which a field means something: it hangs on one other field."""
        other = applies.HANGS_ON[name]
        if other not in places:
            return np.full(len(places[name]), applies.APPLIES[name]({}))
        answers = np.array([applies.APPLIES[name]({other: value}) for value in self.axes[other]])
        return np.asarray(answers[places[other]])


def _values(axis: Axis) -> NDArray[Any]:
    """Return an axis as an array: numbers where all are, NaN for what is not given beside them."""
    if all(isinstance(value, str) for value in axis):
        return np.array(axis, dtype=object)
    numbers = np.array([np.nan if value is None else value for value in axis], dtype=float)
    return (
        numbers
        if np.isnan(numbers).any() or (numbers != numbers.astype(np.int64)).any()
        else numbers.astype(np.int64)
    )
