"""What follows from a design alone: capacities, energy an action, leakage and area; one array a figure."""

from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from accel_models import cells, fpga, prices
from accel_models.design import elementwise_width
from accel_models.table import BoolArray, DesignTable, FloatArray, options
from accel_models.technology import FIXED, check_mac, check_sram, dram_pj_per_byte, load_technology
from accel_models.workload import Gemm

BUFFERS = ("input", "weight", "output", "parameter", "accumulator")
ROW_BYTES = 8
"""Bytes of a row of a scratchpad: what is left over of a size is not used."""
MULTIPLEXER = 1.862 / 4.256
"""Area of a bit of a two-way multiplexer over that of a full adder: MUX2_X1 and FA_X1 of the NanGate 45 nm
Open Cell Library (2008), um2; taken for its leakage too (assumption)."""
BITS = {"int8": 8, "int16": 16, "fp16": 16, "bf16": 16, "fp32": 32}


@dataclass(frozen=True, eq=False)
class Hardware:
    """What the model needs of each design, arrays (designs,).

    Attributes:
        word: Bytes of an operand, where a GEMM says no other (`with_widths`).
        products: Products a cell and cycle, a step of K.
        a_step: Bytes of A that a step takes, in the array and the input scratchpad.
        b_step: Bytes of B.
        mac_energy: Energy of a multiply-add over that of one of the design's own operands.
        element: Bytes of a stored word, which element-wise work uses.
        partial: Bytes of a partial sum.
        usable: Bytes that tiles can fill of the input, weight and output scratchpads; a shared one in each.
        apart: Whether partial sums live in accumulators.
        sums: Bytes that tiles of partial sums can fill, there or in the output scratchpad.
        read_pj: pJ a byte read, by scratchpad name.
        write_pj: pJ a byte written, by scratchpad name.
        mac_pj: pJ a multiply-add of operands.
        hadamard_pj: pJ a multiply-add of stored words.
        sum_pj: pJ to add a stored word that bypasses a narrower multiplier.
        register_pj: pJ a register bit passed on.
        adder_pj: pJ a bit compared or added.
        dram_pj: pJ a byte to or from DRAM.
        leak_w: Leakage of the chip, W.
        background_w: What DRAM and its interface draw all the time, W.
        area: mm2 by component: array, input, weight, output, parameter, addressing, dram (its interface).
        resources: Of a programmable part: lut, ff, dsp, bram; NaN where a design is for none.
        lanes: Element-wise multiply-adds a cycle.
        copies: Copies of the parameter buffer, which is as many table entries as can be read a cycle.
        register_bits: Register bits that one multiply-add passes on: two operands and a partial sum.
        hadamard_bits: The same of a multiply-add of stored words.
    """

    word: FloatArray
    products: FloatArray
    a_step: FloatArray
    b_step: FloatArray
    mac_energy: FloatArray
    element: FloatArray
    partial: FloatArray
    usable: tuple[FloatArray, FloatArray, FloatArray]
    apart: BoolArray
    sums: FloatArray
    read_pj: dict[str, FloatArray]
    write_pj: dict[str, FloatArray]
    mac_pj: FloatArray
    hadamard_pj: FloatArray
    sum_pj: FloatArray
    register_pj: FloatArray
    adder_pj: FloatArray
    dram_pj: FloatArray
    leak_w: FloatArray
    background_w: FloatArray
    area: dict[str, FloatArray]
    resources: dict[str, FloatArray]
    lanes: FloatArray
    copies: FloatArray
    register_bits: FloatArray
    hadamard_bits: FloatArray


