"""The accelerator's units in integers: what computes where a program is in fixed point."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.machine.units import Units
from approx.machine.words import Words, plain

Integers = NDArray[np.int64]
RECIPROCAL_BITS = 15
_WIDEST = 62
"""Shifts beyond this give what it gives: 0, or a saturated word."""


def reciprocal(n: int) -> tuple[int, int]:
    """(multiplier, shift), multiplier 2^-shift nearest to 1/n in 15 bits; (1, log2 n) for a power of two."""
    if n & (n - 1) == 0:
        return 1, n.bit_length() - 1
    shift = RECIPROCAL_BITS - 1 + n.bit_length()
    return round(2**shift / n), shift


class IntegerUnits(Units):
    """Matrix product, Hadamard multiply-add, lookup, and the shifts that round a result to its word.

    Attributes:
        accumulator: bits of a partial sum; a sum beyond them is an error.
    """

    def __init__(self, accumulator: int) -> None:
        super().__init__()
        self.accumulator = accumulator
        self.lowest = -(2 ** (accumulator - 2))

    def product(self, a: Any, b: Any, start: Any = None) -> Words:
        """A (..., M, K) times B (..., K, N), the accumulators starting at `start` or 0.

        Raises:
            ValueError: a sum overflows the accumulators.
        """
        x, y = _integers(a), _integers(b)
        result = np.matmul(x, y)
        self.work["gemm"] += result.size * x.shape[-1]
        return self._accumulated(result if start is None else result + _integers(start))

    def fetch(self, x: Any, knots: Any, lines: Any) -> tuple[Words, Words]:
        """Slope and offset of the line of every x: that of the number of knots that are at most x."""
        entry = np.searchsorted(_integers(knots), _integers(x), side="right")
        self.work["lookup"] += entry.size
        fetched = _integers(lines)[entry]
        return _words(fetched[..., 0]), _words(fetched[..., 1])

    def lookup(self, x: Any, knots: Any, lines: Any) -> Words:
        """Slope times x plus offset, by the line of every x."""
        slope, offset = self.fetch(x, knots, lines)
        return _words(_integers(slope) * _integers(x) + _integers(offset))

    def table(self, x: Any, knots: Integers, rows: Integers, shift: int) -> Words:
        """Slope times the distance to the line's middle, shifted left, plus the offset.

        Args:
            x: any shape, on the knots' scale.
            knots: (N+1,) ascending.
            rows: (N+2, 3): slope, middle on the knots' scale, and offset on the result's scale.
            shift: from the product's scale to the result's.
        """
        entry = np.searchsorted(knots, _integers(x), side="right")
        self.work["lookup"] += entry.size
        slope, middle, offset = rows[entry, 0], rows[entry, 1], rows[entry, 2]
        return _words((slope * (_integers(x) - middle) << shift) + offset)

    def difference(self, x: Any, y: Any) -> Words:
        """X - y for a comparison, which no accumulator holds."""
        result = _integers(x) - _integers(y)
        self.work["hadamard"] += result.size
        return _words(result)

    def select(self, mask: Any, x: Any, y: Any) -> Words:
        """S x + (1 - s) y, the factors fetched by a mask."""
        result = np.where(_integers(mask).astype(bool), _integers(x), _integers(y))
        self.work["lookup"] += result.size
        self.work["hadamard"] += 2 * result.size
        return _words(result)

    def numbers(self, values: Any) -> NDArray[Any]:
        """Integers as the entries of a table."""
        return np.array(values, np.int64)

    def saturated(self, x: Any) -> Words:
        """X itself: an integer is finite."""
        return _words(_integers(x))

    def aligned(self, x: Any, shift: int) -> Words:
        """X on a finer scale: shifted left."""
        return _words(_integers(x) << shift)

    def rounded(self, x: Any, shift: Any, limit: int, multiplier: int = 1) -> Words:
        """x multiplier 2^-shift, to the nearest integer, halves to the even one, saturated at +-limit.

        Args:
            x: any shape.
            shift: one, or an array that broadcasts; negative shifts to the left.
            limit: largest integer.
            multiplier: an integer.
        """
        scaled = _integers(x) * multiplier
        right, left = np.clip(shift, 0, _WIDEST), np.clip(np.negative(shift), 0, _WIDEST)
        floor = scaled >> right
        rest = scaled - (floor << right)
        half = (np.int64(1) << right) >> 1
        up = (rest > half) | ((rest == half) & (floor & 1 == 1))
        shifted = (
            np.clip(scaled, -(limit >> left) - 1, (limit >> left) + 1) << left
        )  # saturates before it overflows
        return _words(np.clip(np.where(right > 0, floor + up, shifted), -limit, limit))

    def whole_part(self, x: Any, fraction: int, how: str) -> Words:
        """Whole numbers of integers with digits after the point; `how` is ceil, floor, round or trunc."""
        integers = _integers(x)
        self.work["hadamard"] += integers.size
        if how == "round":
            return self.rounded(x, fraction, 2**62)
        if how == "floor":
            return _words(integers >> fraction)
        up = -(-integers >> fraction)
        return _words(up if how == "ceil" else np.where(integers < 0, up, integers >> fraction))

    def _accumulated(self, sums: Integers) -> Words:
        if sums.size and max(int(sums.max()), -int(sums.min())) >= 2 ** (self.accumulator - 1):
            raise ValueError(f"a partial sum overflows the accumulators' {self.accumulator} bits")
        return _words(sums)

    def _hadamard(self, ufunc: np.ufunc, x: Any, y: Any) -> Words:
        result = ufunc(_integers(x), _integers(y))
        self.work["hadamard"] += result.size
        return self._accumulated(result)


def _integers(x: Any) -> Integers:
    array = plain(x)
    if not (np.issubdtype(array.dtype, np.integer) or array.dtype == bool):
        raise TypeError(f"{array.dtype} among integer words")
    return array.astype(np.int64, copy=False)


def _words(x: NDArray[Any]) -> Words:
    return np.asarray(x).view(Words)
