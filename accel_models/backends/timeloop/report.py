"""A CostReport from Timeloop's counts of GEMMs and the analytic model's cost of everything else."""

import math
from dataclasses import replace
from typing import Any, NamedTuple, TypeGuard

from accel_models.backends.timeloop.stats import Level, Traffic
from accel_models.backends.timeloop.tables import ROLES
from accel_models.backends.timeloop.words import Words
from accel_models.cost import CostReport
from accel_models.design import Design
from accel_models.hardware import BITS
from accel_models.schedule import chained
from accel_models.workload import Gemm, Operation, Workload

PICO = 1e-12
Columns = dict[str, list[Any]]
_NONE = Traffic(0, 0, 0, 0, 0)
_BY_MATRIX = {"A": "input", "B": "weight", "Z": "output"}
"""The scratchpad that serves a matrix; of a shared one, the share that each matrix causes."""


class Product(NamedTuple):
    """What tells one product from another: sizes, and widths of its own."""

    m: int
    n: int
    k: int
    a_bits: int | None
    b_bits: int | None
    z_bits: int | None


def product_of(gemm: Gemm) -> Product:
    """Return the product that a GEMM computes `count` times."""
    return Product(*(getattr(gemm, name) for name in Product._fields))


def products_of(workload: Workload) -> dict[Product, list[Gemm]]:
    """Return the GEMMs that Timeloop counts by their product, in order of first use."""
    found: dict[Product, list[Gemm]] = {}
    for op in workload.operations:
        if is_product(op):
            found.setdefault(product_of(op), []).append(op)
    return found


class Counted(NamedTuple):
    """One product of a GEMM, counted.

    Attributes:
        levels: Counts by level.
        padding: Share of its multiply-adds that the GEMM does not need.
        cycles: Cycles, waits for DRAM included.
        compute_cycles: Cycles in which cells multiply.
        words: Widths of its words.
    """

    levels: dict[str, Level]
    padding: float
    cycles: int
    compute_cycles: int
    words: Words

    def traffic(self, level: str, matrix: str) -> Traffic:
        """Return what happened to a matrix at a level; nothing if it does not pass there."""
        return self.levels[level].matrices.get(matrix, _NONE)

    def scratchpad(self, matrix: str) -> Traffic:
        """Return what happened to a matrix in the scratchpad that keeps it."""
        names = [name for name in ROLES if name in self.levels and matrix in self.levels[name].matrices]
        return self.traffic(names[0], matrix) if names else _NONE

    def scratchpad_pj(self, matrix: str) -> float:
        """Return the energy of a matrix in its scratchpad; in a shared one at its own width."""
        scale = self.words.on_chip(matrix) if "GLB" in self.levels and matrix in _shared(self) else 1.0
        return self.scratchpad(matrix).energy_pj * scale

    @property
    def dram_bytes(self) -> tuple[float, float]:
        """Bytes read from DRAM, and written."""
        return self._bytes(self.words)

    @property
    def dram_pj(self) -> float:
        """Energy of DRAM; Timeloop's own is that of words of one width."""
        known, own = self._bytes(self.words._replace(own=False)), self.dram_bytes
        return self.levels["DRAM"].energy_pj * (sum(own) / sum(known) if sum(known) else 1.0)

    def _bytes(self, words: Words) -> tuple[float, float]:
        moved = [(matrix, self.traffic("DRAM", matrix)) for matrix in _BY_MATRIX]
        each = [words.at_dram(matrix, traffic.reads, traffic.updates) for matrix, traffic in moved]
        return sum(read for read, _ in each), sum(write for _, write in each)


