"""The plan: which integers every instruction of a program computes with.

Values are stored as words of one width (`Numerics.elementwise`), each with the fraction that its calibrated
range leaves. Every instruction computes exactly on its operands' integers and rounds its result once, so
that a result is a shift: all steps are powers of two. Three things are particular:

- An activation that a matrix product reads with fewer bits is narrowed on the way in, to a step that need not
  be a power of two: a multiplication by an 8-bit integer and a shift. Its inverse is in the weights' step, so
  that the accumulators' step is a power of two again. Each output channel of the weights has a step.
- A product that only sums read (the squares of a layer norm) goes to the accumulators as it is, or, where the
  sum could overflow them, shifted right: rounded to a 16-bit word, one outlier would hide all other squares.
- A mean multiplies its sum by 1/n, an integer of 15 bits and a shift.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from approx.network.fixed.words import Word

MULTIPLIER_BITS = 8
Fractions = int | tuple[int, ...]


@dataclass(frozen=True)
class Narrow:
    """A word made shorter: n becomes round(n multiplier 2^-shift) of `bits` bits."""

    bits: int
    multiplier: int
    shift: int


@dataclass(frozen=True)
class Constant:
    """A number made an integer: v becomes round(v 2^fraction / divisor) of `bits` bits.

    `fraction` is one, or one for each output channel.
    """

    bits: int
    fraction: Fractions
    divisor: int = 1


Operand = Narrow | Constant


@dataclass(frozen=True)
class Step:
    """How one node computes.

    Attributes:
        word: of its result.
        operands: what becomes of its arguments, by position, where they do not go in as they are.
        fraction: of its accumulators, one or one for each output channel; matrix products only.
        multiplier, shift: a sum's factor multiplier 2^-shift: 1/n of a mean; multiplier 0: of the terms that
            there are.
        largest: magnitude that the exact result can reach, in its finest units.
        rounds: whether the result is rounded to its word; a product that only sums read need not be.
    """

    word: Word
    operands: Mapping[int, Operand] = field(default_factory=dict)
    fraction: Fractions | None = None
    multiplier: int = 1
    shift: int = 0
    largest: int = 0
    rounds: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "word": asdict(self.word),
            "operands": {str(i): asdict(operand) for i, operand in self.operands.items()},
            "fraction": self.fraction,
            "multiplier": self.multiplier,
            "shift": self.shift,
            "largest": self.largest,
            "rounds": self.rounds,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Step:
        """What `to_dict` wrote."""
        operands = {int(i): _operand(operand) for i, operand in data["operands"].items()}
        fraction = _fractions(data["fraction"])
        rest = {name: data[name] for name in ("multiplier", "shift", "largest", "rounds")}
        return cls(Word(**data["word"]), operands, fraction, **rest)


def _operand(data: Mapping[str, Any]) -> Operand:
    if "multiplier" in data:
        return Narrow(**data)
    return Constant(**{**data, "fraction": _fractions(data["fraction"])})


def _fractions(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Plan = Mapping[str, Step]
"""The step of every node that holds numbers which depend on an input, by its name."""


def narrowing(word: Word, bits: int, step: float) -> Narrow:
    """The narrowing of a word's integers whose step is nearest to `step`.

    The multiplier has 8 bits: times a 16-bit word it is exact in float32.
    """
    ratio = word.step / step
    shift = MULTIPLIER_BITS - 1 - math.floor(math.log2(ratio))
    multiplier = round(ratio * 2.0**shift)
    while multiplier % 2 == 0:  # a power of two is a shift alone
        multiplier, shift = multiplier // 2, shift - 1
    return Narrow(bits, multiplier, shift)


def narrow_step(word: Word, narrow: Narrow) -> tuple[int, int]:
    """(fraction, divisor) of a narrowed operand's step: step = 2^-fraction / divisor."""
    return word.fraction - narrow.shift, narrow.multiplier
