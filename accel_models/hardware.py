"""What follows from a design alone: capacities, energy an action, leakage and area; one array a figure."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from accel_models.table import DesignTable, FloatArray, options
from accel_models.technology import check_mac, check_sram, dram_pj_per_byte, load_technology

BUFFERS = ("input", "weight", "output", "parameter")
BITS = {"int8": 8, "int16": 16, "fp16": 16, "bf16": 16, "fp32": 32}


@dataclass(frozen=True, eq=False)
class Hardware:
    """What the model needs of each design, arrays (designs,).

    Attributes:
        word: Bytes of an operand.
        partial: Bytes of a partial sum.
        usable: Bytes that tiles can fill of the input, weight and output scratchpads; a shared one in each.
        read_pj: pJ a byte read, by scratchpad name.
        write_pj: pJ a byte written, by scratchpad name.
        mac_pj: pJ a multiply-add.
        register_pj: pJ a register bit passed on.
        adder_pj: pJ a bit compared or added.
        dram_pj: pJ a byte to or from DRAM.
        leak_w: Leakage of the chip, W.
        area: mm2 by component: array, input, weight, output, parameter, addressing.
        lanes: Element-wise multiply-adds a cycle.
        copies: Copies of the parameter buffer, which is as many table entries as can be read a cycle.
        register_bits: Register bits that one multiply-add passes on: two operands and a partial sum.
    """

    word: FloatArray
    partial: FloatArray
    usable: tuple[FloatArray, FloatArray, FloatArray]
    read_pj: dict[str, FloatArray]
    write_pj: dict[str, FloatArray]
    mac_pj: FloatArray
    register_pj: FloatArray
    adder_pj: FloatArray
    dram_pj: FloatArray
    leak_w: FloatArray
    area: dict[str, FloatArray]
    lanes: FloatArray
    copies: FloatArray
    register_bits: FloatArray


def derive(t: DesignTable) -> Hardware:
    """Return the figures of each design.

    Raises:
        ValueError: If a width has no energy figure in the process, or a scratchpad's macro is larger than any
            SRAM figure.
    """
    word, partial = t.per_option("data_width", lambda width: BITS[width] / 8), accumulator_bytes(t)
    mac, register, adder = _mac(t), _cell(t, "register"), _cell(t, "adder")
    lanes, register_bits = _lanes(t), 8 * (2 * word + partial)
    sram, copies = {name: _sram(t, name) for name in BUFFERS}, _copies(t)
    address_bits = np.minimum(lanes, copies) * _levels(t) * 8 * word
    built = {name: copies if name == "parameter" else 1.0 for name in BUFFERS}
    cells = t["rows"] * t["cols"]
    area = {
        "array": cells * (mac[1] + register_bits * register[1]) * 1e-6,
        **{name: figures[2] * built[name] for name, figures in sram.items()},
        # A level of the addressing tree holds a comparator and a register for its knot, a lane.
        "addressing": address_bits * (adder[1] + register[1]) * 1e-6,
    }
    leak_uw = cells * (mac[2] + register_bits * register[2]) + address_bits * (adder[2] + register[2])
    for name, figures in sram.items():
        leak_uw = leak_uw + figures[3] * built[name] * 1e3
    return Hardware(
        word=word,
        partial=partial,
        usable=_usable(t),
        read_pj={name: figures[0] for name, figures in sram.items()},
        write_pj={name: figures[1] for name, figures in sram.items()},
        mac_pj=mac[0],
        register_pj=register[0],
        adder_pj=adder[0],
        dram_pj=t.per_option("dram", dram_pj_per_byte),
        leak_w=leak_uw * 1e-6,
        area=area,
        lanes=lanes,
        copies=copies,
        register_bits=register_bits,
    )


def accumulator_bytes(t: DesignTable) -> FloatArray:
    """Return the bytes of a partial sum."""
    return t.per_option("accumulator_bits", lambda bits: bits / 8)


def buffer_sizes(t: DesignTable, name: str) -> FloatArray:
    """Return the bytes of the scratchpad in a role; a shared one plays input, weight and output."""
    shared = t.shared & (name != "parameter")
    return np.asarray(np.where(shared, t["shared_buffer"], t[f"{name}_buffer"]), dtype=np.float64)


def _usable(t: DesignTable) -> tuple[FloatArray, FloatArray, FloatArray]:
    share = np.where(t.is_("buffering", "double"), 0.5, 1.0)
    input_, weight, output = (np.floor(buffer_sizes(t, name) * share) for name in BUFFERS[:3])
    return input_, weight, output


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


def _mac(t: DesignTable) -> Figures:
    index = (t["technology"], t["data_width"], t["accumulator_bits"])
    pj, area, leak = (np.asarray(figure[index]) for figure in _mac_figures(options("technology")))
    if np.isnan(pj).any():
        row = int(np.flatnonzero(np.isnan(pj))[0])
        check_mac(*(t.show(name, row) for name in ("technology", "data_width", "accumulator_bits")))
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


def _sram(t: DesignTable, name: str) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return pJ a byte read and written, mm2 and mW; a shared scratchpad is built once, as input."""
    macro = buffer_sizes(t, name) / t["banks"]
    found = np.empty((4, t.size))
    for technology in options("technology"):
        where = t.is_("technology", technology)
        if where.any():
            sram = load_technology(technology).sram
            for row in np.flatnonzero(where & (macro > sram.size[-1]))[:1]:
                check_sram(
                    technology, f"{name}_buffer", int(buffer_sizes(t, name)[row]), int(t["banks"][row])
                )
            found[:, where] = sram.at(macro[where])
    built = t["banks"] * ~(t.shared & (name in ("weight", "output")))
    return found[0], found[1], found[2] * built, found[3] * built
