"""Energy, area and leakage of each action, one TOML file a process; every figure names its source.

What the files share: energies in pJ (dynamic, an action), areas in um2 or mm2, leakage in uW or mW. SRAM
figures are interpolated between the listed macro sizes on log-log axes; below the smallest the smallest is
charged, above the largest the size is refused (split the scratchpad with `banks`).

A process of one's own is a file of the same form, named by its path wherever a process is named.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models.checks import Choice, refuse
from accel_models.documents import parse_toml, read_text
from accel_models.technology.form import CLOCK, WIDTHS, check_form

TECHNOLOGIES = ("45nm", "28nm", "22nm", "7nm", "fpga28", "fpga16")
FloatArray = NDArray[np.float64]
USUAL_HZ = 1e9
FIXED = "fixed"
CELL_BITS = 8
"""Width of a subword or bitserial cell."""
_SRAM_FIGURES = ("read_pJ", "write_pJ", "area_mm2", "leak_mW")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


DRAMS: dict[str, dict[str, Any]] = _read("dram")


def dram_pj_per_byte(name: str) -> float:
    """Return pJ to move a byte to or from a DRAM type."""
    return 8 * float(DRAMS[name]["pJ_per_bit"])


@dataclass(frozen=True)
class Dram:
    """A channel of a DRAM type: bytes a second, W drawn all the time by it and its interface, mm2 on chip."""

    channel_bandwidth: float
    background_w: float
    interface_w: float
    interface_mm2: float
    source: str


@cache
def load_dram(name: str) -> Dram:
    """Return a DRAM type by its name."""
    v = DRAMS[name]
    figures = (v["channel_GBps"] * 1e9, v["background_W"], v["interface_W"], v["interface_mm2"])
    return Dram(*figures, v["channel_source"])


@dataclass(frozen=True)
class Cell:
    """One component: energy an action (pJ), area (um2) and leakage (uW)."""

    pj: float
    area_um2: float
    leak_uw: float
    source: str


@dataclass(frozen=True, eq=False)
class Sram:
    """SRAM macros by size in bytes: pJ a byte read and written, mm2 and mW each."""

    size: FloatArray
    read_pj: FloatArray
    write_pj: FloatArray
    area_mm2: FloatArray
    leak_mw: FloatArray
    source: str

    def at(self, size: FloatArray) -> FloatArray:
        """Return (4, sizes): read_pj, write_pj, area_mm2 and leak_mw of macros of these bytes, log-log."""
        figures = (self.read_pj, self.write_pj, self.area_mm2, self.leak_mw)
        x, known = np.log(size), np.log(self.size)
        logs = np.array([np.interp(x, known, np.log(figure)) for figure in figures])
        return np.asarray(np.exp(logs), dtype=np.float64)


@dataclass(frozen=True)
class Clock:
    """What voltage a clock takes: `base_hz` at `base_v`, where all figures hold, and the alpha-power law."""

    base_hz: float
    base_v: float
    threshold_v: float
    alpha: float
    least_v: float
    most_v: float
    source: str

    def speed(self, volts: FloatArray) -> FloatArray:
        """Return the highest clock at voltages, Hz."""

        def drive(v: Any) -> Any:
            return (v - self.threshold_v) ** self.alpha / v

        return np.asarray(self.base_hz * (drive(volts) / drive(self.base_v)), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Scalable:
    """A cell whose operands can be narrower: area (um2) and leakage (uW), pJ a product by widths ("8x4").

    Its registers are in all of these.
    """

    area_um2: float
    leak_uw: float
    pj: dict[str, float]
    source: str


@dataclass(frozen=True, eq=False)
class Technology:
    """One process: MACs by "format-accumulator bits", a register bit, an adder bit and SRAM macros.

    clock: None where the file does not say: figures then hold at any clock.
    wire_pj: pJ a bit and millimetre between macros; 0 where the file does not say.
    scalable: Cells for several widths, by name ("subword", "bitserial").
    """

    name: str
    description: str
    mac: dict[str, Cell]
    register: Cell
    adder: Cell
    sram: Sram
    clock: Clock | None = None
    wire_pj: float = 0.0
    scalable: dict[str, Scalable] = field(default_factory=dict)


def _clock(values: dict[str, Any] | None) -> Clock | None:
    return None if values is None else Clock(*(values[name] for name in (*CLOCK, "source")))


def _cell(values: dict[str, Any]) -> Cell:
    return Cell(values["pJ"], values["area_um2"], values["leak_uW"], values["source"])


def _scalable(values: dict[str, Any]) -> Scalable:
    energies = {name: values[name] for name in WIDTHS}
    return Scalable(values["area_um2"], values["leak_uW"], energies, values["source"])


def _sram(values: dict[str, Any]) -> Sram:
    read, write, area, leak = (np.array(values[key], dtype=float) for key in _SRAM_FIGURES)
    return Sram(np.array(values["size_KiB"]) * 1024.0, read, write, area, leak, values["source"])


KNOWN = list(TECHNOLOGIES)
"""Every process that a design can name by now: those of this package, then the files that were read."""


class Process(Choice):
    """The rule of a field that names a process: one of `TECHNOLOGIES`, or a technology file's path."""

    def check(self, field: str, value: Any) -> str | int:
        """Return the name, or raise ValueError."""
        if isinstance(value, str) and value.endswith(".toml"):
            return load_technology(value).name
        return super().check(field, value)

    def text(self) -> str:
        """Return what is allowed, in words."""
        return f"one of {', '.join(TECHNOLOGIES)}, or the path of a technology file (.toml)"