def runs(design: Design, gemm: Gemm) -> int:
    """Return how often a GEMM's product runs: stored words on cells of operands are taken digit by digit."""
    digits = -(-BITS[design.elementwise_width] // BITS[design.data_width]) if gemm.wide else 1
    return gemm.count * digits


def counted(levels: dict[str, Level], padding: float, words: Words, bytes_per_cycle: float) -> Counted:
    """Return what Timeloop's statistics say of a product, whose words cross to DRAM at their own widths."""
    mac = levels["mac"]
    works, takes = -(-mac.computes // max(1, mac.used)), max(level.cycles for level in levels.values())
    found = Counted(levels, padding, takes, works, words)
    if not words.own:
        return found
    return found._replace(cycles=max(works, math.ceil(sum(found.dram_bytes) / bytes_per_cycle)))


def _shared(found: Counted) -> dict[str, Traffic]:
    return found.levels["GLB"].matrices


def report(model: CostReport, counted: dict[Product, Counted], *, mapper: bool, tables: str) -> CostReport:
    """Return the report; `model` is the analytic one of the same design and workload."""
    watts = {name: model.energy_parts[name] / model.latency_s for name in ("leakage", "background")}
    rows = _rows(model.layer_columns)
    operations = model.workload.operations
    layers = [
        _gemm(model, op, row, counted[product_of(op)], watts) if is_product(op) else row
        for op, row in zip(operations, rows, strict=True)
    ]
    parts = {name: sum(row[f"energy_{name}_j"] for row in layers) for name in model.energy_parts}
    cycles = sum(row["cycles"] for row in layers)
    latency, energy = cycles / model.design.clock, sum(parts.values())
    area = _area(model, counted, tables)
    return replace(
        model,
        cycles=cycles,
        compute_cycles=sum(row["compute_cycles"] for row in layers),
        stall_cycles=sum(row["stall_cycles"] for row in layers),
        latency_s=latency,
        energy_j=energy,
        power_w=energy / latency,
        throughput=model.workload.batch / latency,
        throughput_per_watt=model.workload.batch / energy,
        utilisation=model.macs / (model.design.rows * model.design.cols * cycles),
        dram_reads=sum(row["dram_reads"] for row in layers),
        dram_writes=sum(row["dram_writes"] for row in layers),
        area_mm2=sum(area.values()),
        energy_parts=parts,
        area_parts=area,
        layer_columns={name: [row[name] for row in layers] for name in rows[0]},
        backend="timeloop",
        notes=_notes(model, counted, mapper=mapper, tables=tables),
        level_columns=_levels(model, counted),
    )


def _rows(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def is_product(op: Operation) -> TypeGuard[Gemm]:
    """Return whether Timeloop counts an operation: sums of stored words are element-wise work."""
    return isinstance(op, Gemm) and not chained(op)


def _gemm(
    model: CostReport, op: Gemm, row: dict[str, Any], found: Counted, watts: dict[str, float]
) -> dict[str, Any]:
    """Return the row of a GEMM's layer with Timeloop's figures, all its `count` products."""
    design, products = model.design, runs(model.design, op)
    cycles = products * found.cycles
    dram_reads, dram_writes = found.dram_bytes
    energy = dict.fromkeys(model.energy_parts, 0.0) | {
        "mac": found.levels["mac"].energy_pj,
        "register": found.levels["preg"].energy_pj,
        "dram": found.dram_pj,
        **{part: found.scratchpad_pj(matrix) for matrix, part in _BY_MATRIX.items()},
    }
    if "accumulator_buffer" in found.levels:
        energy["accumulator"], energy["output"] = energy["output"], 0.0
    joules = {name: products * pj * PICO for name, pj in energy.items()}
    joules |= {name: power * cycles / design.clock for name, power in watts.items()}
    work = op.m * op.n * op.k * products
    return row | {
        "cycles": float(cycles),
        "compute_cycles": float(products * found.compute_cycles),
        "stall_cycles": float(products * (found.cycles - found.compute_cycles)),
        "sram_reads_a": products * found.scratchpad("A").reads * found.words.step,
        "sram_reads_b": products * found.scratchpad("B").reads * found.words.step,
        "sram_writes_z": products * found.scratchpad("Z").updates,
        "utilisation": work / (design.rows * design.cols * cycles),
        "dram_reads": products * dram_reads,
        "dram_writes": products * dram_writes,
        "energy_j": sum(joules.values()),
        **{f"energy_{name}_j": value for name, value in joules.items()},
        "bound": "memory" if found.cycles > found.compute_cycles else "compute",
    }


def _area(model: CostReport, counted: dict[Product, Counted], tables: str) -> dict[str, float]:
    """Return mm2 by component; what Timeloop does not know keeps the model's area."""
    if tables == "model":
        return dict(model.area_parts)
    levels = next(iter(counted.values())).levels
    mm2 = {name: level.area_um2 * 1e-6 for name, level in levels.items()}
    known = {ROLES[name]: mm2[name] for name in ROLES if name in mm2}
    return model.area_parts | known | {"array": mm2["mac"] + mm2["preg"]}


def _levels(model: CostReport, counted: dict[Product, Counted]) -> Columns:
    """Return the columns of CostReport.levels."""
    rows = []
    for product, operations in products_of(model.workload).items():
        times, found = sum(runs(model.design, op) for op in operations), counted[product]
        for level in found.levels.values():
            for matrix, traffic in level.matrices.items():
                rows.append(
                    {
                        **product._asdict(), "products": times, "level": level.name, "matrix": matrix,
                        "reads": traffic.reads, "fills": traffic.fills, "updates": traffic.updates,
                        "energy_j": traffic.energy_pj * PICO,
                    }
                )  # fmt: skip
    return {name: [row[name] for row in rows] for name in rows[0]}


def _notes(
    model: CostReport, counted: dict[Product, Counted], *, mapper: bool, tables: str
) -> tuple[str, ...]:
    """Say what is not Timeloop's, and where its conventions are not the model's."""
    design, word = model.design, BITS[model.design.data_width]
    gemms = [op for op in model.workload.operations if is_product(op)]
    most = max(found.padding for found in counted.values())
    figures = "Accelergy's plug-ins" if tables == "accelergy" else f"this toolkit's {design.technology} file"
    notes = [
        f"GEMMs by timeloop-{'mapper, a random search' if mapper else 'model, on our mapping'}; "
        f"energy and area an action by {figures}",
        "lookups, Hadamard products, moves and leakage by the analytic model: Timeloop has no such work, and "
        "charges the leakage of scratchpads only",
    ]
    if model.workload.flow is not None:
        notes.append("chains of element-wise work run by themselves, as GEMMs read and write DRAM")
    if any(not is_product(op) for op in model.workload.operations) and tables == "accelergy":
        notes.append("their energy, and the area of parameter buffer and addressing, by this toolkit's file")
    if most > 0:
        notes.append(f"loops must divide, so that up to {most:.1%} of a GEMM's multiply-adds are padding")
    if design.fill != "none":
        notes.append(f'Timeloop fills and drains the array in no time; the model has fill = "{design.fill}"')
    if any(op.a_distinct for op in gemms):
        notes.append("windows of convolutions come from DRAM with their repeated words")
    if design.activations != "dram":
        notes.append("every GEMM reads and writes DRAM; the model keeps small activations on chip")
    if any(found.words.own for found in counted.values()):
        notes.append(
            "words of products with widths of their own cross to DRAM at those, in Timeloop's number"
        )
    if design.accumulator_bits != word:
        notes.append(f"partial sums cross to DRAM in {word} bits; the model has {design.accumulator_bits}")
    if design.buffering == "single":
        notes.append("transfers overlap with computing; the model has them one after the other")
    return tuple(notes)
