"""Many designs at once, as one numpy array a field: what every formula of the analytic model works on.

`evaluate` uses a table of one design, `evaluate_many` a table of many; there is one code path, so both agree to
the bit. Numbers are float64: counts stay below 2**53 and are exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accel_models.checks import refuse
from accel_models.design import Design
from accel_models.technology import check_mac

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
BITS = {"int8": 8, "int16": 16, "fp16": 16, "bf16": 16, "fp32": 32}


@dataclass(frozen=True, eq=False)
class DesignTable:
    """`size` designs; `columns` holds each Design field as an array (size,), numbers as float64, names as objects."""

    columns: dict[str, NDArray[Any]]
    size: int

    def __getitem__(self, field: str) -> NDArray[Any]:
        return self.columns[field]

    def is_(self, field: str, value: str) -> NDArray[np.bool_]:
        """Return where a named field has this value."""
        return np.asarray(self.columns[field] == value)

    def lookup(self, function: Callable[..., float], *names: str) -> FloatArray:
        """Return function(values of the named fields) a design, called once a distinct combination."""
        keys = list(zip(*(self.columns[name].tolist() for name in names), strict=True))
        known = {key: function(*key) for key in set(keys)}
        return np.fromiter((known[key] for key in keys), dtype=np.float64, count=self.size)

    def slice(self, start: int, stop: int) -> "DesignTable":
        """Return designs start..stop-1 as a table."""
        part = {name: column[start:stop] for name, column in self.columns.items()}
        return DesignTable(part, min(stop, self.size) - start)

    @property
    def word_bytes(self) -> FloatArray:
        """Bytes of an operand word."""
        return self.lookup(lambda width: BITS[width] / 8, "data_width")

    @property
    def shared(self) -> NDArray[np.bool_]:
        """Where one scratchpad holds A, B and the result."""
        return ~np.isnan(self.columns["shared_buffer"])


def from_designs(designs: Sequence[Design]) -> DesignTable:
    """Return validated designs as a table."""
    columns = {name: [getattr(design, name) for design in designs] for name in Design.rules()}
    return DesignTable({name: _array(values) for name, values in columns.items()}, len(designs))


def from_frame(frame: "pd.DataFrame") -> DesignTable:
    """Return a DataFrame (columns: Design fields, missing ones default) as a table.

    Raises:
        ValueError: If a column is no Design field, a value is not allowed, or a width has no energy figure.
    """
    rules, size = Design.rules(), len(frame)
    for name in frame.columns:
        if name not in rules:
            raise refuse(str(name), "column", f"left out; fields are {', '.join(rules)}")
    columns = {}
    for name, default in Design.defaults().items():
        values = frame[name].tolist() if name in frame.columns else [default] * size
        if name == "shared_buffer" or name == "operand_bandwidth":
            values = [_optional(value) for value in values]
        known = {value: rules[name].check(name, value) for value in set(values)}
        columns[name] = _array([known[value] for value in values])
    table = DesignTable(columns, size)
    for key in set(
        zip(*(columns[n].tolist() for n in ("technology", "data_width", "accumulator_bits")), strict=True)
    ):
        check_mac(key[0], key[1], int(key[2]))
    return table


def _optional(value: Any) -> Any:
    """A missing value is NaN in pandas, and an optional integer column is then float."""
    if isinstance(value, float):
        return None if np.isnan(value) else int(value) if value.is_integer() else value
    return value


def _array(values: list[Any]) -> NDArray[Any]:
    if any(isinstance(value, str) for value in values[:1]):
        return np.array(values, dtype=object)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
