"""Exact products of integer matrices on the CPU's 8-bit units, where it has them.

Float32 holds an int8 product exactly and float64 an int16 one, but 8-bit units are four times faster than
the first, and a 16-bit number is two digits of 8 bits: x = 256 h + l with -128 <= l <= 127. Their product of
digits is exact only if the units do not saturate in between, which some do; whether these do is tried once.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

_BASE = 256
_MOST = 127 * _BASE + 127
"""The largest integer of two digits; a word reaches 128 steps further, which costs a third matrix."""


@cache
def available() -> bool:
    """Whether products of 8-bit matrices exist here and do not saturate."""
    low, high = -128, 127
    a = torch.tensor([[low, high] * 35, [high] * 70, [low] * 70], dtype=torch.int8)
    b = torch.tensor([[high, low] * 35, [low] * 70, [high] * 70, [low, high] * 35], dtype=torch.int8).T
    try:
        found = torch._int_mm(a, b)
    except (AttributeError, RuntimeError):
        return False
    return torch.equal(found.long(), a.long() @ b.long())


class Digits:
    """The transpose of a weight matrix (N, K) of integers as digits of 8 bits, to be multiplied by.

    Attributes:
        usable: whether the digits hold every weight.
    """

    def __init__(self, weight: Tensor) -> None:
        integers = weight.to(torch.int32)
        largest = int(integers.abs().max()) if integers.numel() else 0
        self.usable = largest <= _MOST
        self._high, self._low = _split(integers.T.contiguous())
        self._wide = largest > 127

    def product(self, x: Tensor, bits: int) -> Tensor:
        """X (M, K), integers of so many bits in float32, times the weights; exact, int32 or float64."""
        if bits <= 8 and not self._wide:
            return torch._int_mm(x.to(torch.int8), self._low)
        integers = x.to(torch.int32)
        high, low = _split(integers)
        result = torch._int_mm(low, self._low).double()
        if self._wide:
            result.add_(torch._int_mm(low, self._high), alpha=_BASE)
            result.add_(torch._int_mm(high, self._high), alpha=_BASE**2)
        result.add_(torch._int_mm(high, self._low), alpha=_BASE)
        return self._with_overflow(result, integers)

    def _with_overflow(self, result: Tensor, integers: Tensor) -> Tensor:
        """Add what the high digit of numbers beyond two digits, 128, has more than 127."""
        beyond = integers > _MOST
        if beyond.any():
            ones = beyond.to(torch.int8)
            result.add_(torch._int_mm(ones, self._low), alpha=_BASE)
            if self._wide:
                result.add_(torch._int_mm(ones, self._high), alpha=_BASE**2)
        return result


def _split(integers: Tensor) -> tuple[Tensor, Tensor]:
    """The high and low digits, the high one at most 127."""
    low = ((integers + 128) & 255) - 128
    high = ((integers - low) >> 8).clamp_(max=127)
    return high.to(torch.int8), low.to(torch.int8)
