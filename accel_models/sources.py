"""Where every figure behind a design's energy and area comes from, for reports."""

from dataclasses import dataclass

from accel_models.design import Design
from accel_models.technology import DRAMS, dram_pj_per_byte, load_technology


@dataclass(frozen=True)
class Source:
    """One figure of a process and its origin.

    Attributes:
        component: What it belongs to, for example "mac int8-32".
        figure: Value and unit in words.
        source: Who measured or derived it.
    """

    component: str
    figure: str
    source: str


def sources(design: Design) -> list[Source]:
    """Return every figure that a design's energy and area rest on."""
    technology, width = load_technology(design.technology), f"{design.data_width}-{design.accumulator_bits}"
    cells = {f"mac {width}": technology.mac[width]}
    cells |= {"register bit": technology.register, "adder bit": technology.adder}
    found = [
        Source(name, f"{cell.pj:g} pJ, {cell.area_um2:g} um2, {cell.leak_uw:g} uW", cell.source)
        for name, cell in cells.items()
    ]
    sram, largest = technology.sram, technology.sram.size[-1] / 1024
    reads = f"{sram.read_pj[0]:g} to {sram.read_pj[-1]:g} pJ a byte read, 2 to {largest:g} KiB"
    found.append(Source("sram", reads, sram.source))
    moved = f"{dram_pj_per_byte(design.dram):g} pJ a byte"
    return [*found, Source(f"dram {design.dram}", moved, str(DRAMS[design.dram]["source"]))]
