"""Words: integers that stand for numbers, and how a number becomes one.

A word of b bits and fraction f is an integer n, |n| <= 2^(b-1) - 1, that stands for n 2^-f. Whatever is
rounded is rounded to the nearest integer, halves to the even one, and saturates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from approx.network.fixed import native


@dataclass(frozen=True)
class Word:
    """A fixed-point format.

    Attributes:
        bits: width, sign included.
        fraction: binary digits after the point; negative where the step is more than 1.
    """

    bits: int
    fraction: int

    @property
    def limit(self) -> int:
        """The largest integer; the least is its negative."""
        return int(2 ** (self.bits - 1) - 1)

    @property
    def step(self) -> float:
        """The value of one unit."""
        return 2.0**-self.fraction

    @property
    def largest(self) -> float:
        """The largest value."""
        return self.limit * self.step

    @classmethod
    def holding(cls, bits: int, magnitude: float, *, whole: bool = False) -> Word:
        """The finest word of so many bits that holds numbers up to `magnitude`, to within one step.

        `whole` leaves no step out, so that a power of two is itself: a mask's 1 - 1 must be 0.
        """
        if magnitude <= 0 or not math.isfinite(magnitude):
            return cls(bits, bits - 1)
        digits = math.log2(magnitude)
        return cls(bits, bits - 1 - (math.floor(digits) + 1 if whole else math.ceil(digits)))


class _Rounded(torch.autograd.Function):
    """clamp(round(x * factor)) * step; its gradient is as if nothing were rounded (straight through)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Any, limit: float, step: Any) -> Tensor:
        scaled: Tensor = x * factor
        ctx.save_for_backward(scaled.abs() <= limit)
        ctx.factor, ctx.step = factor, step
        result: Tensor = scaled.round_().clamp_(-limit, limit).mul_(step)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (inside,) = ctx.saved_tensors
        return gradient * inside * ctx.factor * ctx.step, None, None, None


def rounded(x: Tensor, factor: float | Tensor, limit: float, step: float | Tensor = 1.0) -> Tensor:
    """clamp(round(x factor), -limit, limit) step, differentiable straight through.

    Args:
        x: any shape, float32 or float64; exact if x factor is exact in that type.
        factor: units of the word in 1.
        limit: largest integer.
        step: what one unit gives.
    """
    if torch.is_grad_enabled() and x.requires_grad:
        result: Tensor = _Rounded.apply(x, factor, limit, step)  # type: ignore[no-untyped-call]
        return result
    if isinstance(factor, float) and isinstance(step, float) and native.handles(x):
        return native.rounded(x, factor, limit, step)
    y: Tensor = (x * factor).round_().clamp_(-limit, limit)
    if not (isinstance(step, float) and step == 1.0):
        y.mul_(step)
    return y


def to_word(x: Tensor, word: Word) -> Tensor:
    """Numbers rounded to a word's values, float32; NaN stays."""
    y = rounded(x, 2.0**word.fraction, word.limit, word.step)
    return y if y.dtype is torch.float32 else y.float()


def integers(values: np.ndarray[Any, Any], word: Word) -> np.ndarray[Any, Any]:
    """The integers of numbers, int64, by the same rule in numpy."""
    scaled = np.rint(np.asarray(values, np.float64) * 2.0**word.fraction)
    return np.clip(scaled, -word.limit, word.limit).astype(np.int64)
