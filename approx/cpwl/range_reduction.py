"""Range reduction: the input's exponent taken out, and a table for the mantissa alone.

With x = m * 2^e the functions reciprocal, sqrt and rsqrt are f(m) * 2^(p e), and log is f(m) + e ln 2. The
relative error (log: the absolute one) of the mantissa's table then holds for every positive float, where a
table over a wide domain needs knots in every octave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from approx.cpwl.fixed_point import Storage
from approx.cpwl.function import Array, ErrorKind
from approx.cpwl.table import CpwlTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Reduction(NamedTuple):
    """How a function comes apart.

    Attributes:
        power: p in f(m * 2^e) = f(m) * 2^(p e); None for log, where e ln 2 is added.
        domain: The mantissa's interval, [1, 2) or [1, 4); with [1, 4) e is even.
        error: The error kind that does not depend on e.
    """

    power: float | None
    domain: tuple[float, float]
    error: ErrorKind


REDUCTIONS: MappingProxyType[str, Reduction] = MappingProxyType(
    {
        "reciprocal": Reduction(-1.0, (1.0, 2.0), "relative"),
        "sqrt": Reduction(0.5, (1.0, 4.0), "relative"),
        # [1, 4) would save the constant 2^-0.5 of odd exponents, but 8 segments would then err by 2^-9.5.
        "rsqrt": Reduction(-0.5, (1.0, 2.0), "relative"),
        "log": Reduction(None, (1.0, 2.0), "absolute"),
    }
)
"""The functions that range reduction knows."""


@dataclass(frozen=True)
class ReducedTable:
    """A table of one mantissa interval that serves every positive float, called like a :class:`CpwlTable`.

    Hardware takes the exponent from the input's leading bit, normalises the mantissa, fetches from ``table``,
    and shifts the result (log: adds a multiple of ln 2); ``parity_multiply`` says whether an odd exponent
    costs one more multiplication, by 2^0.5 or its inverse.

    Attributes:
        function: ``"reciprocal"``, ``"rsqrt"``, ``"sqrt"`` or ``"log"``.
        table: The mantissa's table, on [1, 2) or [1, 4).
    """

    function: str
    table: CpwlTable

    def __post_init__(self) -> None:
        _reduction(self.function)
        if self.table.domain not in ((1.0, 2.0), (1.0, 4.0)):
            raise ValueError(f"domain = {self.table.domain}: must be (1, 2) or (1, 4) with range reduction")

    @property
    def addressing(self) -> Literal["exponent"]:
        """What hardware needs: the exponent taken out, then the mantissa table's own addressing."""
        return "exponent"

    @property
    def segments(self) -> int:
        """The number of segments of the mantissa's table."""
        return self.table.segments

    @property
    def error(self) -> ErrorKind:
        """The error kind of :meth:`max_error`."""
        return self.table.error

    @property
    def exponent_step(self) -> int:
        """1 for a table on [1, 2), 2 for [1, 4), where only even exponents are taken out."""
        return int(math.log2(self.table.domain[1]))

    @property
    def parity_multiply(self) -> bool:
        """True where an odd exponent's power of two is not a shift."""
        power = _reduction(self.function).power
        return power is not None and (power * self.exponent_step) % 1 != 0

    def __call__(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """Evaluate at ``x``; 0, infinity, NaN and negative inputs give what the function itself gives."""
        given = np.asarray(x)
        inputs = given.astype(np.float64)
        size = np.abs(inputs) if self.function == "reciprocal" else inputs
        normal = np.isfinite(size) & (size > 0)
        mantissa, exponent = self._split(np.where(normal, size, 1.0))
        value = self._join(self.table(mantissa).astype(np.float64), exponent)
        result = np.where(normal, value, self.table.reference()(inputs))
        if self.function == "reciprocal":
            result = np.copysign(result, inputs)
        with np.errstate(over="ignore", under="ignore"):
            return result.astype(given.dtype if np.issubdtype(given.dtype, np.floating) else np.float64)

    def _split(self, x: Array) -> tuple[Array, Array]:
        half, exponent = np.frexp(x)
        mantissa, exponent = 2 * half, exponent - 1
        odd = exponent % self.exponent_step
        return np.ldexp(mantissa, odd), (exponent - odd).astype(np.float64)

    def _join(self, value: Array, exponent: Array) -> Array:
        power = _reduction(self.function).power
        if power is None:
            return value + exponent * math.log(2)
        with np.errstate(over="ignore"):
            return np.asarray(value * np.exp2(power * exponent))

    def max_error(self) -> float:
        """Return the largest error over every positive float, in the table's error kind."""
        return self.table.max_error()

    def mse(self) -> float:
        """Return the mean squared error over one mantissa interval, in the table's error kind."""
        return self.table.mse()

    def quantize(
        self, bits: int, *, storage: Storage = "intercept", scale: float | Mapping[str, float] | None = None
    ) -> ReducedTable:
        """Return the same with its table in fixed point; see :func:`approx.cpwl.fixed_point.quantize`."""
        return replace(self, table=self.table.quantize(bits, storage=storage, scale=scale))

    def plot(self, path: str | None = None) -> Figure:
        """Return the plot of the mantissa's table."""
        return self.table.plot(path)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON; the round trip is exact."""
        return {"function": self.function, "addressing": self.addressing, "table": self.table.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReducedTable:
        """Rebuild what :meth:`to_dict` wrote."""
        if set(data) != {"function", "addressing", "table"}:
            raise ValueError(f"table: must hold function, addressing and table, got {sorted(data)}")
        return cls(data["function"], CpwlTable.from_dict(data["table"]))


def reduced_problem(
    function: object, domain: tuple[float, float] | None, error: str | None
) -> tuple[tuple[float, float], ErrorKind]:
    """Return the mantissa's interval and the error kind to fit with.

    Raises:
        ValueError: If the function, interval or error kind does not allow range reduction.
    """
    known = _reduction(function)
    if error not in (None, known.error):
        raise ValueError(
            f"error = {error!r}: range reduction of {function} has a bounded {known.error} error only"
        )
    chosen = known.domain if domain is None else domain
    return chosen, known.error


def _reduction(function: object) -> Reduction:
    if not isinstance(function, str) or function not in REDUCTIONS:
        raise ValueError(f"range_reduction = True: works for {', '.join(REDUCTIONS)}, not {function!r}")
    return REDUCTIONS[function]
