"""The accelerator: one array of multiply-accumulate cells, its scratchpads, its DRAM and its process."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from accel_models.checks import Choice, FloatRange, IntRange, Rule, refuse
from accel_models.documents import read_document
from accel_models.technology import (
    DRAMS,
    FIXED,
    PROCESS,
    check_cell,
    check_clock,
    check_mac,
    check_sram,
    usual_clock,
)
from accel_models.technology.form import SCALABLE
from accel_models.technology.parts import NONE, PARTS, check_part

KIB = 1024
_BUFFER = IntRange(64, 1 << 30, "bytes")


STORED = (8, 16)
"""Widths of stored words that cells are built for."""


def elementwise_width(data_width: str, bits: int | None) -> str:
    """Return the format of stored words; ValueError if the bits do not go with the operands' format."""
    integer = data_width.startswith("int")
    least = int(data_width.removeprefix("int")) if integer else 0
    if bits is None:
        return data_width
    if not integer or bits < least:
        allowed = f"at least {least}" if integer else "left out"
        raise refuse("elementwise_bits", bits, f"{allowed} with data_width = {data_width}")
    if bits not in STORED:
        raise refuse("elementwise_bits", bits, f"one of {', '.join(map(str, STORED))}, or left out")
    return f"int{bits}"


def _field(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class Design:
    """One point of the hardware design space. Every field has a default; all are validated.

    Attributes:
        rows: Rows R of the array.
        cols: Columns C of the array.
        dataflow: "ws" weight, "os" output or "is" input stationary.
        input_buffer: Scratchpad of A, bytes.
        weight_buffer: Scratchpad of B, bytes.
        output_buffer: Scratchpad of the result and its partial sums, bytes; element-wise work happens here.
        parameter_buffer: Scratchpad of the piecewise-linear tables, bytes.
        parameter_copies: Copies of the parameter buffer, each read by one lane a cycle: lookups take no more
            elements a cycle than there are copies. None: one for every element of the diagonal, min(R, C).
        accumulator_buffer: Memory of partial sums beside the array, bytes, as in Gemmini (Genc et al., DAC
            2021) and the TPU: sums of ws and is live there and reach the output scratchpad once, as stored
            words. None: sums live in the output scratchpad. An os array keeps its sums in its cells and has
            no use for one.
        shared_buffer: One scratchpad for A, B and the result instead of three, bytes; the three are then
            unused.
        banks: Equal SRAM macros that make up each scratchpad. Energy an access is that of one macro, and of
            the wires between them (`accel_models.prices`).
        buffering: "double": half of each scratchpad is worked on while the other half is filled; "buffet":
            words are freed as they are used, so the whole capacity holds tiles and transfers overlap
            (Pellauer et al., ASPLOS 2019; Timeloop's assumption); "single": whole capacity, transfers do not
            overlap with computing.
        data_width: Format of the operands of matrix products.
        cell: How the array's cells take narrower operands (`Gemm.a_bits`, `b_bits`): "fixed", as their own;
            "subword", 8-bit cells that split into narrower ones; or "bitserial". See `accel_models.cells`.
        elementwise_bits: Width of stored words, which element-wise work, lookups, sums and moves use: 8 or
            16, at least the operands'; none: the operands' own format. Wider words are narrowed on their way
            into the input scratchpad.
            `approx.Numerics("int8")` stores 16 bits unless told otherwise: what it scores is a design with
            16 here. A study gives both the same, 16 with int8.
        accumulator_bits: Width of partial sums.
        clock: Hz, at most what the process reaches; energy follows the voltage that it takes. None: 1 GHz, or
            the process's highest below it.
        dram: DRAM type, for energy.
        dram_bandwidth: Bytes a second, reads and writes together, in whole channels of the type, each with
            its background power and the area of its interface. The default is LPDDR4-3200 on 64 bits: four.
        dram_latency: Seconds from a request to its data, waited for where nothing was asked for in time: at
            the start, and at every tile with buffering = "single". Default 40.5 ns: LPDDR4-3200 (JESD209-4),
            tRCD 18 ns, RL 28 clocks of 0.625 ns, 16 beats of 0.3125 ns; the controller's share is not in it.
        dram_burst: Bytes of a burst; runs of addresses that are no multiple move whole bursts. Default 32:
            LPDDR4's 16 beats on a channel of 16 bits (JESD209-4).
        tile_cycles: Cycles to issue one tile. Default 80, derived: TPU v1 takes 10 to 20 cycles an
            instruction (Jouppi et al., ISCA 2017, section 2), and a tile four of them (two reads, multiply,
            write) at 20.
        load_cycles: Cycles by which each load of a block of the stationary matrix holds up the array beyond
            `fill`. Default 0: `fill` has what SCALE-Sim counts, or the TPU hides.
        start: What is on chip when the first operation starts: "empty", nothing, so that the first tile's
            operands are waited for; "loaded", as Timeloop and SCALE-Sim count.
        mapping: What tiles and loop order of each GEMM are chosen for: "latency" (time, then energy),
            "energy" (energy, then time) or "edp" (their product). See `accel_models.mapper`.
        hadamard: Which cells do element-wise multiply-adds: "diagonal", min(R, C) a cycle (ONE-SA, arXiv
            2402.00395), or "full", all R * C where operand_bandwidth feeds them.
        operand_bandwidth: Elements a cycle that the scratchpads can feed to element-wise work in "full";
            none: all.
        addressing: The most capable table addressing built in: "shift" < "dyadic" (and exponent extraction) <
            "comparator" (all kinds).
        max_segments: Segments of the largest table that the comparator trees are built for.
        activations: Where intermediate results live: "dram", each GEMM reads and writes them there, or
            "on_chip", they stay in the scratchpads where they fit whole (see `accel_models.counting`).
        schedule: How element-wise work between GEMMs runs: "fused", chains of it a tile at a time, or
            "operation", each operation on whole tensors (see `accel_models.counting.chains`). A workload
            that does not say what feeds what runs an operation at a time.
        fill: How an array fold fills and drains: "serial" (each fold, as SCALE-Sim), "overlapped" (once a
            GEMM) or "none" (as Timeloop).
        part: Programmable part that the design is for, for example "xc7z020": what it takes of lookup tables,
            flip-flops, DSP slices and block RAMs is counted instead of an area (`accel_models.fpga`), and a
            design that does not fit is refused. "none": a chip of its own.
        technology: Process, one of `accel_models.TECHNOLOGIES`, or the path of a technology file of your own.
    """

    rows: int = _field(16, IntRange(1, 1024))
    cols: int = _field(16, IntRange(1, 1024))
    dataflow: str = _field("ws", Choice(("ws", "os", "is")))
    input_buffer: int = _field(128 * KIB, _BUFFER)
    weight_buffer: int = _field(128 * KIB, _BUFFER)
    output_buffer: int = _field(128 * KIB, _BUFFER)
    parameter_buffer: int = _field(4 * KIB, _BUFFER)
    parameter_copies: int | None = _field(None, IntRange(1, 1 << 20, optional=True))
    accumulator_buffer: int | None = _field(None, replace(_BUFFER, optional=True))
    shared_buffer: int | None = _field(None, replace(_BUFFER, optional=True))
    banks: int = _field(1, IntRange(1, 1024))
    buffering: str = _field("double", Choice(("double", "buffet", "single")))
    data_width: str = _field("int8", Choice(("int8", "int16", "fp16", "bf16", "fp32")))
    cell: str = _field(FIXED, Choice((FIXED, *SCALABLE)))
    elementwise_bits: int | None = _field(None, IntRange(8, 16, "bits", optional=True))
    accumulator_bits: int = _field(32, Choice((16, 32, 48)))
    clock: float = _field(None, FloatRange(1e6, 1e10, "Hz", optional=True))
    dram: str = _field("LPDDR4", Choice(tuple(DRAMS)))
    dram_bandwidth: float = _field(25.6e9, FloatRange(1e6, 1e14, "bytes/s"))
    dram_latency: float = _field(40.5e-9, FloatRange(0.0, 1e-3, "s"))
    dram_burst: int = _field(32, IntRange(1, 4096, "bytes"))
    tile_cycles: float = _field(80.0, FloatRange(0.0, 1e6, "cycles"))
    load_cycles: float = _field(0.0, FloatRange(0.0, 1e6, "cycles"))
    start: str = _field("empty", Choice(("empty", "loaded")))
    mapping: str = _field("latency", Choice(("latency", "energy", "edp")))
    hadamard: str = _field("diagonal", Choice(("diagonal", "full")))
    operand_bandwidth: int | None = _field(None, IntRange(1, 1 << 20, "elements a cycle", optional=True))
    addressing: str = _field("comparator", Choice(("shift", "dyadic", "comparator")))
    max_segments: int = _field(256, IntRange(1, 65536))
    activations: str = _field("dram", Choice(("dram", "on_chip")))
    schedule: str = _field("fused", Choice(("fused", "operation")))
    fill: str = _field("serial", Choice(("serial", "overlapped", "none")))
    part: str = _field(NONE, Choice((NONE, *PARTS)))
    technology: str = _field("45nm", PROCESS)

    def __post_init__(self) -> None:
        for name, rule in self.rules().items():
            object.__setattr__(self, name, rule.check(name, getattr(self, name)))
        if vars(self)["clock"] is None:
            object.__setattr__(self, "clock", usual_clock(self.technology))
        check_clock(self.technology, self.clock)
        check_cell(self.technology, self.cell, self.data_width)
        check_part(self.part, self.technology, self.data_width)
        check_mac(self.technology, self.data_width, self.accumulator_bits)
        check_mac(self.technology, self.elementwise_width, self.accumulator_bits)
        three = ("input_buffer", "weight_buffer", "output_buffer")
        built: tuple[str, ...] = three if self.shared_buffer is None else ("shared_buffer",)
        built += ("accumulator_buffer",) if self.accumulator_buffer is not None else ()
        for name in (*built, "parameter_buffer"):
            check_sram(self.technology, name, getattr(self, name), self.banks)

    @property
    def elementwise_width(self) -> str:
        """Format of stored words, such as "int16"."""
        return elementwise_width(self.data_width, self.elementwise_bits)

    @classmethod
    def rules(cls) -> dict[str, Rule]:
        """Return what each field may be: IntRange(low, high, unit), FloatRange or Choice(options)."""
        return {item.name: item.metadata["rule"] for item in fields(cls)}

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return each field's default."""
        return {item.name: item.default for item in fields(cls)}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for TOML or JSON, without unset optional fields."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Design":
        """Build a design from plain values; ValueError names an unknown field or a bad value."""
        names = list(cls.rules())
        if not isinstance(values, Mapping):
            raise refuse("design", values, "a table of fields")
        for key in values:
            if key not in names:
                raise refuse(key, values[key], f"left out; fields are {', '.join(names)}")
        return cls(**values)

    def to_toml(self) -> str:
        """Return the design as the text of a TOML file."""
        return "".join(f"{name} = {json.dumps(value)}\n" for name, value in self.to_dict().items())

    def save(self, path: str | Path) -> None:
        """Write the design as TOML, or as JSON where the name ends in .json."""
        as_json = Path(path).suffix == ".json"
        text = json.dumps(self.to_dict(), indent=1) + "\n" if as_json else self.to_toml()
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Design":
        """Read a design from TOML, or from JSON where the name ends in .json; ValueError names the file."""
        try:
            return cls.from_dict(read_document(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
