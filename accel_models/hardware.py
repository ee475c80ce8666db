"""Figures that follow from a design alone: capacities, energy an action, leakage and area; one array a figure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_models.checks import refuse
from accel_models.design import Design
from accel_models.table import BITS, DesignTable, FloatArray
from accel_models.technology import DRAMS, Cell, load_technology

BUFFERS = ("input", "weight", "output", "parameter")


@dataclass(frozen=True, eq=False)
class Hardware:
    """What the analytic model needs of each design, arrays (designs,).

    Attributes:
        word: Bytes of an operand.
        partial: Bytes of a partial sum.
        usable: Bytes of the input, weight and output scratchpads that tiles can fill; a shared one counts thrice.
        read_pj: pJ a byte read, by scratchpad name.
        write_pj: pJ a byte written, by scratchpad name.
        mac_pj: pJ a multiply-add.
        register_pj: pJ a register bit passed on.
        adder_pj: pJ a bit compared or added.
        dram_pj: pJ a byte to or from DRAM.
        leak_w: Leakage of the chip, W.
        area: mm2 by component: array, input, weight, output, parameter, addressing.
        lanes: Element-wise multiply-adds a cycle.
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


def derive(t: DesignTable) -> Hardware:
    """Return the figures of each design.

    Raises:
        ValueError: If a scratchpad's macro is larger than any SRAM figure of the process.
    """
    word, partial = t.word_bytes, t["accumulator_bits"] / 8
    mac, register, adder = _mac(t), _cell(t, "register"), _cell(t, "adder")
    register_bits = 8 * (2 * word + partial)
    lanes = _lanes(t)
    address_bits = lanes * _levels(t) * 8 * word
    sram = {name: _Sram(t, name) for name in BUFFERS}
    cells = t["rows"] * t["cols"]
    area = {
        "array": cells * (mac.area_um2 + register_bits * register.area_um2) * 1e-6,
        **{name: part.area_mm2 for name, part in sram.items()},
        # A level of the addressing tree holds a comparator and a register for its knot, a lane.
        "addressing": address_bits * (adder.area_um2 + register.area_um2) * 1e-6,
    }
    leak_w = cells * (mac.leak_uw + register_bits * register.leak_uw) * 1e-6
    leak_w = leak_w + address_bits * (adder.leak_uw + register.leak_uw) * 1e-6
    for part in sram.values():
        leak_w = leak_w + part.leak_mw * 1e-3
    return Hardware(
        word=word,
        partial=partial,
        usable=_usable(t),
        read_pj={name: part.read_pj for name, part in sram.items()},
        write_pj={name: part.write_pj for name, part in sram.items()},
        mac_pj=mac.pj,
        register_pj=register.pj,
        adder_pj=adder.pj,
        dram_pj=t.lookup(lambda name: 8 * float(DRAMS[name]["pJ_per_bit"]), "dram"),
        leak_w=leak_w,
        area=area,
        lanes=lanes,
    )


def buffer_sizes(t: DesignTable, name: str) -> FloatArray:
    """Return the bytes of the scratchpad that plays a role; the shared one plays input, weight and output."""
    own: FloatArray = t[f"{name}_buffer"]
    return own if name == "parameter" else np.where(t.shared, t["shared_buffer"], own)


def _usable(t: DesignTable) -> tuple[FloatArray, FloatArray, FloatArray]:
    share = np.where(t.is_("buffering", "double"), 0.5, 1.0)
    input_, weight, output = (np.floor(buffer_sizes(t, name) * share) for name in BUFFERS[:3])
    return input_, weight, output


def _lanes(t: DesignTable) -> FloatArray:
    fed = np.where(np.isnan(t["operand_bandwidth"]), np.inf, t["operand_bandwidth"])
    full = np.minimum(t["rows"] * t["cols"], fed)
    return np.where(t.is_("hadamard", "full"), full, np.minimum(t["rows"], t["cols"]))


def _levels(t: DesignTable) -> FloatArray:
    """Levels of the addressing unit: a tree over the knots, or one adder (shift) or two (leading bit, then shift)."""
    tree = np.ceil(np.log2(t["max_segments"] + 2))
    return np.where(
        t.is_("addressing", "comparator"), tree, np.where(t.is_("addressing", "dyadic"), 2.0, 1.0)
    )


@dataclass(frozen=True, eq=False)
class _Cells:
    pj: FloatArray
    area_um2: FloatArray
    leak_uw: FloatArray


def _cells(found: list[Cell]) -> _Cells:
    columns = np.array([(cell.pj, cell.area_um2, cell.leak_uw) for cell in found]).T
    return _Cells(*(np.ascontiguousarray(column) for column in columns))


def _mac(t: DesignTable) -> _Cells:
    names = zip(t["technology"], t["data_width"], t["accumulator_bits"], strict=True)
    return _cells([load_technology(tech).mac[f"{width}-{int(bits)}"] for tech, width, bits in names])


def _cell(t: DesignTable, kind: str) -> _Cells:
    return _cells([getattr(load_technology(name), kind) for name in t["technology"]])


class _Sram:
    """Energy, area and leakage of one scratchpad; a shared scratchpad's area and leakage count once, as input."""

    def __init__(self, t: DesignTable, name: str) -> None:
        macro, banks = buffer_sizes(t, name) / t["banks"], t["banks"]
        self.read_pj, self.write_pj = np.empty(t.size), np.empty(t.size)
        self.area_mm2, self.leak_mw = np.empty(t.size), np.empty(t.size)
        for technology in set(t["technology"].tolist()):
            sram, where = load_technology(technology).sram, t.is_("technology", technology)
            _check_macro(t, name, macro, where & (macro > sram.size[-1]), sram.size[-1])
            size = macro[where]
            self.read_pj[where], self.write_pj[where] = (
                sram.at(sram.read_pj, size),
                sram.at(sram.write_pj, size),
            )
            self.area_mm2[where], self.leak_mw[where] = (
                sram.at(sram.area_mm2, size),
                sram.at(sram.leak_mw, size),
            )
        built = np.where(t.shared & (name in ("weight", "output")), 0.0, banks)
        self.area_mm2, self.leak_mw = self.area_mm2 * built, self.leak_mw * built


def _check_macro(t: DesignTable, name: str, macro: FloatArray, bad: NDArray[np.bool_], most: float) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        field = "shared_buffer" if t.shared[row] and name != "parameter" else f"{name}_buffer"
        size, banks = int(t[field][row]), int(t["banks"][row])
        raise refuse(
            field, size, f"at most {int(most) * banks} bytes with banks = {banks}; no SRAM figure beyond"
        )


def bits(design: Design) -> int:
    """Return the bits of an operand word."""
    return BITS[design.data_width]
