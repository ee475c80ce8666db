"""Accumulators: the width that no partial sum can overflow, and the refusal of a narrower one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from approx.network.numerics import ACCUMULATORS


class Need(NamedTuple):
    """The largest magnitude that a layer's partial sums can reach, in units of its accumulators."""

    layer: str
    terms: int
    magnitude: int

    @property
    def bits(self) -> int:
        """Least width, sign included."""
        return self.magnitude.bit_length() + 1


def width(needs: Iterable[Need], given: int | None) -> int:
    """The accumulators' width: the one given, or the least that is enough for all layers.

    Raises:
        ValueError: no width, or not the given one, is enough; names the layer and the width that would be.
    """
    worst = max(needs, key=lambda need: need.magnitude, default=Need("", 0, 0))
    enough = next((bits for bits in ACCUMULATORS if bits >= worst.bits), None)
    if enough is None:
        raise ValueError(
            f"accumulator: {worst.layer} adds {worst.terms} products that need {worst.bits} bits: "
            f"must be at most {ACCUMULATORS[-1]}; use narrower data"
        )
    if given is not None and given < worst.bits:
        raise ValueError(
            f"accumulator = {given}: {worst.layer} (K = {worst.terms}) can overflow it: "
            f"must be at least {enough}"
        )
    return enough if given is None else given
