"""The accelerator's units: the only code that computes with float words.

There are three: a matrix product, a Hadamard multiply-add, and a table lookup. All work in float32.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.machine.words import Words, plain

Floats = NDArray[np.float32]
_LARGEST = np.finfo(np.float32).max
_WHOLE: dict[str, Any] = {"ceil": np.ceil, "floor": np.floor, "round": np.round, "trunc": np.trunc}


class Units:
    """What computes, and how much it has computed.

    Attributes:
        work: multiply-accumulates of `gemm`, elements of `hadamard`, `lookup` and `move`.
        lowest: what lies beyond the border of a maximum.
    """

    lowest: float = -np.inf

    def __init__(self) -> None:
        self.work: Counter[str] = Counter()

    def product(self, a: Any, b: Any, start: Any = None) -> Words:
        """A (..., M, K) times B (..., K, N), the accumulators starting at `start` or 0."""
        x, y = _float32(a), _float32(b)
        with np.errstate(over="ignore", invalid="ignore"):
            result = np.matmul(x, y)
            self.work["gemm"] += result.size * x.shape[-1]
            return _words(result if start is None else result + _float32(start))

    def add(self, x: Any, y: Any) -> Words:
        """x + y."""
        return self._hadamard(np.add, x, y)

    def subtract(self, x: Any, y: Any) -> Words:
        """x - y."""
        return self._hadamard(np.subtract, x, y)

    def multiply(self, x: Any, y: Any) -> Words:
        """The Hadamard product of x and y."""
        return self._hadamard(np.multiply, x, y)

    def fetch(self, x: Any, knots: Any, lines: Any) -> tuple[Words, Words]:
        """Slope and intercept of the line of every x: that of the number of knots that are at most x.

        Args:
            x: any shape.
            knots: (N+1,) ascending.
            lines: (N+2, 2) slope and intercept.
        """
        entry = np.searchsorted(plain(knots), plain(saturated(x)), side="right")
        self.work["lookup"] += entry.size
        fetched = plain(lines)[entry]
        return _words(fetched[..., 0]), _words(fetched[..., 1])

    def lookup(self, x: Any, knots: Any, lines: Any) -> Words:
        """The table's value at every x: the fetch, and the multiply-add that comes with it."""
        slope, intercept = (plain(word) for word in self.fetch(x, knots, lines))
        with np.errstate(over="ignore", invalid="ignore"):
            return _words(slope * plain(saturated(x)) + intercept)

    def difference(self, x: Any, y: Any) -> Words:
        """X - y for a comparison: 0 where both are the same infinity."""
        return self.subtract(saturated(x), saturated(y))

    def select(self, mask: Any, x: Any, y: Any) -> Words:
        """S x + (1 - s) y, the factors fetched by a mask; a factor of 0 gates its product, even of NaN."""
        result = np.where(plain(mask).astype(bool), _number(x), _number(y))
        self.work["lookup"] += result.size
        self.work["hadamard"] += 2 * result.size
        return _words(result)

    def whole(self, x: Any, how: str) -> Words:
        """X rounded to a word without digits after the point; `how` is ceil, floor, round or trunc."""
        self.work["hadamard"] += np.size(plain(x))
        return _words(_WHOLE[how](_float32(x)))

    def numbers(self, values: Any) -> NDArray[Any]:
        """Numbers as the entries of a table."""
        return np.array(values, np.float32)

    def saturated(self, x: Any) -> Words:
        """X with infinities at the largest finite float, as a lookup reads it; NaN stays."""
        return saturated(x)

    def _hadamard(self, ufunc: np.ufunc, x: Any, y: Any) -> Words:
        with np.errstate(over="ignore", invalid="ignore"):
            result = ufunc(_float32(x), _float32(y))
        self.work["hadamard"] += result.size
        return _words(result)


def saturated(x: Any) -> Words:
    """X with infinities at the largest finite float, as a lookup reads it; NaN stays."""
    return _words(np.clip(_float32(x), -_LARGEST, _LARGEST))


def _number(x: Any) -> Any:
    """X to select: integers stay integers."""
    return (
        plain(x)
        if isinstance(x, np.ndarray) and not np.issubdtype(plain(x).dtype, np.floating)
        else _float32(x)
    )


def _float32(x: Any) -> Floats:
    return plain(x).astype(np.float32, copy=False)


def _words(x: NDArray[Any]) -> Words:
    words: Words = np.asarray(x).view(Words)
    return words
