"""What the fitter knows of a scalar function: values, derivatives, where it lives, how it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Array = NDArray[np.float64]
Callable1 = Callable[[Array], Array]
Line = tuple[float, float]
"""A line as (slope, intercept)."""
Tail = Line | Literal["edge", "hold"]
"""Outside the domain: an asymptote as a line, the edge segment's line, or the value at the edge."""
ErrorKind = Literal["absolute", "relative"]
Addressing = Literal["shift", "dyadic", "comparator"]


@dataclass(frozen=True)
class Symmetry:
    """f(-x) = sign * f(x) + slope * x + offset, so half a table is enough."""

    sign: float
    slope: float = 0.0
    offset: float = 0.0


@dataclass(frozen=True)
class Function:
    """A scalar function with everything that placement, bias and tails need.

    Attributes:
        name: The function as written by a user, such as ``"gelu"`` or ``"pow(1.7)"``.
        evaluate: Vectorised values, float64 in and out.
        first: Vectorised first derivative.
        second: Vectorised second derivative.
        domain: The interval fitted when the caller names none.
        support: The closed interval on which the function is defined; an end that is itself excluded
            is listed in ``poles``.
        poles: Points where the function is not finite.
        left: What the table does below the domain.
        right: What the table does above the domain.
        error: The error kind that matters for this function.
        symmetry: How f(-x) follows from f(x), or None.
        kinks: For a piecewise-linear function the points where its slope changes; None for all others.
    """

    name: str
    evaluate: Callable1
    first: Callable1
    second: Callable1
    domain: tuple[float, float]
    support: tuple[float, float] = (-math.inf, math.inf)
    poles: tuple[float, ...] = ()
    left: Tail = "edge"
    right: Tail = "edge"
    error: ErrorKind = "absolute"
    symmetry: Symmetry | None = None
    kinks: tuple[float, ...] | None = None

    def __call__(self, x: Array) -> Array:
        """Return f(x), quietly infinite or NaN where f is."""
        with np.errstate(all="ignore"):
            return np.asarray(self.evaluate(x), dtype=np.float64)

    @property
    def exact(self) -> bool:
        """True for a function that is piecewise linear itself."""
        return self.kinks is not None

    def inflections(self, domain: tuple[float, float] | None = None) -> tuple[float, ...]:
        """Return the points inside ``domain`` where the second derivative changes sign.

        Sign changes are looked for on 4096 cells, then refined with Brent's method.
        """
        lo, hi = self.domain if domain is None else domain
        x = np.linspace(lo, hi, 4097)[1:-1]
        with np.errstate(all="ignore"):
            sign = np.sign(self.second(x))
        turning = np.flatnonzero(sign)
        left, right = turning[:-1], turning[1:]
        change = sign[left] * sign[right] < 0
        return tuple(self._sign_change(x[i], x[j]) for i, j in zip(left[change], right[change], strict=True))

    def _sign_change(self, a: float, b: float) -> float:
        return float(brentq(lambda t: float(self.second(np.asarray([t]))[0]), a, b, xtol=1e-14))


def from_callable(call: Callable1, domain: tuple[float, float]) -> Function:
    """Wrap a user's vectorised callable; derivatives are central differences, tails follow the edge lines."""
    step = (domain[1] - domain[0]) * 1e-4

    def first(x: Array) -> Array:
        return np.asarray((call(x + step) - call(x - step)) / (2 * step), dtype=np.float64)

    def second(x: Array) -> Array:
        return np.asarray((call(x + step) - 2 * call(x) + call(x - step)) / step**2, dtype=np.float64)

    return Function(getattr(call, "__name__", "user function"), call, first, second, domain, domain)