def derive(t: DesignTable) -> Hardware:
    """Return the figures of each design.

    Raises:
        ValueError: If a width has no energy figure in the process, or a scratchpad's macro is larger than any
            SRAM figure.
    """
    word, partial = t.per_option("data_width", lambda width: BITS[width] / 8), accumulator_bytes(t)
    stored = _stored_width(t)
    element = np.array([BITS[width] / 8 for width in options("data_width")])[stored]
    mac, wide = _mac(t, t["data_width"]), _mac(t, stored)
    register, adder = _cell(t, "register"), _cell(t, "adder")
    lanes = _lanes(t)
    register_bits, hadamard_bits = 8 * (2 * word + partial), 8 * (2 * element + partial)
    scalable, scaled = ~t.is_("cell", FIXED), _scalable(t)
    volts = prices.voltage(t)
    sram, copies = {name: _sram(t, name, lanes) for name in BUFFERS}, _copies(t)
    address_bits = np.minimum(lanes, copies) * _levels(t) * 8 * element
    built = {name: copies if name == "parameter" else 1.0 for name in BUFFERS}
    count = t["rows"] * t["cols"]
    adding = np.where(t.is_("dataflow", "is"), count, t["rows"]) * (element > word)

    def of_cells(figure: int) -> FloatArray:
        """Area or leakage of the array: the cells that do element-wise work are as wide as stored words.

        Those that sums of stored words run on (a column; all cells of an input-stationary array) have an
        operand register as wide, and a multiplexer before the adder.
        """
        narrow = mac[figure] + register_bits * register[figure]
        wider = wide[figure] + hadamard_bits * register[figure]
        path = 8 * (element - word) * register[figure] + 8 * partial * MULTIPLEXER * adder[figure]
        filled = count * prices.second_register(t, word, partial) * register[figure]
        more = count * np.where(scalable, scaled[figure] - narrow, 0.0)
        return np.asarray((count - lanes) * narrow + lanes * wider + adding * path + filled + more)

    area = {
        "array": of_cells(1) * 1e-6,
        **{name: figures[2] * built[name] for name, figures in sram.items()},
        # A level of the addressing tree holds a comparator and a register for its knot, a lane.
        "addressing": address_bits * (adder[1] + register[1]) * 1e-6,
        "dram": prices.dram_area(t),
    }
    bits = fpga.Bits(8 * word, 8 * element, 8 * partial)
    leak_uw = of_cells(2) + address_bits * (adder[2] + register[2])
    for name, figures in sram.items():
        leak_uw = leak_uw + figures[3] * built[name] * 1e3
    return Hardware(
        word=word,
        products=np.ones(t.size),
        a_step=word,
        b_step=word,
        mac_energy=np.ones(t.size),
        element=element,
        partial=partial,
        usable=(usable := _usable(t)),
        apart=(apart := ~np.isnan(t["accumulator_buffer"]) & ~t.is_("dataflow", "os")),
        sums=np.where(apart, _accumulators(t, usable[2], partial, element), usable[2]),
        read_pj={name: figures[0] * volts**2 for name, figures in sram.items()},
        write_pj={name: figures[1] * volts**2 for name, figures in sram.items()},
        mac_pj=np.where(scalable, scaled[0], mac[0]) * volts**2,
        hadamard_pj=wide[0] * volts**2,
        sum_pj=adder[0] * 8 * partial * volts**2,
        register_pj=register[0] * volts**2,
        adder_pj=adder[0] * volts**2,
        dram_pj=t.per_option("dram", dram_pj_per_byte),
        leak_w=leak_uw * 1e-6 * volts,
        background_w=prices.dram_watts(t),
        area=area,
        resources=fpga.resources(t, lanes, copies, _levels(t), bits),
        lanes=lanes,
        copies=copies,
        register_bits=np.where(scalable, 0.0, register_bits),  # those of scalable cells are in their figures
        hadamard_bits=hadamard_bits,
    )


def with_widths(h: Hardware, t: DesignTable, gemm: Gemm) -> Hardware:
    """Return the figures for a GEMM with widths of its own."""
    if gemm.a_bits is None and gemm.b_bits is None and gemm.z_bits is None:
        return h
    own = 8 * h.word
    a, b = (own if bits is None else np.full(t.size, float(bits)) for bits in (gemm.a_bits, gemm.b_bits))
    products, changed = cells.products(t, a, b, own), copy(h)
    vars(changed).update(  # frozen for its readers; a copy may also be a view of some figures (`distinct`)
        products=products,
        a_step=a / 8 * products,
        b_step=b / 8 * products,
        mac_energy=cells.energy(t, a, b, own),
        register_bits=h.register_bits / np.minimum(products, 1.0),  # each digit passes on by itself
        element=h.element if gemm.z_bits is None else np.full(t.size, gemm.z_bits / 8),
    )
    return changed


def accumulator_bytes(t: DesignTable) -> FloatArray:
    """Return the bytes of a partial sum."""
    return t.per_option("accumulator_bits", lambda bits: bits / 8)


def buffer_sizes(t: DesignTable, name: str) -> FloatArray:
    """Return the bytes of the scratchpad in a role; a shared one plays input, weight and output."""
    shared = t.shared & (name not in ("parameter", "accumulator"))
    return np.asarray(
        np.where(shared, t["shared_buffer"], np.nan_to_num(t[f"{name}_buffer"])), dtype=np.float64
    )


def _usable(t: DesignTable) -> tuple[FloatArray, FloatArray, FloatArray]:
    input_, weight, output = (_room(t, name) for name in BUFFERS[:3])
    return input_, weight, output


def _room(t: DesignTable, name: str, row: FloatArray | float = ROW_BYTES) -> FloatArray:
    """Return the bytes of a scratchpad that tiles can fill: whole rows, half of them if double-buffered."""
    share = np.where(t.is_("buffering", "double"), 0.5, 1.0)
    return np.asarray(np.floor(np.floor(buffer_sizes(t, name) / row) * row * share), dtype=np.float64)


def _accumulators(t: DesignTable, output: FloatArray, partial: FloatArray, element: FloatArray) -> FloatArray:
    """Return the bytes of sums that tiles can fill: results must fit the output scratchpad."""
    results = np.where(t.shared, np.inf, np.floor(output / element) * partial)
    return np.minimum(_room(t, "accumulator"), results)


def _lanes(t: DesignTable) -> FloatArray:
    fed = np.where(np.isnan(t["operand_bandwidth"]), np.inf, t["operand_bandwidth"])
    full = np.minimum(t["rows"] * t["cols"], fed)
    diagonal = np.minimum(t["rows"], t["cols"])
    return np.asarray(np.where(t.is_("hadamard", "full"), full, diagonal), dtype=np.float64)


