"""Numerics: the number formats that a converted network computes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from accel_models.precision import STORED_BITS, SUMS, Precision

ACCUMULATORS = SUMS
"""Widths of partial sums that an accelerator of `accel_models` can have."""
FLOATS = ("fp32", "bf16", "fp16")
SCALES = ("error", "range")
ROUNDINGS = ("nearest", "calibrated")
OPERANDS = ("weights", "activations")
MOST_WORD_BITS = STORED_BITS
"""Widest stored word: what a lookup's input may have, and what the emulation holds exactly."""


@dataclass(frozen=True)
class Numerics:
    """Number formats. Values and scales: see `approx.network.fixed`.

    Attributes:
        data: "fp32"; "bf16" or "fp16", every operand and result rounded to it and sums kept in fp32; or
            "int8", "int16" and other "intN": fixed point, the operands of matrix products N bits wide.
        elementwise: bits of a stored word, which Hadamard products, lookups, sums and moves work on: from
            the data's width to 16. None: 16, as 8 bits of all values cost accuracy. A design of
            `accel_models` has the operands' width there instead, unless `Design(elementwise_bits=16)` says
            more: give both what you mean. A study does, and gives one trial's both sides the same.
        accumulator: bits of partial sums, 16, 32 or 48; None: the least that no layer can overflow.
        table: bits of knots, slopes and midpoint values where a table does not say its own; None: as
            `elementwise`.
        scale: how a narrowed activation's step is chosen from its calibrated histogram: "error", the least
            squared error, or "range", the least that clips nothing.
        layers: widths of matrix products of their own, by a layer's name or a glob over names (see
            `ConvertedModule.layers`): ``{"encoder.layer.0.*": {"weights": 4, "activations": 8}}``. Names win
            over globs, and later keys over earlier. A product of two computed operands reads activations.

        rounding: of layers' weights: "nearest", or "calibrated", which makes roundings of a layer make up for
            each other on calibration data (`approx.network.fixed.rounding`); weights then cannot be trained.

    Raises:
        ValueError: a width is none of these.
    """

    data: str = "fp32"
    elementwise: int | None = None
    accumulator: int | None = None
    table: int | None = None
    scale: str = "error"
    layers: Mapping[str, Mapping[str, int]] = field(default_factory=dict, hash=False)
    rounding: str = "nearest"

    def __post_init__(self) -> None:
        """Refuse what no number has."""
        self._check_data()
        if self.accumulator is not None and self.accumulator not in ACCUMULATORS:
            allowed = ", ".join(map(str, ACCUMULATORS))
            raise ValueError(f"accumulator = {self.accumulator!r}: must be one of {allowed}")
        if self.table is not None:
            check_width("table", self.table, 2, 32)
        if self.scale not in SCALES:
            raise ValueError(f"scale = {self.scale!r}: must be one of {', '.join(SCALES)}")
        if self.rounding not in ROUNDINGS:
            raise ValueError(f"rounding = {self.rounding!r}: must be one of {', '.join(ROUNDINGS)}")
        if self.rounding != "nearest" and not self.is_fixed:
            raise ValueError(f"rounding = {self.rounding!r}: must be left out with {self.data}")
        if self.layers:
            self._check_layers()

    def _check_data(self) -> None:
        if self.data in FLOATS:
            if self.elementwise is not None:
                raise ValueError(f"elementwise = {self.elementwise!r}: must be left out with {self.data}")
            return
        found = re.fullmatch(r"int([0-9]{1,3})", self.data) if isinstance(self.data, str) else None
        if found is None:
            raise ValueError(f"data = {self.data!r}: must be fp32, bf16, fp16, int8, int16 or another intN")
        bits = int(found[1])
        if not 2 <= bits <= 32:
            raise ValueError(f"data = {self.data!r}: must be from 2 to 32 bits wide")
        if bits > MOST_WORD_BITS:
            raise ValueError(
                f"data = {self.data!r}: must be at most int{MOST_WORD_BITS}: the product of two wider words "
                f"overflows an accumulator of {ACCUMULATORS[-1]} bits within a few additions"
            )
        if self.elementwise is not None:
            check_width("elementwise", self.elementwise, bits, MOST_WORD_BITS)

    def _check_layers(self) -> None:
        if not self.is_fixed:
            raise ValueError(f"layers = {dict(self.layers)!r}: must be left out with {self.data}")
        for key, widths in self.layers.items():
            if not isinstance(widths, Mapping) or not widths or set(widths) - set(OPERANDS):
                raise ValueError(f"layers[{key!r}] = {widths!r}: must set weights, activations or both")
            for name, bits in widths.items():
                most = self.word_bits if name == "activations" else MOST_WORD_BITS
                check_width(f"layers[{key!r}]: {name}", bits, 2, most)

    @cached_property
    def precision(self) -> Precision:
        """The widths of every layer, in fixed point; `apply` gives them to a workload."""
        own = min(self.operand_bits, self.word_bits)
        widths = {"stored": self.word_bits, "sums": self.accumulator, "tables": self.table}
        return Precision(own, own, overrides=self.layers, **widths)  # type: ignore[arg-type]

    @property
    def is_fixed(self) -> bool:
        """Whether values are integers times a scale."""
        return self.data not in FLOATS

    @property
    def operand_bits(self) -> int:
        """Bits of an operand of a matrix product, in fixed point."""
        return int(self.data.removeprefix("int"))

    @property
    def word_bits(self) -> int:
        """Bits of a stored word, in fixed point."""
        return MOST_WORD_BITS if self.elementwise is None else self.elementwise

    @property
    def table_bits(self) -> int:
        """Bits of a table's numbers where the table does not say its own."""
        return self.word_bits if self.table is None else self.table

    @property
    def label(self) -> str:
        """What people call it: "int8 (16-bit words)"."""
        wider = self.is_fixed and self.word_bits != self.operand_bits
        name = f"{self.data} ({self.word_bits}-bit words)" if wider else self.data
        return f"{name}, some layers in widths of their own" if self.layers else name


def check_width(name: str, bits: Any, least: int, most: int) -> None:
    """Refuse a width outside its range.

    Raises:
        ValueError: naming the field, the value and the range.
    """
    whole = isinstance(bits, int) and not isinstance(bits, bool)
    if not whole or not least <= bits <= most:
        raise ValueError(f"{name} = {bits!r}: must be an integer from {least} to {most}, bits")
