"""Where every figure behind a design's energy and area comes from, for reports."""

from dataclasses import dataclass

from accel_models.design import Design
from accel_models.fpga import RESOURCES
from accel_models.technology import DRAMS, dram_pj_per_byte, load_dram, load_technology
from accel_models.technology.parts import PARTS


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
    found.append(Source(f"dram {design.dram}", moved, str(DRAMS[design.dram]["source"])))
    return [*found, *_prices(design)]


def _prices(design: Design) -> list[Source]:
    """Return what is charged beside actions: DRAM channels, clock, and a design's own cells and part."""
    technology, dram = load_technology(design.technology), load_dram(design.dram)
    watts, area = dram.background_w + dram.interface_w, dram.interface_mm2
    channel = f"{dram.channel_bandwidth / 1e9:g} GB/s, {watts:g} W, {area:g} mm2"
    found = [Source(f"dram channel {design.dram}", channel, dram.source)]
    if clock := technology.clock:
        volts = f"{clock.base_hz / 1e9:g} GHz at {clock.base_v:g} V, {clock.least_v:g} to {clock.most_v:g} V"
        found.append(Source("clock", volts, clock.source))
    if design.cell in technology.scalable:
        cell = technology.scalable[design.cell]
        found.append(
            Source(f"cell {design.cell}", f"{cell.pj['8x8']:g} pJ, {cell.area_um2:g} um2", cell.source)
        )
    if design.part in PARTS:
        part = PARTS[design.part]
        have = ", ".join(f"{part[name]:,} {label}" for name, label in RESOURCES.items())
        found.append(Source(f"part {design.part}", have, str(part["source"])))
    return found