def _copies(t: DesignTable) -> FloatArray:
    given, diagonal = t["parameter_copies"], np.minimum(t["rows"], t["cols"])
    return np.asarray(np.where(np.isnan(given), diagonal, given), dtype=np.float64)


def _levels(t: DesignTable) -> FloatArray:
    """Return the levels of the addressing unit: one adder, two (leading bit, shift), or a tree over knots."""
    tree = np.ceil(np.log2(t["max_segments"] + 2))
    return np.where(
        t.is_("addressing", "comparator"), tree, np.where(t.is_("addressing", "dyadic"), 2.0, 1.0)
    )


Figures = tuple[FloatArray, FloatArray, FloatArray]
"""pJ an action, um2 and uW, a design."""


def _stored_width(t: DesignTable) -> NDArray[np.intp]:
    """Return the format of stored words, as an index into the formats of `data_width`."""
    formats, bits = options("data_width"), t["elementwise_bits"]
    stored: NDArray[np.intp] = t["data_width"].copy()
    given = ~np.isnan(bits)
    pairs = np.unique(np.stack([stored[given], bits[given].astype(np.intp)]), axis=1)
    for data, wanted in pairs.T.tolist():
        rows = (t["data_width"] == data) & (bits == wanted)
        name = elementwise_width(formats[data], wanted)
        if name not in formats:
            row = int(np.flatnonzero(rows)[0])
            check_mac(t.show("technology", row), name, t.show("accumulator_bits", row))
        stored[rows] = formats.index(name)
    return stored


def _mac(t: DesignTable, width: NDArray[np.intp]) -> Figures:
    index = (t["technology"], width, t["accumulator_bits"])
    pj, area, leak = (np.asarray(figure[index]) for figure in _mac_figures(options("technology")))
    if np.isnan(pj).any():
        row = int(np.flatnonzero(np.isnan(pj))[0])
        bits = t.show("accumulator_bits", row)
        check_mac(t.show("technology", row), options("data_width")[width[row]], bits)
    return pj, area, leak


@cache
def _mac_figures(technologies: tuple[str, ...]) -> Figures:
    """Return the MAC figures by (technology, width, accumulator), NaN where a process has none."""
    axes = (technologies, options("data_width"), options("accumulator_bits"))
    found = np.full((3, *map(len, axes)), np.nan)
    for index in np.ndindex(found.shape[1:]):
        name, width, bits = (axis[i] for axis, i in zip(axes, index, strict=True))
        cell = load_technology(name).mac.get(f"{width}-{bits}")
        if cell:
            found[:, *index] = cell.pj, cell.area_um2, cell.leak_uw
    return found[0], found[1], found[2]


def _cell(t: DesignTable, kind: str) -> Figures:
    def figure(attribute: str) -> FloatArray:
        return t.per_option(
            "technology", lambda name: getattr(getattr(load_technology(name), kind), attribute)
        )

    return figure("pj"), figure("area_um2"), figure("leak_uw")


def _scalable(t: DesignTable) -> Figures:
    """Return pJ of a product of the cell's own widths, area and leakage of scalable cells; 0 if fixed."""
    found = np.zeros((3, t.size))
    for cell in options("cell")[1:]:
        for technology in options("technology"):
            where = t.is_("cell", cell) & t.is_("technology", technology)
            if where.any() and cell in load_technology(technology).scalable:
                own = load_technology(technology).scalable[cell]
                found[:, where] = [[own.pj["8x8"]], [own.area_um2], [own.leak_uw]]
    return found[0], found[1], found[2]


def _sram(
    t: DesignTable, name: str, lanes: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return pJ a byte read and written, mm2 and mW; a shared scratchpad is built once, as input."""
    count = prices.macros(t, name, lanes)
    macro = buffer_sizes(t, name) / count
    found, whole = np.empty((4, t.size)), np.empty(t.size)
    for technology in options("technology"):
        where = t.is_("technology", technology)
        if where.any():
            sram = load_technology(technology).sram
            for row in np.flatnonzero(where & (macro > sram.size[-1]))[:1]:
                check_sram(
                    technology, f"{name}_buffer", int(buffer_sizes(t, name)[row]), int(t["banks"][row])
                )
            found[:, where] = sram.at(np.maximum(macro[where], 1.0))
            whole[where] = sram.at(np.clip(buffer_sizes(t, name)[where], 1.0, sram.size[-1]))[2]
    control = np.where(t.is_("buffering", "buffet") & (name != "parameter"), prices.BUFFET, 1.0)
    wire = prices.wire_pj(t, count, found[2] * count)
    built = count * ~(t.shared & (name in ("weight", "output"))) * (buffer_sizes(t, name) > 0)
    # CACTI's areas do not grow evenly: macros take no less than one of all their bytes would.
    routed = prices.routing(count) * np.where(count > 1, np.maximum(found[2] * count, whole), found[2])
    area = routed * control * (built > 0)
    return found[0] * control + wire, found[1] * control + wire, area, found[3] * control * built
