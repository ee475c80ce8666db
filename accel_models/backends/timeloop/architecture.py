"""A Design as Timeloop sees it: DRAM, scratchpads, an array of cells that keep one word each.

    DRAM -> input, weight and output scratchpads (or one shared, GLB) -> PE container -> register -> MAC

Three scratchpads are three levels below each other, of which each keeps one matrix and lets the others pass;
that is how Timeloop describes memories side by side.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from accel_models.backends.timeloop.text import Quoted, Tagged
from accel_models.backends.timeloop.words import Words, words_of
from accel_models.design import Design
from accel_models.hardware import BITS
from accel_models.mapping import STATIONARY

NODE = "45nm"
"""What Accelergy is asked for. Its plug-ins for these components are known to answer at 45 nm; energy of
other processes comes from this toolkit's own tables (see `tables`), and counts do not depend on it."""

ROW_BITS = 64
"""Bits of a row of DRAM or a scratchpad, moved by one action; macros of the process files have as many."""

DRAM_ROWS = 1 << 30
"""The front end wants a depth of every storage; this is larger than any matrix."""

DRAM_TYPES = {"HBM3": "HBM2", "HBM4": "HBM2"}
"""What Accelergy is asked for in place of DRAM types that its CACTI plug-in has no figure for."""


@dataclass(frozen=True)
class Buffer:
    """One scratchpad level.

    Attributes:
        name: The level's name in specs and statistics.
        keeps: Matrices that it holds.
        bits: Bits of a word in it; Timeloop is told whole ones.
        size: Bytes.
    """

    name: str
    keeps: str
    bits: float
    size: int

    @property
    def word(self) -> int:
        """Bits of a word as Timeloop is told them."""
        return math.ceil(self.bits)

    @property
    def width(self) -> int:
        """Bits of a row: 64, or two words where 64 is no multiple of a word."""
        return ROW_BITS if ROW_BITS % self.word == 0 else 2 * self.word

    @property
    def row_bytes(self) -> float:
        """Bytes of the words of a row."""
        return self.width // self.word * self.bits / 8

    @property
    def depth(self) -> int:
        """Rows; what is left over of a size that is no multiple of a row is not used."""
        return max(1, int(self.size / self.row_bytes))


def buffers(design: Design, words: Words | None = None) -> list[Buffer]:
    """Return the scratchpads, the outermost first; `words` are a GEMM's, or the design's own.

    Sums live in accumulators where the design has them and its cells do not keep them; the output scratchpad,
    which results then pass once, is left out. Else its words are partial sums. A shared scratchpad has words
    of operands: Timeloop knows one width a level.
    """
    words = words or words_of(design)
    sums = Buffer("output_buffer", "Z", words.sums, design.output_buffer)
    apart = design.accumulator_buffer is not None and design.dataflow != "os"
    if apart and design.accumulator_buffer is not None:
        sums = replace(sums, name="accumulator_buffer", size=design.accumulator_buffer)
    if design.shared_buffer is not None:
        shared = Buffer("GLB", "AB" if apart else "ABZ", words.level, design.shared_buffer)
        return [shared, sums] if apart else [shared]
    return [
        Buffer("input_buffer", "A", words.a, design.input_buffer),
        Buffer("weight_buffer", "B", words.b, design.weight_buffer),
        sums,
    ]


def register_bits(design: Design, words: Words | None = None) -> int:
    """Return the bits of the word that a cell keeps: an operand, or a partial sum."""
    words = words or words_of(design)
    return math.ceil({"A": words.a, "B": words.b, "Z": words.sums}[STATIONARY[design.dataflow]])


def words_per_cycle(design: Design) -> float:
    """Return the words of operands that DRAM moves a cycle."""
    return design.dram_bandwidth / design.clock / (BITS[design.data_width] / 8)


def system(design: Design) -> Tagged:
    """Return the container of everything."""
    cycle = {"technology": Quoted(NODE), "global_cycle_seconds": 1 / design.clock}
    return Tagged("!Container", name="system", attributes=cycle)


def dram(design: Design) -> dict[str, Any]:
    """Return DRAM's attributes; reads and writes share the bandwidth, as in the analytic model."""
    speed = round(words_per_cycle(design), 9)
    return {
        "type": Quoted(DRAM_TYPES.get(design.dram, design.dram)),
        "width": ROW_BITS,
        "depth": DRAM_ROWS,
        "datawidth": BITS[design.data_width],
        "read_bandwidth": speed,
        "write_bandwidth": speed,
        "shared_bandwidth": speed,
    }


def sram(design: Design, buffer: Buffer) -> dict[str, Any]:
    """Return a scratchpad's attributes."""
    # CACTI takes powers of two.
    banks = {"n_banks": 1 << (design.banks - 1).bit_length()} if design.banks > 1 else {}
    halves = {"multiple_buffering": 2} if design.buffering == "double" else {}
    return {"depth": buffer.depth, "width": buffer.width, "datawidth": buffer.word, **banks, **halves}


def register(design: Design, words: Words | None = None) -> dict[str, Any]:
    """Return the attributes of a cell's register."""
    bits = register_bits(design, words)
    return {"depth": 1, "width": bits, "datawidth": bits}


def mac(design: Design) -> dict[str, Any]:
    """Return the attributes of a cell's multiply-add."""
    return {"multiplier_width": BITS[design.data_width], "adder_width": design.accumulator_bits}


COMPONENTS: dict[str, Any] = {
    "components": {
        "version": 0.4,
        "classes": [
            {
                "name": "intmac",
                "attributes": {
                    name: Quoted("must_specify")
                    for name in ("technology", "multiplier_width", "adder_width", "global_cycle_seconds")
                },
                "subcomponents": [
                    {"name": "intadder", "class": "aladdin_adder", "attributes": {"width": "adder_width"}},
                    {
                        "name": "intmultiplier",
                        "class": "aladdin_multiplier",
                        "attributes": {"width_a": "multiplier_width", "width_b": "multiplier_width"},
                    },
                ],
                "actions": [
                    {
                        "name": action,
                        "subcomponents": [
                            {"name": part, "actions": [{"name": does}]}
                            for part in ("intadder", "intmultiplier")
                        ],
                    }
                    for action, does in (("compute", "read"), ("leak", "leak"))
                ],
            }
        ],
    }
}
"""The multiply-add as an adder and a multiplier of Accelergy's Aladdin tables."""
