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

    Numbers are float64 with NaN for none; a field with named choices holds the index of its choice. `refused`
    says of each design why it cannot be evaluated at all, or nothing.
    """

    columns: dict[str, NDArray[Any]]
    size: int
    refused: NDArray[Any]

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
        return DesignTable(part, min(stop, self.size) - start, self.refused[start:stop])

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
    return DesignTable(columns, len(designs), _accepted(len(designs)))


def from_frame(frame: "pd.DataFrame") -> DesignTable:
    """Return a DataFrame (columns: Design fields, missing ones default) as a table.

    A design with a value that is not allowed has the default there, and the reason in `refused`.

    Raises:
        ValueError: If a column is no Design field.
    """
    for name in frame.columns:
        if name not in RULES:
            raise refuse(str(name), "(a column)", f"left out; fields are {', '.join(RULES)}")
    for name in frame.columns[frame.columns.duplicated()]:
        raise refuse(str(name), "(several columns)", "given once")
    size, columns, refused = len(frame), {}, _accepted(len(frame))
    for name, default in Design.defaults().items():
        given = name in frame.columns
        column = _column(name, frame[name], default, refused) if given else _encode(name, [default])
        columns[name] = np.broadcast_to(column, size)
    table = DesignTable(columns, size, refused)
    usual = table.per_option("technology", usual_clock)
    columns["clock"] = np.where(np.isnan(columns["clock"]), usual, columns["clock"])
    return table


def _accepted(size: int) -> NDArray[Any]:
    return np.full(size, "", dtype=object)


def _column(name: str, series: "pd.Series[Any]", default: Any, refused: NDArray[Any]) -> NDArray[Any]:
    """Check and encode one column: numbers in one step, anything else a distinct value at a time."""
    rule = RULES[name]
    if not isinstance(rule, Choice) and series.dtype.kind in "iuf":
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return _numbers(name, rule, numbers, default, refused)
    codes, values = _distinct(series)
    checked = []
    for code, value in enumerate(values):
        try:
            checked.append(rule.check(name, value))
        except ValueError as error:
            checked.append(default)
            _refuse(refused, codes == code, str(error))
    return np.asarray(_encode(name, checked)[codes])


_ALIKE = ("string", "integer", "floating", "empty")


def _distinct(series: "pd.Series[Any]") -> tuple[NDArray[np.intp], list[Any]]:
    """Return the place of each value among the distinct ones, and these; what is missing is None.

    A column of several types is taken a value at a time: as keys True, 1 and 1.0 are one, and a list is none.
    """
    import pandas as pd

    if series.dtype != object or pd.api.types.infer_dtype(series, skipna=True) in _ALIKE:
        codes, given = series.factorize(use_na_sentinel=True)  # what is missing has code -1
        values = [*given.tolist(), None]
        return codes % len(values), values if -1 in codes else values[:-1]
    values = [None if pd.api.types.is_scalar(v) and pd.isna(v) else v for v in series.tolist()]
    return np.arange(len(values)), values


def _numbers(
    name: str, rule: IntRange | FloatRange, values: FloatArray, default: Any, refused: NDArray[Any]
) -> FloatArray:
    allowed = np.isfinite(values) & (rule.low <= values) & (values <= rule.high)
    if isinstance(rule, IntRange):
        allowed = allowed & (values == np.floor(values))
    allowed |= np.isnan(values) & rule.optional
    if allowed.all():
        return values
    for value in np.unique(values[~allowed]):  # all that are not a number are one
        alike = np.isnan(values) if np.isnan(value) else values == value
        _refuse(refused, ~allowed & alike, str(refuse(name, f"{value:g}", rule.text())))
    return np.where(allowed, values, np.nan if default is None else default)


def _refuse(refused: NDArray[Any], rows: BoolArray, why: str) -> None:
    refused[rows & (refused == "")] = why


def _encode(name: str, values: list[Any]) -> NDArray[Any]:
    rule: Rule = RULES[name]
    if isinstance(rule, Choice):
        index = {option: position for position, option in enumerate(rule.options)}
        return np.array([index[value] for value in values], dtype=np.intp)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
