"""Widths of the words that Timeloop counts: on chip, and at DRAM.

A level of Timeloop has one width. Scratchpads that keep one matrix have that matrix's own. DRAM and a shared
scratchpad have the operands' width for all they hold, sums too: those are Timeloop's terms. Where a product
has widths of its own, its words are still Timeloop's, but bytes, time and energy at DRAM and in a shared
scratchpad follow from each matrix's width.
"""

from typing import NamedTuple

from accel_models.design import Design
from accel_models.hardware import BITS, Hardware, derive, with_widths
from accel_models.table import from_designs
from accel_models.workload import Gemm

OWN_WIDTHS = ("a_bits", "b_bits", "z_bits")
"""Fields of a GEMM with widths of its own."""


class Words(NamedTuple):
    """Bits of words; a word of A or B is what one step of K takes (`accel_models.mapped.in_steps`).

    Attributes:
        a: A on chip.
        b: B, in DRAM too.
        sums: A partial sum.
        a_dram: A as it comes from DRAM.
        z_dram: A result as it goes there.
        level: What DRAM and a shared scratchpad have as the width of a word.
        step: Operands in a word of A or B.
        own: Whether the product has widths of its own, at which its words then cross to DRAM.
    """

    a: float
    b: float
    sums: float
    a_dram: float
    z_dram: float
    level: int
    step: float
    own: bool

    def at_dram(self, matrix: str, reads: float, updates: float) -> tuple[float, float]:
        """Return the bytes that a matrix's words are at DRAM: read, and written."""
        if not self.own:
            return reads * self.level / 8, updates * self.level / 8
        if matrix == "Z":  # sums that leave come back
            return reads * self.sums / 8, (reads * self.sums + (updates - reads) * self.z_dram) / 8
        return reads * (self.a_dram if matrix == "A" else self.b) / 8, 0.0

    def on_chip(self, matrix: str) -> float:
        """Return the width of a matrix's words on chip over that of a level that all share."""
        return {"A": self.a, "B": self.b, "Z": self.sums}[matrix] / self.level if self.own else 1.0


def figures_of(design: Design, gemm: Gemm | None) -> Hardware:
    """Return a design's figures, for a GEMM's widths where it has some."""
    table = from_designs([design])
    hardware = derive(table)
    return hardware if gemm is None else with_widths(hardware, table, gemm)


def words_of(design: Design, gemm: Gemm | None = None) -> Words:
    """Return the widths of a GEMM's words on a design; the design's own if there is none."""
    h = figures_of(design, gemm)
    own = gemm is not None and any(getattr(gemm, name) is not None for name in OWN_WIDTHS)
    a, b, sums = (8 * float(size[0]) for size in (h.a_step, h.b_step, h.partial))
    stored, step = 8 * float(h.element[0]), float(h.products[0])
    return Words(a, b, sums, stored * step, stored, BITS[design.data_width], step, own)
