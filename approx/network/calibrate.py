"""Calibration: what inputs each site sees.

Inputs are counted by their upper 16 bits, that is at bfloat16 resolution. The histogram therefore needs no
range beforehand, takes one pass, is 0.8% fine at every magnitude, and holds -inf and -3.4e38 like any number.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from approx.cpwl import Density, Function

_REACHED = 2.0**-20
"""How close to its asymptote a function counts as having reached it: 1e-6, a float32 ulp at 8."""
_MERGED = 8
_NARROWEST = 1e-3
"""Share of its position that a domain has to each side at least, where all inputs were nearly one number."""
_CODES = 1 << 16
_FINITE = 0x7F80  # bfloat16 code of infinity: codes below it are the finite non-negative numbers
_ZERO = _FINITE  # where 0 lies among the ordered edges


@dataclass
class Histogram:
    """Counts of inputs at bfloat16 resolution, with the exact finite range.

    Attributes:
        counts: (65536,) occurrences of each code, the upper 16 bits of a float32.
        lowest: smallest finite input seen.
        highest: largest finite input seen.
    """

    counts: torch.Tensor = field(default_factory=lambda: torch.zeros(_CODES, dtype=torch.int64))
    lowest: float = float("inf")
    highest: float = float("-inf")

    def update(self, x: torch.Tensor) -> None:
        """Count every element of x."""
        values = x.detach().to(torch.float32).flatten()
        codes = (values.view(torch.int32) >> 16) & (_CODES - 1)
        self.counts += torch.bincount(codes, minlength=_CODES).cpu()
        finite = values[torch.isfinite(values)]
        if finite.numel():
            low, high = torch.aminmax(finite)
            self.lowest, self.highest = min(self.lowest, low.item()), max(self.highest, high.item())

    @property
    def total(self) -> int:
        """Inputs counted."""
        return int(self.counts.sum())

    def span(self, clip: float = 0.0) -> tuple[float, float] | None:
        """The finite range seen, without a share `clip` of the inputs at each end; None if nothing was seen.

        Whole bins are left out, so that at most the share is.
        """
        if self.lowest > self.highest:
            return None
        if clip == 0.0:
            return self.lowest, self.highest
        edges, counts = ordered(self.counts.numpy())
        below = np.cumsum(counts) / counts.sum()
        low = edges[int(np.searchsorted(below, clip, side="right"))]
        high = edges[int(np.searchsorted(below, 1.0 - clip)) + 1]
        return max(self.lowest, float(low)), min(self.highest, float(high))

    def least_above(self, end: float) -> float | None:
        """The least bin above a number that inputs were counted in."""
        edges, counts = ordered(self.counts.numpy())
        above = np.flatnonzero((edges[:-1] > end) & (counts > 0))
        return float(edges[above[0]]) if above.size else None

    def density(self, domain: tuple[float, float]) -> Density | None:
        """The histogram inside `domain`, for fits that weigh the error by how often an input occurs.

        Bins are merged to 16 an octave, around 0 to one of a thousandth of the domain: a few hundred in all.
        None if no input lies in the domain.
        """
        edges, counts = ordered(self.counts.numpy())
        first = int(np.searchsorted(edges, domain[0], side="right")) - 1
        last = int(np.searchsorted(edges, domain[1], side="left"))
        inner = np.arange(first + 1, last)
        wide = np.abs(edges[inner]) >= (domain[1] - domain[0]) * 2.0**-10
        starts = np.concatenate([[first], inner[wide & (inner % _MERGED == _ZERO % _MERGED)]])
        merged = np.add.reduceat(counts[:last], starts)
        if merged.sum() == 0:
            return None
        return Density(edges=np.clip([*edges[starts], edges[last]], *domain), counts=merged)


def ordered(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins in ascending order of value: edges (B+1,) and counts (B,) of the finite codes."""
    codes = np.arange(_FINITE + 1, dtype=np.uint32) << 16
    magnitudes = codes.view(np.float32).astype(np.float64)
    magnitudes[-1] = float(np.finfo(np.float32).max)
    positive = counts[:_FINITE]
    negative = counts[0x8000 : 0x8000 + _FINITE]
    return np.concatenate([-magnitudes[:0:-1], magnitudes]), np.concatenate([negative[::-1], positive])


def calibrated_domain(function: Function, seen: tuple[float, float]) -> tuple[float, float]:
    """The interval to fit: the range seen, cut where the table's tails give the function's asymptote anyway.

    Args:
        function: the catalogue's entry.
        seen: least and greatest finite input; masked scores reach -3.4e38.

    Returns:
        (low, high) with low < high, inside `seen` and where the function is defined, or around a value.
    """
    seen = _defined(function, seen)
    low = max(seen[0], _reached(function, function.left, -1.0))
    high = min(seen[1], _reached(function, function.right, 1.0))
    middle = 0.5 * (low + high) if low < high else min(max(seen[0], low), high)
    if high - low > _NARROWEST * abs(middle):
        return low, high
    margin = max(abs(middle) * _NARROWEST, 1e-6)
    return middle - margin, middle + margin


_OCTAVES = 10
"""Powers of two by which a table stays short of a pole at the end of a function's support."""


def _defined(function: Function, seen: tuple[float, float]) -> tuple[float, float]:
    """The range seen as far as the function is a number; other inputs can only be what a choice leaves out.

    A logarithm that is computed everywhere and chosen where its argument is positive meets all numbers.
    """
    (least, most), (low, high) = function.support, seen
    low = _inside(function, least, high) if _is_undefined(function, low, least) else low
    high = _inside(function, most, low) if _is_undefined(function, high, most) else high
    return low, high


def undefined(function: Function, seen: tuple[float, float]) -> bool:
    """Whether the function is not a number somewhere in the range seen."""
    return any(_is_undefined(function, *ends) for ends in zip(seen, function.support, strict=True))


def _inside(function: Function, end: float, other: float) -> float:
    """The end of a support, or, where that is a pole, a point towards the other end of the range."""
    return end + (other - end) * 2.0**-_OCTAVES if end in function.poles else end


def _is_undefined(function: Function, x: float, end: float) -> bool:
    """Whether x lies at or beyond an end of the support, and the function gives no number there."""
    beyond = np.isfinite(end) and (x == end or (x < end) == (end == function.support[0]))
    return bool(beyond and not np.isfinite(function(np.array([x]))[0]))


def _reached(function: Function, tail: object, side: float) -> float:
    """Where, going outwards, the function has met the asymptote `tail`; infinite where it has none."""
    if not isinstance(tail, tuple) or function.error == "relative" or function.exact:
        return side * np.inf
    slope, intercept = tail
    x = side * np.geomspace(2.0**-4, 2.0**10, 1 << 12)
    apart = np.flatnonzero(np.abs(function(x) - (slope * x + intercept)) > _REACHED)
    return float(x[min(apart[-1] + 1, x.size - 1)]) if apart.size else 0.0
