"""The table that every fit returns: knots, lines and tails, as the accelerator evaluates them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from approx.cpwl.catalogue import get_function
from approx.cpwl.density import Density
from approx.cpwl.fixed_point import FixedPoint, quantize
from approx.cpwl.function import Addressing, Array, ErrorKind, Function, Line
from approx.cpwl.measure import max_error, signed_error
from approx.cpwl.target import Quadrature, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARRAYS = ("knots", "slopes", "intercepts")


@dataclass(frozen=True, eq=False)
class CpwlTable:
    """A continuous piecewise-linear approximation of one scalar function.

    Entry 0 is the left tail, entries 1..N the segments, entry N+1 the right tail; the entry of x is the
    number of knots <= x, and its value is slope * x + intercept. That is the table's whole meaning.

    Attributes:
        function: The function's name as :func:`approx.cpwl.get_function` takes it, or a callable's name.
        domain: The interval that was fitted.
        knots: Segment ends, shape (N+1,), increasing. The first and the last are the domain's ends, or lie
            outside it where an edge segment runs on until it meets the function's asymptote.
        slopes: Shape (N,).
        intercepts: Shape (N,).
        left: (slope, intercept) below the first knot.
        right: (slope, intercept) from the last knot on.
        placement: How the knots were placed.
        bias: How the values at the knots were chosen.
        error: The error kind that was minimised, ``"absolute"`` or ``"relative"``.
        addressing: What hardware needs to find the entry: ``"shift"`` (uniform knots), ``"dyadic"`` (leading
            bits) or
            ``"comparator"`` (free knots).
        exact: True where the table equals the function everywhere.
        symmetric: True where the half of the table above 0 holds it all (see ``stored_segments``).
        fixed_point: The integers behind a quantised table, or None.
        source: The function itself; not written by :meth:`to_dict`.
    """

    function: str
    domain: tuple[float, float]
    knots: Array
    slopes: Array
    intercepts: Array
    left: Line
    right: Line
    placement: str
    bias: str
    error: ErrorKind
    addressing: Addressing
    exact: bool = False
    symmetric: bool = False
    fixed_point: FixedPoint | None = None
    source: Function | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ARRAYS:
            array = np.array(getattr(self, name), dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        for name in ("domain", "left", "right"):
            first, second = getattr(self, name)
            object.__setattr__(self, name, (float(first), float(second)))
        _check(self)

    @property
    def segments(self) -> int:
        """The number of segments N."""
        return int(self.slopes.size)

    @property
    def stored_segments(self) -> int:
        """Segments that must be kept in memory: half of them for a symmetric table."""
        return (self.segments + 1) // 2 if self.symmetric else self.segments

    @property
    def values(self) -> Array:
        """The approximation at the knots, shape (N+1,)."""
        inner = self.slopes * self.knots[:-1] + self.intercepts
        last = self.slopes[-1] * self.knots[-1] + self.intercepts[-1]
        return np.append(inner, last)

    def __call__(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """Evaluate the table.

        Args:
            x: Inputs of any shape; NaN gives NaN and infinities follow the tails.

        Returns:
            An array of x's shape, in x's floating type (float64 for integers), computed in float64.
        """
        given = np.asarray(x)
        inputs = given.astype(np.float64)
        entry = np.searchsorted(self.knots, inputs, side="right")
        slope = np.concatenate(([self.left[0]], self.slopes, [self.right[0]]))[entry]
        intercept = np.concatenate(([self.left[1]], self.intercepts, [self.right[1]]))[entry]
        # A constant tail stays finite at infinity, where 0 * inf would be NaN.
        finite = np.where((slope == 0) & ~np.isnan(inputs), 0.0, inputs)
        with np.errstate(over="ignore"):
            result = slope * finite + intercept
            return result.astype(given.dtype if np.issubdtype(given.dtype, np.floating) else np.float64)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CpwlTable) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.function, self.knots.tobytes(), self.slopes.tobytes(), self.intercepts.tobytes()))

    def reference(self) -> Function:
        """Return the function that the table approximates.

        Raises:
            ValueError: If it was a user's callable and the table came from a file.
        """
        return self.source if self.source is not None else get_function(self.function)

    def target(self, density: Density | None = None) -> Target:
        """Return what the table approximates, where and in which metric."""
        return Target(self.reference(), *self.domain, self.error, density)

    def max_error(self) -> float:
        """Return the largest error's magnitude over the domain, in the table's error kind."""
        return 0.0 if self.exact else max_error(self.target(), self, self.knots)

    def mse(self, density: Density | None = None) -> float:
        """Return the mean squared error over the domain under ``density``, or a uniform one."""
        return mean_squared_error(self, self.target(density))

    def errors(self, x: Array) -> Array:
        """Return the signed errors at ``x``, in the table's error kind."""
        return signed_error(self.target(), self, x)

    def quantize(
        self,
        bits: int,
        *,
        storage: Literal["intercept", "midpoint"] = "intercept",
        scale: float | Mapping[str, float] | None = None,
    ) -> CpwlTable:
        """Return the table in fixed point; see :func:`approx.cpwl.fixed_point.quantize`."""
        return quantize(self, bits, storage=storage, scale=scale)

    def plot(self, path: str | None = None) -> Figure:
        """Return a figure of function, approximation and error curve, and save it where ``path`` says."""
        from approx.cpwl.plot import plot

        return plot(self, path)

    def _repr_png_(self) -> bytes:
        """Show the table as its picture in a notebook."""
        drawn = io.BytesIO()
        self.plot().savefig(drawn, format="png")
        return drawn.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON; the round trip is exact."""
        return {
            "function": self.function,
            "domain": list(self.domain),
            **{name: getattr(self, name).tolist() for name in ARRAYS},
            "left": list(self.left),
            "right": list(self.right),
            "placement": self.placement,
            "bias": self.bias,
            "error": self.error,
            "addressing": self.addressing,
            "exact": self.exact,
            "symmetric": self.symmetric,
            "fixed_point": None if self.fixed_point is None else self.fixed_point.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CpwlTable:
        """Rebuild the table that :meth:`to_dict` wrote.

        Raises:
            ValueError: If a field is missing, unknown or does not hold what it must.
        """
        allowed = set(cls.__dataclass_fields__) - {"source"}
        if set(data) != allowed:
            raise ValueError(f"table: fields {sorted(set(data) ^ allowed)} are missing or unknown")
        fixed = data["fixed_point"]
        return cls(**{**data, "fixed_point": None if fixed is None else FixedPoint.from_dict(fixed)})


def mean_squared_error(table: CpwlTable, target: Target) -> float:
    """Integrate the squared error under the target's density alone, whatever floor a fit mixes in."""
    inner = table.knots[(table.knots > target.lo) & (table.knots < target.hi)]
    panels = Quadrature.build(target, np.concatenate(([target.lo], inner, [target.hi])), bounded=False)
    total = float(panels.measure.sum())
    if total <= 0:
        raise ValueError(f"density: nothing inside the table's domain {target.lo} to {target.hi}")
    error = signed_error(target, table, panels.x)
    return float(panels.measure @ error**2) / total


def _check(table: CpwlTable) -> None:
    size = table.slopes.size
    if size == 0 or table.slopes.shape != (size,) or table.intercepts.shape != (size,):
        raise ValueError(
            f"table: slopes {table.slopes.shape}, intercepts {table.intercepts.shape}: must be (N,), N >= 1"
        )
    if table.knots.shape != (size + 1,) or (np.diff(table.knots) <= 0).any():
        raise ValueError(f"table: knots must be {size + 1} increasing numbers, got shape {table.knots.shape}")
    if not all(np.isfinite(getattr(table, name)).all() for name in ARRAYS):
        raise ValueError("table: knots, slopes and intercepts must be finite")
    if table.error not in ("absolute", "relative"):
        raise ValueError(f"table: error = {table.error!r}: must be 'absolute' or 'relative'")
    if table.addressing not in ("shift", "dyadic", "comparator"):
        raise ValueError(
            f"table: addressing = {table.addressing!r}: must be 'shift', 'dyadic' or 'comparator'"
        )