PROCESS = Process(KNOWN)


def _read_own(path: str) -> dict[str, Any]:
    """Read and check a user's technology file.

    Raises:
        ValueError: A line that names the file, the field, and what it must be.
    """
    try:
        values = parse_toml(read_text(path))
        check_form(values)
    except OSError as error:
        raise ValueError(f"technology = {path}: {error.strerror}: must be a file that can be read") from None
    except ValueError as error:
        raise ValueError(f"technology = {path}: {error}") from None
    KNOWN.append(path)
    return values


@cache
def load_technology(name: str) -> Technology:
    """Return a process by its name, or by the path of its file, which is read once.

    Raises:
        ValueError: If there is none of that name, or the file does not hold what it must.
    """
    if name not in TECHNOLOGIES and not name.endswith(".toml"):
        raise refuse("technology", name, PROCESS.text())
    values = _read(name) if name in TECHNOLOGIES else _read_own(name)
    mac = {key: _cell(cell) for key, cell in values["mac"].items()}
    return Technology(
        name,
        values["description"],
        mac,
        _cell(values["register"]),
        _cell(values["adder"]),
        _sram(values["sram"]),
        _clock(values.get("clock")),
        values.get("wire", {}).get("pJ_per_bit_mm", 0.0),
        {name: _scalable(cell) for name, cell in values.get("scalable", {}).items()},
    )


@cache
def speeds(name: str) -> tuple[FloatArray, FloatArray]:
    """Return clocks of a process that has them, Hz, and voltages that they take, over that of its figures."""
    c = load_technology(name).clock
    assert c is not None  # noqa: S101 - asked for processes with a clock alone
    volts = np.unique([*np.linspace(c.least_v, c.most_v, 401), c.base_v])
    return np.where(volts == c.base_v, c.base_hz, c.speed(volts)), volts / c.base_v


def highest_clock(name: str) -> float:
    """Return the highest clock of a process, Hz; infinite where its file does not say."""
    return float("inf") if load_technology(name).clock is None else float(speeds(name)[0][-1])


def usual_clock(name: str) -> float:
    """Return the clock of a design that states none, Hz: 1 GHz, or the process's highest below it."""
    return min(USUAL_HZ, highest_clock(name))


def check_clock(technology: str, clock: float) -> None:
    """Refuse a clock that a process does not reach."""
    most = highest_clock(technology)
    if clock > most:
        raise refuse("clock", f"{clock:g}", f"at most {most:.4g} Hz, what {technology} reaches")


def check_cell(technology: str, cell: str, data_width: str) -> None:
    """Refuse a scalable cell that the process has no figures for, or of another width.

    Raises:
        ValueError: Naming the field.
    """
    if cell == FIXED:
        return
    if data_width != f"int{CELL_BITS}":
        raise refuse(
            "cell", cell, f"fixed with data_width = {data_width}: scalable cells are of int{CELL_BITS}"
        )
    if cell not in load_technology(technology).scalable:
        raise refuse("cell", cell, f"fixed with technology = {technology}, which has no figures for it")


def check_mac(technology: str, data_width: str, accumulator_bits: int) -> None:
    """Refuse a width that the process has no energy figure for."""
    known = load_technology(technology).mac
    if f"{data_width}-{accumulator_bits}" not in known:
        widths = [key.split("-")[1] for key in known if key.startswith(f"{data_width}-")]
        if not widths:
            formats = ", ".join(dict.fromkeys(key.split("-")[0] for key in known))
            raise refuse("data_width", data_width, f"one of {formats}, for which {technology} has figures")
        allowed = (
            f"{' or '.join(widths)} with {data_width} in {technology}, which has no figure for other widths"
        )
        raise refuse("accumulator_bits", accumulator_bits, allowed)


def check_sram(technology: str, field: str, size: int, banks: int) -> None:
    """Refuse a scratchpad whose macros are larger than any that the process has figures for."""
    most = int(load_technology(technology).sram.size[-1]) * banks
    if size > most:
        raise refuse(
            field, size, f"at most {most} bytes with banks = {banks}; there is no SRAM figure beyond"
        )
