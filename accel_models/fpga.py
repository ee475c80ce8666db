"""What a design takes of a programmable part: lookup tables, flip-flops, DSP slices, and block RAMs of 18 Kb.

Counts follow published rules; control, DMA and the memory interface (hard in a Zynq) are not counted, and
nothing has been synthesised.

- A multiply-add of up to 18 x 25 bits is one DSP48E1 (Xilinx UG479), of up to 18 x 27 one DSP48E2 (UG579),
  with its 48-bit accumulator. Two int8 products that share an operand are one DSP48E2 (WP486); their sums do
  not fit side by side and are kept in the fabric, an adder and a register each.
- An adder takes a lookup table a bit, a comparator half as many (carry chains, UG474), a register a flip-flop
  a bit. A cell has a register for each operand. Output-stationary cells shift results out through a two-way
  multiplexer, two bits a lookup table.
- Element-wise lanes are DSP slices of their own where cells share one.
- A scratchpad takes block RAMs for its bytes, 16 Kib of data each, and for its width, 32 bits each in simple
  dual port (UG473): a row of operands for the array, of sums, or of two words a lane. Each copy of the tables
  likewise; up to 512 bytes lie in lookup tables, 64 bits each (UG474).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from accel_models import prices
from accel_models.checks import refuse
from accel_models.systolic import ceil_div
from accel_models.table import DesignTable, FloatArray
from accel_models.technology.parts import NONE, PARTS

RESOURCES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram": "BRAM of 18 Kb"}
"""Columns, and what people call them."""
_BRAM_BYTES, _BRAM_BITS, _LUT_BITS, _SMALL = 2048.0, 32.0, 64.0, 512.0


class Bits(NamedTuple):
    """Widths of each design: of operands, stored words and partial sums."""

    operand: FloatArray
    word: FloatArray
    sum: FloatArray


def resources(
    t: DesignTable, lanes: FloatArray, copies: FloatArray, levels: FloatArray, bits: Bits
) -> dict[str, FloatArray]:
    """Return what each design takes by resource, NaN where it is for no part.

    Args:
        t: The designs.
        lanes: Element-wise multiply-adds a cycle.
        copies: Copies of the tables.
        levels: Levels of the addressing units.
        bits: Widths.
    """
    cells, os = t["rows"] * t["cols"], t.is_("dataflow", "os")
    packed = (t.per_option("part", _packs) > 0) & (bits.operand <= 8)
    registers = 2 * bits.operand + np.where(packed, bits.sum, 0.0)
    registers = registers + prices.second_register(t, bits.operand / 8, bits.sum / 8)
    adders = np.where(packed, bits.sum, 0.0) + np.where(os, ceil_div(bits.sum, 2), 0.0)
    searched = np.minimum(lanes, copies) * levels * bits.word
    small = np.where(t["parameter_buffer"] <= _SMALL, ceil_div(8 * t["parameter_buffer"], _LUT_BITS), 0.0)
    found = {
        "lut": cells * adders + ceil_div(searched, 2) + copies * small,
        "ff": cells * registers + searched,
        "dsp": np.where(packed, ceil_div(cells, 2) + lanes, cells),
        "bram": _block_rams(t, lanes, copies, bits),
    }
    built = t.per_option("part", lambda name: name != NONE) > 0
    return {name: np.where(built, values, np.nan) for name, values in found.items()}


def _packs(part: str) -> bool:
    return part != NONE and PARTS[part]["family"] == "ultrascale+"


def _block_rams(t: DesignTable, lanes: FloatArray, copies: FloatArray, bits: Bits) -> FloatArray:
    streamed = np.where(t.is_("dataflow", "is"), t["rows"], t["cols"])
    rows = {
        "input": t["rows"] * bits.operand,
        "weight": streamed * bits.operand,
        "output": np.maximum(t["cols"] * bits.sum, 2 * lanes * bits.word),
    }
    apart = sum(_blocks(t, t[f"{name}_buffer"], width) for name, width in rows.items())
    together = _blocks(t, np.nan_to_num(t["shared_buffer"]), sum(rows.values(), np.zeros(t.size)))
    sums = _blocks(t, np.nan_to_num(t["accumulator_buffer"]), t["cols"] * bits.sum)
    sums = np.where(np.isnan(t["accumulator_buffer"]), 0.0, sums)
    table = np.maximum(ceil_div(t["parameter_buffer"], _BRAM_BYTES), ceil_div(2 * bits.word, _BRAM_BITS))
    tables = np.where(t["parameter_buffer"] <= _SMALL, 0.0, copies * table)
    return np.asarray(np.where(t.shared, together, apart) + sums + tables, dtype=np.float64)


def _blocks(t: DesignTable, size: FloatArray, width: FloatArray) -> FloatArray:
    """Return the block RAMs of a scratchpad: enough for its bytes and its width, as many in each bank."""
    each = np.maximum(size / t["banks"] / _BRAM_BYTES, width / t["banks"] / _BRAM_BITS)
    return np.asarray(t["banks"] * np.ceil(each), dtype=np.float64)


def missing(part: str, needed: Mapping[str, float]) -> str:
    """Return what a part lacks, a line that names the field, or an empty text."""
    have = PARTS[part]
    short = {name: label for name, label in RESOURCES.items() if needed[name] > have[name]}
    if not short:
        return ""
    wanted = ", ".join(f"{needed[name]:,.0f} {label}" for name, label in short.items())
    there = ", ".join(f"{have[name]:,}" for name in short)
    return str(refuse("part", part, f"one with at least {wanted}; it has {there}"))
