"""Many designs at once, as one numpy array a field: what every formula of the model works on.

`evaluate` uses a table of one design, `evaluate_many` a table of many; there is one code path, so both
agree to the bit. Numbers are float64: counts stay below 2**53 and are exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accel_models.checks import Choice, FloatRange, IntRange, Rule, refuse
from accel_models.design import Design
from accel_models.technology import usual_clock

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
RULES = Design.rules()


@dataclass(frozen=True, eq=False)
class DesignTable:
    """`size` designs; each Design field is an array (size,).

    Numbers are float64 with NaN for none; a field with named choices holds the index of its choice.
    """

    columns: dict[str, NDArray[Any]]
    size: int

    def __getitem__(self, field: str) -> NDArray[Any]:
        return self.columns[field]

    def is_(self, field: str, option: str) -> BoolArray:
        """Return where a field has this choice."""
        return np.asarray(self.columns[field] == options(field).index(option))

    def per_option(self, field: str, figure: Callable[[Any], float]) -> FloatArray:
        """Return figure(choice) a design."""
        values = np.array([figure(option) for option in options(field)], dtype=np.float64)
        return np.asarray(values[self.columns[field]])

    def show(self, field: str, row: int) -> Any:
        """Return one design's value as a user wrote it."""
        value = self.columns[field][row]
        if isinstance(RULES[field], Choice):
            return options(field)[value]
        return None if np.isnan(value) else int(value) if isinstance(RULES[field], IntRange) else float(value)

    def rows(self, start: int, stop: int) -> "DesignTable":
        """Return designs start..stop-1 as a table."""
        part = {name: column[start:stop] for name, column in self.columns.items()}
        return DesignTable(part, min(stop, self.size) - start)

    @property
    def shared(self) -> BoolArray:
        """Where one scratchpad holds A, B and the result."""
        return np.asarray(~np.isnan(self.columns["shared_buffer"]))


def options(field: str) -> tuple[Any, ...]:
    """Return the choices of a field."""
    rule = RULES[field]
    assert isinstance(rule, Choice)  # noqa: S101 - a slip in this package, never of its user
    return tuple(rule.options)


def from_designs(designs: Sequence[Design]) -> DesignTable:
    """Return validated designs as a table."""
    columns = {name: _encode(name, [getattr(design, name) for design in designs]) for name in RULES}
    return DesignTable(columns, len(designs))


def from_frame(frame: "pd.DataFrame") -> DesignTable:
    """Return a DataFrame (columns: Design fields, missing ones default) as a table.

    Raises:
        ValueError: If a column is no Design field or a value is not allowed.
    """
    for name in frame.columns:
        if name not in RULES:
            raise refuse(str(name), "(a column)", f"left out; fields are {', '.join(RULES)}")
    size, columns = len(frame), {}
    for name, default in Design.defaults().items():
        given = name in frame.columns
        columns[name] = _column(name, frame[name]) if given else np.repeat(_encode(name, [default]), size)
    table = DesignTable(columns, size)
    usual = table.per_option("technology", usual_clock)
    columns["clock"] = np.where(np.isnan(columns["clock"]), usual, columns["clock"])
    return table


def _column(name: str, series: "pd.Series[Any]") -> NDArray[Any]:
    """Check and encode one column: numbers in one step, anything else a distinct value at a time."""
    rule = RULES[name]
    if not isinstance(rule, Choice) and series.dtype.kind in "iuf":
        return _numbers(name, rule, series.to_numpy(dtype=np.float64, na_value=np.nan))
    codes, given = series.factorize(use_na_sentinel=True)  # nothing at all has code -1
    values = [*given.tolist(), None] if -1 in codes else given.tolist()
    return np.asarray(_encode(name, [rule.check(name, value) for value in values])[codes])


def _numbers(name: str, rule: IntRange | FloatRange, values: FloatArray) -> FloatArray:
    allowed = np.isfinite(values) & (rule.low <= values) & (values <= rule.high)
    if isinstance(rule, IntRange):
        allowed = allowed & (values == np.floor(values))
    allowed |= np.isnan(values) & rule.optional
    if not allowed.all():
        raise refuse(name, f"{values[~allowed][0]:g}", rule.text())
    return values


def _encode(name: str, values: list[Any]) -> NDArray[Any]:
    rule: Rule = RULES[name]
    if isinstance(rule, Choice):
        index = {option: position for position, option in enumerate(rule.options)}
        return np.array([index[value] for value in values], dtype=np.intp)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
