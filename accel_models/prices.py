"""Prices of what would otherwise be free: clock, DRAM channels, wires between macros, ports, buffets.

Each function returns figures of a table of designs. Figures and their sources lie in the technology files.

- A clock takes the least voltage that reaches it: speed ~ (V - threshold)^alpha / V (Sakurai and Newton, IEEE
  JSSC 25(2), 1990), dynamic energy ~ V^2, leakage power ~ V (assumption). Above a process's highest voltage
  it is refused; at the least, a slower clock saves nothing more.
- DRAM bandwidth comes in whole channels of its type.
- Macros that make up a scratchpad are joined by wires: a byte crosses the side of the square that they fill,
  and routing between them takes a tenth of their area for each doubling (assumption).
- Element-wise work on more lanes than the diagonal needs as many more rows a cycle: the output scratchpad is
  split into as many times more macros. A shared scratchpad is split into three times as many, to serve A, B
  and the result in one cycle.
- An array that fills one fold while another runs (`fill` other than "serial") has a second register a cell
  for what stays there.
- A buffet's control takes 2% of a RAM (8 KiB, Pellauer et al., ASPLOS 2019), taken for area and energy of any
  macro (assumption).
"""

import numpy as np

from accel_models.systolic import ceil_div
from accel_models.table import DesignTable, FloatArray, options
from accel_models.technology import load_dram, load_technology, speeds

BUFFET = 1.02
ROUTING = 0.1


def voltage(t: DesignTable) -> FloatArray:
    """Return the supply voltage that each design's clock takes, over that of the figures."""
    found = np.ones(t.size)
    for name in options("technology"):
        where = t.is_("technology", name)
        if where.any() and load_technology(name).clock is not None:
            found[where] = np.interp(t["clock"][where], *speeds(name))
    return found


def channels(t: DesignTable) -> FloatArray:
    """Return the DRAM channels that each design's bandwidth takes."""
    return ceil_div(t["dram_bandwidth"], t.per_option("dram", lambda name: load_dram(name).channel_bandwidth))


def dram_watts(t: DesignTable) -> FloatArray:
    """Return what DRAM and its interface draw all the time, W."""
    each = t.per_option("dram", lambda name: load_dram(name).background_w + load_dram(name).interface_w)
    return channels(t) * each


def dram_area(t: DesignTable) -> FloatArray:
    """Return the area of controllers and PHYs, mm2."""
    return channels(t) * t.per_option("dram", lambda name: load_dram(name).interface_mm2)


def macros(t: DesignTable, name: str, lanes: FloatArray) -> FloatArray:
    """Return the macros that make up a scratchpad: its banks, more where element-wise work needs the rows."""
    diagonal = np.minimum(t["rows"], t["cols"])
    shared = t.shared & (name not in ("parameter", "accumulator"))
    rows = np.where(shared | (name == "output"), ceil_div(lanes, diagonal), 1.0)
    return np.asarray(t["banks"] * rows * np.where(shared, 3.0, 1.0))


def routing(count: FloatArray) -> FloatArray:
    """Return the area of macros with routing between them, over theirs alone."""
    return np.asarray(1.0 + ROUTING * np.log2(count))


def second_register(t: DesignTable, word: FloatArray, partial: FloatArray) -> FloatArray:
    """Return the bits a cell that take in the next fold's stationary word while this fold's is in use."""
    bits = 8 * np.where(t.is_("dataflow", "os"), partial, word)
    return np.asarray(np.where(t.is_("fill", "serial"), 0.0, bits))


def wire_pj(t: DesignTable, count: FloatArray, area: FloatArray) -> FloatArray:
    """Return pJ a byte to cross the macros of a scratchpad, `area` mm2 in all; none where it is one macro."""
    per_bit = t.per_option("technology", lambda name: load_technology(name).wire_pj)
    return np.asarray(np.where(count > 1, 8 * per_bit * np.sqrt(area), 0.0))
